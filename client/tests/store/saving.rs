use std::sync::Arc;

use regard_client::store::{Filter, Found, SaveOutcome, StoreError, Work};
use regard_core::record::{Edit, EditError, Kind, Life};

use super::{Home, Save, Store, SystemEntropy, Timestamp, set};

#[test]
fn a_save_is_there_after_the_store_is_opened_again() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    assert_eq!(home.edit(id, "company", "Porto"), SaveOutcome::Changed);
    let before = home.store.document(id).expect("the record");
    let home = home.reopened();
    assert!(super::same(&before, &home.store.document(id).expect("the record")));
    let listed = home.store.list(&Filter { limit: 10, ..Filter::default() }).expect("a list");
    assert_eq!(listed.iter().map(|line| line.projection.title.as_str()).collect::<Vec<_>>(), ["Carla"]);
}

#[test]
fn an_edit_that_changes_nothing_saves_nothing() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let units = home.units().len();
    assert_eq!(home.edit(id, "full_name", "Carla"), SaveOutcome::Unchanged);
    assert_eq!(home.units().len(), units);
}

#[test]
fn a_save_that_cannot_be_made_leaves_nothing_of_itself() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let (before, units) = (home.store.document(id).expect("the record"), home.units().len());
    let works = vec![
        Work::Edit { id, edits: vec![set("full_name", "Changed")] },
        Work::Edit { id, edits: vec![set("no_such_field", "x")] },
    ];
    let refused = home.store.save(Save { at: Timestamp(0), works }, &mut SystemEntropy);
    assert!(matches!(refused, Err(StoreError::Edit(EditError::UnknownField { .. }))), "{refused:?}");
    assert!(super::same(&before, &home.store.document(id).expect("the record")));
    assert_eq!(home.units().len(), units);
}

#[test]
fn making_what_is_there_already_leaves_it_as_it_is_also_when_it_is_deleted() {
    let home = Home::ana();
    let id = home.add(Kind::Task, vec![set("summary", "First")]);
    let again = || Work::Create { id, kind: Kind::Task, notes: "x".into(), edits: vec![set("summary", "Second")] };
    assert_eq!(home.make(vec![again()])[0].1, SaveOutcome::Existed);
    assert_eq!(home.text(id, "summary"), "First");
    home.make(vec![Work::Edit { id, edits: vec![Edit::Delete] }]);
    assert_eq!(home.make(vec![again()])[0].1, SaveOutcome::Existed);
    assert_eq!(home.store.document(id).expect("the record").life(), Life::Deleted);
}

#[test]
fn a_save_of_several_records_is_one_unit() {
    let home = Home::ana();
    let (task, contact) = (home.add(Kind::Task, vec![]), home.add(Kind::Contact, vec![]));
    let units = home.units().len();
    let link = |id, name: &str| Work::Edit { id, edits: vec![set(name, &contact.to_string())] };
    home.make(vec![link(task, "regarding"), Work::Edit { id: contact, edits: vec![set("full_name", "Carla")] }]);
    let last = home.units().split_off(units);
    assert_eq!(last.iter().map(|unit| unit.changes.len()).collect::<Vec<_>>(), [2]);
}

/// Two edits that begin on the same document would give the same sequence number twice, which Automerge does not recover
/// from.
#[test]
fn saves_from_many_threads_never_begin_on_the_same_document() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let store = Arc::new(home.store);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for round in 0..20 {
                    let edits = vec![set("company", &format!("{thread}-{round}"))];
                    let save = Save { at: Timestamp(0), works: vec![Work::Edit { id, edits }] };
                    store.save(save, &mut SystemEntropy).expect("a save");
                }
            });
        }
    });
    let document = store.document(id).expect("the record");
    assert_eq!(document.heads().len(), 1, "each edit follows the one before");
    assert_eq!(document.changes_since(&[]).len(), 1 + 1 + 4 * 20);
}

#[test]
fn a_prefix_finds_one_record_or_names_them_all() {
    let home = Home::ana();
    let ids: Vec<_> = (0..40).map(|_| home.add(Kind::Task, vec![])).collect();
    for id in &ids {
        let prefix = home.store.listed(*id).expect("the record").prefix;
        let hex = id.to_hex();
        assert_eq!(home.store.find(&hex[..prefix]).expect("a look"), Found::One(*id));
        assert_eq!(home.store.find(&id.to_string().to_uppercase()).expect("a look"), Found::One(*id));
        if prefix > 1 {
            let shorter = home.store.find(&hex[..prefix - 1]).expect("a look");
            assert!(matches!(&shorter, Found::Several(matches) if matches.len() > 1), "{shorter:?}");
        }
    }
    for nothing in ["", "xyz", "é", "00000000000000000000000000000000", &"0".repeat(33)] {
        assert_eq!(home.store.find(nothing).expect("a look"), Found::None, "{nothing}");
    }
}

#[test]
fn a_store_is_made_once_and_opened_by_one() {
    let home = Home::ana();
    let path = home.path().to_owned();
    let identity = home.store.identity().clone();
    assert!(matches!(Store::create(&path, identity.as_ref().clone()), Err(StoreError::Exists { .. })));
    assert!(matches!(Store::open(&path), Err(StoreError::InUse { .. })));
    assert!(matches!(Store::open(&path.join("elsewhere")), Err(StoreError::Absent { .. })));
}
