//! A store that an earlier version wrote is opened, and nothing of it is lost.

use std::path::{Path, PathBuf};

use regard_client::query::parse;
use regard_client::store::{Filter, Store, StoreError};
use regard_core::record::Kind;
use tempfile::TempDir;

/// A store as it was kept.
fn kept(format: &str) -> (TempDir, PathBuf) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/stores").join(format);
    let packed = std::fs::File::open(fixtures.join("store.redb.zst")).expect("the store that was kept");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    std::fs::create_dir(&path).expect("a folder");
    let mut file = std::fs::File::create(path.join("store.redb")).expect("a file");
    zstd::stream::copy_decode(packed, &mut file).expect("the whole file");
    (folder, path)
}

/// What the version that wrote the store listed: id, kind, title, detail, date, life and conflicts of each record.
fn listed_then(format: &str) -> Vec<serde_json::Value> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/stores").join(format);
    let text = std::fs::read_to_string(fixtures.join("listed.json")).expect("what was listed");
    let list: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    list["records"].as_array().expect("records").clone()
}

/// Every record is listed as the version that wrote the store listed it, what waits to be sent waits, and all of it is sound.
fn is_listed_as_it_was(store: &Store, format: &str, waiting: u64) {
    let then = listed_then(format);
    for record in &then {
        let id = record["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let now = store.listed(id).expect("the record").projection;
        let now = (now.kind.name(), now.title, now.detail, now.moment, now.life.to_string(), now.conflicts.to_string());
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let moment = record["moment"].as_str().map(str::to_owned);
        let conflicts = record["conflicts"].to_string();
        let kind = text("kind");
        assert_eq!(now, (kind.as_str(), text("title"), text("detail"), moment, text("life"), conflicts));
    }
    let all = store.list(&Filter { deleted: true, limit: 1_000, ..Filter::default() }).expect("a list");
    assert_eq!(all.len(), then.len());
    assert_eq!(store.outbox_count().expect("the outbox").waiting, waiting);
    let check = store.check().expect("a check");
    assert!(check.is_sound(), "{check:?}");
}

fn is_as_it_was(store: &Store, format: &str) {
    is_listed_as_it_was(store, format, 47);
    let counts = [
        (Kind::Email, 9),
        (Kind::Contact, 7),
        (Kind::Task, 4),
        (Kind::Appointment, 5),
        (Kind::Account, 2),
        (Kind::Lead, 1),
    ];
    assert_eq!(store.counts().expect("counts"), counts);
    let lists = |text: &str| {
        let filter = Filter { query: parse(text).expect(text), limit: 100, ..Filter::default() };
        store.list(&filter).expect(text).into_iter().map(|listed| listed.projection.title).collect::<Vec<_>>()
    };
    assert_eq!(lists("address:carla.nunes@home.example"), ["Carla Nunes"]);
    assert_eq!(lists("tag:vip company:acme"), ["Zoë Ångström"]);
    assert_eq!(lists("message-id:samples-1@ceramics.example"), ["Samples"]);
    assert_eq!(lists("status:\"step 40\""), ["Bruno Reis"]);
}

#[test]
fn a_store_of_format_3_is_read_as_it_was_written() {
    let (_folder, path) = kept("format-3");
    let store = Store::open(&path).expect("the store");
    is_listed_as_it_was(&store, "format-3", 45);
    let filter = Filter { query: parse("is:conflict").expect("a filter"), limit: 100, ..Filter::default() };
    let contested = store.list(&filter).expect("a list");
    assert_eq!(contested.iter().map(|listed| listed.projection.title.as_str()).collect::<Vec<_>>(), ["Bruno Reis"]);
    let lead = store.document(contested[0].id).expect("the record");
    assert_eq!((lead.conflicts().len(), lead.text("notes").as_str()), (1, "Asks for samples."));
}

#[test]
fn a_store_of_format_2_is_brought_to_this_one_and_loses_nothing() {
    let (_folder, path) = kept("format-2");
    is_as_it_was(&Store::open(&path).expect("the store"), "format-2");
    is_as_it_was(&Store::open(&path).expect("the store again"), "format-2");
}

#[test]
fn a_migration_that_was_interrupted_goes_on() {
    let (_folder, path) = kept("format-2");
    // As after a crash behind the first transaction: the new format, no old index, and nothing computed yet.
    drop(Store::open(&path).expect("the store"));
    let database = redb::Database::open(path.join("store.redb")).expect("the file");
    let writing = database.begin_write().expect("writing");
    {
        let index: redb::TableDefinition<'_, &[u8], ()> = redb::TableDefinition::new("index");
        writing.delete_table(index).expect("no index");
        let mut settings = writing.open_table(SETTINGS).expect("the settings");
        settings.remove("counts").expect("no counts");
        // CBOR of {0: 0}.
        settings.insert("migration", sealed("migration", &[0xa1, 0, 0]).as_slice()).expect("a row");
    }
    writing.commit().expect("committed");
    drop(database);
    is_as_it_was(&Store::open(&path).expect("the store"), "format-2");
}

/// A row of the settings: its checksum over table, key and value, and the value.
fn sealed(key: &str, value: &[u8]) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    for part in [b"settings", key.as_bytes(), value] {
        hasher.update(part);
    }
    [&hasher.finalize().to_be_bytes()[..], value].concat()
}

const SETTINGS: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("settings");

#[test]
fn a_backup_of_format_2_is_restored() {
    let (folder, path) = kept("format-2");
    let restored = folder.path().join("restored");
    Store::restore(&path.join("store.redb"), &restored).expect("restored");
    is_as_it_was(&Store::open(&restored).expect("the store"), "format-2");
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let (_folder, path) = kept("format-2");
    drop(Store::open(&path).expect("the store"));
    let database = redb::Database::open(path.join("store.redb")).expect("the file");
    let writing = database.begin_write().expect("writing");
    {
        let mut settings = writing.open_table(SETTINGS).expect("the settings");
        // CBOR of 99.
        settings.insert("format", sealed("format", &[0x18, 99]).as_slice()).expect("a row");
    }
    writing.commit().expect("committed");
    drop(database);
    let refused = Store::open(&path);
    assert!(matches!(refused, Err(StoreError::Format { found: 99, known: 3, .. })), "{refused:?}");
}
