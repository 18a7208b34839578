//! A relay that does what it should. However a session got to where it is, with this one it comes to an end.

use std::time::Duration;

use regard_core::sync::{Event, Link};
use regard_core::time::Timestamp;
use regard_core::wire::{
    ClientFrame, Cursor, Directory, LogHead, RelayFrame, Scope, Unit, UnitOutcome, Welcome, decode_batch,
};

use super::relay::cursor;
use super::world::{Socket, World};

/// Things that happen until everything is sent and applied: some waits, a greeting, a comparison, and a push for every few saves.
const STEPS_MAX: usize = 2_000;
/// The epoch of its logs: none that a device was told of before.
const EPOCH: u8 = 77;

/// Goes on with an honest relay until everything has come about.
pub(super) fn settles(world: &mut World) {
    world.passes(Duration::from_secs(1));
    if matches!(world.session.link(), Link::Offline { .. } | Link::Ended { .. }) {
        world.happens(Event::GoOnline);
    }
    // What the other relay was asked is not answered any more.
    world.sent.clear();
    if world.socket == Socket::Open {
        world.closed();
        world.happens(super::world::closed("the relay is another one now"));
        world.sent.clear();
    }
    let mut heads = Scope::ALL.map(|scope| cursor(scope, EPOCH, 3));
    for _ in 0..STEPS_MAX {
        if world.session.is_settled()
            && world.scopes.iter().all(|stored| stored.outbox.values().all(|is_refused| *is_refused))
        {
            return;
        }
        let event = next(world, &mut heads);
        world.happens(event);
    }
    panic!("an honest relay did not help: {:?}", world.session);
}

fn next(world: &mut World, heads: &mut [Cursor; 2]) -> Event {
    if let Some(frame) = world.sent.pop_front()
        && let Some(answers) = answer(&frame, heads)
    {
        let (first, rest) = answers;
        if let Some(rest) = rest {
            // Both belong to the same answer.
            world.happens(Event::Frame(first));
            return Event::Frame(rest);
        }
        return Event::Frame(first);
    }
    if world.socket == Socket::Opening {
        world.socket = Socket::Open;
        world.sent.clear();
        return Event::Connected { instance: 1 };
    }
    if std::mem::take(&mut world.is_separating) {
        return Event::Separated;
    }
    if std::mem::take(&mut world.is_polling) {
        return Event::Polled { answers: Vec::new() };
    }
    if !world.sent.is_empty() {
        return Event::Heard;
    }
    match world.wake {
        Some(at) => {
            world.passes(at.since(world.now));
            Event::Timer
        }
        None => Event::GoOnline,
    }
}

type Answer = (RelayFrame, Option<RelayFrame>);

fn answer(frame: &ClientFrame, heads: &mut [Cursor; 2]) -> Option<Answer> {
    let head = |scope: Scope| heads[usize::from(scope.number())];
    let one = |frame| Some((frame, None));
    match frame {
        ClientFrame::Hello(_) => one(RelayFrame::Welcome(Welcome {
            version: 1,
            now: Timestamp(0),
            logs: Scope::ALL.into_iter().map(|scope| LogHead { scope, cursor: head(scope) }).collect(),
            directory: Directory::default(),
            features: Vec::new(),
        })),
        ClientFrame::Subscribe(wish) => {
            let (scope, head) = (wish.scope, head(wish.scope));
            let is_known = wish.from.is_some_and(|from| from.epoch == head.epoch && from.seq <= head.seq);
            if !is_known {
                return one(RelayFrame::CursorVoid { scope, head });
            }
            let after = wish.from.map_or(0, |from| from.seq);
            Some((
                RelayFrame::Advanced { scope, cursor: head, after },
                Some(RelayFrame::CaughtUp { scope, cursor: head }),
            ))
        }
        ClientFrame::Reconcile(scope) => {
            one(RelayFrame::Inventory { scope: *scope, at: head(*scope), entries: Vec::new(), last: true })
        }
        ClientFrame::Fetch(fetch) => one(RelayFrame::Excerpt { scope: fetch.scope, packed: Vec::new(), last: true }),
        ClientFrame::Push(push) => {
            let units: Vec<Unit> = decode_batch(&push.units, "push").expect("what is pushed reads");
            let head = &mut heads[usize::from(push.scope.number())];
            let after = head.seq;
            let visible = |n: usize| UnitOutcome::Visible { seqs: vec![head.seq + 1 + n as u64], at: Timestamp(0) };
            let outcomes = (0..units.len()).map(visible).collect();
            head.seq += units.len() as u64;
            let pushed = RelayFrame::Pushed { scope: push.scope, number: push.number, outcomes, head: *head };
            Some((pushed, Some(RelayFrame::Advanced { scope: push.scope, cursor: *head, after })))
        }
        ClientFrame::Applied(_) | ClientFrame::Complete(_) | ClientFrame::Unsubscribe(_) => None,
    }
}
