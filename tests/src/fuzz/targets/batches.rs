use regard_core::error::Refusal;
use regard_core::gate;
use regard_core::id::{ChangeHash, DeviceId, EpochId, WorkspaceId};
use regard_core::limits::BATCH_BYTES_MAX;
use regard_core::record::Kind;
use regard_core::wire::{
    self, Cursor, Excerpt, Excerpted, HeadsDigest, Scope, Segment, Unit, pack_inventory, unpack_inventory,
};

use super::records::{AT, begun, document, following, unit};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "batches",
    promise: "segments, excerpts, pushes and inventories read back as they were packed, their places can be counted, and what they \
              unpack to is bounded",
    form: Form::Packed,
    words: &[b"\xf6", b"\x9f\xff", b"\x28\xb5\x2f\xfd", b"\x85\x6f\x4a\x83"],
    seeds,
    run,
    short_run: 4_000,
};

fn run(input: &[u8]) -> String {
    let segment = Segment::unpack(input);
    if let Ok(segment) = &segment {
        assert_eq!(Segment::unpack(&segment.pack()).as_ref(), Ok(segment), "a segment");
        counted(segment);
    }
    let excerpt = Excerpt::unpack(input);
    if let Ok(excerpt) = &excerpt {
        assert_eq!(Excerpt::unpack(&excerpt.pack()).as_ref(), Ok(excerpt), "an excerpt");
    }
    let units: Result<Vec<Unit>, Refusal> = wire::decode_batch(input, "push");
    if let Ok(units) = &units {
        assert_eq!(wire::decode_batch(&wire::encode_batch(units), "push").as_ref(), Ok(units), "a push");
    }
    let listed = unpack_inventory(input);
    if let Ok(entries) = &listed {
        assert_eq!(pack_inventory(entries), input, "an inventory");
    }
    let kinds = [segment.is_ok(), excerpt.is_ok(), units.is_ok(), listed.is_ok()];
    format!("{kinds:?} {} {}", super::cause(&segment), super::cause(&excerpt))
}

/// What a store does with every segment that reads, before it looks at a change.
fn counted(segment: &Segment) {
    assert!(segment.units.iter().map(|unit| unit.changes.len()).sum::<usize>() <= BATCH_BYTES_MAX);
    let mut expected = segment.first_seq;
    for logged in segment.logged() {
        assert_eq!(logged.first_seq, expected, "places follow each other");
        expected += logged.unit.changes.len() as u64;
    }
    let changes = segment.units.iter().flat_map(|unit| &unit.changes);
    let hashes: Vec<ChangeHash> = changes
        .map(|change| gate::check(&change.bytes).map_or(ChangeHash([0; 32]), |checked| checked.header.hash))
        .collect();
    let end = segment.cursor_after(EpochId::from_bytes([1; 16]), segment.units.len(), &hashes);
    assert_eq!(end.seq, segment.first_seq - 1 + segment.len(), "the cursor behind it");
    assert!(segment.is_empty() || segment.last_seq() == end.seq, "its last place");
}

fn seeds() -> Vec<Vec<u8>> {
    let (record, first) = begun(Kind::Contact, document(1), 1);
    let later = following(&record).into_iter().map(|change| (document(1), change.bytes)).collect();
    let units = vec![first, unit(2, later)];
    let carrier = DeviceId::from_bytes([3; 16]);
    let start = Cursor::start(WorkspaceId::from_bytes([1; 16]), Scope::Records, EpochId::from_bytes([2; 16]));
    let segment = Segment { carrier, visible_at: AT, first_seq: 5, before: start.hash, units: units.clone() };
    let small = Segment { units: vec![unit(9, vec![(document(1), vec![1, 2, 3])])], ..segment.clone() };
    // Counting on from there once went beyond the last number.
    let far = Segment { first_seq: u64::MAX, ..small.clone() };
    let excerpted = |unit: &Unit| Excerpted {
        carrier,
        visible_at: AT,
        seqs: (5..5 + unit.changes.len() as u64).collect(),
        unit: unit.clone(),
    };
    let excerpt = Excerpt { units: units.iter().map(excerpted).collect() };
    let inventory = pack_inventory(&[(document(1), HeadsDigest::of(&[])), (document(2), HeadsDigest::of(&[]))]);
    let bomb = wire::compress(&vec![0x80; 1 << 20]);
    vec![segment.pack(), small.pack(), far.pack(), excerpt.pack(), wire::encode_batch(&units), inventory, bomb]
}
