//! The gate lets honest changes in as they are, and nothing else: no panic, no more time or memory than its bounds.

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "hostile changes must end fast: the tests look, and print what they saw"
)]

mod bytes;
mod fixtures;
mod hostile;
mod isolated;
mod messages;
mod mutated;
mod order;
mod verdicts;
mod waiting;

use automerge::Automerge;
use fixtures::{chunk, contact, edit, next, set};
use regard_core::error::Cause;
use regard_core::gate::{self, Checked, Verdict};
use regard_core::record::{Kind, genesis};

/// Whether the suite is run for each of some hundred planted bugs.
fn is_quick() -> bool {
    std::env::var_os("REGARD_MUTANTS").is_some()
}

#[track_caller]
fn check(bytes: &[u8]) -> Checked {
    gate::check(bytes).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// The causes for which changes were refused; `None` for those that were let in.
fn causes(verdicts: Vec<Result<Verdict, regard_core::error::Refusal>>) -> Vec<Option<Cause>> {
    verdicts.into_iter().map(|verdict| verdict.err().map(|refusal| refusal.cause)).collect()
}

#[test]
fn honest_changes_pass_with_automerges_own_hash_and_bytes() {
    let document = contact();
    for change in document.changes_since(&[]) {
        let checked = check(&change.bytes);
        assert_eq!((checked.header.hash, &checked.bytes), (change.hash, &change.bytes));
        let theirs = automerge::Change::from_bytes(change.bytes.clone()).expect("an honest change");
        assert_eq!(checked.header.hash.0, theirs.hash().0);
        assert_eq!(
            checked.header.deps.iter().map(|dep| dep.0).collect::<Vec<_>>(),
            theirs.deps().iter().map(|d| d.0).collect::<Vec<_>>()
        );
        assert_eq!(checked.header.actor.as_bytes(), theirs.actor_id().to_bytes());
        assert_eq!((checked.header.seq, checked.header.start_op), (theirs.seq(), theirs.start_op().get()));
        assert_eq!((checked.header.max_op(), checked.header.ops), (theirs.max_op(), theirs.len() as u64));
        assert_eq!(checked.header.time.as_seconds(), theirs.timestamp());
    }
}

#[test]
fn a_deflated_change_passes_as_the_plain_one() {
    let mut document = contact();
    let large = edit(&mut document, 1, &[set("notes", &"all work and no play ".repeat(400))]);
    let mut theirs = automerge::Change::from_bytes(large.bytes.clone()).expect("an honest change");
    let deflated = theirs.bytes().into_owned();
    assert!(deflated.len() < large.bytes.len() / 4, "{} of {}", deflated.len(), large.bytes.len());
    let checked = check(&deflated);
    assert_eq!((checked.header.hash, checked.bytes), (large.hash, large.bytes));
}

#[test]
fn every_first_change_passes_and_begins_its_record() {
    for kind in Kind::ALL {
        let first = check(genesis::bytes(kind));
        let document = gate::begin(&first).expect("a first change begins a record");
        assert_eq!((document.kind(), document.heads()), (kind, vec![genesis::hash(kind)]));
    }
}

/// A change that names the largest honest number of others: everybody edited at once, and one read them all.
#[test]
fn a_change_that_merges_a_hundred_people_passes() {
    let mut document = contact();
    let base = document.clone();
    let beside: Vec<_> = (10..110)
        .map(|number| check(&edit(&mut base.clone(), number, &[set("company", &number.to_string())]).bytes))
        .collect();
    assert!(causes(gate::apply(&mut document, &beside)).iter().all(Option::is_none));
    let merge = check(&edit(&mut document, 3, &[set("company", "settled")]).bytes);
    assert_eq!(merge.header.deps.len(), 100);
}

#[test]
fn what_the_gate_lets_in_reads_in_automerge_alone() {
    let document = contact();
    let mut theirs = Automerge::new();
    let changes = document.changes_since(&[]).into_iter().map(|change| check(&change.bytes).bytes);
    let changes: Vec<_> = changes.map(|bytes| automerge::Change::from_bytes(bytes).expect("a change")).collect();
    theirs.apply_changes(changes).expect("honest changes");
    assert_eq!(theirs.save(), document.save());
}
