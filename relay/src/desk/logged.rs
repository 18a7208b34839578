//! Everything that a log holds, for whoever compares it with what it should hold.

use regard_core::gate;
use regard_core::id::{ChangeHash, DeviceId, DocumentId, UnitId, WorkspaceId};
use regard_core::limits::BATCH_BYTES_TARGET;
use regard_core::time::Timestamp;
use regard_core::wire::{Scope, Segment};

use crate::store::{LogStore, StoreError};

/// A change as a log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub seq: u64,
    /// The document that it is a change of.
    pub document: DocumentId,
    /// Its hash.
    pub change: ChangeHash,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The save that it belongs to.
    pub unit: UnitId,
    /// The device that made it, as it says.
    pub author: Option<DeviceId>,
    /// The device that brought it.
    pub carrier: DeviceId,
    /// Since when it is visible.
    pub visible_at: Timestamp,
}

/// Reads a log from its file, from end to end.
pub(super) fn all(logs: &LogStore, workspace: WorkspaceId, scope: Scope) -> Result<Vec<Logged>, StoreError> {
    let log = logs.log_blocking(workspace, scope)?;
    let (head, mut all, mut after) = (log.head().seq, Vec::new(), 0);
    while after < head {
        let found = logs.packed_segments_after(&log, after, BATCH_BYTES_TARGET)?;
        if found.is_empty() {
            return Err(StoreError::Gap { seq: after + 1 });
        }
        for (last_seq, packed) in found {
            let damaged = |what: String| StoreError::BadSegment { seq: last_seq, what };
            let segment = Segment::unpack(&packed).map_err(|refusal| damaged(refusal.to_string()))?;
            if segment.first_seq != after + 1 {
                return Err(StoreError::Gap { seq: after + 1 });
            }
            let changes = segment.units.iter().flat_map(|unit| unit.changes.iter().map(move |change| (unit, change)));
            for (seq, (unit, change)) in (segment.first_seq..).zip(changes) {
                let checked = gate::check(&change.bytes).map_err(|refusal| damaged(refusal.to_string()))?;
                all.push(Logged {
                    seq,
                    document: change.document,
                    change: checked.header.hash,
                    bytes: checked.bytes,
                    unit: unit.id,
                    author: unit.author,
                    carrier: segment.carrier,
                    visible_at: segment.visible_at,
                });
            }
            after = last_seq;
        }
    }
    Ok(all)
}
