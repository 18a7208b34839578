use redb::{Database, ReadableTable, TableDefinition};
use regard_client::store::{Filter, Store, StoreError};
use regard_core::record::Kind;

use super::{Home, set};

/// Changes one bit of a value.
fn damage<K>(path: &std::path::Path, table: &str, key: K)
where
    K: for<'a> redb::Key<SelfType<'a> = K> + 'static,
{
    let definition: TableDefinition<'_, K, &'static [u8]> = TableDefinition::new(table);
    let database = Database::open(path.join("store.redb")).expect("the file");
    let writing = database.begin_write().expect("writing");
    {
        let mut rows = writing.open_table(definition).expect("the table");
        let mut changed = rows.get(&key).expect("a row").expect("a row").value().to_vec();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        rows.insert(&key, changed.as_slice()).expect("written");
    }
    writing.commit().expect("committed");
}

fn is_damaged<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Damaged { .. }))
}

#[test]
fn a_flipped_bit_is_told_as_damage_and_never_shown_as_data() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let path = home.path().to_owned();
    let super::Home { folder, store } = home;
    drop(store);
    damage(&path, "changes", (1u64, 0u32));
    let store = Store::open(&path).expect("the store");
    assert!(is_damaged(store.document(id)));
    drop(store);
    damage(&path, "projections", 1u64);
    let store = Store::open(&path).expect("the store");
    assert!(is_damaged(store.list(&Filter { limit: 10, ..Filter::default() })));
    drop(store);
    damage(&path, "outbox", (0u8, 1u64));
    let store = Store::open(&path).expect("the store");
    assert!(is_damaged(store.read_outbox(super::SCOPE, 0)));
    drop(store);
    drop(folder);
}
