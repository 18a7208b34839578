use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::limits::DEVICE_CONNECTIONS_MAX;

use crate::store::Caller;

/// How many connections each device has, also those on which it has not said yet who it is.
#[derive(Default)]
pub(super) struct Doors {
    open: Mutex<HashMap<(WorkspaceId, DeviceId), usize>>,
}

/// A WebSocket of a device that is counted as long as this is there.
pub(super) struct Door {
    doors: Arc<Doors>,
    whose: (WorkspaceId, DeviceId),
}

impl Doors {
    /// Lets one more in.
    pub(super) fn enter(self: &Arc<Self>, caller: &Caller) -> Result<Door, Refusal> {
        let whose = (caller.workspace, caller.device);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(whose).or_default();
        if *count >= DEVICE_CONNECTIONS_MAX {
            let detail = format!("this device has {DEVICE_CONNECTIONS_MAX} connections to the relay, and needs one");
            return Err(Refusal::new(Cause::Unavailable, detail));
        }
        *count += 1;
        Ok(Door { doors: Arc::clone(self), whose })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let mut open = self.doors.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.whose);
            }
        }
    }
}
