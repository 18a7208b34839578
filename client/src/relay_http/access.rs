//! Rights, and proving the device by its key.

use hyper::Method;
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::wire::access::keys::{Challenge, TokenResponse};
use regard_core::wire::access::rights::RoleChange;
use regard_core::wire::{Directory, Role};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Identity, RelayAccess};

/// Everybody who belongs to the workspace.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn directory(relay: &RelayAccess, workspace: WorkspaceId) -> Result<Directory, Refusal> {
    send(Method::GET, relay, workspace, "directory", true, &()).await
}

/// Shuts a device out.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn shut_out(relay: &RelayAccess, workspace: WorkspaceId, device: DeviceId) -> Result<Directory, Refusal> {
    send(Method::DELETE, relay, workspace, &format!("devices/{device}"), true, &()).await
}

/// Removes a member.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn remove(relay: &RelayAccess, workspace: WorkspaceId, member: MemberId) -> Result<Directory, Refusal> {
    send(Method::DELETE, relay, workspace, &format!("members/{member}"), true, &()).await
}

/// Changes what a member may do.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn set_role(
    relay: &RelayAccess,
    workspace: WorkspaceId,
    member: MemberId,
    role: Role,
) -> Result<Directory, Refusal> {
    send(Method::PATCH, relay, workspace, &format!("members/{member}"), true, &RoleChange { role }).await
}

/// A new token for the device that `identity` is, by its key.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn renew_token(relay: &RelayAccess, identity: &Identity) -> Result<TokenResponse, Refusal> {
    let challenge = challenge(relay, identity.workspace).await?;
    let request = identity.token_request(challenge.nonce);
    send(Method::POST, relay, identity.workspace, "tokens", false, &request).await
}

/// Hands the device's copy of the directory over to a relay that has lost it and waits for this device.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn adopt(relay: &RelayAccess, identity: &Identity, directory: &Directory) -> Result<TokenResponse, Refusal> {
    let challenge = challenge(relay, identity.workspace).await?;
    let request = identity.adoption_request(challenge.nonce, directory);
    send(Method::POST, relay, identity.workspace, "adoption", false, &request).await
}

async fn challenge(relay: &RelayAccess, workspace: WorkspaceId) -> Result<Challenge, Refusal> {
    send(Method::POST, relay, workspace, "challenges", false, &()).await
}

async fn send<T: DeserializeOwned>(
    method: Method,
    relay: &RelayAccess,
    workspace: WorkspaceId,
    path: &str,
    with_token: bool,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    let path = format!("/v1/workspaces/{workspace}/{path}");
    super::request(method, relay.into(), &path, with_token.then_some(&*relay.token), body).await
}
