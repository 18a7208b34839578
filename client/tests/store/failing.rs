//! The disk fails at every point of a save, of what arrives and of what is settled in turn, and is mended again.

use std::sync::Arc;
use std::time::Duration;

use regard_client::store::{Identity, Save, Saved, Store, StoreError, Work};
use regard_client::system::SystemEntropy;
use regard_core::id::DocumentId;
use regard_core::record::{Kind, identity};
use regard_core::time::Timestamp;
use regard_core::wire::{Unit, UnitOutcome};

use super::faulty::Faulty;
use super::{EPOCH, Home, Log, SCOPE, head, set};

/// More than one transaction reads, writes and flushes.
const POINTS_MAX: u32 = 2_000;

fn store_on(disk: &Faulty) -> Store {
    let identity = Identity::found("Test", "Ana", "laptop", &mut SystemEntropy);
    Store::create_on(Arc::new(disk.clone()), identity).expect("a new store")
}

fn add(store: &Store, id: DocumentId) -> Result<Saved, StoreError> {
    let edits = vec![set("full_name", "Carla")];
    let works = vec![Work::Create { id, kind: Kind::Contact, notes: String::new(), edits }];
    store.save(Save { at: Timestamp(1_000), works }, &mut SystemEntropy)
}

fn edit(store: &Store, id: DocumentId, value: &str) -> Result<Saved, StoreError> {
    let works = vec![Work::Edit { id, edits: vec![set("company", value)] }];
    store.save(Save { at: Timestamp(2_000), works }, &mut SystemEntropy)
}

fn company(store: &Store, id: DocumentId) -> String {
    store.document(id).expect("the record").text("company")
}

fn waiting(store: &Store) -> Vec<Unit> {
    store.read_outbox(SCOPE, 0).expect("the outbox").into_iter().map(|queued| queued.unit).collect()
}

/// Runs `with` for a disk that fails after 0, 1, 2, … operations until it answers that nothing failed.
fn at_every_point(mut with: impl FnMut(u32) -> bool) {
    for point in 0..POINTS_MAX {
        if !with(point) {
            assert!(point > 4, "a transaction writes and flushes several times, and only {point} points failed");
            return;
        }
    }
    panic!("it never succeeds");
}

#[test]
fn wherever_the_disk_fails_in_a_save_nothing_is_acknowledged_that_is_lost_and_the_store_goes_on_by_itself() {
    at_every_point(|point| {
        let disk = Faulty::default();
        let store = store_on(&disk);
        let id = identity::by_hand(&mut SystemEntropy);
        add(&store, id).expect("a save");
        edit(&store, id, "Porto").expect("a save");

        disk.fail_after(point);
        let during = edit(&store, id, "Lisboa");
        let again = edit(&store, id, "Faro");
        disk.mend();
        let is_failed = during.is_err();
        assert!(!is_failed || again.is_err(), "a disk that fails takes nothing");
        let shown = company(&store, id);
        match (&during, &again) {
            (Err(_), _) => assert!(["Porto", "Lisboa", "Faro"].contains(&shown.as_str()), "{shown} at {point}"),
            (Ok(_), Err(_)) => assert!(["Lisboa", "Faro"].contains(&shown.as_str()), "{shown} at {point}"),
            (Ok(_), Ok(_)) => assert_eq!(shown, "Faro"),
        }
        // Were the document that was loaded not that which is durable, this edit would take a number that is given already.
        edit(&store, id, "Braga").expect("a mended disk");
        let units = waiting(&store);
        let reopened = {
            drop(store);
            Store::open_on(Arc::new(disk.clone())).expect("the store")
        };
        assert_eq!(company(&reopened, id), "Braga", "failed at {point}");
        assert_eq!(waiting(&reopened), units, "failed at {point}");
        assert!(reopened.check().expect("a look").is_sound(), "failed at {point}");
        let ben = Home::with(Identity::join(
            reopened.identity().workspace,
            reopened.identity().namespace(),
            "Ben",
            "laptop",
            &mut SystemEntropy,
        ));
        let mut log = Log { segments: Vec::new(), end: head(&ben, 0) };
        log.append(reopened.identity().device, units);
        let arrived = ben.store.apply(SCOPE, EPOCH, &log.segments[0], Timestamp(0)).expect("a segment");
        assert_eq!(arrived.except, Vec::<u64>::new(), "failed at {point}");
        assert_eq!(ben.text(id, "company"), "Braga");
        is_failed
    });
}

#[test]
fn wherever_the_disk_fails_while_saves_arrive_the_cursor_stands_where_the_records_are() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let mut log = Log::of(&ana);
    ana.edit(id, "company", "Porto");
    log.append(ana.store.identity().device, ana.units().split_off(1));
    at_every_point(|point| {
        let disk = Faulty::default();
        let (workspace, namespace) = (ana.store.identity().workspace, ana.store.identity().namespace());
        let identity = Identity::join(workspace, namespace, "Ben", "laptop", &mut SystemEntropy);
        let store = Store::create_on(Arc::new(disk.clone()), identity).expect("a new store");
        let apply = |segment: usize| store.apply(SCOPE, EPOCH, &log.segments[segment], Timestamp(0));
        apply(0).expect("a segment");

        disk.fail_after(point);
        let is_failed = apply(1).is_err();
        disk.mend();
        let cursor = store.cursor(SCOPE).expect("a cursor").expect("a cursor");
        let is_there = company(&store, id) == "Porto";
        assert_eq!(cursor == log.end, is_there, "failed at {point}");
        assert!(is_there || is_failed, "failed at {point}");
        apply(1).expect("the same segment");
        assert_eq!(store.cursor(SCOPE).expect("a cursor"), Some(log.end));
        assert_eq!(company(&store, id), "Porto");
        assert!(store.check().expect("a look").is_sound(), "failed at {point}");
        is_failed
    });
}

#[test]
fn what_was_settled_lazily_waits_again_after_the_disk_has_failed_and_nothing_else_is_lost() {
    at_every_point(|point| {
        let disk = Faulty::default();
        let store = store_on(&disk);
        let id = identity::by_hand(&mut SystemEntropy);
        add(&store, id).expect("a save");
        let settle = || {
            let queued = store.read_outbox(SCOPE, 0).expect("the outbox");
            let visible = |seqs: Vec<u64>| UnitOutcome::Visible { seqs, at: Timestamp(0) };
            let outcomes: Vec<_> = queued.iter().map(|queued| (queued.place, visible(vec![1, 2]))).collect();
            let end = regard_core::wire::Cursor::start(store.identity().workspace, SCOPE, EPOCH);
            store.settle(SCOPE, EPOCH, &outcomes, end)
        };
        settle().expect("settled");
        assert_eq!(waiting(&store), []);
        let openings = store.openings();

        disk.fail_after(point);
        let during = edit(&store, id, "Porto");
        disk.mend();
        let waits = waiting(&store).len();
        if during.is_err() {
            assert!(waits <= 2 && store.openings() > openings, "failed at {point}");
        } else {
            assert_eq!(waits, 1, "failed at {point}");
        }
        settle().expect("settled again");
        assert_eq!(waiting(&store), []);
        store.flush().expect("a mended disk");
        assert!(store.check().expect("a look").is_sound(), "failed at {point}");
        during.is_err()
    });
}

#[test]
fn a_panic_below_the_store_is_an_error_and_the_store_goes_on_by_itself() {
    let disk = Faulty::default();
    let store = store_on(&disk);
    let id = identity::by_hand(&mut SystemEntropy);
    add(&store, id).expect("a save");
    for point in 0..8 {
        disk.panic_after(point);
        let during = edit(&store, id, &format!("Porto {point}"));
        disk.mend();
        assert!(matches!(&during, Ok(_) | Err(StoreError::Damaged { .. })), "{during:?}");
        edit(&store, id, "Lisboa").expect("a store that goes on");
        assert_eq!(company(&store, id), "Lisboa");
    }
    assert!(store.openings() > 1);
    assert!(store.check().expect("a look").is_sound());
}

#[test]
fn a_failing_disk_is_left_alone_for_the_pause_while_reading_goes_on() {
    let disk = Faulty::with_pause(Duration::from_hours(1));
    let store = store_on(&disk);
    let id = identity::by_hand(&mut SystemEntropy);
    add(&store, id).expect("a save");
    disk.fail_after(0);
    edit(&store, id, "Porto").expect_err("the disk fails");
    disk.mend();
    assert_eq!(company(&store, id), "");
    let error = edit(&store, id, "Porto").expect_err("the pause is not over");
    assert!(matches!(error, StoreError::Failed { .. }), "{error}");
    assert_eq!(company(&store, id), "");
}
