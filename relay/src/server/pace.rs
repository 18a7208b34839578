//! How fast devices and workspaces may bring changes. Whoever is faster is read more slowly; nothing is refused for it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use lru::LruCache;
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::limits::CONNECTIONS_MAX;

use crate::quotas::{Quota, Quotas};

/// The paces of those who sent something lately: as many as can be connected, and their workspaces.
const PACES_MAX: NonZeroUsize = match NonZeroUsize::new(2 * CONNECTIONS_MAX) {
    Some(max) => max,
    None => NonZeroUsize::MIN,
};

type Limiter = Arc<DefaultDirectRateLimiter>;

/// The pace of everybody.
pub(crate) struct Pace {
    quotas: Quotas,
    limiters: Mutex<LruCache<(WorkspaceId, Option<DeviceId>), Limiter>>,
}

impl Pace {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self { quotas, limiters: Mutex::new(LruCache::new(PACES_MAX)) }
    }

    /// Waits until so many changes more are within what the device and its workspace may bring.
    pub(super) async fn wait(&self, workspace: WorkspaceId, device: DeviceId, changes: usize) {
        // The device's own pace first: who waits for it takes nothing from the workspace's.
        pass(&self.limiter((workspace, Some(device)), self.quotas.device), changes, self.quotas.device).await;
        pass(&self.limiter((workspace, None), self.quotas.workspace), changes, self.quotas.workspace).await;
    }

    fn limiter(&self, whose: (WorkspaceId, Option<DeviceId>), quota: Quota) -> Limiter {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, burst) = rate_and_burst(quota);
        let make = || Arc::new(RateLimiter::direct(governor::Quota::per_second(rate).allow_burst(burst)));
        Arc::clone(limiters.get_or_insert(whose, make))
    }
}

async fn pass(limiter: &Limiter, changes: usize, quota: Quota) {
    let (_, burst) = rate_and_burst(quota);
    let mut left = u32::try_from(changes).unwrap_or(u32::MAX);
    // More than a burst at once can never pass, so it passes in parts.
    while let Some(part) = NonZeroU32::new(left.min(burst.get())) {
        match limiter.check_n(part) {
            Ok(Ok(())) => left -= part.get(),
            Ok(Err(not_yet)) => tokio::time::sleep(not_yet.wait_time_from(DefaultClock::default().now())).await,
            Err(_) => return,
        }
    }
}

fn rate_and_burst(quota: Quota) -> (NonZeroU32, NonZeroU32) {
    let rate = NonZeroU32::new(quota.changes_per_second).unwrap_or(NonZeroU32::MIN);
    let burst = rate.saturating_mul(NonZeroU32::new(Quota::BURST_SECONDS).unwrap_or(NonZeroU32::MIN));
    (rate, burst)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn who_is_faster_than_allowed_waits_and_nobody_else_does() {
        let slow = Quota { bytes: 0, documents: 0, changes_per_second: 50 };
        let pace = Pace::new(Quotas { device: slow, ..Quotas::default() });
        let (workspace, fast, other) =
            (WorkspaceId::from_bytes([1; 16]), DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let begun = Instant::now();
        let within = (slow.changes_per_second * Quota::BURST_SECONDS) as usize;
        pace.wait(workspace, fast, within).await;
        assert!(begun.elapsed() < Duration::from_millis(200), "a burst passes at once");
        pace.wait(workspace, fast, 15).await;
        assert!(begun.elapsed() >= Duration::from_millis(250), "15 changes more take 0.3 s");
        let begun = Instant::now();
        pace.wait(workspace, other, within).await;
        assert!(begun.elapsed() < Duration::from_millis(200), "another device has a pace of its own");
    }
}
