use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regard_core::id::DeviceId;
use regard_core::limits::RECENT_SEGMENTS_BYTES_MAX;
use regard_core::wire::RunningHash;

/// A segment as it goes to its subscribers: everybody gets these same bytes.
#[derive(Debug)]
pub(crate) struct LoggedFrame {
    /// The place of its first change.
    pub(crate) first_seq: u64,
    /// The place of its last change.
    pub(crate) last_seq: u64,
    /// The device that brought it.
    pub(crate) carrier: DeviceId,
    /// The standing of the connection that brought it; none where it was read from the disk.
    pub(crate) brought_by: Option<u64>,
    /// The log's running hash behind it.
    pub(crate) after: RunningHash,
    /// The number of each change's kind of record, in the order of the changes.
    pub(crate) kinds: Vec<u8>,
    /// The whole frame, encoded.
    pub(crate) frame: Vec<u8>,
}

/// The youngest segments of all logs, so that those who follow a log live cost no reads.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// By log row and first place.
    segments: BTreeMap<(u32, u64), Arc<LoggedFrame>>,
    /// The keys in the order of their coming, for forgetting.
    order: VecDeque<(u32, u64)>,
    bytes: usize,
}

impl Recent {
    /// Adds a segment of a log and forgets the oldest ones beyond [`RECENT_SEGMENTS_BYTES_MAX`].
    pub(super) fn add(&self, log: u32, segment: Arc<LoggedFrame>) {
        let mut ring = self.lock();
        let key = (log, segment.first_seq);
        ring.bytes += segment.frame.len();
        ring.segments.insert(key, segment);
        ring.order.push_back(key);
        while ring.bytes > RECENT_SEGMENTS_BYTES_MAX {
            let Some(oldest) = ring.order.pop_front() else { break };
            if let Some(forgotten) = ring.segments.remove(&oldest) {
                ring.bytes -= forgotten.frame.len();
            }
        }
    }

    /// The segment that holds this place, where it is still remembered.
    pub(super) fn holding(&self, log: u32, seq: u64) -> Option<Arc<LoggedFrame>> {
        let ring = self.lock();
        let (key, segment) = ring.segments.range(..=(log, seq)).next_back()?;
        (key.0 == log && segment.last_seq >= seq).then(|| Arc::clone(segment))
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regard_core::id::{EpochId, WorkspaceId};
    use regard_core::wire::Scope;

    fn segment(first_seq: u64, last_seq: u64, bytes: usize) -> Arc<LoggedFrame> {
        let (workspace, epoch) = (WorkspaceId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]));
        let after = RunningHash::start(workspace, Scope::Records, epoch);
        let carrier = DeviceId::from_bytes([3; 16]);
        Arc::new(LoggedFrame {
            first_seq,
            last_seq,
            carrier,
            brought_by: None,
            after,
            kinds: Vec::new(),
            frame: vec![0; bytes],
        })
    }

    #[test]
    fn a_place_is_found_in_the_segment_that_holds_it_and_in_no_other_log() {
        let recent = Recent::default();
        recent.add(1, segment(1, 3, 10));
        recent.add(1, segment(4, 4, 10));
        let found = |log, seq| recent.holding(log, seq).map(|segment| segment.first_seq);
        assert_eq!([found(1, 1), found(1, 3), found(1, 4)], [Some(1), Some(1), Some(4)]);
        assert_eq!([found(1, 5), found(0, 2), found(2, 4)], [None, None, None]);
    }

    #[test]
    fn the_oldest_segments_are_forgotten_beyond_the_bound() {
        let recent = Recent::default();
        for seq in 1..=5 {
            recent.add(1, segment(seq, seq, RECENT_SEGMENTS_BYTES_MAX / 3));
        }
        let kept: Vec<_> = (1..=5).filter(|seq| recent.holding(1, *seq).is_some()).collect();
        assert_eq!(kept, [3, 4, 5]);
    }
}
