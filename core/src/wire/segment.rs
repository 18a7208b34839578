use minicbor::{Decode, Encode};

use super::{Cursor, RunningHash, Unit, codec};
use crate::error::Refusal;
use crate::id::{ChangeHash, DeviceId, EpochId};
use crate::time::Timestamp;

/// A piece of the log: what one device brought in one commit. The relay stores it compressed and hands on the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Segment {
    /// The device whose connection brought it, as its token proves.
    #[n(0)]
    pub carrier: DeviceId,
    /// When it became durable, by the relay's clock.
    #[n(1)]
    pub visible_at: Timestamp,
    /// The place of its first change in the log. The others follow without a gap.
    #[n(2)]
    pub first_seq: u64,
    /// The log's running hash before its first change.
    #[n(3)]
    pub before: RunningHash,
    /// The saves, without those of their changes that the log held already.
    #[n(4)]
    pub units: Vec<Unit>,
}

/// Where one unit stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedUnit<'a> {
    /// The place of its first change.
    pub first_seq: u64,
    /// The unit.
    pub unit: &'a Unit,
}

impl Segment {
    /// Encodes and compresses the segment.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        codec::compress(&codec::encode(self))
    }

    /// Reads what [`Segment::pack`] wrote.
    ///
    /// # Errors
    /// Where the bytes are damaged, too large, or no segment.
    pub fn unpack(packed: &[u8]) -> Result<Self, Refusal> {
        codec::decode_batch(packed, "segment")
    }

    /// How many changes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.units.iter().map(|unit| unit.changes.len() as u64).sum()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of its last change.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.first_seq + self.len() - 1
    }

    /// Its units with their places.
    pub fn logged(&self) -> impl Iterator<Item = LoggedUnit<'_>> {
        let mut next = self.first_seq;
        self.units.iter().map(move |unit| {
            let first_seq = next;
            next += unit.changes.len() as u64;
            LoggedUnit { first_seq, unit }
        })
    }

    /// The cursor at the end of its first `units` units, computed from `before` and the hashes of their changes.
    #[must_use]
    pub fn cursor_after(&self, epoch: EpochId, units: usize, hashes: &[ChangeHash]) -> Cursor {
        let mut hash = self.before;
        let mut seq = self.first_seq - 1;
        let changes =
            self.units.iter().take(units).flat_map(|unit| unit.changes.iter().map(move |change| (unit, change)));
        for ((unit, change), change_hash) in changes.zip(hashes) {
            hash = hash.then(change.document, *change_hash, unit.id, unit.author, self.carrier);
            seq += 1;
        }
        Cursor { epoch, seq, hash }
    }
}
