use redb::{ReadTransaction, WriteTransaction};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::wire::{self, Directory, KnownDevice, KnownMember};

use super::rows::{DEVICES, MEMBERS, WORKSPACES, of_workspace, second_id};
use super::{AccessError, AccessStore, device_row, member_row, unknown_workspace, workspace_row};
use crate::store::StoreError;

impl AccessStore {
    /// Everybody who belongs to the workspace.
    pub(crate) fn directory(&self, workspace: WorkspaceId) -> Result<Directory, AccessError> {
        directory(&self.read()?, workspace)
    }
}

fn directory(transaction: &ReadTransaction, workspace: WorkspaceId) -> Result<Directory, AccessError> {
    let row = WORKSPACES.read(transaction)?.get(workspace.as_bytes(), workspace_row)?;
    let row = row.ok_or_else(|| unknown_workspace(workspace))?;
    let members = MEMBERS.read(transaction)?.scan(of_workspace(workspace), member_row, |_| true)?;
    let devices = DEVICES.read(transaction)?.scan(of_workspace(workspace), device_row, |_| true)?;
    let members = members.into_iter().map(|(key, member)| KnownMember {
        id: MemberId::from_bytes(second_id(&key)),
        name: member.name,
        role: member.role,
        removed_at: member.removed_at,
    });
    let devices = devices.into_iter().map(|(key, device)| KnownDevice {
        id: DeviceId::from_bytes(second_id(&key)),
        member: device.member,
        name: device.name,
        public_key: device.public_key,
        joined_at: device.joined_at,
        revoked_at: device.revoked_at,
    });
    Ok(Directory {
        version: row.directory_version,
        workspace: row.name,
        members: members.collect(),
        devices: devices.collect(),
    })
}

/// Notes in the same transaction that the directory changed.
pub(super) fn raise_version(transaction: &WriteTransaction, workspace: WorkspaceId) -> Result<(), StoreError> {
    let mut workspaces = WORKSPACES.write(transaction)?;
    if let Some(mut row) = workspaces.get(workspace.as_bytes(), workspace_row)? {
        row.directory_version += 1;
        workspaces.put(workspace.as_bytes(), wire::encode(&row))?;
    }
    Ok(())
}
