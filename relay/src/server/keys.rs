//! Tokens by key: challenges, new tokens, and handing over the directory of a workspace that the relay has lost.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, Entropy, WorkspaceId};
use regard_core::limits::CHALLENGE_LIFETIME;
use regard_core::wire::access::Secret;
use regard_core::wire::access::keys::{AdoptionRequest, Challenge, Nonce, TokenRequest, TokenResponse};

use super::denied::Denied;
use super::{Served, blocking};
use crate::ambient::{self, Randomness};
use crate::relay::Inner;
use crate::store::{AccessError, StoreError};

/// Gives out a challenge.
pub(super) async fn challenge(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
) -> Result<Json<Challenge>, Denied> {
    let Path(workspace) = workspace?;
    let relay = Arc::clone(&served.relay);
    if !blocking(move || Ok::<_, AccessError>(relay.access.has_workspace(workspace)?)).await? {
        return Err(Refusal::new(Cause::Unknown, format!("this relay has no workspace {workspace}")).into());
    }
    let mut nonce = Nonce([0; 32]);
    let mut entropy = Randomness::fresh().map_err(|error| AccessError::from(StoreError::NoRandomness(error)))?;
    entropy.fill(&mut nonce.0);
    served.relay.rooms.challenges.add(workspace, nonce, Instant::now());
    Ok(Json(Challenge { nonce, expires_at: ambient::now().after(CHALLENGE_LIFETIME) }))
}

/// Gives a device a new token for its signature.
pub(super) async fn token(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<Json<TokenResponse>, Denied> {
    let (Path(workspace), Json(request)) = (workspace?, request?);
    take(&served, workspace, &request.nonce)?;
    let (relay, device) = (Arc::clone(&served.relay), request.device);
    let answer = blocking(move || {
        let token = relay.access.renew_token(workspace, &request)?;
        answer(&relay, workspace, device, &token)
    });
    let answer = answer.await?;
    tracing::info!(%workspace, %device, "a device got a new token by its key");
    Ok(Json(answer))
}

/// Takes over an owner's copy of the directory.
pub(super) async fn adopt(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    request: Result<Json<AdoptionRequest>, JsonRejection>,
) -> Result<Json<TokenResponse>, Denied> {
    let (Path(workspace), Json(request)) = (workspace?, request?);
    take(&served, workspace, &request.nonce)?;
    let (relay, device) = (Arc::clone(&served.relay), request.device);
    let answer = blocking(move || {
        let token = relay.access.adopt(workspace, &request, ambient::now())?;
        answer(&relay, workspace, device, &token)
    });
    let answer = answer.await?;
    let (members, devices) = (answer.directory.members.len(), answer.directory.devices.len());
    tracing::info!(%workspace, %device, members, devices, "the workspace was adopted");
    Ok(Json(answer))
}

fn take(served: &Served, workspace: WorkspaceId, nonce: &Nonce) -> Result<(), Refusal> {
    if served.relay.rooms.challenges.take(workspace, nonce, Instant::now()) {
        return Ok(());
    }
    Err(Refusal::new(Cause::NotAllowed, "the challenge was not given out by this relay, or is used or too old"))
}

/// What proved itself by the token before ends, as it does for a second connection: two copies of a store that take the token
/// from each other then do so ever more slowly.
fn answer(
    relay: &Arc<Inner>,
    workspace: WorkspaceId,
    device: DeviceId,
    token: &Secret,
) -> Result<TokenResponse, AccessError> {
    let word = Refusal::new(Cause::Replaced, "this device has got a new token by its key");
    relay.logs.standings().hold(workspace, &[device]).end(&word);
    Ok(TokenResponse { token: token.reveal(), directory: relay.access.directory(workspace)? })
}
