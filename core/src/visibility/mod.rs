//! Who can see a save, since when, and who cannot yet.
//!
//! A save passes three points: saved (durable on its device), visible (durable on the relay, so that everybody can have it),
//! applied (shown at a device). Visible is a place in the log. Applied is a device's word that it has come so far.
//!
//! The visibility stream tells all of it as it happens: [`Query`] is what a reader asks for, [`StreamEvent`] what it gets.

mod event;
mod query;
mod stream;

pub use event::{CaughtUp, PeerPresence, PeerReached, Reset, StreamEvent, StreamLine, Visible};
pub use query::Query;
pub use stream::{Begin, Filter, ResetReason, ResumePoint, Since, StreamId};

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, EpochId};
use crate::time::Timestamp;

/// Where a save stands in the relay's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The log's life.
    pub epoch: EpochId,
    /// The place of the save's first change.
    pub first_seq: u64,
    /// The place of the save's last change.
    pub seq: u64,
    /// Since when it is visible, by the relay's clock.
    pub at: Timestamp,
    /// Whether these are the places of the save itself. Where a log was lost and filled again, or compared with this device
    /// document by document, a save that was there stands somewhere at or before `seq`.
    pub is_exact: bool,
}

/// A device's word about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// When the device said so, by the relay's clock.
    pub at: Timestamp,
    /// Whether the device set the change aside instead of applying it.
    pub set_aside: bool,
}

/// How far a save has come at one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Reached {
    /// The device made it.
    Author,
    /// It is shown there.
    Applied {
        /// Since when at the latest.
        at: Timestamp,
    },
    /// It came there and was not acceptable.
    SetAside {
        /// When.
        at: Timestamp,
    },
    /// The device has not said that it has it.
    NotYet,
}

/// How far a save by `author` has come at `device`, given its place in the log and the device's first word beyond it.
#[must_use]
pub fn reached(device: DeviceId, author: Option<DeviceId>, place: Option<&Place>, receipt: Option<Receipt>) -> Reached {
    match (place, receipt) {
        _ if author == Some(device) => Reached::Author,
        (Some(_), Some(Receipt { at, set_aside: false })) => Reached::Applied { at },
        (Some(_), Some(Receipt { at, set_aside: true })) => Reached::SetAside { at },
        _ => Reached::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_the_author_has_a_save_without_a_place() {
        let (ana, ben) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let receipt = Some(Receipt { at: Timestamp(5), set_aside: false });
        let place =
            Place { epoch: EpochId::from_bytes([3; 16]), first_seq: 3, seq: 4, at: Timestamp(4), is_exact: true };
        assert_eq!(reached(ana, Some(ana), None, None), Reached::Author);
        assert_eq!(reached(ben, Some(ana), None, receipt), Reached::NotYet);
        assert_eq!(reached(ben, Some(ana), Some(&place), None), Reached::NotYet);
        assert_eq!(reached(ben, Some(ana), Some(&place), receipt), Reached::Applied { at: Timestamp(5) });
        assert_eq!(
            reached(ben, None, Some(&place), Some(Receipt { at: Timestamp(6), set_aside: true })),
            Reached::SetAside { at: Timestamp(6) }
        );
    }
}
