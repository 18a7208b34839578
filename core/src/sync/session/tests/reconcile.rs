use super::*;
use crate::id::{ChangeHash, DocumentId};
use crate::limits::{FETCH_DOCUMENTS_MAX, VOID_CURSORS_MAX};
use crate::sync::Difference;
use crate::wire::{Fetch, HeadsDigest, pack_inventory};

fn document(number: u16) -> DocumentId {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    DocumentId::from_bytes(bytes)
}

fn digest(number: u8) -> HeadsDigest {
    HeadsDigest::of(&[ChangeHash([number; 32])])
}

fn void(head: Cursor) -> Event {
    Event::Frame(RelayFrame::CursorVoid { scope: SCOPE, head })
}

fn inventory(at: Cursor, documents: &[u16], last: bool) -> Event {
    let entries: Vec<_> = documents.iter().map(|number| (document(*number), digest(1))).collect();
    Event::Frame(RelayFrame::Inventory { scope: SCOPE, at, entries: pack_inventory(&entries), last })
}

/// A session whose cursor the relay has just called void.
fn reconciling(head: Cursor) -> Session {
    let mut session = session(Some(cursor(70)));
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(connected(), Timestamp(0));
    session.handle(welcome(head), Timestamp(0));
    let effects = session.handle(void(head), Timestamp(0));
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Reconcile(SCOPE))]);
    session
}

#[test]
fn a_void_cursor_is_followed_by_comparing_fetching_refilling_and_only_then_by_pushing() {
    let other = Cursor { epoch: EpochId::from_bytes([8; 16]), ..cursor(100) };
    let mut session = reconciling(other);
    assert_eq!(session.handle(Event::Saved { scope: SCOPE }, Timestamp(0)), Vec::new(), "nothing is pushed meanwhile");
    let effects = session.handle(inventory(other, &[1, 2], false), Timestamp(0));
    assert!(matches!(&effects[..], [Effect::Compare { after: None, last: false, .. }]), "{effects:?}");
    let effects = session.handle(inventory(other, &[3], true), Timestamp(0));
    assert!(
        matches!(&effects[..], [Effect::Compare { after: Some(after), last: true, .. }] if *after == document(2)),
        "{effects:?}"
    );
    let theirs = Difference { document: document(1), ours: None, theirs: Some(digest(1)) };
    let ours = Difference { document: document(9), ours: Some(digest(2)), theirs: None };
    let compared = |differing, last| Event::Compared { scope: SCOPE, differing, last };
    assert_eq!(session.handle(compared(vec![theirs], false), Timestamp(0)), Vec::new());
    let effects = session.handle(compared(vec![ours], true), Timestamp(0));
    let fetch = Fetch { scope: SCOPE, documents: vec![document(1)] };
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Fetch(fetch))]);
    let excerpt = RelayFrame::Excerpt { scope: SCOPE, packed: vec![7], last: true };
    let effects = session.handle(Event::Frame(excerpt), Timestamp(0));
    let apply = Effect::ApplyExcerpt { scope: SCOPE, epoch: other.epoch, packed: vec![7], last: true };
    assert_eq!(effects, vec![apply]);
    let effects = session.handle(Event::ExcerptApplied { scope: SCOPE, changed: true, last: true }, Timestamp(0));
    assert_eq!(effects, vec![Effect::Refill { scope: SCOPE, at: other, differing: vec![theirs, ours] }]);
    let effects = session.handle(Event::Refilled { scope: SCOPE, at: other, exceptions: Vec::new() }, Timestamp(0));
    let subscribe = Subscribe { scope: SCOPE, from: Some(other), witness: None };
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Subscribe(subscribe))]);
    let effects = session.handle(caught_up(other), Timestamp(0));
    assert_eq!(effects, vec![Effect::ReadOutbox { scope: SCOPE, after: 0 }]);
}

#[test]
fn where_nothing_is_only_there_nothing_is_fetched() {
    let mut session = reconciling(cursor(0));
    session.handle(inventory(cursor(0), &[], true), Timestamp(0));
    let ours = Difference { document: document(9), ours: Some(digest(2)), theirs: None };
    let effects = session.handle(Event::Compared { scope: SCOPE, differing: vec![ours], last: true }, Timestamp(0));
    assert_eq!(effects, vec![Effect::Refill { scope: SCOPE, at: cursor(0), differing: vec![ours] }]);
}

#[test]
fn many_documents_are_fetched_a_bounded_number_at_a_time() {
    let mut session = reconciling(cursor(5));
    session.handle(inventory(cursor(5), &[1], true), Timestamp(0));
    let count = u16::try_from(FETCH_DOCUMENTS_MAX).expect("a small bound") + 1;
    let differing =
        (0..count).map(|number| Difference { document: document(number), ours: None, theirs: Some(digest(1)) });
    let compared = Event::Compared { scope: SCOPE, differing: differing.collect(), last: true };
    let fetched = |effects: &[Effect]| match effects {
        [Effect::Send(ClientFrame::Fetch(fetch))] => fetch.documents.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fetched(&session.handle(compared, Timestamp(0))), FETCH_DOCUMENTS_MAX);
    let applied = |last| Event::ExcerptApplied { scope: SCOPE, changed: true, last };
    assert_eq!(session.handle(applied(false), Timestamp(0)), Vec::new());
    assert_eq!(fetched(&session.handle(applied(true), Timestamp(0))), 1);
    assert!(matches!(session.handle(applied(true), Timestamp(0))[..], [Effect::Refill { .. }]));
}

#[test]
fn a_list_that_is_cut_or_out_of_order_ends_the_connection() {
    for (first, second) in [(&[1_u16, 2][..], &[2_u16][..]), (&[3], &[1]), (&[1], &[])] {
        let mut session = reconciling(cursor(5));
        session.handle(inventory(cursor(5), first, false), Timestamp(0));
        session.handle(inventory(cursor(5), second, false), Timestamp(0));
        assert!(matches!(session.link(), Link::Waiting { .. }), "{first:?} {second:?}");
    }
    let mut session = reconciling(cursor(5));
    session.handle(inventory(cursor(5), &[1], false), Timestamp(0));
    session.handle(inventory(cursor(6), &[2], true), Timestamp(0));
    assert!(matches!(session.link(), Link::Waiting { .. }), "one list has one end of the log");
}

#[test]
fn a_connection_that_breaks_while_reconciling_begins_again() {
    let mut session = reconciling(cursor(5));
    session.handle(inventory(cursor(5), &[1], false), Timestamp(0));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(1));
    session.handle(Event::Timer, Timestamp(60_000));
    session.handle(connected(), Timestamp(60_000));
    session.handle(welcome(cursor(5)), Timestamp(60_000));
    let late = Event::Compared { scope: SCOPE, differing: Vec::new(), last: true };
    assert_eq!(session.handle(late, Timestamp(60_000)), Vec::new());
    let effects = session.handle(void(cursor(5)), Timestamp(60_000));
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Reconcile(SCOPE))]);
}

#[test]
fn a_relay_that_takes_its_log_back_for_ever_is_left_for_a_while() {
    let mut session = reconciling(cursor(5));
    for _ in 0..VOID_CURSORS_MAX {
        session.handle(void(cursor(5)), Timestamp(0));
    }
    assert!(matches!(session.link(), Link::Waiting { .. }), "{:?}", session.link());
}

/// A relay acknowledged a save at place 9 and went back to a copy that ends at place 8, where this device's cursor is still
/// good. The cursor alone would not tell, and the save is in no outbox any more.
#[test]
fn what_a_relay_acknowledged_is_named_when_it_is_asked_again() {
    let mut session = live(Some(cursor(0)), cursor(0));
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3)] }, Timestamp(0));
    session.handle(pushed(1, vec![visible(1)]), Timestamp(0));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(0));
    session.handle(Event::Timer, Timestamp(60_000));
    let effects = session.handle(connected(), Timestamp(60_000));
    let subscribe = Subscribe { scope: SCOPE, from: Some(cursor(0)), witness: Some(cursor(1)) };
    assert_eq!(effects[1], Effect::Send(ClientFrame::Subscribe(subscribe)));
    session.handle(Event::Applied { scope: SCOPE, cursor: cursor(1), except: Vec::new() }, Timestamp(60_000));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(60_000));
    session.handle(Event::Timer, Timestamp(120_000));
    let effects = session.handle(connected(), Timestamp(120_000));
    let subscribe = Subscribe { scope: SCOPE, from: Some(cursor(1)), witness: None };
    assert_eq!(effects[1], Effect::Send(ClientFrame::Subscribe(subscribe)), "the cursor says as much");
}
