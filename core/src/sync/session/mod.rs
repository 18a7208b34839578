//! A device's side of synchronization: one connection to the workspace's relay, kept up, fed from the outbox, and drained
//! into the store.
//!
//! [`Session::handle`] does nothing by itself. The caller owns socket, store and clock, performs each [`Effect`] in order,
//! and reports back as an [`Event`]. [`Effect::Apply`] and [`Effect::Settle`] must be durable before they are reported.

mod budget;
mod effect;
mod freshness;
mod pull;
mod push;
mod reconcile;
mod scope;

pub use budget::Stuck;
pub use effect::{Effect, Event, Link, Queued, Schedule, ScopeStart, Start};

use self::budget::stuck;
use self::freshness::Freshness;
use self::scope::ScopeState;
use super::backoff::Backoff;
use crate::error::{Cause, Refusal};
use crate::limits::{CONNECTIONS_IN_VAIN_MAX, KEEPALIVE, PEER_PATIENCE, PUSH_PATIENCE};
use crate::time::Timestamp;
use crate::wire::{ClientFrame, Cursor, Hello, PROTOCOL_VERSION, PollAnswer, RelayFrame, Scope, UnitOutcome, Welcome};

/// The state machine. Waits and deadlines are its own; it sees time only as the argument of [`Session::handle`].
#[derive(Debug)]
pub struct Session {
    program: String,
    link: Link,
    backoff: Backoff,
    scopes: Vec<ScopeState>,
    heard_at: Timestamp,
    freshness: Freshness,
    /// Whether this store was told to be a copy and took an identity of its own, since the last connection that stood.
    separated: bool,
    /// Connections in a row that stood, brought nothing and soon ended.
    in_vain: u32,
    /// Why the last connection was given up, until one gets anywhere.
    given_up: Option<Refusal>,
}

impl Session {
    /// A session that is offline until [`Event::GoOnline`] comes.
    #[must_use]
    pub fn new(start: Start, now: Timestamp) -> Self {
        Self {
            program: start.program,
            link: Link::Offline { since: now },
            backoff: Backoff::new(start.seed),
            scopes: start.scopes.into_iter().map(ScopeState::new).collect(),
            heard_at: now,
            freshness: Freshness::new(start.freshness_bound, now),
            separated: false,
            in_vain: 0,
            given_up: None,
        }
    }

    /// Takes in what happened and answers what is to be done.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let before = self.link.clone();
        let mut effects = self.react(event, now);
        if self.has_moved() || self.is_settled() {
            self.given_up = None;
        }
        if self.link.is_live() {
            effects.extend(self.scopes.iter_mut().filter_map(ScopeState::completed));
            effects.extend(self.scopes.iter_mut().filter_map(|state| state.rest(now)));
        }
        if self.link != before {
            effects.push(Effect::Announce(self.link.clone()));
        }
        effects
    }

    /// How the connection stands.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Whether everything that was here has been sent and acknowledged, and everything that was there is applied.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.link.is_live() && self.scopes.iter().all(ScopeState::is_settled)
    }

    /// What this device gets no further with.
    #[must_use]
    pub fn stuck(&self) -> Stuck {
        Stuck { reason: self.given_up.clone(), documents: self.scopes.iter().flat_map(ScopeState::stuck).collect() }
    }

    fn react(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::GoOnline if self.link.is_live() => self.resume(now, true),
            Event::GoOnline if !self.link.is_connecting() => self.connect(now),
            Event::GoOffline => self.leave(Link::Offline { since: now }),
            Event::Timer => self.on_timer(now),
            Event::Connected { instance } if self.link.is_connecting() => self.greet(instance, now),
            Event::Closed { reason } if !self.link.is_at_rest() => self.wait(reason, now),
            Event::Failed { reason } if !self.link.is_at_rest() => self.give_up(reason, now),
            Event::Heard => {
                self.heard_at = now;
                Vec::new()
            }
            Event::Frame(frame) => {
                self.heard_at = now;
                self.on_frame(frame, now)
            }
            Event::Polled { answers } => self.on_polled(answers, now),
            Event::Separated if !self.link.is_live() && !self.link.is_at_rest() => self.connect(now),
            Event::Saved { scope } => self.state(scope, ScopeState::saved),
            Event::Applied { scope, cursor, except } => {
                self.strictly(scope, now, |state| state.applied(cursor, except))
            }
            Event::Healed { scope, places } => self.state(scope, |state| state.healed(&places)),
            Event::Redone { scope, healed } => {
                let mut effects = self.state(scope, ScopeState::saved);
                effects.extend(self.state(scope, |state| state.healed(&healed)));
                effects
            }
            Event::Outbox { scope, units } => self.state(scope, |state| state.outbox(units, now)),
            Event::Compared { scope, differing, last } => self.state(scope, |state| state.compared(differing, last)),
            Event::ExcerptApplied { scope, changed, last } => {
                self.strictly(scope, now, |state| state.excerpt_applied(changed, last))
            }
            Event::Refilled { scope, at, exceptions } => self.state(scope, |state| state.refilled(at, exceptions)),
            Event::GoOnline
            | Event::Connected { .. }
            | Event::Closed { .. }
            | Event::Failed { .. }
            | Event::Separated => Vec::new(),
        }
    }

    fn greet(&mut self, instance: u64, now: Timestamp) -> Vec<Effect> {
        self.heard_at = now;
        let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
        let hello = Hello { versions, instance, program: self.program.clone(), features: Vec::new() };
        let mut effects = vec![Effect::Send(ClientFrame::Hello(hello))];
        // Not after the answer: a connection that finds nothing new takes one round trip.
        effects.extend(self.scopes.iter_mut().filter_map(|state| state.begin(now)));
        effects.push(Effect::Wake(now.after(PEER_PATIENCE)));
        effects
    }

    fn connect(&mut self, now: Timestamp) -> Vec<Effect> {
        self.link = Link::Connecting { since: now };
        self.heard_at = now;
        vec![Effect::Connect, Effect::Wake(now.after(PEER_PATIENCE))]
    }

    fn leave(&mut self, link: Link) -> Vec<Effect> {
        let was_open = self.link.is_live() || self.link.is_connecting();
        self.link = link;
        self.scopes.iter_mut().for_each(ScopeState::disconnected);
        if was_open { vec![Effect::Close] } else { Vec::new() }
    }

    fn wait(&mut self, reason: Refusal, now: Timestamp) -> Vec<Effect> {
        if reason.cause == Cause::Revoked {
            return self.leave(Link::Ended { since: now, reason });
        }
        if reason.cause == Cause::Copied && !std::mem::replace(&mut self.separated, true) {
            let mut effects = self.leave(Link::Connecting { since: now });
            effects.extend([Effect::Separate, Effect::Wake(now.after(PEER_PATIENCE))]);
            return effects;
        }
        // Two copies of a store would take turns in replacing each other, ever as quickly as the first time.
        // The same where a quota is used up: each try costs the relay a connection.
        let is_repeated = matches!(reason.cause, Cause::Replaced | Cause::OverQuota);
        if !is_repeated {
            self.count_connection(now);
        }
        if self.link.is_live() && !is_repeated && self.in_vain <= CONNECTIONS_IN_VAIN_MAX {
            self.backoff.reset();
        }
        let reason = self.named(reason);
        self.retry_later(reason, now)
    }

    /// Leaves a connection that gets nowhere, or a store that fails. The next one comes ever later, until one brings something.
    fn give_up(&mut self, reason: Refusal, now: Timestamp) -> Vec<Effect> {
        if self.has_moved() {
            self.backoff.reset();
        }
        self.given_up = Some(reason.clone());
        self.retry_later(reason, now)
    }

    fn retry_later(&mut self, reason: Refusal, now: Timestamp) -> Vec<Effect> {
        let retry_at = now.after(self.backoff.next_wait());
        let since = match &self.link {
            Link::Waiting { since, .. } => *since,
            Link::Connecting { since } => *since,
            Link::Live { .. } | Link::Offline { .. } | Link::Ended { .. } => now,
        };
        let mut effects = self.leave(Link::Waiting { since, retry_at, reason });
        effects.push(Effect::Wake(retry_at));
        effects
    }

    fn on_timer(&mut self, now: Timestamp) -> Vec<Effect> {
        match &self.link {
            Link::Waiting { .. } if self.freshness.is_due(now) => {
                let mut effects = vec![self.poll(now)];
                effects.extend(self.on_timer(now));
                effects
            }
            Link::Waiting { retry_at, .. } if now >= *retry_at => {
                // The loss counts from when it began, through all attempts.
                let since = match self.link {
                    Link::Waiting { since, .. } => since,
                    _ => now,
                };
                let effects = self.connect(now);
                self.link = Link::Connecting { since };
                effects
            }
            Link::Waiting { retry_at, .. } => vec![Effect::Wake(*retry_at)],
            Link::Offline { .. } | Link::Ended { .. } => Vec::new(),
            Link::Connecting { .. } => {
                let deadline = self.heard_at.after(PEER_PATIENCE);
                if now < deadline { vec![Effect::Wake(deadline)] } else { self.wait(silent(), now) }
            }
            Link::Live { .. } => self.look_after(now),
        }
    }

    /// Looks whether a standing connection still works, and asks by another way when that is due.
    fn look_after(&mut self, now: Timestamp) -> Vec<Effect> {
        let deadline = self.heard_at.after(3 * KEEPALIVE);
        let unanswered = self.scopes.iter().filter_map(ScopeState::waits_since).min();
        if now >= deadline || unanswered.is_some_and(|since| now >= since.after(PUSH_PATIENCE)) {
            return self.wait(silent(), now);
        }
        let mut effects = Vec::new();
        if self.freshness.is_due(now) {
            effects.push(self.poll(now));
        }
        effects.extend(self.resume(now, false));
        effects.push(Effect::Wake(self.next_look(deadline)));
        effects
    }

    fn resume(&mut self, now: Timestamp, is_wanted: bool) -> Vec<Effect> {
        self.scopes.iter_mut().filter_map(|state| state.resume(now, is_wanted)).collect()
    }

    fn next_look(&self, deadline: Timestamp) -> Timestamp {
        let due = self.scopes.iter().filter_map(ScopeState::due_at);
        due.chain([deadline, self.freshness.due_at()]).min().unwrap_or(deadline)
    }

    fn poll(&mut self, now: Timestamp) -> Effect {
        self.freshness.asks_from(self.scopes.iter().map(ScopeState::position).collect(), now);
        Effect::Poll { wishes: self.scopes.iter().filter_map(ScopeState::wish).collect() }
    }

    /// What a poll brings should have come by the connection long ago: one that brought it not is left.
    fn on_polled(&mut self, answers: Vec<PollAnswer>, now: Timestamp) -> Vec<Effect> {
        if self.link.is_at_rest() {
            return Vec::new();
        }
        let mut effects = Vec::new();
        let (mut is_stale, mut more) = (false, false);
        for answer in answers {
            more |= answer.more;
            let Some(state) = self.scopes.iter_mut().find(|state| state.is_of(answer.scope)) else { continue };
            is_stale |= state.is_stale(&answer);
            effects.extend(state.polled(answer));
        }
        if !more {
            self.freshness.answered();
        }
        if more && self.freshness.ask_again(now) {
            effects.push(Effect::Wake(now));
        } else if more {
            let reason = stuck("the relay answers poll after poll that there is more, and none of them leads on");
            if self.link.is_live() {
                effects.extend(self.give_up(reason, now));
            } else {
                // The connection is tried again all the same, and a poll is due as ever.
                self.given_up = Some(reason);
            }
        } else if is_stale && self.link.is_live() {
            let detail = "the connection stood and brought nothing, though there was something";
            effects.extend(self.wait(Refusal::new(Cause::Unavailable, detail), now));
        }
        effects
    }

    fn on_frame(&mut self, frame: RelayFrame, now: Timestamp) -> Vec<Effect> {
        match frame {
            RelayFrame::Welcome(welcome) if self.link.is_connecting() => self.on_welcome(welcome, now),
            RelayFrame::Refused(refusal) => self.wait(refusal, now),
            _ if !self.link.is_live() => Vec::new(),
            RelayFrame::Welcome(_) => self.wait(Refusal::new(Cause::Malformed, "the relay greeted twice"), now),
            RelayFrame::Pushed { scope, number, outcomes, head } => self.on_pushed(scope, number, outcomes, head, now),
            RelayFrame::Segment { scope, packed } => self.state(scope, |state| state.segment(packed)),
            RelayFrame::Advanced { scope, cursor, after } => {
                self.strictly(scope, now, |state| state.advanced(cursor, after))
            }
            RelayFrame::CaughtUp { scope, cursor } => self.strictly(scope, now, |state| state.caught_up(cursor)),
            RelayFrame::CursorVoid { scope, head } => self.strictly(scope, now, |state| state.cursor_void(head)),
            RelayFrame::Inventory { scope, at, entries, last } => {
                self.strictly(scope, now, |state| state.inventory(at, &entries, last))
            }
            RelayFrame::Excerpt { scope, packed, last } => self.state(scope, |state| state.excerpt(packed, last)),
            RelayFrame::Peers(peers) => vec![Effect::Peers(peers)],
            RelayFrame::Directory(directory) => vec![Effect::Directory(directory)],
        }
    }

    fn on_welcome(&mut self, welcome: Welcome, now: Timestamp) -> Vec<Effect> {
        if welcome.version != PROTOCOL_VERSION {
            let detail = format!("the relay answers with protocol version {}, which was not offered", welcome.version);
            return self.wait(Refusal::new(Cause::Version, detail), now);
        }
        self.link = Link::Live { since: now };
        self.separated = false;
        for head in welcome.logs {
            if let Some(state) = self.scopes.iter_mut().find(|state| state.is_of(head.scope)) {
                state.welcomed(head.cursor.epoch);
            }
        }
        let deadline = self.next_look(now.after(3 * KEEPALIVE));
        vec![Effect::Directory(welcome.directory), Effect::Wake(deadline)]
    }

    fn on_pushed(
        &mut self,
        scope: Scope,
        number: u64,
        outcomes: Vec<UnitOutcome>,
        head: Cursor,
        now: Timestamp,
    ) -> Vec<Effect> {
        let later = outcomes.iter().find_map(|outcome| match outcome {
            UnitOutcome::Refused(refusal) if refusal.cause.may_pass_later() => Some(refusal.clone()),
            _ => None,
        });
        let mut effects = self.strictly(scope, now, |state| state.pushed(number, outcomes, head));
        if let Some(refusal) = later.filter(|_| self.link.is_live()) {
            effects.extend(self.give_up(refusal, now));
        }
        effects
    }

    /// What a scope makes of it; nothing where this session does not synchronize the scope.
    fn state(&mut self, scope: Scope, work: impl FnOnce(&mut ScopeState) -> Vec<Effect>) -> Vec<Effect> {
        self.scopes.iter_mut().find(|state| state.is_of(scope)).map(work).unwrap_or_default()
    }

    /// The same, where a relay that makes no sense is left.
    fn strictly(
        &mut self,
        scope: Scope,
        now: Timestamp,
        work: impl FnOnce(&mut ScopeState) -> Result<Vec<Effect>, Refusal>,
    ) -> Vec<Effect> {
        match self.scopes.iter_mut().find(|state| state.is_of(scope)).map(work) {
            Some(Ok(effects)) => effects,
            Some(Err(refusal)) => self.give_up(refusal, now),
            None => Vec::new(),
        }
    }
}

impl Session {
    fn has_moved(&self) -> bool {
        self.scopes.iter().any(ScopeState::has_moved)
    }

    /// A connection that ends at once and has brought nothing is one more of its sort.
    fn count_connection(&mut self, now: Timestamp) {
        let Link::Live { since } = &self.link else { return };
        let is_in_vain = !self.has_moved() && now < since.after(KEEPALIVE);
        self.in_vain = if is_in_vain { self.in_vain.saturating_add(1) } else { 0 };
    }

    /// The reason, with the save at which connection after connection ends.
    fn named(&mut self, reason: Refusal) -> Refusal {
        let Some(place) = self.scopes.iter().find_map(ScopeState::pushed_in_vain) else { return reason };
        let detail = format!(
            "connection after connection ended before the relay had answered for the save at place {place} of the outbox: {}",
            reason.detail
        );
        let reason = Refusal { detail, ..reason };
        self.given_up = Some(reason.clone());
        reason
    }
}

fn silent() -> Refusal {
    Refusal::new(Cause::Unavailable, "the relay has not been heard of for too long")
}

#[cfg(test)]
mod tests;
