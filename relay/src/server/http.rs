use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::wire::Directory;
use regard_core::wire::access::{CopyRequest, InviteRequest, InviteResponse, JoinRequest, JoinResponse, Secret};

use super::denied::Denied;
use super::{Served, blocking};
use crate::desk;
use crate::store::Caller;

/// Turns an invitation into a device's token.
pub(super) async fn join(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    request: Result<Json<JoinRequest>, JsonRejection>,
) -> Result<Json<JoinResponse>, Denied> {
    let (Path(workspace), Json(request)) = (workspace?, request?);
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || desk::join(&relay, workspace, &request)).await?))
}

/// Makes a copied or restored store a device of its own.
pub(super) async fn copy(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
    request: Result<Json<CopyRequest>, JsonRejection>,
) -> Result<Json<JoinResponse>, Denied> {
    let Path(workspace) = workspace?;
    let caller = authenticate(&served, workspace, &headers).await?;
    let Json(request) = request?;
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || desk::copy(&relay, &caller, &request)).await?))
}

/// Makes an invitation.
pub(super) async fn invite(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
    request: Result<Json<InviteRequest>, JsonRejection>,
) -> Result<Json<InviteResponse>, Denied> {
    let Path(workspace) = workspace?;
    let caller = authenticate(&served, workspace, &headers).await?;
    let Json(request) = request?;
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || relay.access.invite(&caller, &request, relay.ambient.now())).await?))
}

/// Everybody who belongs to the workspace.
pub(super) async fn directory(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<Directory>, Denied> {
    let Path(workspace) = workspace?;
    authenticate(&served, workspace, &headers).await?;
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || relay.access.directory(workspace)).await?))
}

/// The answer to every other address.
pub(super) async fn nothing_here() -> Denied {
    Refusal::new(Cause::Unknown, "this relay has nothing at this address").into()
}

/// The device that the request's token belongs to.
pub(super) async fn authenticate(
    served: &Served,
    workspace: WorkspaceId,
    headers: &HeaderMap,
) -> Result<Caller, Denied> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Denied::unauthorized("the request carries no token"))?;
    let token: Secret = token.trim().parse().map_err(|_| Denied::unauthorized("the request's token is malformed"))?;
    let relay = Arc::clone(&served.relay);
    let found = blocking(move || desk::authenticate(&relay, workspace, &token)).await;
    found.map_err(|error| {
        let refusal = error.as_refusal();
        match refusal.cause {
            Cause::NotAllowed => Denied::unauthorized(&refusal.detail),
            _ => refusal.into(),
        }
    })
}
