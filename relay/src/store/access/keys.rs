use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::access::Secret;
use regard_core::wire::access::keys::{AdoptionRequest, PUBLIC_KEY_BYTES, Proof, TokenRequest};
use regard_core::wire::{self, Directory, Role};

use super::rights::shut_out;
use super::rows::{DEVICES, DeviceRow, MEMBERS, MemberRow, WORKSPACES, WorkspaceRow, checked_name, pair_key};
use super::{AccessError, AccessStore, device_row, not_allowed, unknown_workspace, workspace_row};
use crate::store::file;

impl AccessStore {
    /// Gives a device that proves itself by its key a new token; the one before is worth nothing any more. Whoever calls
    /// this has checked that the nonce was given out for this workspace, and not used.
    pub(crate) fn renew_token(&self, workspace: WorkspaceId, request: &TokenRequest) -> Result<Secret, AccessError> {
        let token = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        {
            let row = WORKSPACES.write(&transaction)?.get(workspace.as_bytes(), workspace_row)?;
            let row = row.ok_or_else(|| unknown_workspace(workspace))?;
            if row.awaits.is_some() {
                return Err(waits_for_an_owner().into());
            }
            let mut devices = DEVICES.write(&transaction)?;
            let key = pair_key(workspace, request.device.as_bytes());
            let mut device = devices.get(&key, device_row)?.ok_or_else(|| unknown_device(request.device))?;
            let proof = Proof { workspace, device: request.device, nonce: &request.nonce, directory: None };
            proof.verify(&device.public_key, &request.signature)?;
            if let Some(refusal) = shut_out(&device) {
                return Err(refusal.into());
            }
            device.token_digest = token.digest().to_vec();
            devices.put(&key, wire::encode(&device))?;
        }
        file::commit(transaction)?;
        Ok(token)
    }

    /// Makes a workspace that this relay has lost wait for the device with this key, which hands its directory over.
    pub(crate) fn await_adoption(
        &self,
        workspace: WorkspaceId,
        key: [u8; PUBLIC_KEY_BYTES],
        name: &str,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let name = checked_name(name, "the workspace's name")?;
        let transaction = file::begin(&self.database)?;
        {
            let mut workspaces = WORKSPACES.write(&transaction)?;
            if workspaces.get(workspace.as_bytes(), workspace_row)?.is_some_and(|row| row.awaits.is_none()) {
                return Err(not_allowed(format!(
                    "this relay has the workspace {workspace} and knows its members; only a lost one is adopted"
                ))
                .into());
            }
            let row = WorkspaceRow { name, created_at: now, directory_version: 0, awaits: Some(key.to_vec()) };
            workspaces.put(workspace.as_bytes(), wire::encode(&row))?;
        }
        file::commit(transaction)?;
        Ok(())
    }

    /// Rebuilds members and devices from an owner's copy of the directory. None but the owner's device has a token then; the
    /// others get theirs by their keys.
    pub(crate) fn adopt(
        &self,
        workspace: WorkspaceId,
        request: &AdoptionRequest,
        now: Timestamp,
    ) -> Result<Secret, AccessError> {
        let token = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        {
            let mut workspaces = WORKSPACES.write(&transaction)?;
            let row = workspaces.get(workspace.as_bytes(), workspace_row)?;
            let row = row.ok_or_else(|| unknown_workspace(workspace))?;
            let awaited = row.awaits.as_deref().ok_or_else(|| {
                not_allowed(
                    "the workspace waits for no owner: the relay's host can make it, by `regard-relay workspace adopt`",
                )
            })?;
            let directory = request.verified(workspace, awaited).map_err(|refusal| match refusal.cause {
                Cause::NotAllowed => not_allowed("the workspace waits for a device with another key"),
                _ => refusal,
            })?;
            check_owner(&directory, request.device, awaited)?;
            let name = if directory.workspace.is_empty() { row.name } else { directory.workspace.clone() };
            let directory_version = directory.version.saturating_add(1);
            let created_at = directory.devices.iter().map(|device| device.joined_at).min().unwrap_or(now);
            let row = WorkspaceRow { name, created_at, directory_version, awaits: None };
            workspaces.put(workspace.as_bytes(), wire::encode(&row))?;
            let mut members = MEMBERS.write(&transaction)?;
            for (id, row) in member_rows(&directory, now)? {
                members.put(&pair_key(workspace, id.as_bytes()), wire::encode(&row))?;
            }
            let mut devices = DEVICES.write(&transaction)?;
            for (id, mut row) in device_rows(&directory)? {
                if id == request.device {
                    row.token_digest = token.digest().to_vec();
                }
                devices.put(&pair_key(workspace, id.as_bytes()), wire::encode(&row))?;
            }
        }
        file::commit(transaction)?;
        Ok(token)
    }
}

/// The device must be an owner's by its own directory: another could not have changed it without the awaited key, but the
/// relay's host may have been told the wrong one.
fn check_owner(directory: &Directory, device: DeviceId, awaited: &[u8]) -> Result<(), Refusal> {
    let known = directory.device(device).filter(|known| known.public_key == awaited);
    let known = known.ok_or_else(|| not_allowed("the directory does not know the device that hands it over"))?;
    let member = directory.member(known.member);
    let is_owner = member.is_some_and(|member| member.role == Role::Owner && member.removed_at.is_none());
    if known.revoked_at.is_some() || !is_owner {
        return Err(not_allowed("only a device of an owner hands a workspace's directory over"));
    }
    Ok(())
}

fn member_rows(directory: &Directory, now: Timestamp) -> Result<Vec<(regard_core::id::MemberId, MemberRow)>, Refusal> {
    let rows = directory.members.iter().map(|member| {
        let name = checked_name(&member.name, "a member's name")?;
        let devices = directory.devices.iter().filter(|device| device.member == member.id);
        let joined_at = devices.map(|device| device.joined_at).min().unwrap_or(now);
        Ok((member.id, MemberRow { name, role: member.role, joined_at, removed_at: member.removed_at }))
    });
    rows.collect()
}

fn device_rows(directory: &Directory) -> Result<Vec<(DeviceId, DeviceRow)>, Refusal> {
    let malformed = |device: DeviceId, what: &str| {
        Refusal::new(Cause::Malformed, format!("the directory's device {device} has {what}"))
    };
    let rows = directory.devices.iter().map(|device| {
        if device.public_key.len() != PUBLIC_KEY_BYTES {
            return Err(malformed(device.id, "no public key"));
        }
        if directory.member(device.member).is_none() {
            return Err(malformed(device.id, "no member"));
        }
        let row = DeviceRow {
            member: device.member,
            name: checked_name(&device.name, "a device's name")?,
            public_key: device.public_key.clone(),
            token_digest: Vec::new(),
            joined_at: device.joined_at,
            revoked_at: device.revoked_at,
            revoked_by: None,
        };
        Ok((device.id, row))
    });
    rows.collect()
}

fn waits_for_an_owner() -> Refusal {
    Refusal::new(
        Cause::Unavailable,
        "the relay has lost who belongs to the workspace, and waits for an owner to tell it",
    )
}

fn unknown_device(device: DeviceId) -> Refusal {
    not_allowed(format!(
        "this relay knows neither the token nor the key of device {device}; with a new invitation link, \
         `regard relay move LINK` brings it back"
    ))
}
