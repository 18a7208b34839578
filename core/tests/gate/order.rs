//! What a change may follow, and what happens to the others of its batch.

use regard_core::error::Cause;
use regard_core::gate::{self, Verdict};
use regard_core::id::Actor;
use regard_core::record::{Document, Kind, genesis};

use super::chunk::Draft;
use super::{causes, check, contact, edit, next, set};

/// Applies one change that must be refused, and looks that nothing else happens.
#[track_caller]
fn refused(name: &str, bytes: &[u8], expected: Cause) {
    let mut document = contact();
    let before = document.save();
    assert_eq!(causes(gate::apply(&mut document, &[check(bytes)])), [Some(expected)], "{name}");
    assert_eq!(document.save(), before, "{name}: the record is as it was");
    let honest = next(&document);
    let batch = [check(bytes), check(&honest.bytes)];
    assert_eq!(causes(gate::apply(&mut document, &batch)), [Some(expected), None], "{name}: the honest one is taken");
    assert_eq!(document.heads(), [honest.hash], "{name}");
}

fn heads() -> Vec<[u8; 32]> {
    contact().heads().into_iter().map(|head| head.0).collect()
}

fn first_actor(kind: Kind) -> Vec<u8> {
    check(genesis::bytes(kind)).header.actor.as_bytes().to_vec()
}

#[test]
fn a_draft_that_follows_the_record_is_taken() {
    let mut document = contact();
    let draft = check(&Draft::new(&heads(), 10_000, 3).chunk());
    assert_eq!(gate::apply(&mut document, &[draft.clone(), draft.clone()]), [Ok(Verdict::New), Ok(Verdict::Duplicate)]);
    assert_eq!(document.heads(), [draft.header.hash]);
}

#[test]
fn what_claims_to_begin_a_record_is_refused() {
    refused("another kind's first change", genesis::bytes(Kind::Task), Cause::NotARecord);
    let mut forged = Draft::new(&heads(), 10_000, 1);
    forged.actor = first_actor(Kind::Contact);
    refused("more of the first change's actor", &forged.chunk(), Cause::NotARecord);
    forged.actor = first_actor(Kind::Lead);
    refused("more of another kind's first actor", &forged.chunk(), Cause::NotARecord);
    forged.deps.clear();
    forged.start_op = 1;
    refused("another first change of the same actor", &forged.chunk(), Cause::NotARecord);
    refused("a change that follows nothing", &Draft::new(&[], 1, 1).chunk(), Cause::NotARecord);
    assert!(gate::begin(&check(&forged.chunk())).is_err());
    assert!(gate::begin(&check(&Draft::new(&[], 1, 1).chunk())).is_err());
}

#[test]
fn what_does_not_follow_the_record_is_refused() {
    refused("a missing dependency", &Draft::new(&[[9; 32]], 10_000, 1).chunk(), Cause::MissingDependency);
    let both = [heads(), vec![[9; 32]]].concat();
    refused("one of two dependencies missing", &Draft::new(&both, 10_000, 1).chunk(), Cause::MissingDependency);
    refused("operations before those that it follows", &Draft::new(&heads(), 2, 1).chunk(), Cause::OutOfOrder);
    let last = contact().changes_since(&[]).iter().map(|change| check(&change.bytes).header.max_op()).max();
    let same = Draft::new(&heads(), last.expect("changes"), 1);
    refused("the same operation as the last", &same.chunk(), Cause::OutOfOrder);
}

#[test]
fn a_number_that_is_taken_is_refused_and_the_honest_changes_beside_it_are_not() {
    for (number, seq) in [(1, 1), (1, 2), (2, 1)] {
        let mut taken = Draft::new(&heads(), 10_000, 1);
        taken.actor = edit_actor(number);
        taken.seq = seq;
        refused(&format!("number {seq} of {number}"), &taken.chunk(), Cause::NotApplicable);
    }
}

/// Automerge takes the first of two changes with the same number, and it depends on the order which is the first; so the
/// one that came first stays, and the other is told.
#[test]
fn of_two_changes_with_the_same_number_in_one_batch_the_first_is_taken() {
    let mut document = contact();
    let one = check(&edit(&mut document.clone(), 5, &[set("company", "one")]).bytes);
    let other = check(&edit(&mut document.clone(), 5, &[set("company", "other")]).bytes);
    let verdicts = gate::apply(&mut document, &[one, other]);
    assert_eq!(causes(verdicts), [None, Some(Cause::NotApplicable)]);
    assert_eq!(document.text("company"), "one");
}

#[test]
fn a_number_with_a_gap_before_it_is_refused() {
    let mut gap = Draft::new(&heads(), 10_000, 1);
    gap.seq = 3;
    let mut document = contact();
    let before = document.save();
    let verdicts = causes(gate::apply(&mut document, &[check(&gap.chunk())]));
    assert!(verdicts[0].is_some(), "{verdicts:?}");
    assert_eq!(document.save(), before);
}

#[test]
fn what_follows_a_refused_change_lacks_its_dependency() {
    let mut document = contact();
    let mut bad = Draft::new(&heads(), 10_000, 1);
    bad.actor = edit_actor(1);
    let bad = check(&bad.chunk());
    let mut after = Draft::new(&[bad.header.hash.0], 20_000, 1);
    after.actor = vec![8; 20];
    let verdicts = gate::apply(&mut document, &[bad, check(&after.chunk())]);
    assert_eq!(causes(verdicts), [Some(Cause::NotApplicable), Some(Cause::MissingDependency)]);
}

#[test]
fn a_batch_in_the_wrong_order_is_refused_where_a_dependency_comes_later() {
    let source = contact();
    let changes: Vec<_> = source.changes_since(&[]).iter().map(|change| check(&change.bytes)).collect();
    let mut document = gate::begin(&changes[0]).expect("a record");
    let verdicts = gate::apply(&mut document, &[changes[2].clone(), changes[1].clone(), changes[2].clone()]);
    assert_eq!(causes(verdicts), [Some(Cause::MissingDependency), None, None]);
    let rest = gate::apply(&mut document, &changes);
    assert!(rest.iter().all(Result::is_ok), "{rest:?}");
    assert_eq!(document.heads(), source.heads());
}

fn edit_actor(number: u8) -> Vec<u8> {
    let mut document = Document::new(Kind::Contact);
    let made = check(&edit(&mut document, number, &[set("company", "x")]).bytes);
    Actor::as_bytes(&made.header.actor).to_vec()
}
