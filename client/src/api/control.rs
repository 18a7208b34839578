use axum::Json;
use axum::extract::State;
use regard_core::id::to_hex;
use regard_core::sync::Stuck;
use regard_core::wire::access::Invitation;
use regard_core::wire::{Role, access};

use super::Workspace;
use super::problem::Failure;
use super::types::quarantine::{ComplaintView, StuckView};
use super::types::{DeviceView, InviteAnswer, InviteRequest, LinkAnswer, Problem, ProblemCode, StatusView};
use crate::names::Names;
use crate::relay_http;
use crate::store::{Store, StoreError};

/// Changes that were set aside and stuck records that a status names; the others are counted.
const SET_ASIDE_TOLD: usize = 5;

fn complaints(store: &Store, names: &Names) -> Result<Vec<ComplaintView>, StoreError> {
    let newest = store.complaints()?.into_iter().take(SET_ASIDE_TOLD);
    Ok(newest.map(|complaint| ComplaintView { name: names.device(complaint.device), complaint }).collect())
}

fn stuck_view(stuck: &Stuck) -> StuckView {
    let records = stuck.documents.iter().take(SET_ASIDE_TOLD).map(|(_, document)| *document).collect();
    let reason = stuck.reason.as_ref().map(|reason| reason.detail.clone());
    StuckView { reason, records, count: stuck.documents.len() }
}

pub(super) async fn status(State(workspace): State<Workspace>) -> Result<Json<StatusView>, Failure> {
    let engine = workspace.engine.status();
    let view = workspace.in_store(move |store| {
        let identity = store.identity();
        let settings = store.settings()?;
        let (names, peers) = (Names::read(store)?, store.peers()?);
        let others = names.devices().into_iter().filter(|device| *device != identity.device);
        let devices = others.map(|device| {
            let peer = peers.iter().find(|peer| peer.device == device);
            let (online, since) = (peer.is_some_and(|peer| peer.online), peer.map(|peer| peer.since));
            let (behind, told_at) = store.behind(device)?.unzip();
            Ok(DeviceView { device, name: names.device(device), online, since, behind, told_at: told_at.flatten() })
        });
        let mut devices: Vec<_> = devices.collect::<Result<_, StoreError>>()?;
        devices.sort_by_key(|device| device.name.to_lowercase());
        let directory = store.directory()?;
        let public_key = to_hex(&identity.public_key());
        let workspace_name =
            if directory.workspace.is_empty() { identity.workspace_name.clone() } else { directory.workspace };
        Ok(StatusView {
            workspace: identity.workspace,
            public_key,
            shut_out: store.shut_out()?,
            workspace_name,
            member: identity.member_name.clone(),
            device: identity.device,
            device_name: identity.device_name.clone(),
            relay_embedded: settings.relay.as_ref().is_some_and(|relay| relay.embedded),
            relay: settings.relay.map(|relay| relay.address),
            link: engine.link,
            settled: engine.settled,
            as_of: engine.heard_at,
            outbox: store.outbox_count()?,
            waiting_since: store.waiting_since()?,
            refused: store.refused()?,
            records: store.counts()?.into_iter().collect(),
            devices,
            set_aside: store.quarantined_some(SET_ASIDE_TOLD)?,
            quarantine: store.quarantine_summary()?,
            complaints: complaints(store, &names)?,
            stuck: stuck_view(&engine.stuck),
        })
    });
    view.await.map(Json)
}

pub(super) async fn sync(State(workspace): State<Workspace>) -> Result<Json<LinkAnswer>, Failure> {
    let settings = workspace.in_store(crate::store::Store::settings).await?;
    if settings.relay.is_none() {
        return Err(no_relay().into());
    }
    let was_offline = settings.offline;
    let settled = workspace.engine.settle().await;
    if was_offline {
        // A person who is offline by choice asked for one round, not for staying online.
        workspace.engine.go_offline().await;
    }
    settled?;
    answer(&workspace).await
}

pub(super) async fn online(State(workspace): State<Workspace>) -> Result<Json<LinkAnswer>, Failure> {
    workspace.in_store(|store| store.change_settings(|settings| settings.offline = false)).await?;
    workspace.engine.go_online().await;
    answer(&workspace).await
}

pub(super) async fn offline(State(workspace): State<Workspace>) -> Result<Json<LinkAnswer>, Failure> {
    workspace.in_store(|store| store.change_settings(|settings| settings.offline = true)).await?;
    workspace.engine.go_offline().await;
    answer(&workspace).await
}

async fn answer(workspace: &Workspace) -> Result<Json<LinkAnswer>, Failure> {
    let outbox = workspace.in_store(crate::store::Store::outbox_count).await?;
    Ok(Json(LinkAnswer { link: workspace.engine.status().link, outbox }))
}

pub(super) async fn invite(
    State(workspace): State<Workspace>,
    Json(request): Json<InviteRequest>,
) -> Result<Json<InviteAnswer>, Failure> {
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(no_relay)?;
    let identity = workspace.store.identity();
    let directory = workspace.in_store(crate::store::Store::directory).await?;
    let member = directory.device(identity.device).map_or(identity.member, |device| device.member);
    let member = request.role.is_none().then_some(member);
    let body = access::InviteRequest { member, role: request.role.unwrap_or(Role::Member) };
    let made = relay_http::invite(&relay, identity.workspace, &body).await?;
    let secret =
        made.secret.parse().map_err(|_| Problem::new(ProblemCode::Failed, "the relay's answer is no invitation"))?;
    let namespace = Some(identity.namespace());
    let (workspace, certificate) = (identity.workspace, relay.certificate);
    let invitation = Invitation { relay: relay.address, workspace, secret, namespace, certificate };
    Ok(Json(InviteAnswer { link: invitation.link(), expires_at: made.expires_at, member }))
}

pub(super) fn no_relay() -> Problem {
    Problem::new(ProblemCode::Offline, "this workspace has no relay yet")
        .hint("`regard up` starts one on this machine.")
}
