use redb::WriteTransaction;
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId, parse_hex};
use regard_core::time::Timestamp;
use regard_core::wire::access::keys::PUBLIC_KEY_BYTES;
use regard_core::wire::access::{InviteRequest, InviteResponse, JoinRequest, JoinResponse, Secret};
use regard_core::wire::{self, Role};

use super::directory::raise_version;
use super::rows::{DEVICES, DeviceRow, INVITATIONS, InvitationRow, InvitedAs, MEMBERS, MemberRow, WORKSPACES};
use super::rows::{checked_name, invitation_key, of_workspace, pair_key};
use super::{
    AccessError, AccessStore, Caller, device_row, member_row, not_allowed, rights, unknown_workspace, workspace_row,
};
use crate::store::file;

impl AccessStore {
    /// Makes an invitation in the caller's name.
    pub(crate) fn invite(
        &self,
        caller: &Caller,
        request: &InviteRequest,
        now: Timestamp,
    ) -> Result<InviteResponse, AccessError> {
        let workspace = caller.workspace;
        let secret = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        let invited_as = match (role_now(&transaction, caller)?, request.member) {
            (Role::Owner, None) => InvitedAs::NewMember(request.role),
            (Role::Owner, Some(member)) => InvitedAs::DeviceOf(member),
            (Role::Member, Some(member)) if member == caller.member => InvitedAs::DeviceOf(member),
            (Role::Member, _) => return Err(not_allowed("a member invites own further devices only").into()),
            (Role::Reader, _) => return Err(not_allowed("a reader invites nobody").into()),
        };
        if let Some(member) = request.member {
            let found = MEMBERS.write(&transaction)?.get(&pair_key(workspace, member.as_bytes()), member_row)?;
            let found = found.filter(|member| member.removed_at.is_none());
            found.ok_or_else(|| Refusal::new(Cause::Unknown, format!("the workspace has no member {member}")))?;
        }
        let invitation = InvitationRow::new(invited_as, Some(caller.device), now);
        let expires_at = invitation.expires_at;
        let key = invitation_key(workspace, secret.digest());
        INVITATIONS.write(&transaction)?.put(&key, wire::encode(&invitation))?;
        file::commit(transaction)?;
        Ok(InviteResponse { secret: secret.reveal(), expires_at })
    }

    /// Makes an invitation in the name of the relay's host. Where nobody has joined yet it founds the workspace, and takes
    /// the place of earlier ones: two founders would make two identity secrets.
    pub(crate) fn invite_by_host(
        &self,
        workspace: WorkspaceId,
        role: Role,
        now: Timestamp,
    ) -> Result<HostInvitation, AccessError> {
        let secret = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        let row = WORKSPACES.write(&transaction)?.get(workspace.as_bytes(), workspace_row)?;
        if row.ok_or_else(|| unknown_workspace(workspace))?.awaits.is_some() {
            return Err(
                not_allowed("the workspace waits to be adopted by an owner: nobody can be invited before").into()
            );
        }
        let founds =
            MEMBERS.write(&transaction)?.scan(of_workspace(workspace), member_row, <[_]>::is_empty)?.is_empty();
        let invited_as = match (founds, role) {
            (false, role) => InvitedAs::NewMember(role),
            (true, Role::Owner) => InvitedAs::Founder,
            (true, Role::Member | Role::Reader) => {
                return Err(not_allowed("the first member of a workspace is an owner; give --role owner").into());
            }
        };
        if founds {
            rights::take_back(&transaction, workspace, now, |row| matches!(row.invited_as, InvitedAs::Founder))?;
        }
        let invitation = InvitationRow::new(invited_as, None, now);
        let expires_at = invitation.expires_at;
        let key = invitation_key(workspace, secret.digest());
        INVITATIONS.write(&transaction)?.put(&key, wire::encode(&invitation))?;
        file::commit(transaction)?;
        Ok(HostInvitation { secret, expires_at, founds })
    }

    /// Uses up an invitation and makes the device known.
    pub(crate) fn join(
        &self,
        workspace: WorkspaceId,
        request: &JoinRequest,
        now: Timestamp,
    ) -> Result<JoinResponse, AccessError> {
        if !self.has_workspace(workspace)? {
            return Err(unknown_workspace(workspace).into());
        }
        let secret: Secret = request
            .invitation
            .parse()
            .map_err(|error: regard_core::id::BadId| Refusal::new(Cause::Malformed, error.to_string()))?;
        let mut entropy = self.randomness()?;
        let token = Secret::random(&mut entropy);
        let transaction = file::begin(&self.database)?;
        let invited_as = use_up(&transaction, workspace, &secret, request, now)?;
        let member = match invited_as {
            InvitedAs::DeviceOf(member) => member,
            InvitedAs::Founder | InvitedAs::NewMember(_) => {
                let role = if let InvitedAs::NewMember(role) = invited_as { role } else { Role::Owner };
                let name = checked_name(&request.member_name, "the member's name")?;
                add_member(
                    &transaction,
                    workspace,
                    request.member,
                    &MemberRow { name, role, joined_at: now, removed_at: None },
                )?;
                request.member
            }
        };
        let device =
            NewDevice { id: request.device, name: &request.device_name, public_key: &request.public_key, member };
        add_device(&transaction, workspace, &device, &token, now)?;
        raise_version(&transaction, workspace)?;
        file::commit(transaction)?;
        Ok(JoinResponse { token: token.reveal(), member, directory: self.directory(workspace)? })
    }
}

/// An invitation that the relay's host made.
pub(crate) struct HostInvitation {
    pub(crate) secret: Secret,
    pub(crate) expires_at: Timestamp,
    /// Whether whoever uses it is the first member and makes the identity secret.
    pub(crate) founds: bool,
}

/// What the caller may do now: it may have changed since it proved itself.
pub(super) fn role_now(transaction: &WriteTransaction, caller: &Caller) -> Result<Role, AccessError> {
    let key = |id: &[u8; 16]| pair_key(caller.workspace, id);
    let device = DEVICES.write(transaction)?.get(&key(caller.device.as_bytes()), device_row)?;
    if let Some(refusal) = device.as_ref().and_then(rights::shut_out) {
        return Err(refusal.into());
    }
    let member = MEMBERS.write(transaction)?.get(&key(caller.member.as_bytes()), member_row)?;
    Ok(member.ok_or_else(|| not_allowed("this device belongs to nobody in the workspace"))?.role)
}

fn use_up(
    transaction: &WriteTransaction,
    workspace: WorkspaceId,
    secret: &Secret,
    request: &JoinRequest,
    now: Timestamp,
) -> Result<InvitedAs, AccessError> {
    let mut invitations = INVITATIONS.write(transaction)?;
    // The table is searched by the secret's digest: how long that takes tells nothing about the secret.
    let key = invitation_key(workspace, secret.digest());
    let found = invitations.get(&key, |row| wire::decode::<InvitationRow>(row, "invitation"))?;
    let mut invitation = found.ok_or_else(|| not_allowed("this relay knows no such invitation"))?;
    if invitation.used.is_some() {
        return Err(not_allowed("the invitation has been used already; ask for a new one").into());
    }
    if invitation.taken_back_at.is_some() {
        return Err(not_allowed("the invitation has been taken back; ask for a new one").into());
    }
    if invitation.expires_at < now {
        let detail = format!("the invitation could be used until {}; ask for a new one", invitation.expires_at);
        return Err(not_allowed(detail).into());
    }
    if request.founds != matches!(invitation.invited_as, InvitedAs::Founder) {
        return Err(Refusal::new(Cause::Malformed, "the invitation link is cut off or changed").into());
    }
    invitation.used = Some((request.device, now));
    invitations.put(&key, wire::encode(&invitation))?;
    Ok(invitation.invited_as)
}

fn add_member(
    transaction: &WriteTransaction,
    workspace: WorkspaceId,
    member: MemberId,
    row: &MemberRow,
) -> Result<(), AccessError> {
    let mut members = MEMBERS.write(transaction)?;
    let key = pair_key(workspace, member.as_bytes());
    if members.get(&key, member_row)?.is_some() {
        return Err(not_allowed(format!("the workspace has a member {member} already")).into());
    }
    Ok(members.put(&key, wire::encode(row))?)
}

/// A device that is to be made known.
pub(super) struct NewDevice<'a> {
    pub(super) id: DeviceId,
    pub(super) name: &'a str,
    /// 64 hexadecimal digits.
    pub(super) public_key: &'a str,
    pub(super) member: MemberId,
}

pub(super) fn add_device(
    transaction: &WriteTransaction,
    workspace: WorkspaceId,
    device: &NewDevice<'_>,
    token: &Secret,
    now: Timestamp,
) -> Result<(), AccessError> {
    let mut devices = DEVICES.write(transaction)?;
    let key = pair_key(workspace, device.id.as_bytes());
    if devices.get(&key, device_row)?.is_some() {
        return Err(not_allowed(format!("device {} has joined this workspace already", device.id)).into());
    }
    let public_key = parse_hex(device.public_key).filter(|key| key.len() == PUBLIC_KEY_BYTES);
    let public_key =
        public_key.ok_or_else(|| Refusal::new(Cause::Malformed, "the public key has not 64 hexadecimal digits"))?;
    let row = DeviceRow {
        member: device.member,
        name: checked_name(device.name, "the device's name")?,
        public_key,
        token_digest: token.digest().to_vec(),
        joined_at: now,
        revoked_at: None,
        revoked_by: None,
    };
    devices.put(&key, wire::encode(&row))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use regard_core::limits::INVITATION_LIFETIME;

    #[test]
    fn an_invitation_can_be_used_until_it_expires() {
        let folder = tempfile::tempdir().expect("a folder");
        let access = AccessStore::open(&folder.path().join("access.redb")).expect("a file");
        let workspace = WorkspaceId::from_bytes([1; 16]);
        let secret = access.create_workspace(workspace, "Team").expect("a workspace");
        let request = JoinRequest {
            invitation: secret.reveal(),
            device: DeviceId::from_bytes([2; 16]),
            device_name: "laptop".into(),
            member: MemberId::from_bytes([3; 16]),
            member_name: "Ana".into(),
            public_key: "00".repeat(PUBLIC_KEY_BYTES),
            founds: true,
        };
        let made = crate::ambient::now();
        let late = made.after(INVITATION_LIFETIME + Duration::from_mins(1));
        let refused = access.join(workspace, &request, late).expect_err("an expired invitation");
        assert!(refused.to_string().contains("could be used until"), "{refused}");
        access.join(workspace, &request, made.after(INVITATION_LIFETIME / 2)).expect("joined");
    }
}
