use serde::{Deserialize, Serialize};

use super::{ResetReason, StreamId};
use crate::error::Refusal;
use crate::id::{ChangeHash, DeviceId, DocumentId, EpochId, MemberId, UnitId};
use crate::record::Kind;
use crate::time::Timestamp;
use crate::wire::Scope;

/// What a reader of the visibility stream is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum StreamEvent {
    /// A change stands in the log: durable and numbered.
    Visible(Visible),
    /// A device has come so far. Latest state, without a number of its own.
    Applied(PeerReached),
    /// A device is connected. Latest state.
    Online(PeerPresence),
    /// A device is not connected. Latest state.
    Offline(PeerPresence),
    /// The place from which the reader wanted to go on is not one of this log: everything from its start follows.
    Reset(Reset),
    /// Everything that was in the log has been told; what comes now is new.
    CaughtUp(CaughtUp),
    /// Nothing up to this number is for this reader: it may go on from there.
    Position,
    /// The relay ends the stream.
    Ended(Refusal),
    /// An event of a later version, to be passed over.
    #[serde(other)]
    Unknown,
}

/// One change of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visible {
    /// The log's scope.
    pub scope: Scope,
    /// The log's life.
    pub epoch: EpochId,
    /// The change's place in the log.
    pub seq: u64,
    /// The record that changed.
    pub record: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// The change.
    pub change: ChangeHash,
    /// The save that it belongs to.
    pub save: UnitId,
    /// The device that made it, as the save says; `None` where that is not known.
    pub author: Option<DeviceId>,
    /// The member whose device that is; `None` where the directory does not know it.
    pub author_member: Option<MemberId>,
    /// The device that brought it, as its token proved.
    pub carrier: DeviceId,
    /// Whether the author brought it itself.
    pub verified: bool,
    /// When it was saved, by the author's clock.
    pub saved_at: Timestamp,
    /// Since when everybody can have it, by the relay's clock.
    pub visible_at: Timestamp,
}

impl Visible {
    /// The event's number.
    #[must_use]
    pub fn id(&self) -> StreamId {
        StreamId { epoch: self.epoch, seq: self.seq }
    }
}

/// How far a device has applied the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReached {
    /// The device.
    pub device: DeviceId,
    /// Whose it is; `None` where the directory does not know it.
    pub member: Option<MemberId>,
    /// The log's scope.
    pub scope: Scope,
    /// The log's life.
    pub epoch: EpochId,
    /// Applied up to here.
    pub seq: u64,
    /// Places that it set aside instead.
    pub except: Vec<u64>,
    /// When the device said so, by the relay's clock.
    pub at: Timestamp,
}

/// Whether a device is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerPresence {
    /// The device.
    pub device: DeviceId,
    /// Whose it is; `None` where the directory does not know it.
    pub member: Option<MemberId>,
    /// Since when, by the relay's clock.
    pub since: Timestamp,
}

/// The log is not the one that the reader knew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The log's life now.
    pub epoch: EpochId,
    /// The end of the log.
    pub head: StreamId,
    /// What does not fit.
    pub reason: ResetReason,
}

/// The end of the log has been reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaughtUp {
    /// The end of the log.
    pub head: StreamId,
}

/// A line of the stream's NDJSON form: the event, and its number where a reader may go on behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamLine {
    /// From where to go on behind this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<StreamId>,
    /// The event.
    #[serde(flatten)]
    pub event: StreamEvent,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    fn read(line: &str) -> StreamLine {
        serde_json::from_str(line).expect(line)
    }

    #[test]
    fn every_event_is_read_from_the_line_that_it_is_written_as() {
        let (device, epoch) = (DeviceId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]));
        let (member, at) = (Some(MemberId::from_bytes([3; 16])), Timestamp(1_000));
        let id = StreamId { epoch, seq: 7 };
        let visible = Visible {
            scope: Scope::Records,
            epoch,
            seq: 7,
            record: DocumentId::from_bytes([4; 16]),
            kind: Kind::Task,
            change: ChangeHash([5; 32]),
            save: UnitId::from_bytes([6; 16]),
            author: None,
            author_member: None,
            carrier: device,
            verified: false,
            saved_at: at,
            visible_at: at,
        };
        let reached = PeerReached { device, member, scope: Scope::AddressBook, epoch, seq: 9, except: vec![3], at };
        let presence = PeerPresence { device, member: None, since: at };
        for (id, event) in [
            (Some(id), StreamEvent::Visible(visible)),
            (None, StreamEvent::Applied(reached)),
            (None, StreamEvent::Online(presence.clone())),
            (None, StreamEvent::Offline(presence)),
            (None, StreamEvent::Reset(Reset { epoch, head: id, reason: ResetReason::Epoch })),
            (Some(id), StreamEvent::CaughtUp(CaughtUp { head: id })),
            (Some(id), StreamEvent::Position),
            (None, StreamEvent::Ended(Refusal::new(Cause::Revoked, "out"))),
        ] {
            let line = StreamLine { id, event };
            let written = serde_json::to_string(&line).expect("JSON");
            assert_eq!(read(&written), line, "{written}");
        }
    }

    #[test]
    fn an_event_of_a_later_version_is_passed_over_with_its_number() {
        let line = read(r#"{"event":"weather","id":"02020202-0202-0202-0202-020202020202:5","sky":"blue"}"#);
        assert_eq!((line.event, line.id.map(|id| id.seq)), (StreamEvent::Unknown, Some(5)));
    }
}
