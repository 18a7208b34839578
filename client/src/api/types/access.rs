//! Members, devices, the relay, and saves that it does not have.

use std::path::PathBuf;

use regard_core::error::Refusal;
use regard_core::id::{DeviceId, EpochId, MemberId, UnitId, WorkspaceId};
use regard_core::sync::Link;
use regard_core::time::Timestamp;
use regard_core::wire::{Role, Scope};
use serde::{Deserialize, Serialize};

use crate::store::UnsentSave;

/// `GET /v1/members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleView {
    /// The members, removed ones last.
    pub members: Vec<MemberView>,
    /// Their devices, those that were shut out last.
    pub devices: Vec<KnownDeviceView>,
    /// When something was last heard from the relay.
    pub as_of: Option<Timestamp>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The member.
    pub id: MemberId,
    /// The person's name.
    pub name: String,
    /// What the member may do.
    pub role: Role,
    /// Devices with access.
    pub devices: usize,
    /// Whether it is this device's person.
    pub is_own: bool,
    /// Since when the person belongs to the workspace no more.
    pub removed_at: Option<Timestamp>,
}

/// A device in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDeviceView {
    /// The device.
    pub id: DeviceId,
    /// Person and device.
    pub name: String,
    /// Its public key, 64 hexadecimal digits.
    pub public_key: String,
    /// When it joined.
    pub joined_at: Timestamp,
    /// Whether it is this device.
    pub is_own: bool,
    /// Since when it has no more access.
    pub revoked_at: Option<Timestamp>,
}

/// `POST /v1/members/remove`, `/v1/devices/revoke`: a name, or the beginning of an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whom {
    /// Who is meant.
    pub whom: String,
}

/// `POST /v1/members/role`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// Who is meant: a name, or the beginning of an id.
    pub whom: String,
    /// What the member may do from now on.
    pub role: Role,
}

/// `POST /v1/invitations/complete`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncompleteLink {
    /// A link that the relay's host made.
    pub link: String,
}

/// A link that others can join with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteLink {
    /// The link. Whoever has it can join, once.
    pub link: String,
}

/// `GET /v1/relay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayView {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The relay's address, where one is set.
    pub address: Option<String>,
    /// Whether it is the one that `up` runs here.
    pub embedded: bool,
    /// How the connection stands.
    pub link: Link,
    /// Whether both sides have everything.
    pub settled: bool,
    /// When something was last heard from the relay.
    pub as_of: Option<Timestamp>,
    /// This device.
    pub device: DeviceId,
    /// The device's public key, 64 hexadecimal digits.
    pub public_key: String,
    /// How far each log is applied here.
    pub logs: Vec<LogView>,
}

/// How far a scope's log is applied here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogView {
    /// The scope.
    pub scope: String,
    /// The log's life.
    pub epoch: EpochId,
    /// Applied up to here.
    pub seq: u64,
}

impl LogView {
    /// The name of a scope.
    #[must_use]
    pub fn named(scope: Scope, epoch: EpochId, seq: u64) -> Self {
        Self { scope: scope.to_string(), epoch, seq }
    }
}

/// `GET /v1/relay/token`: what a program needs to ask the relay in this device's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// The relay's address.
    pub address: String,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The device's token, 64 hexadecimal digits. Whoever has it is the device.
    pub token: String,
}

/// `POST /v1/relay/move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRequest {
    /// Another address of the same relay, or an invitation link to another relay with the same workspace.
    pub to: String,
    /// The fingerprint of the certificate that the relay has now, 64 hexadecimal digits, or `system` to leave it to the
    /// system's trusted authorities; as before where it is absent. An invitation link says it itself.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// The answer to `POST /v1/relay/move` and `/v1/relay/adopt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayAnswer {
    /// The relay's address.
    pub address: String,
    /// Why the relay was not reached there, where it was not. The address is set all the same.
    pub unreached: Option<String>,
    /// Devices that the relay knows, those that were shut out left out; `None` where it was not asked.
    pub devices: Option<usize>,
}

/// `GET /v1/outbox`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxView {
    /// The saves that the relay does not have, the longest waiting first.
    pub saves: Vec<UnsentSave>,
    /// How many more there are behind these.
    pub more: u64,
}

/// `POST /v1/outbox/export`, `/v1/outbox/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavesFile {
    /// The file's absolute path.
    pub path: PathBuf,
}

/// The answer to `POST /v1/outbox/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// How many saves are in it.
    pub saves: usize,
    /// How many changes these have.
    pub changes: usize,
}

/// The answer to `POST /v1/outbox/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The device that could not send the saves: person and device.
    pub from: String,
    /// Saves that were taken in and wait for the relay.
    pub taken: usize,
    /// Saves that were here already.
    pub existed: u64,
    /// Saves of which nothing was taken.
    pub refused: Vec<RefusedUnit>,
}

/// A save of which nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedUnit {
    /// Its id.
    pub save: UnitId,
    /// Why.
    pub reason: Refusal,
}
