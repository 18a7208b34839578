//! Clocks that are set, in a world whose own time goes on steadily.

use std::time::Duration;

use regard_core::time::Timestamp;

/// A wall clock: the world's steady milliseconds, and what somebody has set it to.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// What it shows when the world begins.
    zero: i64,
}

/// The time at which the world begins, in milliseconds.
const BEGINNING: i64 = 1_790_000_000_000;

impl Clock {
    /// A clock that is right.
    #[must_use]
    pub const fn right() -> Self {
        Self { zero: BEGINNING }
    }

    /// What it shows.
    #[must_use]
    pub fn at(self, steady: u64) -> Timestamp {
        Timestamp(self.zero).after(Duration::from_millis(steady))
    }

    /// Sets it forward or back.
    pub fn jump(&mut self, milliseconds: i64) {
        self.zero = self.zero.saturating_add(milliseconds);
    }

    /// When it shows a time; the beginning where that is before.
    #[must_use]
    pub fn steady_of(self, at: Timestamp) -> u64 {
        u64::try_from(at.0.saturating_sub(self.zero)).unwrap_or(0)
    }
}
