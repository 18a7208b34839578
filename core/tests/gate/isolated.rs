//! Edits of older versions, which Automerge numbers behind everything that their author's copy has.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, Change, ROOT};
use regard_core::gate;
use regard_core::record::Document;

use super::fixtures::{contact, edit, set};
use super::{causes, check};

/// A change by `isolate` at the record's second version, made where everything of `document` is.
fn isolated(document: &Document) -> Vec<u8> {
    let changes = document.changes_since(&[]);
    let second = automerge::ChangeHash(changes[1].hash.0);
    let mut theirs = AutoCommit::load(&document.save()).expect("a record").with_actor(ActorId::from([8; 16]));
    theirs.isolate(&[second]);
    theirs.put(ROOT, "nickname", "then").expect("a field");
    theirs.commit();
    theirs.integrate();
    let made: Vec<Change> = theirs.get_changes(&[automerge::ChangeHash(document.heads()[0].0)]);
    let made = made.into_iter().find(|change| change.actor_id() == &ActorId::from([8; 16])).expect("a change");
    assert_eq!(made.deps(), [second]);
    made.raw_bytes().to_vec()
}

#[test]
fn an_edit_of_an_older_version_passes_though_its_numbers_leave_a_gap() {
    let mut document = contact();
    let change = check(&isolated(&document));
    let followed = check(&document.changes_since(&[])[1].bytes).header.max_op();
    assert!(change.header.start_op > followed + 1, "{} follows {followed}", change.header.start_op);
    assert_eq!(causes(gate::apply(&mut document, std::slice::from_ref(&change))), [None]);
    assert_eq!(document.text("nickname"), "then");
    let loaded = Document::load(&document.save()).expect("a record");
    assert_eq!(loaded.heads(), document.heads());
}

/// What it was numbered behind has not come yet, and may come afterwards.
#[test]
fn an_edit_of_an_older_version_passes_before_what_it_was_numbered_behind() {
    let mut ahead = contact();
    for number in 0..50 {
        edit(&mut ahead, 4, &[set("notes", &"many words ".repeat(20 + number))]);
    }
    let change = check(&isolated(&ahead));
    let later: Vec<_> = ahead.changes_since(&contact().heads()).iter().map(|change| check(&change.bytes)).collect();
    let mut document = contact();
    assert_eq!(causes(gate::apply(&mut document, &[change])), [None]);
    assert!(gate::apply(&mut document, &later).iter().all(Result::is_ok));
    assert_eq!(document.text("notes"), ahead.text("notes"));
}
