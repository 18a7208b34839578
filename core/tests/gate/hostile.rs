//! Bytes that somebody made to do harm, by hand and at random.

use std::sync::Once;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use regard_core::error::Cause;
use regard_core::gate;
use regard_core::record::{Document, Kind, Projection};

use super::chunk::{CHANGE, Draft, chunk, data_of, deflated, signed, unsigned};
use super::{check, contact, edit, next, set};

/// Far more than any change takes that keeps the bounds (6 s at most, unoptimized and with Automerge's own assertions), far
/// less than a hostile one could take.
const PATIENCE: Duration = Duration::from_mins(1);

#[track_caller]
fn refused(name: &str, bytes: &[u8], expected: Cause) {
    let began = Instant::now();
    let found = gate::check(bytes).map(|checked| checked.header).map_err(|refusal| refusal.cause);
    assert_eq!(found, Err(expected), "{name}");
    assert!(began.elapsed() < PATIENCE, "{name} took {:?}", began.elapsed());
}

/// Passes a change through the whole gate, whatever it is, and looks that the record can be used afterwards.
#[track_caller]
pub(super) fn survives(bytes: &[u8]) {
    let began = Instant::now();
    quiet_about_automerge();
    let Ok(checked) = gate::check(bytes) else { return };
    let mut document = contact();
    let before = document.save();
    if gate::apply(&mut document, std::slice::from_ref(&checked))[0].is_err() {
        assert_eq!(document.save(), before, "a refused change has no effect");
    } else {
        assert!(document.has(checked.header.hash));
        let loaded = Document::load(&document.save()).expect("what the gate let in can be stored and read again");
        assert_eq!(Projection::of(&loaded), Projection::of(&document));
    }
    edit(&mut document, 6, &[set("company", "edited afterwards"), set("notes", "and these too")]);
    assert!(began.elapsed() < PATIENCE, "took {:?}", began.elapsed());
}

/// Panics in libraries are expected here by the hundred, and the gate makes refusals of them: only others are printed.
pub(super) fn quiet_about_automerge() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|location| location.file().contains("/registry/src/")) {
                print(panic);
            }
        }));
    });
}

#[test]
fn a_deflate_bomb_is_refused_before_it_is_unpacked() {
    let gigabyte = deflated(&vec![0; 64 << 20]);
    assert!(gigabyte.len() < 100_000);
    refused("64 MB of zeros", &gigabyte, Cause::TooLarge);
    refused("zeros beyond the ratio", &deflated(&vec![0; 1 << 20]), Cause::TooLarge);
    let mut cut = deflated(data_of(&next(&contact()).bytes));
    let length = cut[9..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    cut.truncate(cut.len() - 3);
    let body = cut.split_off(9 + length);
    cut.truncate(9);
    let cut = [cut, unsigned(body.len() as u64), body].concat();
    refused("a deflated change that was cut", &cut, Cause::Damaged);
}

/// 108 bytes of runs with a million operations took Automerge 4.3 seconds.
#[test]
fn a_run_of_a_million_operations_is_refused() {
    let bomb = Draft::new(&[[1; 32]], 100, 1_000_000).chunk();
    assert!(bomb.len() < 120, "{}", bomb.len());
    refused("a million operations", &bomb, Cause::TooLarge);
    refused("a run as long as can be", &Draft::new(&[[1; 32]], 100, i64::MAX).chunk(), Cause::TooLarge);
    let mut others = Draft::new(&[[1; 32]], 100, 1);
    for (at, specification) in [(0, 0x15), (1, 0x34), (3, 0x56), (4, 0x70)] {
        let honest =
            std::mem::replace(&mut others.columns[at], (specification, [signed(0), unsigned(1 << 40)].concat()));
        refused(&format!("nulls in column {specification:#x}"), &others.chunk(), Cause::TooLarge);
        others.columns[at] = honest;
    }
}

/// A run writes a key once, and Automerge holds it for every operation: 10,000 operations with a key of 100 KB, a change of
/// 100 KB, passed the gate and took 1 GB.
#[test]
fn a_run_of_long_keys_is_refused() {
    let mut bomb = Draft::new(&[[1; 32]], 100, 10_000);
    bomb.columns[0].1 = [signed(10_000), unsigned(100 << 10), vec![b'k'; 100 << 10]].concat();
    refused("a long key ten thousand times", &bomb.chunk(), Cause::TooLarge);
}

/// Each of these passes the gate by its bytes; Automerge finds it wrong, and must do so without harm.
#[test]
fn columns_that_contradict_each_other_do_no_harm() {
    let heads: Vec<_> = contact().heads().into_iter().map(|head| head.0).collect();
    let columns: [(u64, Vec<u8>); 9] = [
        (0x01, [signed(3), unsigned(77)].concat()),
        (0x02, [signed(3), unsigned(1 << 40)].concat()),
        (0x11, [signed(3), unsigned(1 << 40)].concat()),
        (0x13, [signed(3), signed(-5)].concat()),
        (0x42, [signed(3), unsigned(200)].concat()),
        (0x56, [signed(3), unsigned((1 << 50) | 6)].concat()),
        (0x70, [signed(3), unsigned(1 << 60)].concat()),
        (0x71, [signed(150_000), unsigned(0)].concat()),
        (0x73, [signed(150_000), signed(1)].concat()),
    ];
    for (specification, column) in columns {
        for replaces in [false, true] {
            let mut draft = Draft::new(&heads, 10_000, 3);
            if replaces {
                draft.columns.retain(|(other, _)| *other != specification);
            }
            draft.columns.push((specification, column.clone()));
            draft.columns.sort_by_key(|(specification, _)| *specification);
            survives(&draft.chunk());
            draft.columns.reverse();
            survives(&draft.chunk());
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(persistence)), ..ProptestConfig::default() }
}

/// What to do to a byte of an honest change.
#[derive(Debug, Clone)]
enum Mutation {
    Set(u8),
    Insert(u8),
    Remove,
}

fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, Mutation)>> {
    let byte = || prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 0x7e, 0x7f, 0x80, 0xff])];
    let mutation = prop_oneof![
        4 => byte().prop_map(Mutation::Set),
        1 => byte().prop_map(Mutation::Insert),
        1 => Just(Mutation::Remove),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), mutation), 1..4)
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = gate::check(&bytes);
        survives(&chunk(CHANGE, &bytes));
        survives(&deflated(&bytes));
    }

    #[test]
    fn a_mutated_change_with_a_repaired_checksum_never_does_harm(mutations in mutations()) {
        let honest = next(&contact()).bytes;
        let mut data = data_of(&honest).to_vec();
        for (at, mutation) in mutations {
            let at = at.index(data.len());
            match mutation {
                Mutation::Set(byte) => data[at] = byte,
                Mutation::Insert(byte) => data.insert(at, byte),
                Mutation::Remove => drop(data.remove(at)),
            }
        }
        survives(&chunk(CHANGE, &data));
    }

    /// Behind the header stand the columns: most mutations elsewhere end at a missing dependency.
    #[test]
    fn mutated_columns_never_do_harm(column in 0..14usize, mutations in mutations()) {
        let mut columns = columns_of(&next(&contact()).bytes);
        let column = column % columns.columns.len();
        for (at, mutation) in mutations {
            let bytes = &mut columns.columns[column].1;
            let at = at.index(bytes.len().max(1));
            match mutation {
                Mutation::Set(byte) if at < bytes.len() => bytes[at] = byte,
                Mutation::Remove if at < bytes.len() => drop(bytes.remove(at)),
                Mutation::Set(byte) | Mutation::Insert(byte) => bytes.insert(at, byte),
                Mutation::Remove => {}
            }
        }
        survives(&columns.chunk());
    }
}

/// An honest change, taken apart.
pub(super) fn columns_of(honest: &[u8]) -> Draft {
    let header = check(honest).header;
    let theirs = automerge::Change::from_bytes(honest.to_vec()).expect("an honest change");
    let actors: Vec<_> = theirs.other_actor_ids().iter().map(|actor| actor.to_bytes().to_vec()).collect();
    let mut draft = Draft {
        seq: header.seq,
        actor: header.actor.as_bytes().to_vec(),
        actors,
        ..Draft::new(&[], header.start_op, 1)
    };
    draft.deps = header.deps.iter().map(|dep| dep.0).collect();
    draft.columns.clear();
    // What precedes the columns' list is as long as in the draft without columns, but for the time.
    let data = data_of(honest);
    let time = signed(header.time.as_seconds()).len() - 1;
    let mut at = draft.data().len() - 1 + time;
    let mut number = || {
        let length = data[at..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let value = data[at..at + length].iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
        at += length;
        value
    };
    let specifications: Vec<_> = (0..number()).map(|_| (number(), number())).collect();
    for (specification, length) in specifications {
        let length = usize::try_from(length).expect("a small column");
        draft.columns.push((specification, data[at..at + length].to_vec()));
        at += length;
    }
    assert_eq!(at, data.len(), "an honest change ends with its columns");
    draft
}

#[test]
fn a_change_that_was_taken_apart_and_put_together_is_taken() {
    let mut document = contact();
    let draft = columns_of(&next(&document).bytes);
    assert!(gate::apply(&mut document, &[check(&draft.chunk())])[0].is_ok());
    assert_eq!((document.kind(), document.text("job_title").as_str()), (Kind::Contact, "buyer"));
}
