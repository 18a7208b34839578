//! Members and devices, as the relay's host sees to them.

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::access::keys::PUBLIC_KEY_BYTES;
use regard_core::wire::access::rights::is_prefix;
use regard_core::wire::{Directory, Role};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Admin, WORKSPACES, ask};
use crate::error::RelayError;
use crate::relay::Relay;
use crate::server::denied::Denied;
use crate::server::{self, rights};
use crate::store::{AccessError, By, Rights, WorkspaceInfo};

/// An invitation that the relay's host made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeInvitation {
    /// Its secret, as 64 hexadecimal digits.
    pub secret: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// Whether it founds the workspace. Else its link lacks the workspace's identity secret, which the relay never learns
    /// and a device of the workspace adds.
    pub founds: bool,
}

#[derive(Serialize, Deserialize)]
enum Wish {
    Directory,
    Invite(Role),
    ShutOut(DeviceId),
    Remove(MemberId),
    Adopt { key: String, name: String },
}

impl Admin {
    /// The workspace whose name or beginning of id this is.
    ///
    /// # Errors
    /// [`RelayError::Refused`] where none or several are meant; else as [`Admin::workspaces`].
    pub async fn find_workspace(&self, text: &str) -> Result<WorkspaceInfo, RelayError> {
        let all = self.workspaces().await?;
        let named = |info: &&WorkspaceInfo| info.name.to_lowercase() == text.trim().to_lowercase();
        let mut meant: Vec<_> = all.iter().filter(named).collect();
        if meant.is_empty() {
            meant = all.iter().filter(|info| is_prefix(&info.id.to_string(), text.trim())).collect();
        }
        match meant[..] {
            [one] => Ok(one.clone()),
            [] => {
                let detail = format!("the relay has no workspace “{text}”");
                Err(RelayError::Refused(Refusal::new(Cause::Unknown, detail)))
            }
            _ => {
                let ids: Vec<_> = meant.iter().map(|info| info.id.to_string()).collect();
                let detail = format!("“{text}” can be {}: give the beginning of the id", ids.join(" or "));
                Err(RelayError::Refused(Refusal::new(Cause::Malformed, detail)))
            }
        }
    }

    /// Everybody who belongs to a workspace.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn directory(&self, workspace: WorkspaceId) -> Result<Directory, RelayError> {
        self.wish(workspace, Wish::Directory).await
    }

    /// Makes an invitation for a new member.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn invite(&self, workspace: WorkspaceId, role: Role) -> Result<MadeInvitation, RelayError> {
        self.wish(workspace, Wish::Invite(role)).await
    }

    /// Shuts a device out.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn shut_out(&self, workspace: WorkspaceId, device: DeviceId) -> Result<Directory, RelayError> {
        self.wish(workspace, Wish::ShutOut(device)).await
    }

    /// Removes a member, with all devices and open invitations of the member.
    ///
    /// # Errors
    /// [`RelayError`]; the last owner with a device is not removed.
    pub async fn remove(&self, workspace: WorkspaceId, member: MemberId) -> Result<Directory, RelayError> {
        self.wish(workspace, Wish::Remove(member)).await
    }

    /// Makes a workspace that this relay has lost wait for the owner's device with this public key, 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`RelayError`], also where the relay has the workspace.
    pub async fn adopt(&self, workspace: WorkspaceId, key: &str, name: &str) -> Result<(), RelayError> {
        self.wish(workspace, Wish::Adopt { key: key.into(), name: name.into() }).await
    }

    async fn wish<T: Serialize + DeserializeOwned>(&self, workspace: WorkspaceId, wish: Wish) -> Result<T, RelayError> {
        let malformed = |error: serde_json::Error| RelayError::Serving(error.into());
        match self {
            Self::Stopped(relay) => {
                let relay = relay.clone();
                let granted = server::blocking(move || grant(&relay, workspace, wish)).await?;
                serde_json::from_value(granted).map_err(malformed)
            }
            Self::Running(socket) => {
                let body = serde_json::to_vec(&wish).map_err(malformed)?;
                ask(socket, "POST", &format!("{WORKSPACES}/{workspace}/access"), body).await
            }
        }
    }
}

impl Relay {
    /// Makes a workspace that this relay has lost wait for the owner's device with this public key, which hands over who
    /// belongs to it.
    ///
    /// # Errors
    /// [`RelayError::Refused`] where the relay has the workspace, or for an impossible name; [`RelayError::Store`].
    pub fn await_adoption(
        &self,
        workspace: WorkspaceId,
        key: [u8; PUBLIC_KEY_BYTES],
        name: &str,
    ) -> Result<(), RelayError> {
        Ok(self.inner.access.await_adoption(workspace, key, name, self.inner.ambient.now())?)
    }
}

pub(super) fn router() -> Router<Relay> {
    Router::new().route(&format!("{WORKSPACES}/{{id}}/access"), post(access))
}

async fn access(
    State(relay): State<Relay>,
    Path(workspace): Path<WorkspaceId>,
    Json(wish): Json<Wish>,
) -> Result<Json<serde_json::Value>, Denied> {
    Ok(Json(server::blocking(move || grant(&relay, workspace, wish)).await?))
}

/// Blocks.
fn grant(relay: &Relay, workspace: WorkspaceId, wish: Wish) -> Result<serde_json::Value, RelayError> {
    let (inner, now) = (&relay.inner, relay.inner.ambient.now());
    let json = |value: serde_json::Result<serde_json::Value>| value.map_err(|error| RelayError::Serving(error.into()));
    let change = |wanted| rights::change(inner, workspace, By::Host, wanted).map_err(RelayError::from);
    match wish {
        Wish::Directory => json(serde_json::to_value(inner.access.directory(workspace)?)),
        Wish::ShutOut(device) => json(serde_json::to_value(change(Rights::ShutOut(device))?)),
        Wish::Remove(member) => json(serde_json::to_value(change(Rights::Remove(member))?)),
        Wish::Invite(role) => {
            let made = inner.access.invite_by_host(workspace, role, now)?;
            let (secret, expires_at) = (made.secret.reveal(), made.expires_at);
            json(serde_json::to_value(MadeInvitation { secret, expires_at, founds: made.founds }))
        }
        Wish::Adopt { key, name } => {
            let key = regard_core::id::parse_hex(&key).and_then(|key| key.try_into().ok());
            let key: [u8; PUBLIC_KEY_BYTES] = key.ok_or_else(|| {
                let detail = "the public key has not 64 hexadecimal digits; `regard relay show` on the device tells it";
                RelayError::Refused(Refusal::new(Cause::Malformed, detail))
            })?;
            relay.await_adoption(workspace, key, &name)?;
            Ok(serde_json::Value::Null)
        }
    }
}

impl From<AccessError> for RelayError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Refused(refusal) => Self::Refused(refusal),
            AccessError::Store(error) => Self::Store(error),
        }
    }
}
