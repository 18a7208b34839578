//! Bugs that can be planted, to see that the world finds them.
//!
//! They are planted where the world drives the real parts, so that no product code has a switch for them: a disk that says it
//! has flushed, an effect that is performed in the wrong order, a frame that says something else.

use std::fmt;

use regard_core::gate;
use regard_core::id::EpochId;
use regard_core::wire::{ClientFrame, Cursor, Segment, Subscribe, UnitOutcome};

use super::Suite;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A save is acknowledged before it is flushed: after a power cut it is gone, and its actor's number is given again.
    SaveNotFlushed,
    /// A relay acknowledges a push before it is flushed.
    PushNotFlushed,
    /// The cursor is moved over a segment before the segment is applied.
    CursorBeforeApply,
    /// With what was acknowledged, a save that was never sent is taken from the outbox.
    OutboxEntryLost,
    /// What a relay refused counts as visible.
    RefusedCountsAsVisible,
    /// A relay that went back is not filled again.
    RefillForgotten,
    /// A relay takes an old copy of its log for the one that devices know.
    OldLogTakenForCurrent,
    /// A relay does not recognize a copy of a store, and both go on as the same device.
    CopyNotRecognized,
    /// The visibility stream tells an event once more after a reconnect.
    StreamRepeats,
    /// The visibility stream leaves an event out after a reconnect.
    StreamMisses,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SaveNotFlushed,
        Self::PushNotFlushed,
        Self::CursorBeforeApply,
        Self::OutboxEntryLost,
        Self::RefusedCountsAsVisible,
        Self::RefillForgotten,
        Self::OldLogTakenForCurrent,
        Self::CopyNotRecognized,
        Self::StreamRepeats,
        Self::StreamMisses,
    ];

    /// The suite that is to find it.
    #[must_use]
    pub fn found_by(self) -> Suite {
        match self {
            Self::SaveNotFlushed => Suite::PowerCuts,
            Self::RefillForgotten | Self::OldLogTakenForCurrent => Suite::RelayGoesBack,
            Self::CopyNotRecognized | Self::RefusedCountsAsVisible => Suite::DevicesAreCopied,
            _ => Suite::Everything,
        }
    }

    /// What a device says, where the bug changes it. `number` grows from frame to frame.
    pub(super) fn said(
        self,
        frame: ClientFrame,
        number: u64,
        head: impl FnOnce(&Subscribe) -> Option<Cursor>,
    ) -> ClientFrame {
        match (self, frame) {
            (Self::CopyNotRecognized, ClientFrame::Hello(mut hello)) => {
                hello.instance = number;
                ClientFrame::Hello(hello)
            }
            (Self::OldLogTakenForCurrent, ClientFrame::Subscribe(mut subscribe)) => {
                let head = head(&subscribe);
                subscribe.from = subscribe.from.and(head);
                subscribe.witness = None;
                ClientFrame::Subscribe(subscribe)
            }
            (_, frame) => frame,
        }
    }

    /// What a device takes for the relay's answer.
    pub(super) fn heard(self, mut outcomes: Vec<(u64, UnitOutcome)>) -> Vec<(u64, UnitOutcome)> {
        let visible =
            |places: &[u64]| UnitOutcome::Visible { seqs: places.to_vec(), at: regard_core::time::Timestamp(0) };
        match (self, outcomes.last().map(|(place, _)| *place)) {
            (Self::OutboxEntryLost, Some(last)) => outcomes.push((last + 1, visible(&[1]))),
            (Self::RefusedCountsAsVisible, _) => {
                for (_, outcome) in &mut outcomes {
                    if matches!(outcome, UnitOutcome::Refused(_)) {
                        *outcome = visible(&[1]);
                    }
                }
            }
            _ => {}
        }
        outcomes
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The cursor behind a segment.
pub(super) fn behind(epoch: EpochId, packed: &[u8]) -> Option<Cursor> {
    let segment = Segment::unpack(packed).ok()?;
    let changes = segment.units.iter().flat_map(|unit| &unit.changes);
    let hashes: Result<Vec<_>, _> =
        changes.map(|change| gate::check(&change.bytes).map(|checked| checked.header.hash)).collect();
    Some(segment.cursor_after(epoch, segment.units.len(), &hashes.ok()?))
}
