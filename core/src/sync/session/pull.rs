use super::effect::{Effect, ScopeStart};
use crate::limits::QUARANTINE_MAX;
use crate::wire::{Applied, ClientFrame, Cursor, Scope, Subscribe};

/// Follows a scope's log.
#[derive(Debug)]
pub(super) struct Pull {
    scope: Scope,
    /// Applied and durable here.
    cursor: Option<Cursor>,
    /// The furthest end of the log that an answer to a push has told.
    witness: Option<Cursor>,
    /// The end of the log when the relay last said that everything has been sent; `None` while catching up.
    target: Option<u64>,
    except: Vec<u64>,
}

impl Pull {
    pub(super) fn new(start: ScopeStart) -> Self {
        let ScopeStart { scope, cursor, witness, exceptions, .. } = start;
        Self { scope, cursor, witness, target: None, except: exceptions }
    }

    pub(super) fn disconnected(&mut self) {
        self.target = None;
    }

    /// What is wanted of the log.
    pub(super) fn wish(&self) -> Subscribe {
        let is_ahead = |witness: &Cursor| {
            self.cursor.is_none_or(|cursor| cursor.epoch != witness.epoch || cursor.seq < witness.seq)
        };
        Subscribe { scope: self.scope, from: self.cursor, witness: self.witness.filter(is_ahead) }
    }

    pub(super) fn subscribe(&self) -> Effect {
        Effect::Send(ClientFrame::Subscribe(self.wish()))
    }

    /// Goes on at another place: what was known of places before says nothing there.
    pub(super) fn move_to(&mut self, cursor: Cursor, exceptions: Vec<u64>) {
        (self.cursor, self.witness, self.target) = (Some(cursor), None, None);
        self.except = exceptions;
    }

    /// How far the log is applied.
    pub(super) fn position(&self) -> Option<Cursor> {
        self.cursor
    }

    pub(super) fn witnessed(&mut self, head: Cursor) {
        self.witness = Some(head);
    }

    pub(super) fn caught_up(&mut self, cursor: Cursor) {
        self.target = Some(cursor.seq);
    }

    /// Whether less is applied than up to this end of the log.
    pub(super) fn is_before(&self, head: Cursor) -> bool {
        self.cursor.is_none_or(|cursor| cursor.epoch != head.epoch || cursor.seq < head.seq)
    }

    /// This place, or the own one where that is further in the same log: a poll may have brought more by a way of its own.
    pub(super) fn furthest(&self, cursor: Cursor) -> Cursor {
        self.cursor.filter(|own| own.epoch == cursor.epoch && own.seq > cursor.seq).unwrap_or(cursor)
    }

    pub(super) fn is_caught_up(&self) -> bool {
        let applied = self.cursor.map_or(0, |cursor| cursor.seq);
        self.target.is_some_and(|target| applied >= target)
    }

    pub(super) fn applied(&mut self, cursor: Cursor, except: Vec<u64>) -> Applied {
        self.cursor = Some(cursor);
        // A place can come twice, by a connection and by a poll.
        let known = self.except.len();
        self.except.extend(except);
        if self.except.len() > known {
            self.except.sort_unstable();
            self.except.dedup();
        }
        // As many as the store keeps, and as a relay takes.
        let old = self.except.len().saturating_sub(QUARANTINE_MAX);
        self.except.drain(..old);
        Applied { scope: self.scope, cursor, except: self.except.clone() }
    }

    /// Places that were set aside are applied after all; answers the receipt that says so.
    pub(super) fn healed(&mut self, healed: &[u64]) -> Option<Applied> {
        let before = self.except.len();
        self.except.retain(|place| !healed.contains(place));
        let cursor = self.cursor.filter(|_| self.except.len() < before)?;
        Some(Applied { scope: self.scope, cursor, except: self.except.clone() })
    }
}
