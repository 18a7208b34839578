use std::time::Duration;

use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, EpochId, UnitId};
use regard_core::record::{Edit, Kind};
use regard_core::wire::Scope;

use super::super::{Identity, Save, Store, Work};
use super::heal::TRIED_BY_KEY;
use super::*;
use crate::system::SystemEntropy;

const NOW: Timestamp = Timestamp(1_000_000);

fn row(document: u8, bytes: Vec<u8>, cause: Cause, seq: u64) -> QuarantineRow {
    let (carrier, unit) = (DeviceId::from_bytes([1; 16]), UnitId::from_bytes([2; 16]));
    QuarantineRow {
        document: DocumentId::from_bytes([document; 16]),
        bytes,
        reason: Refusal::new(cause, "not yet"),
        carrier,
        seq,
        at: NOW,
        epoch: EpochId::from_bytes([3; 16]),
        scope: Scope::Records,
        unit,
        author: None,
        saved_at: NOW,
        visible_at: NOW,
        generation: Some(0),
    }
}

fn entry(document: u8, bytes: u64, at: Timestamp, waits_for: Option<ChangeHash>) -> Entry {
    let mut entry = Entry::of(&row(document, Vec::new(), Cause::Damaged, 1), ChangeHash([document; 32]));
    entry.waits_for = waits_for;
    entry.sized(bytes, at)
}

fn new_store(folder: &std::path::Path) -> Store {
    Store::create(folder, Identity::found("Test", "Ana", "laptop", &mut SystemEntropy)).expect("a new store")
}

/// The changes of a contact that somebody else made.
fn foreign(folder: &std::path::Path) -> (DocumentId, Vec<Vec<u8>>) {
    let other = new_store(folder);
    let id = DocumentId::from_bytes([8; 16]);
    let edits = vec![Edit::Set("full_name".into(), "Carla".into())];
    let works = vec![Work::Create { id, kind: Kind::Contact, notes: String::new(), edits }];
    other.save(Save { at: NOW, works }, &mut SystemEntropy).expect("a save");
    let changes = other.document(id).expect("the record").changes_since(&[]);
    (id, changes.into_iter().map(|change| change.bytes).collect())
}

#[test]
fn the_oldest_go_beyond_the_bytes_and_orphans_beyond_the_age() {
    let mut index = Index::default();
    let (day, season) = (Duration::from_hours(24), Duration::from_hours(90 * 24));
    index.insert(1, entry(1, 60, NOW, None));
    index.insert(2, entry(2, 50, NOW, Some(ChangeHash([0; 32]))));
    assert_eq!(index.oldest_beyond(110, season, NOW), None);
    assert_eq!(index.oldest_beyond(109, season, NOW), Some(1));
    assert_eq!(index.oldest_beyond(110, season, NOW.after(season + day)), Some(2), "what is no orphan has no age");
    index.emptied(1);
    assert_eq!(index.oldest_beyond(109, season, NOW), None);
    assert_eq!(index.take_oldest(), Some((1, 0)));
    assert!(index.is_empty_of(DocumentId::from_bytes([1; 16])));
}

/// What is beyond a bound is counted and told, and its place is still named to the others.
#[test]
fn what_went_is_counted_and_its_place_is_still_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(&folder.path().join("store"));
    let (_, changes) = foreign(&folder.path().join("other"));
    let kept = store.write_documents(|writer, _| {
        store.aside.with(writer, |writer, index| {
            set_aside(writer, index, &row(8, changes[1].clone(), Cause::MissingDependency, 5), NOW)?;
            let late = NOW.after(QUARANTINE_ORPHAN_AGE + Duration::from_secs(1));
            let other = QuarantineRow { at: late, ..row(9, vec![1, 2, 3], Cause::Damaged, 6) };
            set_aside(writer, index, &other, late)
        })
    });
    kept.expect("set aside");
    let aside = store.quarantined().expect("a list");
    assert_eq!(aside.iter().map(|one| (one.seq, one.bytes)).collect::<Vec<_>>(), [(6, 3), (5, 0)]);
    let summary = store.quarantine_summary().expect("a summary");
    assert_eq!((summary.changes, summary.bytes, summary.dropped), (2, 3, 1));
    assert_eq!(summary.dropped_bytes, changes[1].len() as u64);
}

/// The same change comes again by a comparison of the logs, and stands elsewhere now.
#[test]
fn a_change_is_set_aside_once_at_its_last_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(&folder.path().join("store"));
    for seq in [5, 3] {
        let set = store.write_documents(|writer, _| {
            store.aside.with(writer, |writer, index| {
                set_aside(writer, index, &row(8, vec![1, 2, 3], Cause::Damaged, seq), NOW)
            })
        });
        set.expect("set aside");
    }
    let aside = store.quarantined().expect("a list");
    assert_eq!(aside.iter().map(|one| one.seq).collect::<Vec<_>>(), [3]);
}

/// A record of a kind that an older version did not know: its first change was refused, and everything behind it.
#[test]
fn another_version_tries_everything_once_and_the_same_one_does_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    let (id, changes) = foreign(&folder.path().join("other"));
    let store = new_store(&path);
    let set = store.write_documents(|writer, _| {
        store.aside.with(writer, |writer, index| {
            // Behind the order of the log on purpose.
            set_aside(writer, index, &row(8, changes[1].clone(), Cause::MissingDependency, 2), NOW)?;
            set_aside(writer, index, &row(8, changes[0].clone(), Cause::NotARecord, 1), NOW)
        })
    });
    set.expect("set aside");
    assert!(store.document(id).is_err(), "nothing has come that it waits for");
    store.write(|writer| SETTINGS.put(&mut writer.settings, TRIED_BY_KEY, &"regard 0.0.1")).expect("a setting");
    drop(store);
    let store = Store::open(&path).expect("the store");
    assert_eq!(store.document(id).expect("the record").text("full_name"), "Carla");
    assert_eq!(store.quarantined().expect("a list"), []);
}

#[test]
fn a_transaction_that_fails_leaves_what_was_set_aside_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(&folder.path().join("store"));
    let failed = store.write_documents(|writer, _| {
        store
            .aside
            .with(writer, |writer, index| set_aside(writer, index, &row(8, vec![1, 2, 3], Cause::Damaged, 1), NOW))?;
        Err::<(), _>(StoreError::damaged("on purpose"))
    });
    assert!(failed.is_err());
    let known = store.write_documents(|writer, _| store.aside.with(writer, |_, index| Ok(index.documents())));
    assert_eq!(known.expect("the index"), []);
}
