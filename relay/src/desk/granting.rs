//! Who may come in, as devices ask for it. All of this blocks.

use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, Entropy, WorkspaceId};
use regard_core::limits::CHALLENGE_LIFETIME;
use regard_core::wire::access::keys::{AdoptionRequest, Challenge, Nonce, TokenRequest, TokenResponse};
use regard_core::wire::access::{CopyRequest, JoinRequest, JoinResponse, Secret};

use crate::ambient::Randomness;
use crate::relay::Inner;
use crate::store::{AccessError, Caller, StoreError};

/// Turns an invitation into a device's token.
pub(crate) fn join(relay: &Inner, workspace: WorkspaceId, request: &JoinRequest) -> Result<JoinResponse, AccessError> {
    let now = relay.ambient.now();
    let joined = relay.access.join(workspace, request, now)?;
    tracing::info!(%workspace, device = %request.device, member = %joined.member, "a device joined");
    relay.rooms.joined(workspace, request.device, now);
    Ok(joined)
}

/// Makes a copied or restored store a device of its own.
pub(crate) fn copy(relay: &Inner, caller: &Caller, request: &CopyRequest) -> Result<JoinResponse, AccessError> {
    let (workspace, device, now) = (caller.workspace, request.device, relay.ambient.now());
    let copied = relay.access.copy_device(caller, request, now)?;
    tracing::info!(%workspace, %device, of = %caller.device, "a copied store became a device of its own");
    relay.rooms.joined(workspace, device, now);
    Ok(copied)
}

/// Gives out a challenge.
pub(crate) fn challenge(relay: &Inner, workspace: WorkspaceId) -> Result<Challenge, AccessError> {
    if !relay.access.has_workspace(workspace)? {
        return Err(Refusal::new(Cause::Unknown, format!("this relay has no workspace {workspace}")).into());
    }
    let mut nonce = Nonce([0; 32]);
    Randomness::fresh(&*relay.ambient).map_err(StoreError::NoRandomness)?.fill(&mut nonce.0);
    relay.rooms.challenges.add(workspace, nonce, relay.ambient.steady());
    Ok(Challenge { nonce, expires_at: relay.ambient.now().after(CHALLENGE_LIFETIME) })
}

/// Gives a device a new token for its signature.
pub(crate) fn renew(
    relay: &Arc<Inner>,
    workspace: WorkspaceId,
    request: &TokenRequest,
) -> Result<TokenResponse, AccessError> {
    take(relay, workspace, &request.nonce)?;
    let token = relay.access.renew_token(workspace, request)?;
    let answer = answer(relay, workspace, request.device, &token)?;
    tracing::info!(%workspace, device = %request.device, "a device got a new token by its key");
    Ok(answer)
}

/// Takes over an owner's copy of the directory.
pub(crate) fn adopt(
    relay: &Arc<Inner>,
    workspace: WorkspaceId,
    request: &AdoptionRequest,
) -> Result<TokenResponse, AccessError> {
    take(relay, workspace, &request.nonce)?;
    let token = relay.access.adopt(workspace, request, relay.ambient.now())?;
    let answer = answer(relay, workspace, request.device, &token)?;
    let (members, devices) = (answer.directory.members.len(), answer.directory.devices.len());
    tracing::info!(%workspace, device = %request.device, members, devices, "the workspace was adopted");
    Ok(answer)
}

fn take(relay: &Inner, workspace: WorkspaceId, nonce: &Nonce) -> Result<(), Refusal> {
    if relay.rooms.challenges.take(workspace, nonce, relay.ambient.steady()) {
        return Ok(());
    }
    Err(Refusal::new(Cause::NotAllowed, "the challenge was not given out by this relay, or is used or too old"))
}

/// What proved itself by the token before ends, as it does for a second connection: two copies of a store that take the token
/// from each other then do so ever more slowly.
fn answer(
    relay: &Inner,
    workspace: WorkspaceId,
    device: DeviceId,
    token: &Secret,
) -> Result<TokenResponse, AccessError> {
    let word = Refusal::new(Cause::Replaced, "this device has got a new token by its key");
    relay.logs.standings().hold(workspace, &[device]).end(&word);
    Ok(TokenResponse { token: token.reveal(), directory: relay.access.directory(workspace)? })
}
