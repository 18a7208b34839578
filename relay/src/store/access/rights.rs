use redb::WriteTransaction;
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::{self, Role};

use super::directory::raise_version;
use super::rows::{DEVICES, DeviceRow, INVITATIONS, InvitationRow, InvitedAs, MEMBERS, MemberRow, WORKSPACES};
use super::rows::{invitations_of, of_workspace, pair_key, second_id};
use super::{AccessError, AccessStore, Caller, device_row, member_row, not_allowed, unknown_workspace, workspace_row};
use crate::store::{StoreError, file};

/// A change of what somebody may do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rights {
    /// The device has no access any more.
    ShutOut(DeviceId),
    /// The member and all devices of the member have no access any more.
    Remove(MemberId),
    /// The member may do this from now on.
    Role(MemberId, Role),
}

/// Who makes a change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// Whoever owns the relay's folder.
    Host,
    /// A device of the workspace.
    Device(Caller),
}

/// A change of rights that is durable.
pub(crate) struct RightsChanged {
    /// The devices whose connections end.
    pub(crate) devices: Vec<DeviceId>,
    /// What they are told.
    pub(crate) word: Refusal,
}

impl AccessStore {
    /// Makes a change of rights, where `by` may make it. `before` is called with the devices that it is about before the
    /// change is durable; where it fails, nothing changes. `None` where everything is so already.
    pub(crate) fn change_rights(
        &self,
        workspace: WorkspaceId,
        by: By,
        rights: Rights,
        now: Timestamp,
        before: impl FnOnce(&[DeviceId]) -> Result<(), StoreError>,
    ) -> Result<Option<RightsChanged>, AccessError> {
        let transaction = file::begin(&self.database)?;
        let mut people = People::read(&transaction, workspace)?;
        people.allow(by, rights)?;
        let by_name = people.name_of(by);
        let Some(changed) = people.change(rights, &by_name, now) else { return Ok(None) };
        before(&changed.devices)?;
        people.write(&transaction)?;
        take_back_invitations(&transaction, workspace, rights, &changed.devices, now)?;
        raise_version(&transaction, workspace)?;
        file::commit(transaction)?;
        Ok(Some(changed))
    }
}

/// The members and devices of a workspace, while a change is made.
struct People {
    workspace: WorkspaceId,
    members: Vec<(MemberId, MemberRow)>,
    devices: Vec<(DeviceId, DeviceRow)>,
}

impl People {
    fn read(transaction: &WriteTransaction, workspace: WorkspaceId) -> Result<Self, AccessError> {
        let row = WORKSPACES.write(transaction)?.get(workspace.as_bytes(), workspace_row)?;
        row.ok_or_else(|| unknown_workspace(workspace))?;
        let members = MEMBERS.write(transaction)?.scan(of_workspace(workspace), member_row, |_| true)?;
        let devices = DEVICES.write(transaction)?.scan(of_workspace(workspace), device_row, |_| true)?;
        Ok(Self {
            workspace,
            members: members.into_iter().map(|(key, row)| (MemberId::from_bytes(second_id(&key)), row)).collect(),
            devices: devices.into_iter().map(|(key, row)| (DeviceId::from_bytes(second_id(&key)), row)).collect(),
        })
    }

    fn write(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
        let mut members = MEMBERS.write(transaction)?;
        for (id, row) in &self.members {
            members.put(&pair_key(self.workspace, id.as_bytes()), wire::encode(row))?;
        }
        let mut devices = DEVICES.write(transaction)?;
        for (id, row) in &self.devices {
            devices.put(&pair_key(self.workspace, id.as_bytes()), wire::encode(row))?;
        }
        Ok(())
    }

    fn member(&self, id: MemberId) -> Result<&MemberRow, Refusal> {
        let found = self.members.iter().find(|(member, _)| *member == id).map(|(_, row)| row);
        found.ok_or_else(|| Refusal::new(Cause::Unknown, format!("the workspace has no member {id}")))
    }

    fn device(&self, id: DeviceId) -> Result<&DeviceRow, Refusal> {
        let found = self.devices.iter().find(|(device, _)| *device == id).map(|(_, row)| row);
        found.ok_or_else(|| Refusal::new(Cause::Unknown, format!("the workspace has no device {id}")))
    }

    /// Rights are read here once more: they may have changed since the caller proved itself.
    fn allow(&self, by: By, rights: Rights) -> Result<(), Refusal> {
        if let By::Device(caller) = by {
            let (device, member) = (self.device(caller.device)?, self.member(caller.member)?);
            if let Some(refusal) = shut_out(device) {
                return Err(refusal);
            }
            match (member.role, rights) {
                (Role::Owner, _) => {}
                (_, Rights::ShutOut(device)) if self.device(device)?.member == caller.member => {}
                (_, Rights::ShutOut(_)) => {
                    return Err(not_allowed("only an owner shuts out a device of somebody else"));
                }
                (_, Rights::Remove(_)) => return Err(not_allowed("only an owner removes members")),
                (_, Rights::Role(..)) => return Err(not_allowed("only an owner changes what members may do")),
            }
        }
        match rights {
            Rights::ShutOut(device) => {
                let row = self.device(device)?;
                // The host may: a stolen device is worse, and the host can invite another owner.
                let is_hosts = matches!(by, By::Host);
                let is_live_owners = row.revoked_at.is_none() && self.is_owner(row.member);
                if !is_hosts && is_live_owners && !self.has_owner(|other, _| other != device) {
                    return Err(not_allowed(
                        "this is the last device of the last owner: without it nobody could invite or remove anybody",
                    ));
                }
            }
            Rights::Remove(member) | Rights::Role(member, Role::Member | Role::Reader) => {
                let row = self.member(member)?;
                if self.is_owner(member) && !self.has_owner(|_, other| other != member) {
                    return Err(not_allowed(format!(
                        "{} is the last owner with a device: make another member an owner first",
                        row.name
                    )));
                }
            }
            Rights::Role(member, Role::Owner) => {
                self.member(member)?;
            }
        }
        if let Rights::Role(member, _) = rights
            && self.member(member)?.removed_at.is_some()
        {
            let name = &self.member(member)?.name;
            return Err(not_allowed(format!("{name} has been removed from the workspace; invite the person again")));
        }
        Ok(())
    }

    /// Whether there is an owner with a device of the wanted sort.
    fn has_owner(&self, wanted: impl Fn(DeviceId, MemberId) -> bool) -> bool {
        let mut live = self.devices.iter().filter(|(_, device)| device.revoked_at.is_none());
        live.any(|(id, device)| self.is_owner(device.member) && wanted(*id, device.member))
    }

    fn is_owner(&self, member: MemberId) -> bool {
        self.member(member).is_ok_and(|row| row.role == Role::Owner && row.removed_at.is_none())
    }

    fn name_of(&self, by: By) -> String {
        match by {
            By::Host => "the relay's host".into(),
            By::Device(caller) => self.member(caller.member).map_or("somebody", |member| &member.name).to_owned(),
        }
    }

    /// `None` where everything is so already.
    fn change(&mut self, rights: Rights, by: &str, now: Timestamp) -> Option<RightsChanged> {
        let devices = self.devices.iter_mut().filter(|(_, device)| device.revoked_at.is_none());
        let is_about = |id: DeviceId, device: &DeviceRow| match rights {
            Rights::ShutOut(wanted) => id == wanted,
            Rights::Remove(member) | Rights::Role(member, _) => device.member == member,
        };
        let about: Vec<_> = devices.filter(|(id, device)| is_about(*id, device)).collect();
        let ids: Vec<DeviceId> = about.iter().map(|(id, _)| *id).collect();
        let word = match rights {
            Rights::ShutOut(_) | Rights::Remove(_) => {
                for (_, device) in about {
                    (device.revoked_at, device.revoked_by) = (Some(now), Some(by.to_owned()));
                }
                shut_out_word(Some(by), now)
            }
            Rights::Role(_, role) => {
                let role = match role {
                    Role::Owner => "an owner",
                    Role::Member => "a member",
                    Role::Reader => "a reader",
                };
                let detail = format!("{by} has made you {role} of the workspace; the connection begins anew");
                Refusal::new(Cause::Unavailable, detail)
            }
        };
        let is_new = match rights {
            Rights::ShutOut(_) => !ids.is_empty(),
            Rights::Remove(member) => self.set(member, |row| row.removed_at.replace(now).is_none()) || !ids.is_empty(),
            Rights::Role(member, role) => self.set(member, |row| std::mem::replace(&mut row.role, role) != role),
        };
        is_new.then_some(RightsChanged { devices: ids, word })
    }

    fn set(&mut self, member: MemberId, set: impl FnOnce(&mut MemberRow) -> bool) -> bool {
        self.members.iter_mut().find(|(id, _)| *id == member).is_some_and(|(_, row)| set(row))
    }
}

/// Why a device has no access any more, where it has none.
pub(super) fn shut_out(device: &DeviceRow) -> Option<Refusal> {
    device.revoked_at.map(|at| shut_out_word(device.revoked_by.as_deref(), at))
}

fn shut_out_word(by: Option<&str>, at: Timestamp) -> Refusal {
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    Refusal::new(Cause::Revoked, format!("this device was shut out of the workspace{by} at {at}"))
}

/// What somebody invited who may no more, and what was meant for somebody who is gone, is worth nothing.
fn take_back_invitations(
    transaction: &WriteTransaction,
    workspace: WorkspaceId,
    rights: Rights,
    devices: &[DeviceId],
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_about = |row: &InvitationRow| {
        let is_made_there = row.made_by.is_some_and(|made_by| devices.contains(&made_by));
        let is_for = |member| matches!(row.invited_as, InvitedAs::DeviceOf(invited) if invited == member);
        is_made_there || matches!(rights, Rights::Remove(member) if is_for(member))
    };
    take_back(transaction, workspace, now, is_about)
}

/// Takes back the open invitations that are meant.
pub(super) fn take_back(
    transaction: &WriteTransaction,
    workspace: WorkspaceId,
    now: Timestamp,
    is_meant: impl Fn(&InvitationRow) -> bool,
) -> Result<(), StoreError> {
    let mut invitations = INVITATIONS.write(transaction)?;
    let decode = |row: &[u8]| wire::decode::<InvitationRow>(row, "invitation");
    for (key, mut row) in invitations.scan(invitations_of(workspace), decode, |_| true)? {
        if row.used.is_none() && row.taken_back_at.is_none() && is_meant(&row) {
            row.taken_back_at = Some(now);
            invitations.put(&key, wire::encode(&row))?;
        }
    }
    Ok(())
}
