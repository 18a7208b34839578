//! Which connections still stand for their device, so that nothing is accepted after a device was shut out.
//!
//! A caller's standing is a number drawn when it proved itself. A change of rights goes in this order: the device's pushes
//! are held back (here), the commit in flight ends (the log's fence), the change becomes durable (the access file), and what
//! stood before it ends with a word. What the writer takes up in between is refused for now and stays with its device.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use tokio::sync::watch;

use super::Caller;

/// The devices whose rights changed since the relay started: as many as there are devices at most.
#[derive(Debug)]
pub(crate) struct Standings {
    next: AtomicU64,
    bars: RwLock<HashMap<Device, Bar>>,
    changed: watch::Sender<u64>,
}

type Device = (WorkspaceId, DeviceId);

#[derive(Debug, Clone)]
enum Bar {
    /// The device's rights are being changed.
    Held,
    /// What stood before this number stands no more; the refusal says why.
    Before(u64, Refusal),
}

/// What is held back until a change of rights is durable. Dropped without that, everything is as it was.
pub(crate) struct Held {
    standings: Arc<Standings>,
    before: Vec<(Device, Option<Bar>)>,
}

impl Default for Standings {
    fn default() -> Self {
        Self { next: AtomicU64::new(1), bars: RwLock::default(), changed: watch::Sender::new(0) }
    }
}

impl Standings {
    /// A standing for whoever proves itself from now on: drawn before its rights are read.
    pub(crate) fn draw(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Whether a push of this standing may be logged now. The refusal lets the device keep its saves: the connection's end
    /// says what it is about.
    pub(super) fn may_push(&self, workspace: WorkspaceId, device: DeviceId, standing: u64) -> Result<(), Refusal> {
        match self.bars().get(&(workspace, device)) {
            Some(Bar::Before(number, _)) if standing >= *number => Ok(()),
            None => Ok(()),
            Some(_) => Err(Refusal::new(Cause::Unavailable, "what this device may do is being changed")),
        }
    }

    /// Why the caller stands no more, where it does not.
    pub(crate) fn lost_now(&self, caller: &Caller) -> Option<Refusal> {
        match self.bars().get(&(caller.workspace, caller.device)) {
            Some(Bar::Before(number, refusal)) if caller.standing < *number => Some(refusal.clone()),
            _ => None,
        }
    }

    /// Waits until the caller stands no more, and answers why.
    pub(crate) async fn lost(&self, caller: &Caller) -> Refusal {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(refusal) = self.lost_now(caller) {
                return refusal;
            }
            if changed.changed().await.is_err() {
                return Refusal::new(Cause::Unavailable, "the relay is stopping");
            }
        }
    }

    /// Holds back the pushes of these devices.
    pub(crate) fn hold(self: &Arc<Self>, workspace: WorkspaceId, devices: &[DeviceId]) -> Held {
        let mut bars = self.bars_mut();
        let before = devices.iter().map(|device| {
            let key = (workspace, *device);
            (key, bars.insert(key, Bar::Held))
        });
        let before = before.collect();
        drop(bars);
        Held { standings: Arc::clone(self), before }
    }

    fn bars(&self) -> RwLockReadGuard<'_, HashMap<Device, Bar>> {
        self.bars.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn bars_mut(&self) -> RwLockWriteGuard<'_, HashMap<Device, Bar>> {
        self.bars.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The change is durable: whatever proved itself before ends, for this reason.
    pub(crate) fn end(mut self, refusal: &Refusal) {
        // Whoever draws now reads the rights as they are now.
        let number = self.standings.draw();
        let mut bars = self.standings.bars_mut();
        for (key, _) in std::mem::take(&mut self.before) {
            bars.insert(key, Bar::Before(number, refusal.clone()));
        }
        drop(bars);
        self.standings.changed.send_modify(|changes| *changes += 1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut bars = self.standings.bars_mut();
        for (key, bar) in std::mem::take(&mut self.before) {
            match bar {
                Some(bar) => bars.insert(key, bar),
                None => bars.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([1; 16]);
    const DEVICE: DeviceId = DeviceId::from_bytes([2; 16]);

    #[test]
    fn what_is_held_is_given_back_unless_the_change_became_durable() {
        let standings = Arc::new(Standings::default());
        let early = standings.draw();
        let may_push = |standing| standings.may_push(WORKSPACE, DEVICE, standing).is_ok();
        let held = standings.hold(WORKSPACE, &[DEVICE]);
        assert!(!may_push(early) && !may_push(standings.draw()));
        drop(held);
        assert!(may_push(early), "the change failed");
        let held = standings.hold(WORKSPACE, &[DEVICE]);
        let between = standings.draw();
        held.end(&Refusal::new(Cause::Unavailable, "another role"));
        assert!(!may_push(early) && !may_push(between), "both may have read the rights before the change");
        assert!(may_push(standings.draw()));
        drop(standings.hold(WORKSPACE, &[DEVICE]));
        assert!(!may_push(early), "an earlier change is not forgotten");
        assert!(standings.may_push(WORKSPACE, DeviceId::from_bytes([3; 16]), early).is_ok(), "others go on");
    }
}
