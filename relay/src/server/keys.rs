//! Tokens by key: challenges, new tokens, and handing over the directory of a workspace that the relay has lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use regard_core::id::WorkspaceId;
use regard_core::wire::access::keys::{AdoptionRequest, Challenge, TokenRequest, TokenResponse};

use super::denied::Denied;
use super::{Served, blocking};
use crate::desk;

/// Gives out a challenge.
pub(super) async fn challenge(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
) -> Result<Json<Challenge>, Denied> {
    let Path(workspace) = workspace?;
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || desk::challenge(&relay, workspace)).await?))
}

/// Gives a device a new token for its signature.
pub(super) async fn token(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<Json<TokenResponse>, Denied> {
    let (Path(workspace), Json(request)) = (workspace?, request?);
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || desk::renew(&relay, workspace, &request)).await?))
}

/// Takes over an owner's copy of the directory.
pub(super) async fn adopt(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    request: Result<Json<AdoptionRequest>, JsonRejection>,
) -> Result<Json<TokenResponse>, Denied> {
    let (Path(workspace), Json(request)) = (workspace?, request?);
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || desk::adopt(&relay, workspace, &request)).await?))
}
