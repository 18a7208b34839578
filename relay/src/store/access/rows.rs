//! The tables of `access.redb` and their rows.

use std::ops::RangeInclusive;

use minicbor::{Decode, Encode};
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::limits::INVITATION_LIFETIME;
use regard_core::time::Timestamp;
use regard_core::wire::{PeerApplied, Role};

use crate::store::rows::SealedTable;
use crate::store::tables::joined;

/// The format of `access.redb`.
pub(in crate::store) const ACCESS_FORMAT: u32 = 2;

/// Workspace → [`WorkspaceRow`].
pub(super) const WORKSPACES: SealedTable<16> = SealedTable("workspaces");
/// (workspace, member) → [`MemberRow`].
pub(super) const MEMBERS: SealedTable<32> = SealedTable("members");
/// (workspace, device) → [`DeviceRow`].
pub(super) const DEVICES: SealedTable<32> = SealedTable("devices");
/// (workspace, SHA-256 of the secret) → [`InvitationRow`].
pub(super) const INVITATIONS: SealedTable<48> = SealedTable("invitations");
/// (workspace, device) → [`PeerRow`].
pub(super) const PEERS: SealedTable<32> = SealedTable("peers");

/// (workspace, device) → the greatest instance counter that the device's store has said.
pub(super) const INSTANCES: SealedTable<32> = SealedTable("instances");

/// Characters of a name of a workspace, a member or a device.
const NAME_CHARS_MAX: usize = 200;

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct WorkspaceRow {
    #[n(0)]
    pub(super) name: String,
    #[n(1)]
    pub(super) created_at: Timestamp,
    #[n(2)]
    pub(super) directory_version: u64,
    /// The public key of the device that may hand over the workspace's directory, while the relay waits for it.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) awaits: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct MemberRow {
    #[n(0)]
    pub(super) name: String,
    #[n(1)]
    pub(super) role: Role,
    #[n(2)]
    pub(super) joined_at: Timestamp,
    /// Since when the person belongs to the workspace no more.
    #[n(3)]
    pub(super) removed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct DeviceRow {
    #[n(0)]
    pub(super) member: MemberId,
    #[n(1)]
    pub(super) name: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(super) public_key: Vec<u8>,
    /// SHA-256 of the token, which only the device has; empty while it has none.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) token_digest: Vec<u8>,
    #[n(4)]
    pub(super) joined_at: Timestamp,
    #[n(5)]
    pub(super) revoked_at: Option<Timestamp>,
    /// Who shut it out, for people.
    #[n(6)]
    pub(super) revoked_by: Option<String>,
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct InvitationRow {
    #[n(0)]
    pub(super) invited_as: InvitedAs,
    #[n(1)]
    pub(super) expires_at: Timestamp,
    /// Who used it, and when.
    #[n(2)]
    pub(super) used: Option<(DeviceId, Timestamp)>,
    /// The device that made it; `None` where the relay's host did.
    #[n(3)]
    pub(super) made_by: Option<DeviceId>,
    /// Since when it can be used no more, although nobody used it.
    #[n(4)]
    pub(super) taken_back_at: Option<Timestamp>,
}

impl InvitationRow {
    pub(super) fn new(invited_as: InvitedAs, made_by: Option<DeviceId>, now: Timestamp) -> Self {
        Self { invited_as, expires_at: now.after(INVITATION_LIFETIME), used: None, made_by, taken_back_at: None }
    }
}

/// What an invitation makes of whoever uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum InvitedAs {
    /// The first member, an owner.
    #[n(0)]
    Founder,
    /// A new member.
    #[n(1)]
    NewMember(#[n(0)] Role),
    /// A further device of this member.
    #[n(2)]
    DeviceOf(#[n(0)] MemberId),
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct PeerRow {
    #[n(0)]
    pub(super) since: Timestamp,
    #[n(1)]
    pub(super) applied: Vec<PeerApplied>,
}

/// The key of a member or a device in a workspace.
pub(super) fn pair_key(workspace: WorkspaceId, id: &[u8; 16]) -> [u8; 32] {
    joined(workspace.as_bytes(), id)
}

pub(super) fn invitation_key(workspace: WorkspaceId, digest: [u8; 32]) -> [u8; 48] {
    joined(workspace.as_bytes(), &digest)
}

/// The member or the device of a key.
pub(super) fn second_id(key: &[u8; 32]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&key[16..]);
    id
}

/// The keys of all invitations of a workspace.
pub(super) fn invitations_of(workspace: WorkspaceId) -> RangeInclusive<[u8; 48]> {
    invitation_key(workspace, [0; 32])..=invitation_key(workspace, [0xff; 32])
}

/// The keys of all members or devices of a workspace.
pub(super) fn of_workspace(workspace: WorkspaceId) -> RangeInclusive<[u8; 32]> {
    pair_key(workspace, &[0; 16])..=pair_key(workspace, &[0xff; 16])
}

/// A name as it is kept: trimmed, of one line, neither empty nor endless.
pub(super) fn checked_name(name: &str, what: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Refusal::new(Cause::Malformed, format!("{what} is empty or has more than one line")));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        let detail = format!("{what} has more than {NAME_CHARS_MAX} characters");
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    Ok(name.to_owned())
}
