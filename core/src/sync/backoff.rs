use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX};

/// How long to wait before connecting again: twice as long each time, up to a bound, and between half of that and all of
/// it by chance, so that a relay that comes back is not met by everybody at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    attempts: u32,
    random: u64,
}

impl Backoff {
    /// A first wait is due. Different seeds wait differently.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed }
    }

    /// What was tried worked: the next wait is a first one again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait now, between half of [`BACKOFF_FIRST`] and [`BACKOFF_MAX`].
    pub fn next_wait(&mut self) -> Duration {
        let doubled = BACKOFF_FIRST.saturating_mul(1 << self.attempts.min(16));
        self.attempts = self.attempts.saturating_add(1);
        let whole = doubled.min(BACKOFF_MAX);
        let half = whole / 2;
        half + half.mul_f64(self.next_fraction())
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): a few lines, and good enough for spreading waits.
    fn next_fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let upper = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_are_spread() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<_> = (0..40).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] >= BACKOFF_FIRST / 2 && waits[0] <= BACKOFF_FIRST, "{waits:?}");
        assert!(waits[10..].iter().all(|wait| (BACKOFF_MAX / 2..=BACKOFF_MAX).contains(wait)), "{waits:?}");
        let distinct: std::collections::BTreeSet<_> = waits[10..].iter().collect();
        assert!(distinct.len() > 20, "{waits:?}");
        backoff.reset();
        assert!(backoff.next_wait() <= BACKOFF_FIRST);
    }
}
