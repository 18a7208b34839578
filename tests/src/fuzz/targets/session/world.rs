use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::id::UnitId;
use regard_core::sync::{Difference, Effect, Event, Link, Queued, Schedule, ScopeStart, Session, Start};
use regard_core::time::Timestamp;
use regard_core::wire::{self, ClientFrame, Cursor, RelayFrame, Scope, Segment, Subscribe, Unit, UnitOutcome};

use super::relay::{Choices, cursor};

/// Effects of one event: a greeting and a subscription for each scope, and what belongs to an end and a new beginning.
const EFFECTS_MAX: usize = 16;
/// Looks in a row without time passing.
const LOOKS_MAX: usize = 8;
/// Saves that an answer of the outbox has.
const OUTBOX_READ: usize = 3;

/// A device's store, clock and socket, as a session sees them.
pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Timestamp,
    pub(super) wake: Option<Timestamp>,
    pub(super) socket: Socket,
    pub(super) scopes: [Stored; 2],
    pub(super) is_polling: bool,
    pub(super) is_separating: bool,
    /// What was sent since somebody looked.
    pub(super) sent: VecDeque<ClientFrame>,
    looks: usize,
    seen: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    Closed,
    Opening,
    Open,
}

/// One scope in the store.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) cursor: Option<Cursor>,
    /// Places of saves, and whether they were refused.
    pub(super) outbox: BTreeMap<u64, bool>,
    next_place: u64,
    /// Pushes of this connection without an answer.
    pub(super) in_flight: VecDeque<(u64, Vec<u64>)>,
    /// The answer that has just come, where it is one to the push that waits longest.
    answered: Option<Vec<(u64, UnitOutcome)>>,
    /// Whether the cursor was called void since it last went on.
    is_void: bool,
}

impl World {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let begins = choices.byte();
        let from = (begins & 1 != 0).then(|| cursor(Scope::Records, 0, u64::from(begins >> 4)));
        let schedule = if begins & 2 != 0 { Schedule::Live } else { Schedule::Every(Duration::from_hours(1)) };
        let start =
            |scope, cursor, schedule| ScopeStart { scope, cursor, witness: None, exceptions: Vec::new(), schedule };
        let scopes = vec![start(Scope::Records, from, Schedule::Live), start(Scope::AddressBook, None, schedule)];
        let now = Timestamp(1_000_000);
        let start = Start { program: "fuzz".into(), scopes, freshness_bound: Duration::from_mins(15), seed: 7 };
        let mut stored = [Stored::default(), Stored::default()];
        stored[0].cursor = from;
        Self {
            session: Session::new(start, now),
            now,
            wake: None,
            socket: Socket::Closed,
            scopes: stored,
            is_polling: false,
            is_separating: false,
            sent: VecDeque::new(),
            looks: 0,
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn stored(&mut self, scope: Scope) -> &mut Stored {
        &mut self.scopes[usize::from(scope.number())]
    }

    /// Which effects there were.
    pub(super) fn seen(&self) -> String {
        self.seen.iter().copied().collect::<Vec<_>>().join(" ")
    }

    /// A save becomes durable.
    pub(super) fn saves(&mut self, scope: Scope) -> Event {
        let stored = self.stored(scope);
        stored.next_place += 1;
        stored.outbox.insert(stored.next_place, false);
        Event::Saved { scope }
    }

    /// What happens, and all that follows of it in the store, as the engine does it.
    pub(super) fn happens(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let effects = self.handled(event, events.is_empty());
            for effect in effects {
                events.extend(self.performed(effect));
            }
            self.looks_again();
        }
    }

    fn handled(&mut self, event: Event, is_last: bool) -> Vec<Effect> {
        let segments = match &event {
            Event::Polled { answers } => answers.iter().map(|answer| answer.segments.len()).sum(),
            _ => 0,
        };
        self.note(&event);
        let effects = self.session.handle(event, self.now);
        assert!(effects.len() <= EFFECTS_MAX + segments, "{} effects: {effects:?}", effects.len());
        if is_last {
            self.cursors_agree(&effects);
        }
        effects
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Timer => {
                self.wake = None;
                self.looks += 1;
                assert!(self.looks <= LOOKS_MAX, "it looks again and again, and no time passes");
            }
            Event::Frame(RelayFrame::Pushed { scope, number, outcomes, .. }) => {
                let stored = self.stored(*scope);
                let expected = stored
                    .in_flight
                    .pop_front()
                    .filter(|(sent, places)| sent == number && places.len() == outcomes.len());
                stored.answered =
                    expected.map(|(_, places)| places.into_iter().zip(outcomes.iter().cloned()).collect());
            }
            Event::Frame(RelayFrame::CursorVoid { scope, .. }) => self.stored(*scope).is_void = true,
            _ => {}
        }
    }

    /// What is asked for goes on from what is durable here.
    fn cursors_agree(&mut self, effects: &[Effect]) {
        let wishes = effects.iter().flat_map(|effect| match effect {
            Effect::Send(ClientFrame::Subscribe(wish)) => vec![wish.clone()],
            Effect::Poll { wishes } => wishes.clone(),
            _ => Vec::new(),
        });
        for Subscribe { scope, from, .. } in wishes {
            assert_eq!(from, self.stored(scope).cursor, "it goes on from another place than the store");
        }
    }

    fn looks_again(&self) {
        let is_at_rest = matches!(self.session.link(), Link::Offline { .. } | Link::Ended { .. });
        assert!(is_at_rest || self.wake.is_some(), "nothing will ever happen again: {:?}", self.session.link());
    }

    fn performed(&mut self, effect: Effect) -> Option<Event> {
        self.seen.insert(name(&effect));
        match effect {
            Effect::Connect => self.socket = Socket::Opening,
            Effect::Close => self.closed(),
            Effect::Send(frame) => self.sends(frame),
            Effect::Wake(at) => self.wake = Some(at),
            Effect::Poll { .. } => self.is_polling = true,
            Effect::Separate => self.is_separating = true,
            Effect::Announce(_) | Effect::Directory(_) | Effect::Peers(_) => {}
            Effect::ReadOutbox { scope, after } => {
                let waiting = self.stored(scope).outbox.range(after + 1..).filter(|(_, is_refused)| !**is_refused);
                let units = waiting.take(OUTBOX_READ).map(|(place, _)| queued(*place)).collect();
                return Some(Event::Outbox { scope, units });
            }
            Effect::Settle { scope, outcomes, .. } => self.settled(scope, outcomes),
            Effect::Apply { scope, epoch, packed } => {
                let applied = Segment::unpack(&packed).ok().and_then(|segment| self.applied(scope, epoch, &segment));
                return Some(match applied {
                    Some(cursor) => Event::Applied { scope, cursor, except: Vec::new() },
                    None => closed("the segment does not continue the log"),
                });
            }
            Effect::Advance { scope, cursor } => {
                self.goes_on(scope, cursor);
                return Some(Event::Applied { scope, cursor, except: Vec::new() });
            }
            Effect::Compare { scope, entries, last, .. } => {
                let differing = entries.iter().step_by(2);
                let differing = differing.map(|(document, theirs)| Difference {
                    document: *document,
                    ours: None,
                    theirs: Some(*theirs),
                });
                return Some(Event::Compared { scope, differing: differing.collect(), last });
            }
            Effect::ApplyExcerpt { scope, last, .. } => {
                return Some(Event::ExcerptApplied { scope, changed: true, last });
            }
            Effect::Refill { scope, at, .. } => {
                let stored = self.stored(scope);
                assert!(std::mem::take(&mut stored.is_void), "only what was called void is filled again");
                stored.cursor = Some(at);
                return Some(Event::Refilled { scope, at, exceptions: Vec::new() });
            }
        }
        None
    }

    pub(super) fn closed(&mut self) {
        self.socket = Socket::Closed;
        for stored in &mut self.scopes {
            stored.in_flight.clear();
        }
    }

    fn sends(&mut self, frame: ClientFrame) {
        assert_eq!(self.socket, Socket::Open, "there is no connection for {frame:?}");
        if let ClientFrame::Push(push) = &frame {
            let units: Vec<Unit> = wire::decode_batch(&push.units, "push").expect("what is pushed reads");
            let places = units.iter().map(|unit| u64::from(unit.id.as_bytes()[0])).collect();
            self.stored(push.scope).in_flight.push_back((push.number, places));
        }
        self.sent.push_back(frame);
    }

    fn settled(&mut self, scope: Scope, outcomes: Vec<(u64, UnitOutcome)>) {
        let stored = self.stored(scope);
        let answered = stored.answered.take().expect("what is settled was answered just now");
        for (place, outcome) in outcomes {
            assert!(answered.contains(&(place, outcome.clone())), "place {place} was not answered so: {answered:?}");
            match outcome {
                UnitOutcome::Visible { .. } => drop(stored.outbox.remove(&place)),
                UnitOutcome::Refused(_) => drop(stored.outbox.insert(place, true)),
            }
        }
    }

    fn applied(&mut self, scope: Scope, epoch: regard_core::id::EpochId, segment: &Segment) -> Option<Cursor> {
        let here = self.stored(scope).cursor.filter(|cursor| cursor.epoch == epoch).map_or(0, |cursor| cursor.seq);
        let end = (segment.first_seq - 1).checked_add(segment.len())?;
        let cursor = Cursor { epoch, seq: end.max(here), ..cursor(scope, 0, 0) };
        (segment.first_seq - 1 <= here).then(|| self.goes_on(scope, cursor))
    }

    fn goes_on(&mut self, scope: Scope, cursor: Cursor) -> Cursor {
        let stored = self.stored(scope);
        let before = stored.cursor.filter(|before| before.epoch == cursor.epoch);
        assert!(before.is_none_or(|before| before.seq <= cursor.seq), "from {before:?} back to {cursor:?}");
        stored.cursor = Some(cursor);
        cursor
    }

    /// Time passes.
    pub(super) fn passes(&mut self, span: Duration) {
        self.now = self.now.after(span);
        if !span.is_zero() {
            self.looks = 0;
        }
    }
}

pub(super) fn closed(detail: &str) -> Event {
    Event::Closed { reason: Refusal::new(Cause::Unavailable, detail) }
}

fn queued(place: u64) -> Queued {
    // The place can be read off the save; a run makes fewer than there are bytes.
    let id = UnitId::from_bytes([place.to_le_bytes()[0]; 16]);
    Queued { place, unit: Unit { id, author: None, saved_at: Timestamp(0), changes: Vec::new(), signature: None } }
}

fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Connect => "connect",
        Effect::Close => "close",
        Effect::Send(ClientFrame::Push(_)) => "push",
        Effect::Send(ClientFrame::Fetch(_)) => "fetch",
        Effect::Send(ClientFrame::Reconcile(_)) => "reconcile",
        Effect::Send(ClientFrame::Complete(_)) => "complete",
        Effect::Send(ClientFrame::Unsubscribe(_)) => "unsubscribe",
        Effect::Send(_) => "send",
        Effect::ReadOutbox { .. } => "read",
        Effect::Settle { .. } => "settle",
        Effect::Apply { .. } => "apply",
        Effect::Advance { .. } => "advance",
        Effect::Compare { .. } => "compare",
        Effect::ApplyExcerpt { .. } => "excerpt",
        Effect::Refill { .. } => "refill",
        Effect::Poll { .. } => "poll",
        Effect::Separate => "separate",
        Effect::Directory(_) | Effect::Peers(_) | Effect::Wake(_) | Effect::Announce(_) => "tell",
    }
}
