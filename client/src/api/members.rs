use axum::Json;
use axum::extract::State;
use regard_core::error::{Cause, Refusal};
use regard_core::id::to_hex;
use regard_core::wire::Directory;
use regard_core::wire::access::Invitation;

use super::Workspace;
use super::control::no_relay;
use super::problem::Failure;
use super::types::access::{CompleteLink, IncompleteLink, KnownDeviceView, MemberView, PeopleView, RoleRequest, Whom};
use super::types::{Problem, ProblemCode};
use crate::names::Names;
use crate::relay_http;
use crate::store::{RelayAccess, Store, StoreError};

/// Everybody who belongs to the workspace, as last heard.
pub(super) async fn list(State(workspace): State<Workspace>) -> Result<Json<PeopleView>, Failure> {
    let as_of = workspace.engine.status().heard_at;
    workspace.in_store(move |store| people(store, as_of)).await.map(Json)
}

/// Removes a member.
pub(super) async fn remove(
    State(workspace): State<Workspace>,
    Json(Whom { whom }): Json<Whom>,
) -> Result<Json<MemberView>, Failure> {
    let (relay, directory) = known(&workspace).await?;
    let member = directory.find_member(&whom).map_err(|refusal| not_found(refusal, "member"))?.id;
    let changed = relay_http::access::remove(&relay, workspace.store.identity().workspace, member).await?;
    kept(&workspace, changed).await?;
    answer(&workspace, move |people| people.members.into_iter().find(|view| view.id == member)).await
}

/// Changes what a member may do.
pub(super) async fn role(
    State(workspace): State<Workspace>,
    Json(RoleRequest { whom, role }): Json<RoleRequest>,
) -> Result<Json<MemberView>, Failure> {
    let (relay, directory) = known(&workspace).await?;
    let member = directory.find_member(&whom).map_err(|refusal| not_found(refusal, "member"))?.id;
    let changed = relay_http::access::set_role(&relay, workspace.store.identity().workspace, member, role).await?;
    kept(&workspace, changed).await?;
    answer(&workspace, move |people| people.members.into_iter().find(|view| view.id == member)).await
}

/// Shuts a device out.
pub(super) async fn revoke(
    State(workspace): State<Workspace>,
    Json(Whom { whom }): Json<Whom>,
) -> Result<Json<KnownDeviceView>, Failure> {
    let (relay, directory) = known(&workspace).await?;
    let device = directory.find_device(&whom).map_err(|refusal| not_found(refusal, "device"))?.id;
    let changed = relay_http::access::shut_out(&relay, workspace.store.identity().workspace, device).await?;
    kept(&workspace, changed).await?;
    answer(&workspace, move |people| people.devices.into_iter().find(|view| view.id == device)).await
}

/// Adds the identity secret, which the relay does not know, to a link that the relay's host made.
pub(super) async fn complete(
    State(workspace): State<Workspace>,
    Json(IncompleteLink { link }): Json<IncompleteLink>,
) -> Result<Json<CompleteLink>, Failure> {
    let bad = |message: String| Failure::from(Problem::new(ProblemCode::Invalid, message));
    let invitation: Invitation = link.parse().map_err(|error| {
        Problem::new(ProblemCode::Invalid, format!("{error}")).hint("Copy the whole link, and put it in quotes: '…'")
    })?;
    let identity = workspace.store.identity();
    if invitation.workspace != identity.workspace {
        return Err(bad(format!(
            "the link is for workspace {}, and this is {}",
            invitation.workspace, identity.workspace
        )));
    }
    if invitation.namespace.is_some() {
        return Err(bad("the link is complete already: it can be used as it is".into()));
    }
    let complete = Invitation { namespace: Some(identity.namespace()), ..invitation };
    Ok(Json(CompleteLink { link: complete.link() }))
}

/// What a name means is looked up in the newest directory that can be had.
async fn known(workspace: &Workspace) -> Result<(RelayAccess, Directory), Failure> {
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(no_relay)?;
    let directory = relay_http::access::directory(&relay, workspace.store.identity().workspace).await?;
    Ok((relay, directory))
}

async fn kept(workspace: &Workspace, directory: Directory) -> Result<(), Failure> {
    workspace.in_store(move |store| store.keep_directory(&directory)).await
}

async fn answer<T: Send + 'static>(
    workspace: &Workspace,
    pick: impl FnOnce(PeopleView) -> Option<T> + Send + 'static,
) -> Result<Json<T>, Failure> {
    let people = workspace.in_store(|store| people(store, None)).await?;
    let picked = pick(people).ok_or_else(|| Problem::new(ProblemCode::Failed, "the relay's answer makes no sense"));
    Ok(Json(picked?))
}

fn people(store: &Store, as_of: Option<regard_core::time::Timestamp>) -> Result<PeopleView, StoreError> {
    let (directory, names, own) = (store.directory()?, Names::read(store)?, store.identity());
    let own_member = directory.device(own.device).map_or(own.member, |device| device.member);
    let members = directory.members.iter().map(|member| {
        let devices = directory.devices.iter().filter(|d| d.member == member.id && d.revoked_at.is_none()).count();
        let (id, name, is_own) = (member.id, Names::plain(&member.name), member.id == own_member);
        MemberView { id, name, role: member.role, devices, is_own, removed_at: member.removed_at }
    });
    let devices = directory.devices.iter().map(|device| KnownDeviceView {
        id: device.id,
        name: names.device(device.id),
        public_key: to_hex(&device.public_key),
        joined_at: device.joined_at,
        is_own: device.id == own.device,
        revoked_at: device.revoked_at,
    });
    let (mut members, mut devices): (Vec<_>, Vec<_>) = (members.collect(), devices.collect());
    members.sort_by_key(|member| (member.removed_at.is_some(), member.name.to_lowercase()));
    devices.sort_by_key(|device| (device.revoked_at.is_some(), device.name.to_lowercase(), device.joined_at));
    Ok(PeopleView { members, devices, as_of })
}

fn not_found(refusal: Refusal, what: &str) -> Problem {
    let code = if refusal.cause == Cause::Malformed { ProblemCode::Ambiguous } else { ProblemCode::NotFound };
    Problem::new(code, refusal.detail).hint(format!("`regard {what} list` shows names and ids."))
}
