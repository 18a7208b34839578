//! Edits as other Automerge programs make them: JavaScript writes a `Text` object where a string is assigned, and may
//! replace the notes as a whole.

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT};
use regard_core::gate;
use regard_core::record::{Document, Edit, Kind};

use super::replica::{Reading, Replica, exchange};

/// Lets another program change the record.
fn by_javascript(replica: &mut Replica, work: impl FnOnce(&mut automerge::transaction::Transaction<'_>)) {
    let mut theirs = Automerge::load(&replica.document.save()).expect("what was just saved");
    theirs.set_actor(ActorId::from([0xfe; 16]));
    let mut transaction = theirs.transaction();
    work(&mut transaction);
    transaction.commit();
    let change = theirs.get_last_local_change().expect("the change that was just made");
    let checked = gate::check(change.raw_bytes()).expect("an honest change");
    replica.receive(&[checked]);
}

fn assign(field: &'static str, value: &'static str) -> impl FnOnce(&mut automerge::transaction::Transaction<'_>) {
    move |to| {
        let text = to.put_object(ROOT, field, ObjType::Text).expect("an assignment");
        to.splice_text(&text, 0, 0, value).expect("its text");
    }
}

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

fn alternatives(document: &Document, field: &str) -> Vec<String> {
    let shown = document.scalar(field).expect("a value");
    let mut all: Vec<_> = shown.others.iter().chain([&shown.winner]).map(|one| one.value.to_string()).collect();
    all.sort();
    all
}

#[test]
fn a_text_object_in_a_field_reads_like_a_string_and_merges_like_one() {
    let (mut ana, mut ben) = (Replica::new(Kind::Contact, 1), Replica::new(Kind::Contact, 2));
    by_javascript(&mut ana, assign("company", "Acme"));
    assert_eq!(ana.document.text("company"), "Acme");
    assert_eq!(ana.edit(&[set("company", "Acme")]), None, "the same text in the other form is already so");
    ben.edit(&[set("company", "Globex")]);
    exchange(&mut ana, &mut ben);
    assert_eq!(Reading::of(&ana.document), Reading::of(&ben.document));
    assert_eq!(alternatives(&ana.document, "company"), ["Acme", "Globex"]);
    assert_eq!(ana.document.conflicts().len(), 1);
    ana.edit(&[set("company", "Initech")]);
    assert_eq!(alternatives(&ana.document, "company"), ["Initech"]);
}

#[test]
fn notes_that_were_replaced_by_a_string_are_read_and_written() {
    let mut ana = Replica::new(Kind::Contact, 1);
    ana.edit(&[set("notes", "typed")]);
    by_javascript(&mut ana, |to| to.put(ROOT, "notes", "replaced").expect("an assignment"));
    assert_eq!(ana.document.text("notes"), "replaced");
    assert_eq!(ana.document.conflicts(), [], "who replaced them had seen them");
    ana.edit(&[set("notes", "written on")]);
    assert_eq!(ana.document.text("notes"), "written on");
    assert_eq!(ana.edit(&[set("notes", "written on")]), None);
}

/// What is typed into a text that another program replaces at the same time belongs to an object that shows no more: it
/// was in the history and nowhere else.
#[test]
fn notes_that_were_replaced_beside_typing_are_a_conflict_until_somebody_writes_them() {
    for replace in [Replace::ByString, Replace::ByText] {
        let (mut ana, mut ben) = (Replica::new(Kind::Task, 1), Replica::new(Kind::Task, 2));
        ana.edit(&[set("description", "begun")]);
        ben.pull(&ana);
        by_javascript(&mut ana, |to| match replace {
            Replace::ByString => to.put(ROOT, "description", "replaced").expect("an assignment"),
            Replace::ByText => assign("description", "replaced")(to),
        });
        ben.edit(&[set("description", "begun and gone on")]);
        exchange(&mut ana, &mut ben);
        assert_eq!(Reading::of(&ana.document), Reading::of(&ben.document));
        assert_eq!(ana.document.text("description"), "replaced", "{replace:?}");
        assert_eq!(alternatives(&ana.document, "description"), ["begun and gone on", "replaced"], "{replace:?}");
        let conflicts = ana.document.conflicts();
        assert_eq!(conflicts.iter().map(|one| one.place.as_str()).collect::<Vec<_>>(), ["description"], "{replace:?}");
        let other = &conflicts[0].shown.others[0];
        assert_eq!(other.actor, ben.actor, "the conflict names who typed");
        for settled in ["replaced, gone on", "replaced"] {
            let mut decided = Replica { document: ana.document.clone(), actor: ana.actor.clone() };
            assert!(decided.edit(&[set("description", settled)]).is_some(), "{replace:?}: {settled}");
            assert_eq!(decided.document.text("description"), settled);
            assert_eq!(decided.document.conflicts(), [], "{replace:?}: {settled}");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Replace {
    ByString,
    ByText,
}

/// Numbers and flags of other programs' types are read as what they are.
#[test]
fn other_scalars_are_read() {
    let mut ana = Replica::new(Kind::Task, 1);
    by_javascript(&mut ana, |to| {
        to.put(ROOT, "percent", 50_u64).expect("an assignment");
        to.put(ROOT, "priority", 2.5_f64).expect("an assignment");
        to.put(ROOT, "status", ()).expect("an assignment");
    });
    assert_eq!(ana.document.text("percent"), "50");
    assert_eq!(ana.document.text("priority"), "2.5");
    assert_eq!(ana.document.scalar("status"), None);
}
