//! A relay that lies, or is broken, in ways that lead nowhere: the session leaves it, says with what it gets no further, and
//! comes back ever more slowly.

use super::*;
use crate::id::{ChangeHash, DocumentId};
use crate::limits::{
    BACKOFF_MAX, CONNECTIONS_IN_VAIN_MAX, IDLE_FRAMES_MAX, POLLS_IN_VAIN_MAX, PUSHED_IN_VAIN_MAX, RECONCILED_AGAIN_MAX,
};
use crate::sync::Difference;
use crate::wire::{HeadsDigest, PollAnswer, pack_inventory};

fn digest(number: u8) -> HeadsDigest {
    HeadsDigest::of(&[ChangeHash([number; 32])])
}

fn document(number: u8) -> DocumentId {
    DocumentId::from_bytes([number; 16])
}

/// Does `once` on one connection after another, until it has been left so often. Answers how long the session waited each time.
fn waits(session: &mut Session, times: u32, mut once: impl FnMut(&mut Session, Timestamp)) -> Vec<Duration> {
    let mut now = Timestamp(0);
    session.handle(Event::GoOnline, now);
    (0..times)
        .map(|_| {
            session.handle(connected(), now);
            session.handle(welcome(cursor(9)), now);
            once(session, now);
            let Link::Waiting { retry_at, .. } = session.link().clone() else { panic!("{:?}", session.link()) };
            let waited = retry_at.since(now);
            now = retry_at;
            session.handle(Event::Timer, now);
            waited
        })
        .collect()
}

fn grow(waits: &[Duration]) -> bool {
    waits.last().is_some_and(|last| *last >= BACKOFF_MAX / 2)
}

fn applied(seq: u64) -> Event {
    Event::Applied { scope: SCOPE, cursor: cursor(seq), except: Vec::new() }
}

/// The store answers each of them with the place where it stood already.
#[test]
fn segments_that_lead_nowhere_end_the_connection_ever_longer() {
    let mut session = session(Some(cursor(5)));
    let mut most = 0;
    let waits = waits(&mut session, 12, |session, now| {
        let mut frames = 0;
        while session.link().is_live() {
            session.handle(Event::Frame(RelayFrame::Segment { scope: SCOPE, packed: vec![1] }), now);
            session.handle(applied(5), now);
            frames += 1;
            assert!(frames <= IDLE_FRAMES_MAX + 1, "it never ends");
        }
        most = most.max(frames);
        let reason = session.stuck().reason.expect("it is told");
        assert!(reason.detail.contains("records") && reason.detail.contains("place 5"), "{reason}");
    });
    assert!(grow(&waits), "{waits:?}");
    assert!(most > IDLE_FRAMES_MAX / 2, "an overlap of some frames is honest: {most}");
}

#[test]
fn a_relay_that_says_caught_up_for_ever_is_left() {
    let mut session = live(Some(cursor(5)), cursor(5));
    for _ in 0..IDLE_FRAMES_MAX {
        session.handle(caught_up(cursor(5)), Timestamp(0));
    }
    assert!(matches!(session.link(), Link::Waiting { .. }), "{:?}", session.link());
}

#[test]
fn whatever_brings_something_is_followed_for_ever() {
    let mut session = live(None, cursor(0));
    for seq in 1..=u64::from(3 * IDLE_FRAMES_MAX) {
        session.handle(Event::Frame(RelayFrame::Segment { scope: SCOPE, packed: vec![1] }), Timestamp(0));
        session.handle(applied(seq), Timestamp(0));
        session.handle(applied(seq), Timestamp(0));
    }
    assert!(session.link().is_live(), "{:?}", session.link());
    assert_eq!(session.stuck(), Stuck::default());
}

/// It says between any two void cursors that everything has come, which costs it nothing.
#[test]
fn void_cursors_without_end_are_counted_also_where_the_relay_says_caught_up_between_them() {
    let mut session = session(Some(cursor(5)));
    let waits = waits(&mut session, 12, |session, now| {
        let mut rounds = 0;
        while session.link().is_live() {
            session.handle(Event::Frame(RelayFrame::CursorVoid { scope: SCOPE, head: cursor(9) }), now);
            let list = RelayFrame::Inventory { scope: SCOPE, at: cursor(9), entries: pack_inventory(&[]), last: true };
            session.handle(Event::Frame(list), now);
            session.handle(Event::Compared { scope: SCOPE, differing: Vec::new(), last: true }, now);
            session.handle(Event::Refilled { scope: SCOPE, at: cursor(9), exceptions: Vec::new() }, now);
            session.handle(caught_up(cursor(9)), now);
            rounds += 1;
            assert!(rounds <= crate::limits::VOID_CURSORS_MAX + 1, "it never ends");
        }
    });
    assert!(grow(&waits), "{waits:?}");
}

/// The relay's list names other heads of record 1 for ever, and nothing that it sends makes them equal.
#[test]
fn a_record_that_never_matches_is_reported_and_passed_over_and_the_others_are_fetched() {
    let mut session = session(Some(cursor(5)));
    session.handle(Event::GoOnline, Timestamp(0));
    let mut fetched = Vec::new();
    for round in 0..=RECONCILED_AGAIN_MAX {
        session.handle(connected(), Timestamp(0));
        session.handle(welcome(cursor(9)), Timestamp(0));
        session.handle(Event::Frame(RelayFrame::CursorVoid { scope: SCOPE, head: cursor(9) }), Timestamp(0));
        let list = RelayFrame::Inventory { scope: SCOPE, at: cursor(9), entries: pack_inventory(&[]), last: true };
        session.handle(Event::Frame(list), Timestamp(0));
        let stuck = Difference { document: document(1), ours: Some(digest(1)), theirs: Some(digest(2)) };
        let round = u8::try_from(round).expect("a small bound");
        let other = Difference { document: document(2), ours: Some(digest(10 + round)), theirs: Some(digest(2)) };
        let compared = Event::Compared { scope: SCOPE, differing: vec![stuck, other], last: true };
        let effects = session.handle(compared, Timestamp(0));
        let [Effect::Send(ClientFrame::Fetch(fetch))] = &effects[..] else { panic!("{effects:?}") };
        fetched.push(fetch.documents.clone());
        session.handle(Event::ExcerptApplied { scope: SCOPE, changed: false, last: true }, Timestamp(0));
        session.handle(Event::Refilled { scope: SCOPE, at: cursor(9), exceptions: vec![7] }, Timestamp(0));
        session.handle(caught_up(cursor(9)), Timestamp(0));
        session.handle(applied(10), Timestamp(0));
        session.handle(Event::Closed { reason: unavailable() }, Timestamp(0));
        session.handle(Event::GoOnline, Timestamp(0));
    }
    let (last, before) = fetched.split_last().expect("rounds");
    assert!(before.iter().all(|documents| *documents == [document(1), document(2)]), "{before:?}");
    assert_eq!(*last, [document(2)]);
    assert_eq!(session.stuck().documents, [(SCOPE, document(1))]);
}

#[test]
fn an_excerpt_without_end_is_left() {
    let mut session = session(Some(cursor(5)));
    let waits = waits(&mut session, 12, |session, now| {
        session.handle(Event::Frame(RelayFrame::CursorVoid { scope: SCOPE, head: cursor(9) }), now);
        let list = RelayFrame::Inventory { scope: SCOPE, at: cursor(9), entries: pack_inventory(&[]), last: true };
        session.handle(Event::Frame(list), now);
        let theirs = Difference { document: document(1), ours: None, theirs: Some(digest(2)) };
        session.handle(Event::Compared { scope: SCOPE, differing: vec![theirs], last: true }, now);
        for _ in 0..=IDLE_FRAMES_MAX {
            session.handle(Event::ExcerptApplied { scope: SCOPE, changed: false, last: false }, now);
        }
    });
    assert!(grow(&waits), "{waits:?}");
}

#[test]
fn polls_that_promise_more_and_bring_nothing_are_not_asked_for_ever() {
    let mut session = live(Some(cursor(3)), cursor(3));
    let now = Timestamp(0).after(BOUND);
    let mut polls = 0;
    session.handle(Event::Heard, now);
    let mut effects = session.handle(Event::Timer, now);
    while effects.iter().any(|effect| matches!(effect, Effect::Poll { .. })) {
        polls += 1;
        assert!(polls <= POLLS_IN_VAIN_MAX + 2, "it never ends");
        let answer = PollAnswer { scope: SCOPE, head: cursor(9), is_valid: true, segments: Vec::new(), more: true };
        session.handle(Event::Polled { answers: vec![answer] }, now);
        effects = session.handle(Event::Timer, now);
    }
    assert!(polls > 1);
    assert!(matches!(session.link(), Link::Waiting { .. }), "{:?}", session.link());
    assert!(session.stuck().reason.is_some_and(|reason| reason.detail.contains("poll")));
}

#[test]
fn a_relay_that_welcomes_and_hangs_up_is_tried_ever_more_slowly() {
    let mut session = session(Some(cursor(3)));
    let waits = waits(&mut session, CONNECTIONS_IN_VAIN_MAX + 10, |session, now| {
        session.handle(caught_up(cursor(3)), now);
        session.handle(Event::Closed { reason: unavailable() }, now);
    });
    assert!(waits[..2].iter().all(|wait| *wait <= crate::limits::BACKOFF_FIRST), "a restart is met at once: {waits:?}");
    assert!(grow(&waits), "{waits:?}");
}

#[test]
fn a_save_at_which_every_connection_ends_is_named() {
    let mut session = session(None);
    let waits = waits(&mut session, PUSHED_IN_VAIN_MAX + 10, |session, now| {
        session.handle(caught_up(cursor(0)), now);
        session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(7)] }, now);
        session.handle(Event::Closed { reason: unavailable() }, now);
    });
    assert!(grow(&waits), "{waits:?}");
    assert!(session.stuck().reason.is_some_and(|reason| reason.detail.contains("place 7 of the outbox")));
}

#[test]
fn a_relay_that_takes_no_push_now_is_asked_ever_more_slowly() {
    let mut session = session(None);
    let mut number = 0;
    let waits = waits(&mut session, 12, |session, now| {
        session.handle(caught_up(cursor(0)), now);
        session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(7)] }, now);
        number += 1;
        session.handle(pushed(number, vec![UnitOutcome::Refused(unavailable())]), now);
    });
    assert!(grow(&waits), "{waits:?}");
}

#[test]
fn a_store_that_fails_is_tried_ever_more_slowly_and_what_works_again_is_told_no_more() {
    let mut session = session(None);
    let waits = waits(&mut session, 12, |session, now| {
        session.handle(Event::Failed { reason: Refusal::new(Cause::Unavailable, "the disk is full") }, now);
    });
    assert!(grow(&waits), "{waits:?}");
    assert!(session.stuck().reason.is_some());
    session.handle(connected(), Timestamp(1_000_000));
    session.handle(welcome(cursor(1)), Timestamp(1_000_000));
    session.handle(applied(1), Timestamp(1_000_000));
    assert_eq!(session.stuck(), Stuck::default());
}

/// What is set aside in the log that this device was compared with is told, and nothing of the one before.
#[test]
fn after_a_comparison_the_places_that_are_set_aside_in_the_new_log_are_told_and_healed_ones_are_not() {
    let start = start(ScopeStart { exceptions: vec![2], ..scope_start(Some(cursor(3))) });
    let mut session = Session::new(start, Timestamp(0));
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(connected(), Timestamp(0));
    session.handle(welcome(cursor(4)), Timestamp(0));
    session.handle(Event::Refilled { scope: SCOPE, at: cursor(9), exceptions: vec![6, 8] }, Timestamp(0));
    session.handle(caught_up(cursor(9)), Timestamp(0));
    let told = |effects: Vec<Effect>| match &effects[..] {
        [Effect::Send(ClientFrame::Applied(receipt))] => receipt.except.clone(),
        other => panic!("{other:?}"),
    };
    let applied = Event::Applied { scope: SCOPE, cursor: cursor(10), except: vec![10] };
    assert_eq!(told(session.handle(applied, Timestamp(0))), [6, 8, 10]);
    let healed = Event::Healed { scope: SCOPE, places: vec![8, 10] };
    assert_eq!(told(session.handle(healed, Timestamp(0))), [6]);
    assert_eq!(session.handle(Event::Healed { scope: SCOPE, places: vec![8] }, Timestamp(0)), Vec::new());
}
