//! Who is who, for people: the directory's names, and this device's own before there is a directory.

use std::sync::Arc;

use regard_core::id::DeviceId;
use regard_core::wire::{Directory, Role};

use crate::store::{Identity, Store, StoreError};

/// The names of a workspace.
pub(crate) struct Names {
    directory: Directory,
    own: Arc<Identity>,
}

impl Names {
    pub(crate) fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { directory: store.directory()?, own: store.identity() })
    }

    /// All devices that have not been revoked, this one too.
    pub(crate) fn devices(&self) -> Vec<DeviceId> {
        let known = self.directory.devices.iter().filter(|device| device.revoked_at.is_none()).map(|device| device.id);
        let mut devices: Vec<_> = known.collect();
        if !devices.contains(&self.own.device) {
            devices.insert(0, self.own.device);
        }
        devices
    }

    /// Person and device.
    pub(crate) fn device(&self, device: DeviceId) -> String {
        if let Some(known) = self.directory.device(device) {
            let member = self.directory.member(known.member).map_or("somebody", |member| member.name.as_str());
            return Self::plain(&format!("{member} ({})", known.name));
        }
        if device == self.own.device {
            return format!("{} ({})", self.own.member_name, self.own.device_name);
        }
        format!("unknown device {device}")
    }

    /// A name as it is shown. Others choose their names: nothing of it may move a terminal's cursor.
    pub(crate) fn plain(name: &str) -> String {
        name.chars().filter(|c| !c.is_control()).collect()
    }

    /// This device.
    pub(crate) fn own_device(&self) -> DeviceId {
        self.own.device
    }

    /// What this device's person may do; everything before there is a directory.
    pub(crate) fn own_role(&self) -> Role {
        let own = self.directory.device(self.own.device).and_then(|device| self.directory.member(device.member));
        own.map_or(Role::Owner, |member| member.role)
    }
}
