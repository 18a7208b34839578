use std::time::Duration;

use crate::limits::POLLS_IN_VAIN_MAX;
use crate::time::Timestamp;
use crate::wire::Cursor;

/// When to ask the relay by a way of its own: a connection can stand, answer every probe, and bring nothing.
#[derive(Debug)]
pub(super) struct Freshness {
    every: Duration,
    due_at: Timestamp,
    /// How far the logs were applied when it was asked last, where the answer said that it was not all.
    asked_from: Option<Vec<Option<Cursor>>>,
    /// Answers in a row that were not all and led nowhere.
    in_vain: u32,
}

impl Freshness {
    /// Asks often enough that an answer comes within `bound`.
    pub(super) fn new(bound: Duration, now: Timestamp) -> Self {
        // The rest is for the asking itself.
        let every = bound.saturating_sub(bound / 16);
        Self { every, due_at: now.after(every), asked_from: None, in_vain: 0 }
    }

    pub(super) fn due_at(&self) -> Timestamp {
        self.due_at
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.due_at
    }

    fn asked(&mut self, now: Timestamp) {
        self.due_at = now.after(self.every);
    }

    /// The answer was not all, and what it brought led to these places. Answers whether it is asked again at once: not
    /// where it leads nowhere.
    pub(super) fn ask_again(&mut self, now: Timestamp) -> bool {
        if self.in_vain > POLLS_IN_VAIN_MAX {
            self.in_vain = 0;
            return false;
        }
        self.due_at = now;
        true
    }

    /// It is asked from these places.
    pub(super) fn asks_from(&mut self, places: Vec<Option<Cursor>>, now: Timestamp) {
        let is_same = self.asked_from.as_ref() == Some(&places);
        self.in_vain = if is_same { self.in_vain + 1 } else { 0 };
        self.asked_from = Some(places);
        self.asked(now);
    }

    /// The answer was all that there is.
    pub(super) fn answered(&mut self) {
        (self.asked_from, self.in_vain) = (None, 0);
    }
}
