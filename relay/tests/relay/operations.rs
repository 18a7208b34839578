//! What whoever runs a relay does with it: copies, looking for damage, asking how it stands.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableTable, TableDefinition};
use regard_core::error::Cause;
use regard_core::wire::UnitOutcome;
use regard_relay::{Check, Quota, Quotas, Relay, RelayError, Settings, StoreError, check, restore};

use crate::support::{Device, Growing, Running, http, seqs, team, unit};

/// Damages something; answers whether it was there.
type Plant = fn(&Path) -> bool;

/// A relay's files with some records of two devices, and the folder that holds them.
async fn files() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let relay = Running::start(&data).await;
    let tokens = team(&relay, &[regard_core::wire::Role::Member]).await;
    for (number, token) in (11..).zip(&tokens) {
        let mut device = Device::connect(relay.address, token).await;
        let mut record = Growing::new(number);
        device.push(&[unit(number, vec![record.genesis(), record.edit()])]).await;
        // So many that some leave the index for the table of older ones.
        for _ in 0..70 {
            device.push(&[unit(number, vec![record.edit()])]).await;
        }
    }
    relay.stop().await;
    (folder, data)
}

/// Changes the first row of a table; answers whether there is one.
fn change<const N: usize>(file: &Path, table: &str, make: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> bool {
    let database = Database::open(file).expect("a database");
    let transaction = database.begin_write().expect("a transaction");
    let found = {
        let mut rows = transaction.open_table(TableDefinition::<&[u8; N], &[u8]>::new(table)).expect("the table");
        let first = rows.first().expect("readable").map(|(key, value)| (*key.value(), value.value().to_vec()));
        first.is_some_and(|(key, value)| {
            match make(&value) {
                Some(changed) => drop(rows.insert(&key, changed.as_slice()).expect("written")),
                None => drop(rows.remove(&key).expect("removed")),
            }
            true
        })
    };
    transaction.commit().expect("committed");
    found
}

fn flip<const N: usize>(file: &Path, table: &str) -> bool {
    change::<N>(file, table, |value| {
        let mut flipped = value.to_vec();
        flipped[0] ^= 1;
        Some(flipped)
    })
}

fn remove<const N: usize>(file: &Path, table: &str) -> bool {
    change::<N>(file, table, |_| None)
}

async fn damage(data: &Path) -> Vec<String> {
    let Check { log, access } = check(data).await.expect("looked at");
    log.damage.into_iter().chain(access.damage).collect()
}

fn copied(data: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for file in ["log.redb", "access.redb"] {
        std::fs::copy(data.join(file), to.join(file)).expect("a copy");
    }
}

#[tokio::test]
async fn sound_files_are_sound_and_every_damage_is_named() {
    let (folder, data) = files().await;
    let found = check(&data).await.expect("looked at");
    assert_eq!(found.log.damage, [""; 0]);
    assert_eq!(found.access.damage, [""; 0]);
    assert_eq!(found.log.changes, 144);

    let plants: [(&str, &str, Plant); 12] = [
        ("log.redb", "of table “logs” is damaged", |file| flip::<17>(file, "logs")),
        ("log.redb", "of table “segments” is damaged", |file| flip::<12>(file, "segments")),
        ("log.redb", "of table “documents” is damaged", |file| flip::<20>(file, "documents")),
        ("log.redb", "of table “index” is damaged", |file| flip::<8>(file, "index")),
        ("log.redb", "of table “older” is damaged", |file| flip::<40>(file, "older")),
        ("log.redb", "of table “usage” is damaged", |file| flip::<32>(file, "usage")),
        ("access.redb", "of table “workspaces” is damaged", |file| flip::<16>(file, "workspaces")),
        ("access.redb", "of table “devices” is damaged", |file| flip::<32>(file, "devices")),
        ("log.redb", "does not follow 0", |file| remove::<12>(file, "segments")),
        ("log.redb", "the index does not lead to the change", |file| remove::<20>(file, "documents")),
        ("log.redb", "the index does not lead to the change", |file| remove::<40>(file, "older")),
        ("log.redb", "the use of quotas", |file| remove::<32>(file, "usage")),
    ];
    for (number, (file, told, plant)) in plants.into_iter().enumerate() {
        let copy = folder.path().join(number.to_string());
        copied(&data, &copy);
        assert!(plant(&copy.join(file)), "{told}: nothing to damage");
        let damage = damage(&copy).await;
        assert!(damage.iter().any(|damage| damage.contains(told)), "{told}: {damage:?}");
    }
}

#[tokio::test]
async fn a_flipped_byte_is_found_wherever_something_is_stored() {
    let (folder, data) = files().await;
    let whole = std::fs::read(data.join("log.redb")).expect("a file");
    // Compressed segments begin so.
    let segments: Vec<usize> =
        whole.windows(4).enumerate().filter(|(_, four)| *four == [0x28, 0xb5, 0x2f, 0xfd]).map(|(at, _)| at).collect();
    assert!(segments.len() > 10, "{} segments", segments.len());
    let mut found = 0;
    for (number, at) in segments.iter().step_by(segments.len() / 8).enumerate() {
        let copy = folder.path().join(number.to_string());
        copied(&data, &copy);
        let mut flipped = whole.clone();
        flipped[at + 6] ^= 0x10;
        std::fs::write(copy.join("log.redb"), flipped).expect("written");
        // A page that is no longer used may hold a segment too; nobody reads that one.
        found += usize::from(!damage(&copy).await.is_empty());
    }
    assert!(found > 0, "no flipped byte was found");
    let copy = folder.path().join("zeros");
    copied(&data, &copy);
    let mut zeroed = whole.clone();
    let end = zeroed.len().min(64 << 10);
    zeroed[4096..end].fill(0);
    std::fs::write(copy.join("log.redb"), zeroed).expect("written");
    assert!(!damage(&copy).await.is_empty(), "zeroed pages");
}

#[tokio::test]
async fn a_copy_is_whole_goes_back_and_overwrites_nothing() {
    let (folder, data) = files().await;
    let copy = folder.path().join("copy");
    std::fs::write(data.join("self-signed.pem"), "what devices know the relay by").expect("written");
    let made = Relay::open(&data).expect("a relay").backup(&copy).expect("a copy");
    assert!(made.rows > 100 && made.bytes > 0, "{made:?}");
    assert_eq!(damage(&copy).await, [""; 0]);
    let again = Relay::open(&data).expect("a relay").backup(&copy);
    assert!(matches!(again, Err(RelayError::Exists { .. })), "{again:?}");
    let over = restore(&copy, &data, false).await;
    assert!(matches!(over, Err(RelayError::Exists { .. })), "{over:?}");

    let held = Relay::open(&data).expect("a relay");
    let in_use = restore(&copy, &data, true).await;
    assert!(matches!(in_use, Err(RelayError::Store(StoreError::InUse { .. }))), "{in_use:?}");
    drop(held);
    let restored = restore(&copy, &data, true).await.expect("restored");
    assert_eq!(restored.set_aside.len(), 3);
    assert!(restored.set_aside.iter().all(|file| file.exists()), "{restored:?}");

    let other = folder.path().join("other");
    restore(&copy, &other, false).await.expect("restored");
    for folder in [&data, &other] {
        let certificate = std::fs::read_to_string(folder.join("self-signed.pem")).expect("the certificate");
        assert_eq!(certificate, "what devices know the relay by");
    }
    let (before, after) = (Running::start(&data).await, Running::start(&other).await);
    assert!(after.founding.is_none(), "the workspace is there");
    drop((before, after));

    assert!(flip::<12>(&copy.join("log.redb"), "segments"));
    let refused = restore(&copy, &folder.path().join("third"), false).await;
    assert!(matches!(refused, Err(RelayError::DamagedBackup { .. })), "{refused:?}");
    assert!(!folder.path().join("third").exists(), "nothing was begun");
}

/// A copy once lacked the tables that had no rows, and the relay that was made of it could not read them.
#[tokio::test]
async fn a_copy_has_tables_without_rows_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    Relay::open(&data).expect("a relay").backup(&copy).expect("a copy");
    assert_eq!(damage(&copy).await, [""; 0]);
    let relay = Running::start(&copy).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    assert_eq!(seqs(&device.push(&[unit(1, vec![Growing::new(11).genesis()])]).await[0]), [1]);
}

#[tokio::test]
async fn a_relay_says_whether_it_is_ready_and_keeps_its_figures_to_its_machine() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let (status, body) = http(relay.address, "GET", "/readyz", None, "").await;
    assert_eq!((status, body.as_str()), (200, r#"{"ready":true,"problems":[]}"#));
    let (status, _) = http(relay.address, "GET", "/metrics", None, "").await;
    assert_eq!(status, 404, "nobody counts in this process");
}

#[tokio::test]
async fn a_device_beyond_its_quota_keeps_its_save_and_the_others_go_on() {
    let data = tempfile::tempdir().expect("a folder");
    let one = Quota { documents: 1, ..Quotas::default().device };
    let quotas = Quotas { device: one, ..Quotas::default() };
    let relay = Running::start_with(data.path(), Settings { quotas, ..Settings::default() }).await;
    let tokens = team(&relay, &[regard_core::wire::Role::Member]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (mut first, second) = (Growing::new(11), Growing::new(12));
    let outcomes = device.push(&[unit(1, vec![first.genesis()]), unit(2, vec![second.genesis()])]).await;
    assert_eq!(seqs(&outcomes[0]), [1]);
    let UnitOutcome::Refused(refusal) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(refusal.cause, Cause::OverQuota);
    assert!(refusal.detail.contains("device_documents"), "{refusal}");
    assert_eq!(seqs(&device.push(&[unit(3, vec![first.edit()])]).await[0]), [2], "its records go on");
    let mut other = Device::connect(relay.address, &tokens[1]).await;
    assert_eq!(seqs(&other.push(&[unit(2, vec![second.genesis()])]).await[0]), [3]);
}
