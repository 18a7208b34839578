//! Copies of a store number their changes alike. Whoever comes second makes its changes again, and nothing is lost.

use regard_client::store::{OutboxCount, Store, Work};
use regard_client::system::SystemEntropy;
use regard_core::error::{Cause, Refusal};
use regard_core::limits::REDONE_MAX;
use regard_core::record::Kind;
use regard_core::wire::{Directory, UnitOutcome};

use super::{EPOCH, Home, Log, SCOPE, Timestamp, head, same, set};

fn refuse_all(home: &Home, cause: Cause) {
    let queued = home.store.read_outbox(SCOPE, 0).expect("the outbox");
    let refused = |place| (place, UnitOutcome::Refused(Refusal::new(cause, "refused")));
    let outcomes: Vec<_> = queued.iter().map(|queued| refused(queued.place)).collect();
    home.store.settle(SCOPE, EPOCH, &outcomes, head(home, 0)).expect("settled");
}

fn redo(store: &Store) -> Option<Vec<u64>> {
    store.redo(SCOPE, Timestamp(5), &mut SystemEntropy).expect("made again")
}

/// Two copies with a record that everybody has, and its log so far.
fn copies() -> (Home, Home, regard_core::id::DocumentId, Log) {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let log = Log::of(&home);
    let queued = home.store.read_outbox(SCOPE, 0).expect("the outbox");
    let visible = UnitOutcome::Visible { seqs: vec![1, 2], at: Timestamp(1) };
    home.store.settle(SCOPE, EPOCH, &[(queued[0].place, visible)], head(&home, 2)).expect("settled");
    home.receive(&log);
    let (one, other) = home.copied();
    (one, other, id, log)
}

#[test]
fn what_a_copy_was_refused_is_made_again_and_both_end_alike() {
    let (one, other, id, mut log) = copies();
    one.edit(id, "company", "Porto");
    let new = other.add(Kind::Task, vec![set("summary", "Call")]);
    other.make(vec![
        Work::Edit { id, edits: vec![set("nickname", "Caz")] },
        Work::Edit { id: new, edits: vec![set("summary", "Call Carla")] },
    ]);
    other.edit(id, "notes", "Met at the fair.");
    log.append(one.store.identity().device, one.units());
    let units: Vec<_> = other.units().iter().map(|unit| unit.id).collect();
    refuse_all(&other, Cause::SequenceTaken);
    assert_eq!(redo(&other.store), Some(Vec::new()));
    let other = other.reopened();
    assert_eq!(other.units().iter().map(|unit| unit.id).collect::<Vec<_>>(), units, "the same saves, in their order");
    log.append(other.store.identity().device, other.units());
    one.receive(&log);
    other.receive(&log);
    for record in [id, new] {
        let documents = [&one, &other].map(|home| home.store.document(record).expect("the record"));
        assert!(same(&documents[0], &documents[1]));
    }
    let texts = ["company", "nickname", "notes"].map(|field| one.text(id, field));
    assert_eq!(texts, ["Porto", "Caz", "Met at the fair."]);
    assert_eq!(one.text(new, "summary"), "Call Carla");
    assert_eq!(one.store.quarantined().expect("a list").len() + other.store.quarantined().expect("a list").len(), 0);
}

/// The other's changes came first: they were set aside, since their numbers were taken here.
#[test]
fn what_was_set_aside_because_of_a_collision_is_applied_once_it_is_gone() {
    let (one, other, id, mut log) = copies();
    one.edit(id, "company", "Porto");
    one.edit(id, "company", "Lisbon");
    other.edit(id, "nickname", "Caz");
    log.append(one.store.identity().device, one.units());
    other.receive(&log);
    assert_eq!(other.store.quarantined().expect("a list").len(), 2);
    assert_eq!(other.store.exceptions(SCOPE).expect("a list"), [3, 4]);
    refuse_all(&other, Cause::SequenceTaken);
    assert_eq!(redo(&other.store), Some(vec![3, 4]));
    assert_eq!(other.store.exceptions(SCOPE).expect("a list"), Vec::<u64>::new());
    assert_eq!((other.text(id, "company"), other.text(id, "nickname")), ("Lisbon".into(), "Caz".into()));
    log.append(other.store.identity().device, other.units());
    one.receive(&log);
    let other = other.reopened();
    let documents = [&one, &other].map(|home| home.store.document(id).expect("the record"));
    assert!(same(&documents[0], &documents[1]));
    assert_eq!(other.store.saves(id, 10).expect("saves").len(), 4);
}

#[test]
fn what_making_again_would_not_heal_is_shown_instead() {
    let home = Home::ana();
    home.add(Kind::Task, vec![]);
    refuse_all(&home, Cause::NotAllowed);
    assert_eq!(redo(&home.store), None);
    assert_eq!(home.store.outbox_count().expect("a count"), OutboxCount { waiting: 0, refused: 1 });
}

/// Ben carries Ana's save to a relay that lost it, while Ana is there and has not brought it: he keeps it, and does not put it
/// into his own name.
#[test]
fn a_carried_save_waits_for_whoever_made_it() {
    let ana = Home::ana();
    ana.add(Kind::Task, vec![set("summary", "Call")]);
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    let differing = ben.store.compare(SCOPE, None, &[], true).expect("a comparison");
    ben.store.refill(SCOPE, head(&ben, 0), &differing, true, Timestamp(0), &mut super::new_unit).expect("a refill");
    let units = ben.units();
    for cause in [Cause::ForeignActor, Cause::MissingDependency] {
        refuse_all(&ben, cause);
        assert_eq!(redo(&ben.store), None);
        assert_eq!(ben.units(), units);
    }
    assert_eq!(ben.store.outbox_count().expect("a count"), OutboxCount { waiting: 1, refused: 0 });
}

#[test]
fn a_save_that_is_refused_again_and_again_is_made_again_only_so_often() {
    let home = Home::ana();
    home.add(Kind::Task, vec![set("summary", "Call")]);
    for _ in 0..REDONE_MAX {
        refuse_all(&home, Cause::SequenceTaken);
        assert_eq!(redo(&home.store), Some(Vec::new()));
    }
    refuse_all(&home, Cause::SequenceTaken);
    assert_eq!(redo(&home.store), None);
    assert_eq!(home.store.refused().expect("a list").len(), 1);
}

#[test]
fn a_copy_that_becomes_a_device_of_its_own_writes_under_an_actor_of_its_own() {
    let (_one, other, id, _) = copies();
    other.edit(id, "nickname", "Caz");
    let before = other.store.identity();
    assert_eq!([1, 2], [other.store.next_instance().expect("raised"), other.store.next_instance().expect("raised")]);
    let fresh = before.copied(&mut SystemEntropy);
    other.store.become_device(fresh.clone(), "ab", &Directory::default()).expect("another device");
    other.edit(id, "nickname", "Cazza");
    let other = other.reopened();
    assert_eq!(other.store.identity().device, fresh.device);
    assert_ne!(fresh.device, before.device);
    assert!(fresh.is_own(before.device) && fresh.device_name.ends_with("(copy)"));
    assert_eq!(other.store.next_instance().expect("raised"), 1);
    let authors: Vec<_> = other.units().iter().map(|unit| unit.author).collect();
    assert_eq!(authors, [Some(before.device), Some(fresh.device)]);
    let actors: Vec<_> = other
        .units()
        .iter()
        .map(|unit| {
            let header = regard_core::gate::check(&unit.changes[0].bytes).expect("an honest change").header;
            header.actor.device()
        })
        .collect();
    assert_eq!(actors, authors);
}
