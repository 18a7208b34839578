use minicbor::{Decode, Encode};

use super::{Cursor, RunningHash, Unit, codec};
use crate::error::{Cause, Refusal};
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
    /// Where the bytes are damaged, too large, or no segment, and where its changes cannot have these places.
    pub fn unpack(packed: &[u8]) -> Result<Self, Refusal> {
        let segment: Self = codec::decode_batch(packed, "segment")?;
        if segment.first_seq == 0 || segment.first_seq.checked_add(segment.len()).is_none() {
            let detail = format!("a piece of the log begins at place {}, which no log has", segment.first_seq);
            return Err(Refusal::new(Cause::Malformed, detail));
        }
        Ok(segment)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DocumentId, UnitId, WorkspaceId};
    use crate::wire::{Scope, UnitChange};

    /// Counting on from there went beyond the last number, which ended the thread of whoever had read the segment.
    #[test]
    fn places_that_no_log_has_are_refused() {
        let start = Cursor::start(WorkspaceId::from_bytes([1; 16]), Scope::Records, EpochId::from_bytes([2; 16]));
        let change = UnitChange { document: DocumentId::from_bytes([3; 16]), bytes: vec![1] };
        let unit = Unit {
            id: UnitId::from_bytes([4; 16]),
            author: None,
            saved_at: Timestamp(0),
            changes: vec![change; 2],
            signature: None,
        };
        let carrier = DeviceId::from_bytes([5; 16]);
        let at = |first_seq| Segment {
            carrier,
            visible_at: Timestamp(0),
            first_seq,
            before: start.hash,
            units: vec![unit.clone()],
        };
        for first_seq in [1, 7, u64::MAX - 2] {
            let segment = at(first_seq);
            assert_eq!(Segment::unpack(&segment.pack()).as_ref(), Ok(&segment));
            assert_eq!(segment.last_seq(), first_seq + 1);
        }
        for first_seq in [0, u64::MAX - 1, u64::MAX] {
            let refused = Segment::unpack(&at(first_seq).pack()).map_err(|refusal| refusal.cause);
            assert_eq!(refused, Err(Cause::Malformed), "{first_seq}");
        }
    }
}
