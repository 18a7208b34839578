mod budget;
mod freshness;
mod reconcile;
mod schedule;

use std::time::Duration;

use super::*;
use crate::id::{DeviceId, EpochId, UnitId, WorkspaceId};
use crate::wire::{Applied, Cursor, Directory, LogHead, Push, Subscribe, Unit};

const SCOPE: Scope = Scope::Records;
const EPOCH: EpochId = EpochId::from_bytes([2; 16]);

fn cursor(seq: u64) -> Cursor {
    let start = Cursor::start(WorkspaceId::from_bytes([1; 16]), SCOPE, EPOCH);
    Cursor { seq, ..start }
}

const BOUND: Duration = Duration::from_mins(15);

fn start(scope: ScopeStart) -> Start {
    Start { program: "test".into(), scopes: vec![scope], freshness_bound: BOUND, seed: 1 }
}

fn scope_start(cursor: Option<Cursor>) -> ScopeStart {
    ScopeStart { scope: SCOPE, cursor, witness: None, exceptions: Vec::new(), schedule: Schedule::Live }
}

fn session(from: Option<Cursor>) -> Session {
    Session::new(start(scope_start(from)), Timestamp(0))
}

fn connected() -> Event {
    Event::Connected { instance: 1 }
}

fn caught_up(head: Cursor) -> Event {
    Event::Frame(RelayFrame::CaughtUp { scope: SCOPE, cursor: head })
}

fn welcome(head: Cursor) -> Event {
    Event::Frame(RelayFrame::Welcome(Welcome {
        version: PROTOCOL_VERSION,
        now: Timestamp(0),
        logs: vec![LogHead { scope: SCOPE, cursor: head }],
        directory: Directory::default(),
        features: Vec::new(),
    }))
}

fn live(from: Option<Cursor>, head: Cursor) -> Session {
    let mut session = session(from);
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(connected(), Timestamp(0));
    session.handle(welcome(head), Timestamp(0));
    session.handle(caught_up(head), Timestamp(0));
    session
}

fn queued(place: u64) -> Queued {
    let (id, author) = (UnitId::from_bytes([9; 16]), Some(DeviceId::from_bytes([1; 16])));
    Queued { place, unit: Unit { id, author, saved_at: Timestamp(0), changes: Vec::new(), signature: None } }
}

fn visible(seq: u64) -> UnitOutcome {
    UnitOutcome::Visible { seqs: vec![seq], at: Timestamp(5) }
}

fn pushed(number: u64, outcomes: Vec<UnitOutcome>) -> Event {
    Event::Frame(RelayFrame::Pushed { scope: SCOPE, number, outcomes, head: cursor(number) })
}

fn unavailable() -> Refusal {
    Refusal::new(Cause::Unavailable, "no route")
}

#[test]
fn going_online_greets_subscribes_from_the_cursor_and_drains_the_outbox() {
    let mut session = session(Some(cursor(7)));
    assert_eq!(session.handle(Event::GoOnline, Timestamp(0))[0], Effect::Connect);
    let greeting = session.handle(connected(), Timestamp(1));
    assert!(matches!(&greeting[0], Effect::Send(ClientFrame::Hello(hello)) if hello.instance == 1), "{greeting:?}");
    let subscribe = Subscribe { scope: SCOPE, from: Some(cursor(7)), witness: None };
    assert_eq!(greeting[1], Effect::Send(ClientFrame::Subscribe(subscribe)), "{greeting:?}");
    let effects = session.handle(welcome(cursor(9)), Timestamp(2));
    assert!(effects.contains(&Effect::Announce(Link::Live { since: Timestamp(2) })), "{effects:?}");
    assert!(
        !effects.contains(&Effect::ReadOutbox { scope: SCOPE, after: 0 }),
        "the log may have gone back: {effects:?}"
    );
    let effects = session.handle(caught_up(cursor(9)), Timestamp(3));
    assert_eq!(effects, vec![Effect::ReadOutbox { scope: SCOPE, after: 0 }]);
}

#[test]
fn a_save_is_settled_only_when_the_relay_says_visible() {
    let mut session = live(None, cursor(0));
    let sent = session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3), queued(4)] }, Timestamp(0));
    assert!(matches!(&sent[0], Effect::Send(ClientFrame::Push(Push { number: 1, .. }))), "{sent:?}");
    assert!(sent.contains(&Effect::ReadOutbox { scope: SCOPE, after: 4 }), "{sent:?}");
    session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    assert!(!session.is_settled());
    let refused = UnitOutcome::Refused(Refusal::new(Cause::SequenceTaken, "taken"));
    let effects = session.handle(pushed(1, vec![visible(1), refused.clone()]), Timestamp(0));
    assert_eq!(
        effects[0],
        Effect::Settle { scope: SCOPE, epoch: EPOCH, outcomes: vec![(3, visible(1)), (4, refused)], head: cursor(1) }
    );
}

#[test]
fn a_refusal_that_may_pass_keeps_the_save_in_the_outbox_and_waits() {
    let mut session = live(None, cursor(0));
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3)] }, Timestamp(0));
    let effects = session.handle(pushed(1, vec![UnitOutcome::Refused(unavailable())]), Timestamp(0));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Settle { .. })), "{effects:?}");
    assert!(matches!(session.link(), Link::Waiting { .. }));
}

/// The second save follows the first, which is over quota for now: it is refused for want of it, and is not wrong itself.
#[test]
fn what_is_refused_behind_a_save_that_may_pass_later_waits_with_it() {
    let mut session = live(None, cursor(0));
    let units = vec![queued(3), queued(4), queued(5)];
    session.handle(Event::Outbox { scope: SCOPE, units }, Timestamp(0));
    let over = UnitOutcome::Refused(Refusal::new(Cause::OverQuota, "full"));
    let missing = UnitOutcome::Refused(Refusal::new(Cause::MissingDependency, "it follows the other"));
    let effects = session.handle(pushed(1, vec![visible(1), over, missing]), Timestamp(0));
    let settle = Effect::Settle { scope: SCOPE, epoch: EPOCH, outcomes: vec![(3, visible(1))], head: cursor(1) };
    assert_eq!(effects[0], settle);
    assert!(matches!(session.link(), Link::Waiting { .. }), "{:?}", session.link());
}

#[test]
fn what_was_not_acknowledged_is_sent_again_by_the_next_connection() {
    let mut session = live(None, cursor(0));
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3)] }, Timestamp(0));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(10));
    let late = session.handle(pushed(1, vec![visible(1)]), Timestamp(11));
    assert_eq!(late, Vec::new(), "an answer from a connection that is gone");
    session.handle(Event::Timer, Timestamp(60_000));
    session.handle(connected(), Timestamp(60_000));
    session.handle(welcome(cursor(0)), Timestamp(60_000));
    let effects = session.handle(caught_up(cursor(0)), Timestamp(60_000));
    assert!(effects.contains(&Effect::ReadOutbox { scope: SCOPE, after: 0 }), "{effects:?}");
}

#[test]
fn at_most_a_few_pushes_are_on_the_way() {
    let mut session = live(None, cursor(0));
    let mut reads = 1;
    for place in 1..20 {
        let effects = session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(place)] }, Timestamp(0));
        if !effects.iter().any(|effect| matches!(effect, Effect::ReadOutbox { .. })) {
            break;
        }
        reads += 1;
    }
    assert_eq!(reads, crate::limits::PUSHES_IN_FLIGHT_MAX);
}

#[test]
fn a_save_made_while_the_outbox_is_read_is_not_forgotten() {
    let mut session = live(None, cursor(0));
    assert_eq!(session.handle(Event::Saved { scope: SCOPE }, Timestamp(0)), Vec::new());
    let effects = session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    assert_eq!(effects, vec![Effect::ReadOutbox { scope: SCOPE, after: 0 }]);
}

#[test]
fn the_relay_is_told_once_when_everything_of_this_device_is_there() {
    let mut session = live(None, cursor(0));
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3)] }, Timestamp(0));
    let complete = Effect::Send(ClientFrame::Complete(SCOPE));
    let drained = session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    assert!(!drained.contains(&complete), "a push waits for its answer: {drained:?}");
    assert!(session.handle(pushed(1, vec![visible(1)]), Timestamp(0)).contains(&complete));
    session.handle(Event::Saved { scope: SCOPE }, Timestamp(0));
    let again = session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    assert!(!again.contains(&complete), "{again:?}");
}

#[test]
fn a_copied_store_takes_an_identity_of_its_own_once_and_then_waits() {
    let mut session = session(None);
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(connected(), Timestamp(0));
    let copied = Event::Frame(RelayFrame::Refused(Refusal::new(Cause::Copied, "a copy")));
    let effects = session.handle(copied.clone(), Timestamp(0));
    assert_eq!(effects[..2], [Effect::Close, Effect::Separate]);
    assert_eq!(session.handle(Event::Separated, Timestamp(1))[0], Effect::Connect);
    session.handle(connected(), Timestamp(1));
    let effects = session.handle(copied, Timestamp(1));
    assert!(!effects.contains(&Effect::Separate), "{effects:?}");
    assert!(matches!(session.link(), Link::Waiting { .. }), "{:?}", session.link());
}

#[test]
fn a_receipt_goes_out_when_the_store_says_applied_and_names_what_was_set_aside() {
    let mut session = live(Some(cursor(0)), cursor(3));
    let effects = session.handle(Event::Frame(RelayFrame::Segment { scope: SCOPE, packed: vec![1] }), Timestamp(0));
    assert_eq!(effects, vec![Effect::Apply { scope: SCOPE, epoch: EPOCH, packed: vec![1] }]);
    session.handle(Event::Frame(RelayFrame::CaughtUp { scope: SCOPE, cursor: cursor(3) }), Timestamp(0));
    assert!(!session.is_settled());
    let effects = session.handle(Event::Applied { scope: SCOPE, cursor: cursor(3), except: vec![2] }, Timestamp(0));
    let receipt = Applied { scope: SCOPE, cursor: cursor(3), except: vec![2] };
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Applied(receipt))]);
    session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    assert!(session.is_settled());
}

#[test]
fn offline_by_choice_stays_offline_and_online_connects_at_once() {
    let mut session = live(None, cursor(0));
    assert_eq!(session.handle(Event::GoOffline, Timestamp(1))[0], Effect::Close);
    assert_eq!(session.handle(Event::Closed { reason: unavailable() }, Timestamp(2)), Vec::new());
    assert_eq!(session.handle(Event::Timer, Timestamp(1_000_000)), Vec::new());
    assert_eq!(session.handle(Event::Saved { scope: SCOPE }, Timestamp(3)), Vec::new());
    assert_eq!(session.handle(Event::GoOnline, Timestamp(4))[0], Effect::Connect);
}

#[test]
fn a_silent_relay_is_left_and_tried_again() {
    let mut session = live(None, cursor(0));
    let silent = Timestamp(0).after(3 * KEEPALIVE);
    let effects = session.handle(Event::Timer, silent);
    assert_eq!(effects[0], Effect::Close);
    let Link::Waiting { retry_at, since, .. } = session.link().clone() else { panic!("{:?}", session.link()) };
    assert_eq!(since, silent);
    assert_eq!(session.handle(Event::Timer, retry_at)[0], Effect::Connect);
    session.handle(Event::Closed { reason: unavailable() }, retry_at);
    assert!(matches!(session.link(), Link::Waiting { since, .. } if *since == silent), "{:?}", session.link());
}

#[test]
fn a_sign_of_life_keeps_the_connection() {
    let mut session = live(None, cursor(0));
    session.handle(Event::Heard, Timestamp(0).after(2 * KEEPALIVE));
    let effects = session.handle(Event::Timer, Timestamp(0).after(3 * KEEPALIVE));
    assert_eq!(effects, vec![Effect::Wake(Timestamp(0).after(5 * KEEPALIVE))]);
}

/// Two copies of one store replace each other at every connect. They must do so ever more slowly.
#[test]
fn being_replaced_again_and_again_waits_ever_longer() {
    let mut session = session(None);
    let mut now = Timestamp(0);
    let mut waits = Vec::new();
    session.handle(Event::GoOnline, now);
    for _ in 0..12 {
        session.handle(connected(), now);
        session.handle(welcome(cursor(0)), now);
        let replaced = Refusal::new(Cause::Replaced, "another connection");
        session.handle(Event::Frame(RelayFrame::Refused(replaced)), now);
        let Link::Waiting { retry_at, .. } = session.link().clone() else { panic!("{:?}", session.link()) };
        waits.push(retry_at.since(now));
        now = retry_at;
        session.handle(Event::Timer, now);
    }
    assert!(*waits.last().expect("waits") >= crate::limits::BACKOFF_MAX / 2, "{waits:?}");
    session.handle(connected(), now);
    session.handle(welcome(cursor(0)), now);
    session.handle(Event::Closed { reason: unavailable() }, now);
    let Link::Waiting { retry_at, .. } = session.link().clone() else { panic!("{:?}", session.link()) };
    assert!(retry_at.since(now) <= crate::limits::BACKOFF_FIRST, "a relay that came back is found again at once");
}

#[test]
fn places_that_were_set_aside_before_a_restart_are_still_told() {
    let start = start(ScopeStart { exceptions: vec![2], ..scope_start(Some(cursor(3))) });
    let mut session = Session::new(start, Timestamp(0));
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(connected(), Timestamp(0));
    session.handle(welcome(cursor(4)), Timestamp(0));
    session.handle(caught_up(cursor(4)), Timestamp(0));
    let effects = session.handle(Event::Applied { scope: SCOPE, cursor: cursor(4), except: vec![4] }, Timestamp(0));
    let receipt = Applied { scope: SCOPE, cursor: cursor(4), except: vec![2, 4] };
    assert_eq!(effects, vec![Effect::Send(ClientFrame::Applied(receipt))]);
}

#[test]
fn a_device_that_was_shut_out_does_not_knock_again() {
    let mut session = live(None, cursor(0));
    let revoked = Refusal::new(Cause::Revoked, "this device was shut out");
    let effects = session.handle(Event::Frame(RelayFrame::Refused(revoked.clone())), Timestamp(5));
    assert_eq!(effects[0], Effect::Close);
    assert_eq!(session.link(), &Link::Ended { since: Timestamp(5), reason: revoked });
    assert_eq!(session.handle(Event::Timer, Timestamp(1_000_000)), Vec::new());
    assert_eq!(session.handle(Event::Closed { reason: unavailable() }, Timestamp(6)), Vec::new());
    assert_eq!(session.handle(Event::GoOnline, Timestamp(7))[0], Effect::Connect);
}
