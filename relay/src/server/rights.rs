//! Changing what members and devices may do: for devices over HTTP, and for the relay's host.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::wire::Directory;
use regard_core::wire::access::rights::RoleChange;

use super::denied::Denied;
use super::{Served, blocking, http};
use crate::relay::Inner;
use crate::store::{AccessError, By, Rights};

/// Makes a change of rights, ends the connections that it is about, and tells everybody. Blocks.
///
/// What the writer of the log had taken up before is durable before the change is; after that nothing is accepted from a
/// connection that proved itself before. This runs to its end even where whoever asked has gone.
pub(crate) fn change(
    relay: &Arc<Inner>,
    workspace: WorkspaceId,
    by: By,
    rights: Rights,
) -> Result<Directory, AccessError> {
    let mut held = None;
    let changed = relay.access.change_rights(workspace, by, rights, relay.ambient.now(), |devices| {
        held = Some(relay.logs.standings().hold(workspace, devices));
        relay.logs.fence()
    })?;
    if let Some(changed) = changed {
        tracing::info!(%workspace, ?rights, "rights were changed");
        if let Some(held) = held {
            held.end(&changed.word);
        }
        let shut_out = if matches!(rights, Rights::Role(..)) { &[][..] } else { &changed.devices };
        relay.rooms.rights_changed(workspace, shut_out);
    }
    relay.access.directory(workspace)
}

/// Shuts a device out.
pub(super) async fn shut_out(
    State(served): State<Served>,
    path: Result<Path<(WorkspaceId, DeviceId)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<Directory>, Denied> {
    let Path((workspace, device)) = path?;
    by_caller(&served, workspace, &headers, Rights::ShutOut(device)).await
}

/// Removes a member.
pub(super) async fn remove(
    State(served): State<Served>,
    path: Result<Path<(WorkspaceId, MemberId)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<Directory>, Denied> {
    let Path((workspace, member)) = path?;
    by_caller(&served, workspace, &headers, Rights::Remove(member)).await
}

/// Changes what a member may do.
pub(super) async fn role(
    State(served): State<Served>,
    path: Result<Path<(WorkspaceId, MemberId)>, PathRejection>,
    headers: HeaderMap,
    change: Result<Json<RoleChange>, JsonRejection>,
) -> Result<Json<Directory>, Denied> {
    let Path((workspace, member)) = path?;
    // Whoever is nobody here learns nothing of what was wrong with the body.
    http::authenticate(&served, workspace, &headers).await?;
    let Json(RoleChange { role }) = change?;
    by_caller(&served, workspace, &headers, Rights::Role(member, role)).await
}

async fn by_caller(
    served: &Served,
    workspace: WorkspaceId,
    headers: &HeaderMap,
    rights: Rights,
) -> Result<Json<Directory>, Denied> {
    let caller = http::authenticate(served, workspace, headers).await?;
    let relay = Arc::clone(&served.relay);
    Ok(Json(blocking(move || change(&relay, workspace, By::Device(caller), rights)).await?))
}
