//! Saves that one device could not send go out through another.

use regard_client::store::Carried;
use regard_core::error::Cause;
use regard_core::wire::UnitOutcome;

use super::*;

/// What a device would export.
fn exported(home: &Home) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut after = 0;
    loop {
        let unsent = home.store.read_unsent(SCOPE, after).expect("the outbox");
        let Some(last) = unsent.last() else { return units };
        after = last.place;
        units.extend(unsent.into_iter().map(|queued| queued.unit));
    }
}

fn carry(home: &Home, units: Vec<Unit>) -> Carried {
    home.store.carry(SCOPE, units, Timestamp(3_000)).expect("a store that works")
}

#[test]
fn what_was_carried_is_here_waits_under_its_author_and_comes_once() {
    let ana = Home::ana();
    let task = ana.add(Kind::Task, vec![set("summary", "Offer")]);
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    ben.edit(task, "summary", "Offer for Porto");
    let contact = ben.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let units = exported(&ben);
    assert_eq!(units.len(), 2);

    let carried = carry(&ana, units.clone());
    assert_eq!((carried.taken.len(), carried.existed, carried.refused.len()), (2, 0, 0), "{carried:?}");
    assert_eq!(ana.text(task, "summary"), "Offer for Porto");
    assert!(same(&ana.store.document(contact).expect("here"), &ben.store.document(contact).expect("here")));
    let waiting = ana.units();
    let bens: Vec<_> = waiting.iter().filter(|unit| unit.author == Some(ben.store.identity().device)).collect();
    assert_eq!(bens, units.iter().collect::<Vec<_>>(), "they are sent as they were made");

    let again = carry(&ana, units.clone());
    assert_eq!((again.taken.len(), again.existed), (0, 2));
    assert_eq!(ana.units(), waiting, "nothing is queued twice");
    let reopened = ana.reopened();
    assert_eq!(reopened.units(), waiting, "it is durable");
    assert_eq!(carry(&ben, units).existed, 2, "at its author everything is there");
}

#[test]
fn refused_saves_are_exported_too() {
    let ben = Home::ana();
    ben.add(Kind::Task, vec![set("summary", "Offer")]);
    let place = ben.store.read_outbox(SCOPE, 0).expect("the outbox")[0].place;
    let refusal = regard_core::error::Refusal::new(Cause::NotAllowed, "a reader changes nothing");
    ben.store
        .settle(SCOPE, EPOCH, &[(place, UnitOutcome::Refused(refusal.clone()))], super::head(&ben, 0))
        .expect("settled");
    assert_eq!(exported(&ben).len(), 1);
    let listed = ben.store.unsent(10).expect("the outbox");
    assert_eq!((listed.len(), listed[0].refused.as_ref()), (1, Some(&refusal)));
    assert_eq!(ben.store.waiting_since().expect("the outbox"), None, "a refused save does not wait");
}

#[test]
fn what_cannot_be_taken_is_refused_whole_and_stops_nothing() {
    let ana = Home::ana();
    let ben = Home::ben(&ana);
    let task = ben.add(Kind::Task, vec![set("summary", "Offer")]);
    ben.edit(task, "summary", "Offer for Porto");
    let contact = ben.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let mut units = exported(&ben);
    // The first save got lost, a changed byte in the third, and a save that brings something new beside something unknown.
    let first = units.remove(0);
    let mut damaged = units[1].clone();
    let last = damaged.changes.len() - 1;
    let bytes = &mut damaged.changes[last].bytes;
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    let follows = units[0].changes[0].clone();
    let mixed =
        Unit { id: new_unit(), changes: [units[1].changes.clone(), vec![follows]].concat(), ..units[1].clone() };
    let carried = carry(&ana, vec![units[0].clone(), damaged, mixed, units[1].clone()]);
    let causes: Vec<_> = carried.refused.iter().map(|(_, refusal)| refusal.cause).collect();
    assert_eq!(causes, [Cause::MissingDependency, Cause::Damaged, Cause::MissingDependency]);
    assert_eq!((carried.taken.len(), carried.records), (1, vec![contact]));
    assert!(ana.store.document(task).is_err(), "of a refused save nothing is here");
    let carried = carry(&ana, vec![first, units[0].clone()]);
    assert_eq!((carried.taken.len(), carried.refused.len()), (2, 0), "{carried:?}");
    assert_eq!(ana.text(task, "summary"), "Offer for Porto");
}
