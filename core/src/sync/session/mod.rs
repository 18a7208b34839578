//! A device's side of synchronization: one connection to the workspace's relay, kept up, fed from the outbox, and drained
//! into the store.
//!
//! [`Session::handle`] does nothing by itself. The caller owns socket, store and clock, performs each [`Effect`] in order,
//! and reports back as an [`Event`]. [`Effect::Apply`] and [`Effect::Settle`] must be durable before they are reported.

mod effect;
mod pull;
mod push;

use std::collections::HashMap;

pub use effect::{Effect, Event, Link, Queued, Start};

use self::pull::Pull;
use self::push::Outbox;
use super::backoff::Backoff;
use crate::error::{Cause, Refusal};
use crate::id::EpochId;
use crate::limits::{KEEPALIVE, PEER_PATIENCE};
use crate::time::Timestamp;
use crate::wire::{ClientFrame, Hello, PROTOCOL_VERSION, RelayFrame, Scope, UnitOutcome, Welcome};

/// The state machine. Waits and deadlines are its own; it sees time only as the argument of [`Session::handle`].
#[derive(Debug)]
pub struct Session {
    hello: Hello,
    link: Link,
    backoff: Backoff,
    scopes: Vec<ScopeState>,
    heard_at: Timestamp,
}

#[derive(Debug)]
struct ScopeState {
    scope: Scope,
    /// The life of the log that this connection is about.
    epoch: Option<EpochId>,
    outbox: Outbox,
    pull: Pull,
}

impl Session {
    /// A session that is offline until [`Event::GoOnline`] comes.
    #[must_use]
    pub fn new(start: Start, now: Timestamp) -> Self {
        let mut exceptions: HashMap<Scope, Vec<u64>> = start.exceptions.into_iter().collect();
        let scopes = start.cursors.into_iter().map(|(scope, cursor)| {
            let except = exceptions.remove(&scope).unwrap_or_default();
            let (outbox, pull) = (Outbox::new(scope), Pull::new(scope, cursor, except));
            ScopeState { scope, epoch: None, outbox, pull }
        });
        let hello = Hello {
            versions: (PROTOCOL_VERSION, PROTOCOL_VERSION),
            instance: start.instance,
            program: start.program,
            features: Vec::new(),
        };
        let (link, backoff) = (Link::Offline { since: now }, Backoff::new(start.seed));
        Self { hello, link, backoff, scopes: scopes.collect(), heard_at: now }
    }

    /// Takes in what happened and answers what is to be done.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let before = self.link.clone();
        let mut effects = self.react(event, now);
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
        self.link.is_live() && self.scopes.iter().all(|state| state.outbox.is_drained() && state.pull.is_caught_up())
    }

    fn react(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::GoOnline if !self.link.is_live() && !self.link.is_connecting() => self.connect(now),
            Event::GoOffline => self.leave(Link::Offline { since: now }),
            Event::Timer => self.on_timer(now),
            Event::Connected if self.link.is_connecting() => {
                self.heard_at = now;
                vec![Effect::Send(ClientFrame::Hello(self.hello.clone())), Effect::Wake(now.after(PEER_PATIENCE))]
            }
            Event::Closed { reason } if !self.link.is_at_rest() => self.wait(reason, now),
            Event::Heard => {
                self.heard_at = now;
                Vec::new()
            }
            Event::Frame(frame) => {
                self.heard_at = now;
                self.on_frame(frame, now)
            }
            Event::Saved { scope } => self.saved(scope),
            Event::Outbox { scope, units } if self.link.is_live() => self.state(scope).outbox.on_units(units),
            Event::Applied { scope, cursor, except } => self.on_applied(scope, cursor, except),
            Event::GoOnline | Event::Connected | Event::Closed { .. } | Event::Outbox { .. } => Vec::new(),
        }
    }

    fn connect(&mut self, now: Timestamp) -> Vec<Effect> {
        self.link = Link::Connecting { since: now };
        self.heard_at = now;
        vec![Effect::Connect, Effect::Wake(now.after(PEER_PATIENCE))]
    }

    fn leave(&mut self, link: Link) -> Vec<Effect> {
        let was_open = self.link.is_live() || self.link.is_connecting();
        self.link = link;
        for state in &mut self.scopes {
            state.outbox.disconnected();
            state.pull.disconnected();
        }
        if was_open { vec![Effect::Close] } else { Vec::new() }
    }

    fn wait(&mut self, reason: Refusal, now: Timestamp) -> Vec<Effect> {
        if reason.cause == Cause::Revoked {
            return self.leave(Link::Ended { since: now, reason });
        }
        // Two copies of a store would take turns in replacing each other, ever as quickly as the first time.
        if self.link.is_live() && reason.cause != Cause::Replaced {
            self.backoff.reset();
        }
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
            Link::Connecting { .. } | Link::Live { .. } => {
                let deadline = self.heard_at.after(if self.link.is_live() { 3 * KEEPALIVE } else { PEER_PATIENCE });
                if now < deadline {
                    return vec![Effect::Wake(deadline)];
                }
                self.wait(Refusal::new(Cause::Unavailable, "the relay has not been heard of for too long"), now)
            }
        }
    }

    fn on_frame(&mut self, frame: RelayFrame, now: Timestamp) -> Vec<Effect> {
        match frame {
            RelayFrame::Welcome(welcome) if self.link.is_connecting() => self.on_welcome(welcome, now),
            RelayFrame::Refused(refusal) => self.wait(refusal, now),
            _ if !self.link.is_live() => Vec::new(),
            RelayFrame::Welcome(_) => self.wait(Refusal::new(Cause::Malformed, "the relay greeted twice"), now),
            RelayFrame::Pushed { scope, number, outcomes } => self.on_pushed(scope, number, outcomes, now),
            RelayFrame::Segment { scope, packed } => {
                self.state(scope).epoch.map(|epoch| Effect::Apply { scope, epoch, packed }).into_iter().collect()
            }
            RelayFrame::Advanced { scope, cursor } => vec![Effect::Advance { scope, cursor }],
            RelayFrame::CaughtUp { scope, cursor } => {
                self.state(scope).pull.caught_up(cursor);
                Vec::new()
            }
            RelayFrame::CursorVoid { scope, head } => {
                let state = self.state(scope);
                state.epoch = Some(head.epoch);
                state.restart()
            }
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
        let mut effects = vec![Effect::Directory(welcome.directory), Effect::Wake(now.after(3 * KEEPALIVE))];
        for head in welcome.logs {
            let Some(state) = self.scopes.iter_mut().find(|state| state.scope == head.scope) else { continue };
            state.epoch = Some(head.cursor.epoch);
            if state.pull.is_of(head.cursor.epoch) {
                effects.push(state.pull.subscribe());
                effects.extend(state.outbox.connected());
            } else {
                effects.extend(state.restart());
            }
        }
        effects
    }

    fn saved(&mut self, scope: Scope) -> Vec<Effect> {
        let live = self.link.is_live();
        self.state(scope).outbox.saved(live)
    }

    fn on_pushed(&mut self, scope: Scope, number: u64, outcomes: Vec<UnitOutcome>, now: Timestamp) -> Vec<Effect> {
        let later = outcomes.iter().find_map(|outcome| match outcome {
            UnitOutcome::Refused(refusal) if refusal.cause.may_pass_later() => Some(refusal.clone()),
            _ => None,
        });
        let state = self.state(scope);
        let Some(epoch) = state.epoch else { return Vec::new() };
        let settled = state.outbox.on_pushed(epoch, number, outcomes);
        match (settled, later) {
            (Err(refusal), _) => self.wait(refusal, now),
            (Ok(mut effects), Some(refusal)) => {
                effects.extend(self.wait(refusal, now));
                effects
            }
            (Ok(effects), None) => effects,
        }
    }

    fn on_applied(&mut self, scope: Scope, cursor: crate::wire::Cursor, except: Vec<u64>) -> Vec<Effect> {
        let receipt = self.state(scope).pull.applied(cursor, except);
        if self.link.is_live() { vec![Effect::Send(ClientFrame::Applied(receipt))] } else { Vec::new() }
    }

    fn state(&mut self, scope: Scope) -> &mut ScopeState {
        let at = self.scopes.iter().position(|state| state.scope == scope).unwrap_or_else(|| {
            self.scopes.push(ScopeState {
                scope,
                epoch: None,
                outbox: Outbox::new(scope),
                pull: Pull::new(scope, None, Vec::new()),
            });
            self.scopes.len() - 1
        });
        &mut self.scopes[at]
    }
}

impl ScopeState {
    /// The log is another one than the cursor's: everything held goes into the outbox again, and everything logged is
    /// looked through. What either side has already is recognized by its hash.
    fn restart(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::Restart { scope: self.scope }];
        effects.push(self.pull.subscribe_from_start());
        effects.extend(self.outbox.connected());
        effects
    }
}

#[cfg(test)]
mod tests;
