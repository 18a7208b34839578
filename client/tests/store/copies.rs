//! Copies of a store, and looking for damage in one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use redb::{Database, Key, ReadableTable, TableDefinition, Value};
use regard_client::store::{Store, StoreError};
use regard_core::gate;
use regard_core::id::Actor;
use regard_core::record::Kind;

use super::{Home, Log, set};

/// Damages something.
type Plant = fn(&Path);

/// A store with an account, a contact that belongs to it and has many edits, and a task; one save came from the relay.
fn lively() -> Home {
    let home = Home::ana();
    let account = home.add(Kind::Account, vec![set("name", "Aurora")]);
    let contact = home.add(Kind::Contact, vec![set("full_name", "Carla"), set("parent", &account.to_string())]);
    for number in 0..40 {
        home.edit(contact, "job_title", &format!("Buyer {number}"));
    }
    home.add(Kind::Task, vec![set("summary", "Call")]);
    let ben = Home::ben(&home);
    ben.add(Kind::Lead, vec![set("topic", "More")]);
    home.receive(&Log::of(&ben));
    home
}

/// Closes the store and keeps its folder.
fn closed(home: Home) -> (tempfile::TempDir, PathBuf) {
    let path = home.path().to_owned();
    let Home { folder, store } = home;
    drop(store);
    (folder, path)
}

fn change_first<K, V>(path: &Path, table: &str, make: impl FnOnce(&mut redb::Table<'_, K, V>))
where
    K: Key + 'static,
    V: Value + 'static,
{
    let database = Database::open(path.join("store.redb")).expect("the file");
    let writing = database.begin_write().expect("writing");
    make(&mut writing.open_table(TableDefinition::<K, V>::new(table)).expect("the table"));
    writing.commit().expect("committed");
}

/// Changes the last bit of the first row's value.
fn flip<K: Key + 'static>(path: &Path, table: &str) {
    change_first::<K, &'static [u8]>(path, table, |rows| {
        let mut entry = rows.first().expect("readable").map(|(_, value)| value.value().to_vec()).expect("a row");
        let last = entry.len() - 1;
        entry[last] ^= 1;
        let key = rows.first().expect("readable").expect("a row").0;
        let owned = K::as_bytes(&key.value()).as_ref().to_vec();
        drop(key);
        rows.insert(K::from_bytes(&owned), entry.as_slice()).expect("written");
    });
}

fn remove_first<K: Key + 'static, V: Value + 'static>(path: &Path, table: &str) {
    change_first::<K, V>(path, table, |rows| drop(rows.pop_first().expect("readable").expect("a row")));
}

fn actors(store: &Store) -> Vec<Actor> {
    let mut actors = Vec::new();
    for id in store.ids().expect("readable") {
        for change in store.document(id).expect("the record").changes_since(&[]) {
            actors.push(gate::check(&change.bytes).expect("honest").header.actor);
        }
    }
    actors
}

#[test]
fn a_copy_has_everything_and_a_store_made_of_it_writes_under_another_actor() {
    let home = lively();
    let copy = home.folder.path().join("copy.regard");
    let bytes = home.store.backup(&copy).expect("a copy");
    let found = std::fs::metadata(&copy).expect("a file");
    assert_eq!((found.len(), found.permissions().mode() & 0o777), (bytes, 0o600));
    let later = home.add(Kind::Task, vec![set("summary", "After the copy")]);

    let other = home.folder.path().join("restored");
    Store::restore(&copy, &other).expect("restored");
    let restored = Store::open(&other).expect("a store");
    let mut ids = home.store.ids().expect("readable");
    ids.retain(|id| *id != later);
    assert_eq!(restored.ids().expect("readable"), ids);
    for id in &ids {
        assert!(
            super::same(&restored.document(*id).expect("there"), &home.store.document(*id).expect("there")),
            "{id}"
        );
    }
    assert_eq!(
        restored.outbox_count().expect("readable").waiting,
        home.store.outbox_count().expect("readable").waiting - 1
    );
    assert_eq!(restored.cursor(super::SCOPE).expect("readable"), home.store.cursor(super::SCOPE).expect("readable"));
    assert_eq!(restored.identity(), home.store.identity());

    let before = actors(&home.store);
    let restored = Home { folder: tempfile::tempdir().expect("a folder"), store: restored };
    restored.edit(ids[0], "owner", "Ana");
    restored.edit(ids[0], "owner", "Ben");
    let new: Vec<_> = actors(&restored.store).into_iter().filter(|actor| !before.contains(actor)).collect();
    assert_eq!(new.len(), 2, "both saves are by an actor that the original never was");
    assert_eq!(new[0], new[1]);
}

#[test]
fn nothing_is_overwritten_and_no_damaged_copy_becomes_a_store() {
    let home = lively();
    let copy = home.folder.path().join("copy.regard");
    home.store.backup(&copy).expect("a copy");
    assert!(matches!(home.store.backup(&copy), Err(StoreError::FileExists { .. })));
    assert!(matches!(Store::restore(&copy, home.path()), Err(StoreError::Exists { .. })));

    let other = home.folder.path().join("other");
    let absent = Store::restore(&home.folder.path().join("absent"), &other);
    assert!(matches!(absent, Err(StoreError::Folder { .. })), "{absent:?}");
    let whole = std::fs::read(&copy).expect("a file");
    // Every page that is in use is covered by a checksum; one in the middle is surely used.
    for at in [whole.len() / 5, whole.len() / 4, whole.len() / 3] {
        let mut zeroed = whole.clone();
        zeroed[at..at + 4096].fill(0);
        std::fs::write(&copy, zeroed).expect("written");
        match Store::restore(&copy, &other) {
            Err(StoreError::Damaged { .. } | StoreError::Failed { .. }) => {}
            // The page held nothing; then nothing is lost.
            Ok(()) => assert!(Store::check_folder(&other).expect("looked at").is_sound()),
            Err(other) => panic!("{other}"),
        }
        let _ = std::fs::remove_dir_all(&other);
    }
    flip_in_copy(&copy, &whole);
    let damaged = Store::restore(&copy, &other);
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    assert!(matches!(Store::open(&other), Err(StoreError::Absent { .. })), "nothing is left");
}

fn flip_in_copy(copy: &Path, whole: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("store.redb"), whole).expect("written");
    flip::<u64>(folder.path(), "saves");
    std::fs::copy(folder.path().join("store.redb"), copy).expect("copied");
}

#[test]
fn a_sound_store_is_sound_and_every_damage_is_named() {
    let home = lively();
    assert_eq!(home.store.check().expect("looked at").damage, [""; 0], "while it is used");
    let (folder, path) = closed(home);
    let found = Store::check_folder(&path).expect("looked at");
    assert_eq!((found.damage.as_slice(), found.records), ([].as_slice(), 4));

    let plants: [(&str, Plant); 12] = [
        ("a row of table “settings”", |path| flip::<&'static str>(path, "settings")),
        ("a row of table “documents”", |path| flip::<u64>(path, "documents")),
        ("a row of table “projections”", |path| flip::<u64>(path, "projections")),
        ("a row of table “outbox”", |path| flip::<(u8, u64)>(path, "outbox")),
        ("a row of table “saves”", |path| flip::<u64>(path, "saves")),
        ("a row of table “cursors”", |path| flip::<u8>(path, "cursors")),
        ("record ", |path| flip::<u64>(path, "snapshots")),
        ("record ", |path| flip::<(u64, u32)>(path, "changes")),
        ("the index of ids does not lead", |path| remove_first::<[u8; 16], u64>(path, "ids")),
        ("is not in the index where it is looked for", |path| remove_first::<&'static [u8], ()>(path, "index")),
        ("is not among those of the record", |path| remove_first::<(u64, u64), ()>(path, "saves_of")),
        ("of the outbox lacks the change", |path| remove_first::<(u64, u32), &'static [u8]>(path, "changes")),
    ];
    for (number, (told, plant)) in plants.into_iter().enumerate() {
        let copy = folder.path().join(number.to_string());
        std::fs::create_dir(&copy).expect("a folder");
        std::fs::copy(path.join("store.redb"), copy.join("store.redb")).expect("a copy");
        plant(&copy);
        let damage = Store::check_folder(&copy).expect("looked at").damage;
        assert!(damage.iter().any(|damage| damage.contains(told)), "{told}: {damage:?}");
    }
}
