//! A log that was lost, or went back to an older copy, is compared with what is here and filled again.

use regard_client::store::Work;
use regard_core::error::{Cause, Refusal};
use regard_core::id::{ChangeHash, DocumentId, EpochId};
use regard_core::limits::CHANGES_UNFOLDED_MAX;
use regard_core::record::Kind;
use regard_core::sync::Difference;
use regard_core::visibility::Reached;
use regard_core::wire::{Cursor, Excerpt, Excerpted, HeadsDigest, Peer, PeerApplied, Unit, UnitOutcome};

use super::{EPOCH, Home, Log, SCOPE, Timestamp, head, new_unit, set};

const OTHER: EpochId = EpochId::from_bytes([9; 16]);

/// Everything that waits becomes visible, place after place.
fn settle_all(home: &Home) {
    let mut seq = 0;
    let outcomes = home.store.read_outbox(SCOPE, 0).expect("the outbox").into_iter().map(|queued| {
        let seqs: Vec<u64> = queued
            .unit
            .changes
            .iter()
            .map(|_| {
                seq += 1;
                seq
            })
            .collect();
        (queued.place, UnitOutcome::Visible { seqs, at: Timestamp(9) })
    });
    let outcomes: Vec<_> = outcomes.collect();
    home.store.settle(SCOPE, EPOCH, &outcomes, head(home, 99)).expect("settled");
}

fn end(home: &Home, seq: u64) -> Cursor {
    Cursor { seq, ..Cursor::start(home.store.identity().workspace, SCOPE, OTHER) }
}

/// What an empty log lacks.
fn all_of(home: &Home) -> Vec<Difference> {
    home.store.compare(SCOPE, None, &[], true).expect("a comparison")
}

fn refill(home: &Home, at: Cursor, differing: &[Difference]) {
    home.store.refill(SCOPE, at, differing, true, Timestamp(0), &mut new_unit).expect("a refill");
}

#[test]
fn a_log_that_was_lost_is_filled_with_the_saves_as_they_were_whoever_made_them() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    for round in 0..2 * CHANGES_UNFOLDED_MAX {
        ana.edit(id, "company", &round.to_string());
    }
    let other = ana.add(Kind::Task, vec![]);
    ana.make(vec![
        Work::Edit { id, edits: vec![set("job_title", "Buyer")] },
        Work::Edit { id: other, edits: vec![set("summary", "Call")] },
    ]);
    let units = ana.units();
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    assert_eq!(ben.units(), Vec::<Unit>::new());
    refill(&ben, end(&ben, 0), &all_of(&ben));
    assert_eq!(ben.units(), units, "ids, authors, order and bytes are the same");
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor"), Some(end(&ben, 0)));
    assert_eq!(ben.store.saves(id, 1).expect("saves")[0].place, None, "nobody can see it now");
    settle_all(&ana);
    refill(&ana, end(&ana, 0), &all_of(&ana));
    assert_eq!(ana.units(), units);
    assert_eq!(ana.store.witness(SCOPE).expect("a witness"), None, "it was of another log");
}

#[test]
fn a_reader_offers_nothing_and_waits_for_others_to_bring_it() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![]);
    let carla = Home::ben(&ana);
    carla.receive(&Log::of(&ana));
    let differing = all_of(&carla);
    carla.store.refill(SCOPE, end(&carla, 0), &differing, false, Timestamp(0), &mut new_unit).expect("a refill");
    assert_eq!(carla.units(), Vec::<Unit>::new());
    assert_eq!(carla.store.saves(id, 1).expect("saves")[0].place, None);
    let packed = excerpt(&ana, ana.units(), 3);
    carla.store.apply_excerpt(SCOPE, OTHER, &packed, Timestamp(3)).expect("applied");
    let place = carla.store.saves(id, 1).expect("saves")[0].place.expect("visible again");
    assert_eq!((place.epoch, place.at), (OTHER, Timestamp(77)));
}

/// A relay that lost everything refuses a save whose record it has not got: what the save follows must go first.
#[test]
fn what_waits_comes_behind_what_it_follows_and_nothing_twice() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    settle_all(&ana);
    ana.edit(id, "company", "Porto");
    let before = ana.units();
    let differing = all_of(&ana);
    for _ in 0..3 {
        refill(&ana, end(&ana, 0), &differing);
    }
    let units = ana.units();
    assert_eq!(units.iter().map(|unit| unit.changes.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(units[1], before[0]);
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    assert_eq!(ben.text(id, "company"), "Porto");
}

/// The first comparison found the second save lacking, the next one the first save too: it goes before.
#[test]
fn a_second_refill_puts_saves_in_their_order_again() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![]);
    let other = ana.add(Kind::Contact, vec![]);
    ana.make(vec![
        Work::Edit { id, edits: vec![set("company", "Porto")] },
        Work::Edit { id: other, edits: vec![set("company", "Porto")] },
    ]);
    let units = ana.units();
    settle_all(&ana);
    let differing = all_of(&ana);
    let first: Vec<_> = differing.iter().copied().filter(|difference| difference.document == other).collect();
    refill(&ana, end(&ana, 5), &first);
    assert_eq!(ana.units().len(), 2, "the part of the other record that is there is left out");
    refill(&ana, end(&ana, 0), &differing);
    assert_eq!(ana.units(), units);
    refill(&ana, end(&ana, 7), &[]);
    assert_eq!(ana.units(), Vec::<Unit>::new(), "somebody else brought it");
    let place = ana.store.saves(id, 1).expect("saves")[0].place.expect("it is in the log");
    assert_eq!((place.epoch, place.seq, place.is_exact), (OTHER, 7, false));
}

#[test]
fn a_refused_save_is_offered_to_another_log() {
    let ana = Home::ana();
    ana.add(Kind::Contact, vec![]);
    let place = ana.store.read_outbox(SCOPE, 0).expect("the outbox")[0].place;
    let refused = UnitOutcome::Refused(Refusal::new(Cause::NotAllowed, "a reader changes nothing"));
    ana.store.settle(SCOPE, EPOCH, &[(place, refused)], head(&ana, 0)).expect("settled");
    assert!(ana.units().is_empty());
    refill(&ana, end(&ana, 0), &all_of(&ana));
    assert_eq!(ana.units().len(), 1);
}

#[test]
fn only_what_differs_is_found_piece_by_piece() {
    let ana = Home::ana();
    let mut ids: Vec<DocumentId> = (0..6).map(|_| ana.add(Kind::Task, vec![])).collect();
    ids.sort_unstable();
    let ours: Vec<_> = all_of(&ana).iter().map(|found| (found.document, found.ours.expect("held"))).collect();
    assert_eq!(ours.iter().map(|entry| entry.0).collect::<Vec<_>>(), ids);
    let mut theirs = ours.clone();
    theirs[1].1 = HeadsDigest::of(&[ChangeHash([1; 32])]);
    theirs.remove(4);
    let store = &ana.store;
    let first = store.compare(SCOPE, None, &theirs[..2], false).expect("a comparison");
    assert_eq!(first.iter().map(|found| found.document).collect::<Vec<_>>(), [ids[1]]);
    let rest = store.compare(SCOPE, Some(theirs[1].0), &theirs[2..], true).expect("a comparison");
    assert_eq!(rest.iter().map(|found| (found.document, found.theirs)).collect::<Vec<_>>(), [(ids[4], None)]);
    assert_eq!(store.compare(SCOPE, None, &ours, true).expect("a comparison"), Vec::new());
    assert_eq!(store.compare(regard_core::wire::Scope::AddressBook, None, &[], true).expect("nothing"), Vec::new());
}

fn excerpt(carrier: &Home, units: Vec<Unit>, first_seq: u64) -> Vec<u8> {
    let mut seq = first_seq;
    let units = units.into_iter().map(|unit| {
        let seqs: Vec<u64> = unit
            .changes
            .iter()
            .map(|_| {
                seq += 2;
                seq
            })
            .collect();
        Excerpted { carrier: carrier.store.identity().device, visible_at: Timestamp(77), seqs, unit }
    });
    Excerpt { units: units.collect() }.pack()
}

/// Ben was away for long: he has what the log lost, and lacks what it got.
#[test]
fn what_is_only_there_is_taken_in_and_what_is_only_here_goes_out() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    ben.edit(id, "nickname", "Caz");
    settle_all(&ben);
    let at_ana = ana.store.saves(id, 1).expect("saves")[0].unit;
    ana.edit(id, "company", "Porto");
    let theirs = ana.store.compare(SCOPE, None, &[], true).expect("a list")[0].ours.expect("held");
    let differing = ben.store.compare(SCOPE, None, &[(id, theirs)], true).expect("a comparison");
    assert_eq!(differing.len(), 1);
    let packed = excerpt(&ana, ana.units(), 10);
    assert_eq!(ben.store.apply_excerpt(SCOPE, OTHER, &packed, Timestamp(3)).expect("applied"), [id]);
    assert_eq!(ben.text(id, "company"), "Porto");
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor").map(|cursor| cursor.epoch), Some(EPOCH), "it stays");
    refill(&ben, end(&ben, 30), &differing);
    let units = ben.units();
    let own = units.iter().filter(|unit| unit.author == Some(ben.store.identity().device)).count();
    assert_eq!(own, 1, "{units:?}");
    let ana_save = ben.store.saves(id, 10).expect("saves").into_iter().find(|save| save.unit == at_ana);
    assert!(ana_save.is_some(), "the save that both had is still one save");
    ben.store.apply_excerpt(SCOPE, OTHER, &packed, Timestamp(3)).expect("once more changes nothing");
    assert_eq!(ben.store.saves(id, 10).expect("saves").len(), 3);
}

/// What was equal when the logs were compared needs not be sent, and its old place is a place of a log that is gone.
#[test]
fn a_save_that_the_new_log_has_already_counts_as_visible_where_it_was_compared() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![]);
    settle_all(&ana);
    refill(&ana, end(&ana, 40), &[]);
    assert!(ana.units().is_empty());
    let save = ana.store.saves(id, 1).expect("saves").remove(0);
    let place = save.place.expect("visible");
    assert_eq!((place.epoch, place.seq, place.at, place.is_exact), (OTHER, 40, Timestamp(9), false));
    let ben = regard_core::id::DeviceId::from_bytes([5; 16]);
    let applied = |epoch, seq| PeerApplied { scope: SCOPE, epoch, seq, except: vec![40], at: Timestamp(8) };
    let peer = |applied| Peer { device: ben, online: true, since: Timestamp(1), applied: vec![applied] };
    ana.store.keep_peers(&[peer(applied(EPOCH, 500)), peer(applied(OTHER, 39))]).expect("kept");
    assert_eq!(ana.store.receipt(ben, SCOPE, &place).expect("an answer"), None, "neither says anything");
    ana.store.keep_peers(&[peer(applied(OTHER, 41))]).expect("kept");
    let receipt = ana.store.receipt(ben, SCOPE, &place).expect("an answer");
    let reached = regard_core::visibility::reached(ben, save.author, Some(&place), receipt);
    assert_eq!(reached, Reached::Applied { at: Timestamp(8) }, "the place that was set aside is another save's");
}
