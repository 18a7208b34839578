//! A new store is made of what can be read of a damaged one.

use std::collections::BTreeSet;
use std::path::Path;

use regard_client::store::{Filter, Rebuilt, Store, StoreError};
use regard_client::system::SystemEntropy;
use regard_core::id::DocumentId;
use regard_core::record::Kind;
use regard_core::time::Timestamp;

use super::{Home, set};

const PAGE: usize = 4096;

/// A store with records of which the last save of each waits, closed.
fn filled(count: usize) -> (Home, Vec<DocumentId>) {
    let ana = Home::ana();
    let ids: Vec<_> =
        (0..count).map(|number| ana.add(Kind::Contact, vec![set("full_name", &format!("Person {number}"))])).collect();
    for id in &ids {
        ana.edit(*id, "company", "Porto");
    }
    (ana, ids)
}

fn rebuild_after(home: Home, damage: impl FnOnce(&mut Vec<u8>)) -> (Result<Rebuilt, StoreError>, tempfile::TempDir) {
    let path = home.path().to_owned();
    let Home { folder, store } = home;
    drop(store);
    let file = path.join("store.redb");
    let mut bytes = std::fs::read(&file).expect("the file");
    damage(&mut bytes);
    std::fs::write(&file, bytes).expect("written");
    (rebuild(&path), folder)
}

fn rebuild(path: &Path) -> Result<Rebuilt, StoreError> {
    Store::rebuild(path, Timestamp(1_700_000_000_000), &mut SystemEntropy)
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("store")).expect("the new store")
}

fn shown(store: &Store) -> BTreeSet<DocumentId> {
    let all = store.list(&Filter { limit: 1_000, ..Filter::default() }).expect("a list");
    all.into_iter().map(|listed| listed.id).collect()
}

/// The file's beginning says where everything is: without it the database finds nothing.
#[test]
fn a_store_whose_beginning_is_gone_is_rebuilt_whole_from_its_rows() {
    let (ana, ids) = filled(40);
    let (identity, units) = (ana.store.identity(), ana.units());
    let (rebuilt, folder) = rebuild_after(ana, |bytes| bytes[..PAGE].fill(0));
    let rebuilt = rebuilt.expect("a new store");
    assert_eq!((rebuilt.records, rebuilt.incomplete_count, rebuilt.lost_records), (40, 0, 0), "{rebuilt:?}");
    assert_eq!((rebuilt.unsent_lost, rebuilt.unsent_apart), (0, 0), "{rebuilt:?}");
    assert!(rebuilt.damaged_file.as_ref().is_some_and(|kept| kept.exists()));
    let store = open(&folder);
    assert_eq!(*store.identity(), *identity);
    assert!(store.check().expect("a look").is_sound(), "{:?}", store.check());
    assert_eq!(shown(&store), ids.iter().copied().collect());
    let home = Home { folder, store };
    assert_eq!(home.units(), units, "what waits is the same");
    assert!(ids.iter().all(|id| home.text(*id, "company") == "Porto"));
}

#[test]
fn whichever_page_is_gone_the_rest_is_there_and_the_new_store_is_sound() {
    let (ana, ids) = filled(30);
    let path = ana.path().join("store.redb");
    drop(ana.store);
    let bytes = std::fs::read(&path).expect("the file");
    let (mut whole, mut told) = (0, 0);
    for page in
        (0..bytes.len() / PAGE).filter(|page| bytes[page * PAGE..(page + 1) * PAGE].iter().any(|byte| *byte != 0))
    {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().join("store");
        std::fs::create_dir(&at).expect("a folder");
        let mut damaged = bytes.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(0);
        std::fs::write(at.join("store.redb"), damaged).expect("written");
        match rebuild(&at) {
            Ok(rebuilt) => {
                let store = open(&folder);
                assert!(store.check().expect("a look").is_sound(), "page {page}: {:?}", store.check());
                let missing = ids.len() - shown(&store).len();
                assert_eq!(missing as u64, rebuilt.lost_records, "page {page}: {rebuilt:?}");
                for id in shown(&store) {
                    let is_whole = store.document(id).expect("a record").text("company") == "Porto";
                    assert!(is_whole || rebuilt.incomplete.contains(&id), "page {page}: {rebuilt:?}");
                }
                whole += usize::from(missing == 0 && rebuilt.incomplete_count == 0);
            }
            Err(StoreError::IdentityLost { .. }) => told += 1,
            Err(error) => panic!("page {page}: {error}"),
        }
    }
    assert!(whole > 3 * told, "most pages can be done without: {whole} whole, {told} without an identity");
}

#[test]
fn a_sound_store_is_left_alone_and_one_without_identity_is_told() {
    let (ana, _) = filled(3);
    let (rebuilt, folder) = rebuild_after(ana, |_| ());
    assert_eq!(rebuilt.expect("a look").damaged_file, None);
    drop(open(&folder));
    let path = folder.path().join("store");
    std::fs::write(path.join("store.redb"), b"something else").expect("written");
    assert!(matches!(rebuild(&path), Err(StoreError::IdentityLost { salvaged: None, .. })));
    assert_eq!(std::fs::read(path.join("store.redb")).expect("the file"), b"something else");
}
