use super::effect::Effect;
use crate::id::EpochId;
use crate::limits::QUARANTINE_MAX;
use crate::wire::{Applied, ClientFrame, Cursor, Scope, Subscribe};

/// Follows a scope's log.
#[derive(Debug)]
pub(super) struct Pull {
    scope: Scope,
    /// Applied and durable here.
    cursor: Option<Cursor>,
    /// The end of the log when the relay last said that everything has been sent; `None` while catching up.
    target: Option<u64>,
    except: Vec<u64>,
}

impl Pull {
    pub(super) fn new(scope: Scope, cursor: Option<Cursor>, except: Vec<u64>) -> Self {
        Self { scope, cursor, target: None, except }
    }

    /// Whether the cursor belongs to a log of this epoch, as it does before the first one is known.
    pub(super) fn is_of(&self, epoch: EpochId) -> bool {
        self.cursor.is_none_or(|cursor| cursor.epoch == epoch)
    }

    pub(super) fn disconnected(&mut self) {
        self.target = None;
    }

    pub(super) fn subscribe(&self) -> Effect {
        Effect::Send(ClientFrame::Subscribe(Subscribe { scope: self.scope, from: self.cursor }))
    }

    pub(super) fn subscribe_from_start(&mut self) -> Effect {
        (self.cursor, self.target) = (None, None);
        self.except.clear();
        self.subscribe()
    }

    pub(super) fn caught_up(&mut self, cursor: Cursor) {
        self.target = Some(cursor.seq);
    }

    pub(super) fn is_caught_up(&self) -> bool {
        let applied = self.cursor.map_or(0, |cursor| cursor.seq);
        self.target.is_some_and(|target| applied >= target)
    }

    pub(super) fn applied(&mut self, cursor: Cursor, except: Vec<u64>) -> Applied {
        self.cursor = Some(cursor);
        self.except.extend(except);
        // As many as the store keeps, and as a relay takes.
        let old = self.except.len().saturating_sub(QUARANTINE_MAX);
        self.except.drain(..old);
        Applied { scope: self.scope, cursor, except: self.except.clone() }
    }
}
