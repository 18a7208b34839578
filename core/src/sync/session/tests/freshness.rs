use super::*;
use crate::limits::PUSH_PATIENCE;
use crate::wire::PollAnswer;

/// Passes the time up to `until` on a connection that answers every probe and brings nothing.
fn stand_silent(session: &mut Session, until: Timestamp) -> Vec<Effect> {
    let mut now = Timestamp(0);
    loop {
        now = now.after(KEEPALIVE);
        session.handle(Event::Heard, now);
        let effects = session.handle(Event::Timer, now);
        assert!(session.link().is_live(), "{:?}", session.link());
        if now >= until || effects.iter().any(|effect| matches!(effect, Effect::Poll { .. })) {
            return effects;
        }
    }
}

fn answer(head: Cursor, segments: Vec<Vec<u8>>, more: bool) -> Event {
    let segments = segments.into_iter().map(Into::into).collect();
    Event::Polled { answers: vec![PollAnswer { scope: SCOPE, head, is_valid: true, segments, more }] }
}

#[test]
fn a_connection_that_swallows_everything_is_noticed_within_the_bound() {
    let mut session = live(Some(cursor(3)), cursor(3));
    let effects = stand_silent(&mut session, Timestamp(0).after(BOUND));
    let wish = Subscribe { scope: SCOPE, from: Some(cursor(3)), witness: None };
    assert_eq!(effects[0], Effect::Poll { wishes: vec![wish] }, "{effects:?}");
    let now = Timestamp(0).after(BOUND);
    let effects = session.handle(answer(cursor(4), vec![vec![1]], false), now);
    assert_eq!(effects[0], Effect::Apply { scope: SCOPE, epoch: EPOCH, packed: vec![1] });
    assert!(effects.contains(&Effect::Close), "a connection that did not bring it is left: {effects:?}");
}

#[test]
fn a_poll_that_finds_nothing_new_leaves_the_connection_as_it_is() {
    let mut session = live(Some(cursor(3)), cursor(3));
    stand_silent(&mut session, Timestamp(0).after(BOUND));
    assert_eq!(session.handle(answer(cursor(3), Vec::new(), false), Timestamp(0).after(BOUND)), Vec::new());
    assert_eq!(session.handle(Event::Polled { answers: Vec::new() }, Timestamp(0).after(BOUND)), Vec::new());
    assert!(session.link().is_live());
}

#[test]
fn an_answer_that_is_not_all_is_followed_by_another_question() {
    let mut session = live(Some(cursor(3)), cursor(3));
    stand_silent(&mut session, Timestamp(0).after(BOUND));
    let now = Timestamp(0).after(BOUND);
    let effects = session.handle(answer(cursor(9), vec![vec![1]], true), now);
    assert_eq!(effects.last(), Some(&Effect::Wake(now)));
    session.handle(Event::Applied { scope: SCOPE, cursor: cursor(5), except: Vec::new() }, now);
    session.handle(Event::Heard, now);
    let effects = session.handle(Event::Timer, now);
    let wish = Subscribe { scope: SCOPE, from: Some(cursor(5)), witness: None };
    assert_eq!(effects[0], Effect::Poll { wishes: vec![wish] });
}

#[test]
fn where_no_connection_comes_about_a_poll_is_tried_all_the_same() {
    let mut session = session(Some(cursor(3)));
    session.handle(Event::GoOnline, Timestamp(0));
    session.handle(Event::Closed { reason: unavailable() }, Timestamp(0));
    let effects = session.handle(Event::Timer, Timestamp(0).after(BOUND));
    assert!(matches!(effects[0], Effect::Poll { .. }) && effects.contains(&Effect::Connect), "{effects:?}");
    let effects = session.handle(answer(cursor(4), vec![vec![1]], false), Timestamp(0).after(BOUND));
    assert_eq!(effects, vec![Effect::Apply { scope: SCOPE, epoch: EPOCH, packed: vec![1] }]);
}

#[test]
fn a_push_that_is_never_answered_ends_the_connection() {
    let mut session = live(None, cursor(0));
    session.handle(Event::Outbox { scope: SCOPE, units: vec![queued(3)] }, Timestamp(0));
    let late = Timestamp(0).after(PUSH_PATIENCE);
    session.handle(Event::Heard, late);
    let effects = session.handle(Event::Timer, late);
    assert_eq!(effects[0], Effect::Close);
}

/// A poll had applied the log up to its end, and then the connection told a place before it: the cursor went back, and the
/// next segment left a gap behind it.
#[test]
fn what_a_connection_tells_late_does_not_take_the_cursor_back() {
    let mut session = live(Some(cursor(3)), cursor(3));
    session.handle(Event::Applied { scope: SCOPE, cursor: cursor(9), except: Vec::new() }, Timestamp(0));
    let advanced = |after, to| Event::Frame(RelayFrame::Advanced { scope: SCOPE, cursor: to, after });
    let effects = session.handle(advanced(3, cursor(5)), Timestamp(0));
    assert_eq!(effects, [Effect::Advance { scope: SCOPE, cursor: cursor(9) }]);
    let effects = session.handle(advanced(9, cursor(10)), Timestamp(0));
    assert_eq!(effects, [Effect::Advance { scope: SCOPE, cursor: cursor(10) }]);
}

/// Something on the way had swallowed a segment, and the word that the device's own push follows it moved the cursor over
/// what the segment had. Found by the simulated world.
#[test]
fn a_connection_that_skips_a_piece_of_the_log_is_left() {
    let mut session = live(Some(cursor(3)), cursor(3));
    let skipping = RelayFrame::Advanced { scope: SCOPE, cursor: cursor(9), after: 7 };
    let effects = session.handle(Event::Frame(skipping), Timestamp(0));
    assert_eq!(effects[0], Effect::Close, "{effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Advance { .. })), "{effects:?}");
}
