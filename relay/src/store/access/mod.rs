//! Who may come in: workspaces, members, devices and invitations, in `access.redb`.

mod directory;
mod instances;
mod joining;
mod keys;
mod peers;
mod rights;
mod rows;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::access::Secret;
use regard_core::wire::{self, Role};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

pub(crate) use peers::StoredPeer;
pub(crate) use rights::{By, Rights};

use super::file::{Database, Snapshot};
use super::{Medium, RealFile, StoreError, file};
use crate::ambient::{Ambient, Machine, Randomness};
pub(super) use rows::ACCESS_FORMAT;
use rows::{
    DEVICES, DeviceRow, INVITATIONS, InvitationRow, InvitedAs, MEMBERS, MemberRow, PEERS, WORKSPACES, WorkspaceRow,
};
use rows::{invitation_key, of_workspace, pair_key};

/// The access file.
pub(crate) struct AccessStore {
    pub(super) database: Database,
    ambient: Arc<dyn Ambient>,
}

/// Why a request about access was not granted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// It is not allowed or makes no sense.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A device that proved itself by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) workspace: WorkspaceId,
    pub(crate) device: DeviceId,
    pub(crate) member: MemberId,
    pub(crate) role: Role,
    /// Drawn when it proved itself: see [`super::standing`].
    pub(crate) standing: u64,
}

/// A workspace, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceInfo {
    /// Its id.
    pub id: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// When it was made, by the relay's clock.
    pub created_at: Timestamp,
    /// How many members it has.
    pub members: u64,
    /// How many devices have access.
    pub devices: u64,
}

impl AccessStore {
    /// Opens or creates the file in the file system.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_on(Arc::new(RealFile::new(path)), file::RETRY_PAUSE, Arc::new(Machine::default()))
    }

    /// Opens or creates the file. `retry_pause` is how long it is left alone after its disk has failed.
    pub(crate) fn open_on(
        medium: Arc<dyn Medium>,
        retry_pause: Duration,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, StoreError> {
        let database = file::open_on(medium, retry_pause, ACCESS_FORMAT, |transaction| {
            WORKSPACES.write(transaction)?;
            MEMBERS.write(transaction)?;
            DEVICES.write(transaction)?;
            INVITATIONS.write(transaction)?;
            PEERS.write(transaction).map(drop)
        })?;
        Ok(Self { database, ambient })
    }

    /// Makes a workspace without members and the invitation by which its first one, an owner, joins.
    pub(crate) fn create_workspace(&self, id: WorkspaceId, name: &str) -> Result<Secret, AccessError> {
        let name = rows::checked_name(name, "the workspace's name")?;
        let now = self.ambient.now();
        let secret = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        {
            let mut workspaces = WORKSPACES.write(&transaction)?;
            if workspaces.get(id.as_bytes(), workspace_row)?.is_some() {
                return Err(Refusal::new(Cause::NotAllowed, format!("there is a workspace {id} already")).into());
            }
            let row = WorkspaceRow { name, created_at: now, directory_version: 0, awaits: None };
            workspaces.put(id.as_bytes(), wire::encode(&row))?;
            let invitation = InvitationRow::new(InvitedAs::Founder, None, now);
            let mut invitations = INVITATIONS.write(&transaction)?;
            invitations.put(&invitation_key(id, secret.digest()), wire::encode(&invitation))?;
        }
        file::commit(transaction)?;
        Ok(secret)
    }

    /// Whether there is a workspace with this id.
    pub(crate) fn has_workspace(&self, id: WorkspaceId) -> Result<bool, StoreError> {
        let transaction = self.read()?;
        Ok(WORKSPACES.read(&transaction)?.get(id.as_bytes(), workspace_row)?.is_some())
    }

    /// All workspaces, in the order of their ids.
    pub(crate) fn workspaces(&self) -> Result<Vec<WorkspaceInfo>, StoreError> {
        let transaction = self.read()?;
        let rows = WORKSPACES.read(&transaction)?.scan([0; 16]..=[0xff; 16], workspace_row, |_| true)?;
        let members = MEMBERS.read(&transaction)?;
        let devices = DEVICES.read(&transaction)?;
        let info = rows.into_iter().map(|(key, row)| {
            let id = WorkspaceId::from_bytes(key);
            let all = devices.scan(of_workspace(id), device_row, |_| true)?;
            let everybody = members.scan(of_workspace(id), member_row, |_| true)?;
            Ok(WorkspaceInfo {
                id,
                name: row.name,
                created_at: row.created_at,
                members: everybody.iter().filter(|(_, member)| member.removed_at.is_none()).count() as u64,
                devices: all.iter().filter(|(_, device)| device.revoked_at.is_none()).count() as u64,
            })
        });
        info.collect()
    }

    /// The device whose token this is. Every device of the workspace is compared, each in constant time.
    pub(crate) fn authenticate(
        &self,
        workspace: WorkspaceId,
        token: &Secret,
        standing: u64,
    ) -> Result<Caller, AccessError> {
        let digest = token.digest();
        let transaction = self.read()?;
        if WORKSPACES.read(&transaction)?.get(workspace.as_bytes(), workspace_row)?.is_none() {
            return Err(unknown_workspace(workspace).into());
        }
        let devices = DEVICES.read(&transaction)?.scan(of_workspace(workspace), device_row, |_| true)?;
        let mut found = None;
        for (key, device) in devices {
            if bool::from(device.token_digest.as_slice().ct_eq(&digest)) {
                found = Some((rows::second_id(&key), device));
            }
        }
        let (id, device) = found.ok_or_else(|| not_allowed("the token is not that of a device of this workspace"))?;
        if let Some(refusal) = rights::shut_out(&device) {
            return Err(refusal.into());
        }
        let member = MEMBERS.read(&transaction)?.get(&pair_key(workspace, device.member.as_bytes()), member_row)?;
        let member_row = member.ok_or_else(|| not_allowed("this device belongs to nobody in the workspace"))?;
        let (device, member) = (DeviceId::from_bytes(id), device.member);
        Ok(Caller { workspace, device, member, role: member_row.role, standing })
    }

    /// A view of the last committed state, and the way to write it into a new file.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.database.snapshot()
    }

    /// Whether the file can be read, and written as far as is known.
    pub(crate) fn check_ready(&self) -> Result<(), StoreError> {
        self.database.check_ready()
    }

    fn randomness(&self) -> Result<Randomness, StoreError> {
        Randomness::fresh(&*self.ambient).map_err(StoreError::NoRandomness)
    }

    fn read(&self) -> Result<redb::ReadTransaction, StoreError> {
        self.database.begin_read().map_err(StoreError::failed("beginning to read"))
    }
}

fn not_allowed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Cause::NotAllowed, detail)
}

fn unknown_workspace(id: WorkspaceId) -> Refusal {
    Refusal::new(Cause::Unknown, format!("this relay has no workspace {id}"))
}

fn workspace_row(row: &[u8]) -> Result<WorkspaceRow, Refusal> {
    wire::decode(row, "workspace")
}

fn member_row(row: &[u8]) -> Result<MemberRow, Refusal> {
    wire::decode(row, "member")
}

fn device_row(row: &[u8]) -> Result<DeviceRow, Refusal> {
    wire::decode(row, "device")
}
