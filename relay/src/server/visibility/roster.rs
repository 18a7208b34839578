use std::collections::HashMap;
use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::wire::Directory;

use super::super::rooms::Room;
use super::super::{Served, blocking};
use crate::relay::Inner;
use crate::store::{AccessError, Caller};

/// Whose the devices of a workspace are, as one version of its directory says.
#[derive(Debug)]
pub(crate) struct Roster {
    /// The room's number of that version.
    pub(super) version: u64,
    devices: HashMap<DeviceId, Known>,
}

#[derive(Debug)]
struct Known {
    member: MemberId,
    is_shut_out: bool,
}

impl Roster {
    /// The roster as the directory is now. Only the first who asks after a change reads it.
    pub(super) async fn current(served: &Served, caller: &Caller, room: &Room) -> Result<Arc<Self>, AccessError> {
        let mut kept = room.roster.lock().await;
        // Taken before the directory is read: what changes meanwhile has a later number, and it is read again.
        let version = *room.directory_changed.borrow();
        if let Some(roster) = kept.as_ref().filter(|roster| roster.version == version) {
            return Ok(Arc::clone(roster));
        }
        let (relay, workspace) = (Arc::clone(&served.relay), caller.workspace);
        let roster = blocking(move || Self::read(&relay, workspace, version)).await?;
        *kept = Some(Arc::clone(&roster));
        Ok(roster)
    }

    /// The roster of the version with this number. Reads the disk.
    pub(crate) fn read(relay: &Inner, workspace: WorkspaceId, version: u64) -> Result<Arc<Self>, AccessError> {
        Ok(Arc::new(Self::of(&relay.access.directory(workspace)?, version)))
    }

    pub(super) fn of(directory: &Directory, version: u64) -> Self {
        let devices = directory
            .devices
            .iter()
            .map(|device| (device.id, Known { member: device.member, is_shut_out: device.revoked_at.is_some() }));
        Self { version, devices: devices.collect() }
    }

    /// Whose the device is.
    pub(super) fn member(&self, device: DeviceId) -> Option<MemberId> {
        self.devices.get(&device).map(|known| known.member)
    }

    /// Whether the device may still read.
    pub(super) fn admits(&self, device: DeviceId) -> Result<(), Refusal> {
        match self.devices.get(&device) {
            Some(known) if !known.is_shut_out => Ok(()),
            _ => Err(Refusal::new(Cause::Revoked, "this device has been shut out of the workspace")),
        }
    }
}

#[cfg(test)]
mod tests {
    use regard_core::time::Timestamp;
    use regard_core::wire::KnownDevice;

    use super::*;

    #[test]
    fn whoever_is_shut_out_or_gone_may_not_read_and_is_still_known_as_an_author() {
        let device = |number: u8, revoked_at| KnownDevice {
            id: DeviceId::from_bytes([number; 16]),
            member: MemberId::from_bytes([number + 100; 16]),
            name: String::new(),
            public_key: Vec::new(),
            joined_at: Timestamp(0),
            revoked_at,
        };
        let directory =
            Directory { devices: vec![device(1, None), device(2, Some(Timestamp(1)))], ..Directory::default() };
        let roster = Roster::of(&directory, 1);
        let admits = [1, 2, 3].map(|number| roster.admits(DeviceId::from_bytes([number; 16])).map_err(|e| e.cause));
        assert_eq!(admits, [Ok(()), Err(Cause::Revoked), Err(Cause::Revoked)]);
        let known = [1, 2, 3].map(|number| roster.member(DeviceId::from_bytes([number; 16])).is_some());
        assert_eq!(known, [true, true, false]);
    }
}
