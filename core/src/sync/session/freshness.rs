use std::time::Duration;

use crate::time::Timestamp;

/// When to ask the relay by a way of its own: a connection can stand, answer every probe, and bring nothing.
#[derive(Debug)]
pub(super) struct Freshness {
    every: Duration,
    due_at: Timestamp,
}

impl Freshness {
    /// Asks often enough that an answer comes within `bound`.
    pub(super) fn new(bound: Duration, now: Timestamp) -> Self {
        // The rest is for the asking itself.
        let every = bound.saturating_sub(bound / 16);
        Self { every, due_at: now.after(every) }
    }

    pub(super) fn due_at(&self) -> Timestamp {
        self.due_at
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.due_at
    }

    pub(super) fn asked(&mut self, now: Timestamp) {
        self.due_at = now.after(self.every);
    }

    /// The answer was not all.
    pub(super) fn ask_again(&mut self, now: Timestamp) {
        self.due_at = now;
    }
}
