use regard_client::store::{OutboxCount, Work};
use regard_core::error::{Cause, Refusal};
use regard_core::limits::{BATCH_CHANGES_TARGET, CHANGES_UNFOLDED_MAX};
use regard_core::record::{Kind, genesis};
use regard_core::wire::UnitOutcome;

use super::{EPOCH, Home, Log, SCOPE, Timestamp, head, set};

#[test]
fn the_outbox_gives_saves_in_their_order_and_a_record_begins_with_its_first_change() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    home.edit(id, "company", "Porto");
    let units = home.units();
    assert_eq!(units.iter().map(|unit| unit.changes.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(units[0].changes[0].bytes, genesis::bytes(Kind::Contact));
    assert_eq!(units[0].author, Some(home.store.identity().device));
}

#[test]
fn what_is_visible_leaves_the_outbox_and_what_is_refused_stays_and_is_not_sent_again() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![]);
    home.edit(id, "company", "Porto");
    let places: Vec<u64> = home.store.read_outbox(SCOPE, 0).expect("the outbox").iter().map(|q| q.place).collect();
    let refusal = Refusal::new(Cause::SequenceTaken, "taken");
    let outcomes = [
        (places[0], UnitOutcome::Visible { seqs: vec![4, 5], at: Timestamp(9) }),
        (places[1], UnitOutcome::Refused(refusal)),
    ];
    home.store.settle(SCOPE, EPOCH, &outcomes, head(&home, 6)).expect("settled");
    let home = home.reopened();
    assert_eq!(home.store.outbox_count().expect("a count"), OutboxCount { waiting: 0, refused: 1 });
    assert!(home.units().is_empty());
    assert_eq!(home.store.witness(SCOPE).expect("a witness"), Some(head(&home, 6)));
    let saves = home.store.saves(id, 10).expect("saves");
    let visible: Vec<_> = saves.iter().map(|save| save.place.map(|place| (place.seq, place.at))).collect();
    assert_eq!(visible, [None, Some((5, Timestamp(9)))], "newest first");
}

#[test]
fn places_are_never_used_again() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![]);
    let place = home.store.read_outbox(SCOPE, 0).expect("the outbox")[0].place;
    let visible = UnitOutcome::Visible { seqs: vec![1], at: Timestamp(9) };
    home.store.settle(SCOPE, EPOCH, &[(place, visible)], head(&home, 1)).expect("settled");
    home.edit(id, "company", "Porto");
    assert!(home.store.read_outbox(SCOPE, place).expect("the outbox").len() == 1, "behind what was sent before");
}

#[test]
fn a_large_outbox_is_read_in_batches() {
    let home = Home::ana();
    let saves = (0..BATCH_CHANGES_TARGET).map(|_| {
        let id = regard_core::record::identity::by_hand(&mut super::SystemEntropy);
        let work = Work::Create { id, kind: Kind::Task, notes: String::new(), edits: vec![set("summary", "x")] };
        super::Save { at: Timestamp(0), works: vec![work] }
    });
    home.store.save_all(saves.collect(), &mut super::SystemEntropy).expect("saves");
    let first = home.store.read_outbox(SCOPE, 0).expect("the outbox").len();
    assert!(first > 1 && first <= BATCH_CHANGES_TARGET / 2, "{first} units of two changes");
    assert_eq!(home.units().len(), BATCH_CHANGES_TARGET);
}

#[test]
fn changes_that_were_folded_into_a_snapshot_are_still_sent_one_by_one() {
    let home = Home::ana();
    let id = home.add(Kind::Contact, vec![set("full_name", "Carla")]);
    for round in 0..2 * CHANGES_UNFOLDED_MAX {
        home.edit(id, "company", &round.to_string());
    }
    let home = home.reopened();
    let ben = Home::ben(&home);
    ben.receive(&Log::of(&home));
    let (one, other) = (home.store.document(id).expect("the record"), ben.store.document(id).expect("the record"));
    assert!(super::same(&one, &other));
    assert_eq!(other.changes_since(&[]).len(), 2 + 2 * CHANGES_UNFOLDED_MAX);
}
