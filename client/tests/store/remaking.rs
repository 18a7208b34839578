//! A save that another device could not apply is told to whoever made it, and made again; what only lacked something heals.

use std::time::Duration;

use regard_client::store::{Answer, Complaint};
use regard_client::system::SystemEntropy;
use regard_core::error::Cause;
use regard_core::id::{DeviceId, DocumentId};
use regard_core::limits::{REDONE_MAX, REMAKE_PATIENCE};
use regard_core::record::Kind;
use regard_core::visibility::Place;
use regard_core::wire::{Peer, PeerApplied, Unit, UnitOutcome};

use super::{EPOCH, Home, Log, SCOPE, Timestamp, head, set};

/// The relay takes everything that waits, at the places behind `seq`.
fn taken(home: &Home, mut seq: u64) -> Vec<Unit> {
    let queued = home.store.read_outbox(SCOPE, 0).expect("the outbox");
    let outcomes = queued.iter().map(|queued| {
        let seqs: Vec<u64> = (seq + 1..).take(queued.unit.changes.len()).collect();
        seq += seqs.len() as u64;
        (queued.place, UnitOutcome::Visible { seqs, at: Timestamp(1) })
    });
    let outcomes: Vec<_> = outcomes.collect();
    home.store.settle(SCOPE, EPOCH, &outcomes, head(home, seq)).expect("settled");
    queued.into_iter().map(|queued| queued.unit).collect()
}

fn hears(home: &Home, device: DeviceId, seq: u64, except: &[u64], now: Timestamp) -> Vec<Complaint> {
    let applied = PeerApplied { scope: SCOPE, epoch: EPOCH, seq, except: except.to_vec(), at: now };
    let peers = [Peer { device, online: true, since: now, applied: vec![applied] }];
    let complaints = home.store.hear_complaints(&peers, now).expect("heard");
    home.store.keep_peers(&peers).expect("kept");
    complaints
}

fn answers(home: &Home, now: Timestamp) -> Vec<Complaint> {
    home.store.answer_complaints(now, &mut SystemEntropy).expect("answered")
}

/// Ana's edit stands at place 3, and Carl's device could not apply it.
struct Story {
    ana: Home,
    carl: Home,
    id: DocumentId,
    refused: Vec<Unit>,
    log: Log,
}

fn story() -> Story {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla"), set("notes", "Met in May.")]);
    let carl = Home::ben(&ana);
    let mut log = Log::new(&ana);
    log.append(ana.store.identity().device, taken(&ana, 0));
    carl.receive(&log);
    ana.make(vec![regard_client::store::Work::Edit {
        id,
        edits: vec![set("company", "Porto"), set("notes", "Met in May. Likes tea.")],
    }]);
    let seq = log.end.seq;
    let refused = taken(&ana, seq);
    Story { ana, carl, id, refused, log }
}

#[test]
fn a_save_that_another_device_cannot_apply_is_made_again_and_shows_there() {
    let Story { ana, carl, id, refused, mut log } = story();
    let (device, at, now) = (carl.store.identity().device, log.end.seq + 1, Timestamp(1_000));
    let complaints = hears(&ana, device, at, &[at], now);
    assert_eq!(complaints.iter().map(|one| (one.save, one.seq)).collect::<Vec<_>>(), [(refused[0].id, at)]);
    assert_eq!(hears(&ana, device, at, &[at], now), [], "it is told once");
    assert_eq!(answers(&ana, now), [], "what only lacks something may heal");
    let later = now.after(REMAKE_PATIENCE);
    let answered = answers(&ana, later);
    assert!(matches!(&answered[..], [Complaint { answer: Answer::MadeAgain { .. }, .. }]), "{answered:?}");
    assert_eq!(answers(&ana, later), []);
    assert_eq!((ana.text(id, "company"), ana.text(id, "notes")), ("Porto".into(), "Met in May. Likes tea.".into()));
    let again = taken(&ana, at);
    // Carl's log lacks what his device could not apply: whatever follows it waits.
    log.append(ana.store.identity().device, again);
    carl.receive(&log);
    assert_eq!((carl.text(id, "company"), carl.text(id, "notes")), ("Porto".into(), "Met in May. Likes tea.".into()));
    let aside = carl.store.quarantined().expect("a list");
    assert_eq!(aside.iter().map(|one| one.reason.cause).collect::<Vec<_>>(), [Cause::MissingDependency]);
    // That one change is set aside there is no complaint: it only takes away what stands twice elsewhere.
    assert_eq!(hears(&ana, device, at + 2, &[at, at + 2], later), []);
    // Another version of the program may apply the change after all: what waited for it follows by itself.
    log.append(ana.store.identity().device, refused);
    carl.receive(&log);
    assert_eq!(carl.store.quarantined().expect("a list"), []);
    assert!(!carl.store.take_healed().is_empty(), "the others are told");
    let documents = [&ana, &carl].map(|home| home.store.document(id).expect("the record"));
    assert!(super::same(&documents[0], &documents[1]));
}

#[test]
fn what_heals_in_time_is_not_made_again_and_is_told_as_applied() {
    let Story { ana, carl, id, log, .. } = story();
    let (device, at, now) = (carl.store.identity().device, log.end.seq + 1, Timestamp(1_000));
    hears(&ana, device, at, &[at], now);
    let place = Place { epoch: EPOCH, first_seq: at, seq: at, at: Timestamp(1), is_exact: true };
    let set_aside = || ana.store.receipt(device, SCOPE, &place).expect("a receipt").map(|receipt| receipt.set_aside);
    assert_eq!(set_aside(), Some(true));
    hears(&ana, device, at, &[], now.after(Duration::from_secs(2)));
    assert_eq!(set_aside(), Some(false));
    assert_eq!(answers(&ana, now.after(2 * REMAKE_PATIENCE)), []);
    assert_eq!(ana.store.complaints().expect("a list"), []);
    assert_eq!(ana.text(id, "company"), "Porto");
}

#[test]
fn a_save_is_made_again_only_so_often() {
    let Story { ana, carl, log, .. } = story();
    let (device, mut now) = (carl.store.identity().device, Timestamp(1_000));
    let (mut seq, mut except) = (log.end.seq + 1, vec![log.end.seq + 1]);
    for round in 0..=REDONE_MAX {
        assert_eq!(hears(&ana, device, seq, &except, now).len(), 1, "round {round}");
        now = now.after(REMAKE_PATIENCE);
        let answered = answers(&ana, now);
        let is_left = matches!(answered[0].answer, Answer::Left { .. });
        assert_eq!(is_left, round == REDONE_MAX, "round {round}: {answered:?}");
        let again: u64 = taken(&ana, seq).iter().map(|unit| unit.changes.len() as u64).sum();
        except.extend(seq + 1..=seq + again);
        seq += again;
    }
    assert_eq!(ana.store.outbox_count().expect("a count").waiting, 0);
}

/// Nothing of it is Ana's to make again.
#[test]
fn others_saves_are_left_to_those_who_made_them() {
    let Story { ana, carl, log, .. } = story();
    ana.receive(&log);
    let ben = Home::ben(&ana);
    ben.receive(&log);
    assert_eq!(hears(&ben, carl.store.identity().device, 3, &[1, 2, 3], Timestamp(1_000)), []);
}
