use super::*;

const EVERY: Duration = Duration::from_hours(24);

/// A session with a scope that is synchronized now and then, connected.
fn scheduled() -> Session {
    let scope = ScopeStart { schedule: Schedule::Every(EVERY), ..scope_start(Some(cursor(3))) };
    let mut session = Session::new(start(scope), Timestamp(0));
    session.handle(Event::GoOnline, Timestamp(0));
    let effects = session.handle(connected(), Timestamp(0));
    assert!(effects.contains(&subscribe()), "at the first connection: {effects:?}");
    session.handle(welcome(cursor(3)), Timestamp(0));
    session
}

fn subscribe() -> Effect {
    Effect::Send(ClientFrame::Subscribe(Subscribe { scope: SCOPE, from: Some(cursor(3)), witness: None }))
}

fn unsubscribe() -> Effect {
    Effect::Send(ClientFrame::Unsubscribe(SCOPE))
}

fn rest(session: &mut Session, now: Timestamp) {
    session.handle(caught_up(cursor(3)), now);
    let effects = session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, now);
    assert!(effects.contains(&unsubscribe()), "{effects:?}");
    assert!(session.is_settled());
}

#[test]
fn a_log_is_left_when_both_sides_have_everything_and_not_before() {
    let mut session = scheduled();
    assert!(!session.handle(caught_up(cursor(5)), Timestamp(0)).contains(&unsubscribe()), "less is applied");
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(1)] }, Timestamp(0));
    session.handle(Event::Outbox { scope: SCOPE, units: Vec::new() }, Timestamp(0));
    let applied = Event::Applied { scope: SCOPE, cursor: cursor(5), except: Vec::new() };
    assert!(!session.handle(applied, Timestamp(0)).contains(&unsubscribe()), "a push waits for its answer");
    assert!(session.handle(pushed(1, vec![visible(6)]), Timestamp(0)).contains(&unsubscribe()));
}

#[test]
fn what_rests_is_taken_up_when_its_time_has_come_or_the_person_asks() {
    let mut session = scheduled();
    rest(&mut session, Timestamp(0));
    let saved = session.handle(Event::Saved { scope: SCOPE }, Timestamp(1));
    assert_eq!(saved, Vec::new(), "what is saved waits for the schedule");
    session.handle(Event::Heard, Timestamp(0).after(EVERY));
    assert!(session.handle(Event::Timer, Timestamp(0).after(EVERY)).contains(&subscribe()));
    rest(&mut session, Timestamp(0).after(EVERY));
    assert_eq!(session.handle(Event::GoOnline, Timestamp(0).after(EVERY)), vec![subscribe()]);
}

#[test]
fn another_connection_does_not_ask_before_the_time_has_come() {
    let mut session = scheduled();
    rest(&mut session, Timestamp(0));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(1));
    session.handle(Event::Timer, Timestamp(60_000));
    assert!(!session.handle(connected(), Timestamp(60_000)).contains(&subscribe()));
    session.handle(welcome(cursor(3)), Timestamp(60_000));
    assert!(session.is_settled());
}
