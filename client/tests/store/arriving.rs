use regard_client::store::StoreError;
use regard_core::error::Cause;
use regard_core::id::DocumentId;
use regard_core::record::Kind;
use regard_core::wire::{Segment, UnitChange};

use super::{EPOCH, Home, Log, SCOPE, Timestamp, new_unit, set};

#[test]
fn what_arrives_is_there_with_its_cursor_after_the_store_is_opened_again() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let log = Log::of(&ana);
    let ben = Home::ben(&ana);
    ben.receive(&log);
    let ben = ben.reopened();
    assert_eq!(ben.text(id, "full_name"), "Carla");
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor"), Some(log.end));
    assert!(ben.units().is_empty(), "others' changes are not ours to send");
    let saves = ben.store.saves(id, 10).expect("saves");
    assert_eq!(saves.len(), 1);
    assert_eq!((saves[0].author, saves[0].carrier), (Some(ana.store.identity().device), saves[0].author));
    assert_eq!(saves[0].place.map(|place| place.seq), Some(2));
}

#[test]
fn a_segment_that_comes_twice_changes_nothing() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let (log, ben) = (Log::of(&ana), Home::ben(&ana));
    ben.receive(&log);
    let before = ben.store.document(id).expect("the record");
    ben.receive(&log);
    assert!(super::same(&before, &ben.store.document(id).expect("the record")));
    assert_eq!(ben.store.saves(id, 10).expect("saves").len(), 1);
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor"), Some(log.end));
}

#[test]
fn a_gap_and_another_history_are_refused_and_leave_everything_as_it_was() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let mut log = Log::of(&ana);
    ana.edit(id, "company", "Porto");
    let unit = ana.units().pop().expect("the edit");
    log.append(ana.store.identity().device, vec![unit]);
    let ben = Home::ben(&ana);
    let refused = |segment: &[u8]| match ben.store.apply(SCOPE, EPOCH, segment, Timestamp(0)) {
        Err(StoreError::Refused(refusal)) => refusal.cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&log.segments[1]), Cause::OutOfOrder);
    ben.store.apply(SCOPE, EPOCH, &log.segments[0], Timestamp(0)).expect("the first segment");
    let mut other = Segment::unpack(&log.segments[1]).expect("a segment");
    other.before = regard_core::wire::Cursor::start(ana.store.identity().workspace, SCOPE, EPOCH).hash;
    assert_eq!(refused(&other.pack()), Cause::OutOfOrder);
    assert_eq!(refused(b"no segment"), Cause::Malformed);
    assert_eq!(ben.text(id, "company"), "");
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor").map(|cursor| cursor.seq), Some(2));
}

#[test]
fn a_change_that_is_not_acceptable_is_set_aside_with_its_reason_and_stops_nothing() {
    let ana = Home::ana();
    let good = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let lost = DocumentId::from_bytes([9; 16]);
    let mut units = ana.units();
    // The edit without the first change that it follows, as another record's.
    let orphan = UnitChange { document: lost, bytes: units[0].changes[1].bytes.clone() };
    let mut bad = units[0].clone();
    (bad.id, bad.changes) = (new_unit(), vec![orphan]);
    units.insert(0, bad);
    let mut log = Log::new(&ana);
    log.append(ana.store.identity().device, units);
    let ben = Home::ben(&ana);
    let arrived = ben.store.apply(SCOPE, EPOCH, &log.segments[0], Timestamp(5)).expect("a segment");
    assert_eq!((arrived.except, arrived.records), (vec![1], vec![good]));
    let ben = ben.reopened();
    let aside = ben.store.quarantined().expect("what was set aside");
    assert_eq!(
        aside.iter().map(|one| (one.document, one.seq, one.reason.cause)).collect::<Vec<_>>(),
        [(lost, 1, Cause::MissingDependency)]
    );
    assert_eq!(ben.text(good, "full_name"), "Carla");
    assert_eq!(ben.store.cursor(SCOPE).expect("a cursor"), Some(log.end));
}

#[test]
fn edits_of_two_devices_merge_and_differing_values_show_as_a_conflict() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let ben = Home::ben(&ana);
    let mut log = Log::of(&ana);
    ben.receive(&log);
    ana.edit(id, "job_title", "Buyer");
    ben.edit(id, "job_title", "Manager");
    ben.edit(id, "company", "Porto");
    let from_ana = ana.units().split_off(1);
    log.append(ana.store.identity().device, from_ana);
    log.append(ben.store.identity().device, ben.units());
    ana.receive(&log);
    ben.receive(&log);
    let (one, other) = (ana.store.document(id).expect("the record"), ben.store.document(id).expect("the record"));
    assert!(super::same(&one, &other));
    assert_eq!(one.text("company"), "Porto");
    let conflicts: Vec<_> = one.conflicts().into_iter().map(|conflict| conflict.place).collect();
    assert_eq!(conflicts, ["job_title"]);
    assert_eq!(ben.store.listed(id).expect("the record").projection.conflicts, 1);
}

#[test]
fn a_record_of_another_scope_is_set_aside() {
    let ana = Home::ana();
    let id = ana.add(Kind::Contact, vec![set("full_name", "Carla")]);
    let ben = Home::ben(&ana);
    ben.receive(&Log::of(&ana));
    let unit = ana.units().remove(0);
    let other = regard_core::wire::Scope::AddressBook;
    let start = regard_core::wire::Cursor::start(ana.store.identity().workspace, other, EPOCH);
    let carrier = ana.store.identity().device;
    let segment = Segment { carrier, visible_at: Timestamp(0), first_seq: 1, before: start.hash, units: vec![unit] };
    let arrived = ben.store.apply(other, EPOCH, &segment.pack(), Timestamp(0)).expect("a segment");
    assert_eq!((arrived.except, arrived.records), (vec![1, 2], Vec::new()));
    assert_eq!(ben.store.document(id).expect("the record").text("full_name"), "Carla");
    assert_eq!(ben.store.exceptions(other).expect("exceptions"), [1, 2]);
}
