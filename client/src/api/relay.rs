use axum::Json;
use axum::extract::State;
use regard_core::error::Cause;
use regard_core::id::{BadId, to_hex};
use regard_core::sync::Link;
use regard_core::wire::access::Invitation;
use regard_core::wire::{Directory, Role, Scope};

use super::Workspace;
use super::control::no_relay;
use super::problem::Failure;
use super::types::access::{LogView, MoveRequest, RelayAnswer, RelayView, TokenView};
use super::types::{Problem, ProblemCode};
use crate::names::Names;
use crate::relay_http;
use crate::store::{RelayAccess, StoreError};
use crate::transport::Endpoint;

/// What is given instead of a fingerprint where the system's trusted authorities decide.
const SYSTEM: &str = "system";

/// Which relay there is and how things stand with it.
pub(super) async fn show(State(workspace): State<Workspace>) -> Result<Json<RelayView>, Failure> {
    let engine = workspace.engine.status();
    let view = workspace.in_store(move |store| {
        let (identity, relay) = (store.identity(), store.settings()?.relay);
        let logs = Scope::ALL
            .into_iter()
            .map(|scope| Ok(store.cursor(scope)?.map(|cursor| LogView::named(scope, cursor.epoch, cursor.seq))));
        let logs: Vec<_> = logs.collect::<Result<_, StoreError>>()?;
        Ok(RelayView {
            workspace: identity.workspace,
            embedded: relay.as_ref().is_some_and(|relay| relay.embedded),
            address: relay.map(|relay| relay.address),
            link: engine.link,
            settled: engine.settled,
            as_of: engine.heard_at,
            device: identity.device,
            public_key: to_hex(&identity.public_key()),
            logs: logs.into_iter().flatten().collect(),
        })
    });
    view.await.map(Json)
}

/// The device's token, for other programs of its owner.
pub(super) async fn token(State(workspace): State<Workspace>) -> Result<Json<TokenView>, Failure> {
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(no_relay)?;
    let RelayAccess { address, token, .. } = relay;
    Ok(Json(TokenView { address, workspace: workspace.store.identity().workspace, token }))
}

/// Sets another address of the same relay, or joins another relay with the same workspace.
pub(super) async fn relocate(
    State(workspace): State<Workspace>,
    Json(MoveRequest { to, certificate }): Json<MoveRequest>,
) -> Result<Json<RelayAnswer>, Failure> {
    let certificate = certificate.as_deref();
    let answer = match to.contains("/join/") {
        true if certificate.is_some() => {
            let problem =
                Problem::new(ProblemCode::Invalid, "an invitation link says itself which certificate the relay has");
            return Err(problem.hint("Leave out --certificate.").into());
        }
        true => join(&workspace, &to).await?,
        false => readdress(&workspace, &to, certificate).await?,
    };
    connect_again(&workspace).await;
    Ok(Json(answer))
}

/// Hands the directory over to a relay that has lost it.
pub(super) async fn adopt(State(workspace): State<Workspace>) -> Result<Json<RelayAnswer>, Failure> {
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(no_relay)?;
    let directory = workspace.in_store(crate::store::Store::directory).await?;
    let role = workspace.in_store(|store| Ok(Names::read(store)?.own_role())).await?;
    if role != Role::Owner {
        let owners: Vec<_> = owners(&directory).collect();
        let problem = Problem::new(ProblemCode::Refused, "only a device of an owner tells a relay who the members are");
        return Err(problem.hint(format!("Ask an owner: {}", owners.join(", "))).into());
    }
    let adopted = relay_http::access::adopt(&relay, &workspace.store.identity(), &directory).await;
    let adopted = adopted.map_err(|refusal| match refusal.cause {
        Cause::Unknown | Cause::NotAllowed => {
            let problem = Problem::new(ProblemCode::Refused, refusal.detail);
            problem.hint(format!(
                "Whoever hosts the relay types first: regard-relay workspace adopt {} --key {}",
                workspace.store.identity().workspace,
                to_hex(&workspace.store.identity().public_key()),
            ))
        }
        _ => refusal.into(),
    })?;
    let answer = RelayAnswer { devices: Some(live(&adopted.directory)), ..answer(&relay.address) };
    keep(&workspace, RelayAccess { token: adopted.token, ..relay }, Some(adopted.directory)).await?;
    connect_again(&workspace).await;
    Ok(Json(answer))
}

async fn readdress(workspace: &Workspace, to: &str, certificate: Option<&str>) -> Result<RelayAnswer, Failure> {
    let address = to.trim().trim_end_matches('/').to_owned();
    if !address.starts_with("http://") && !address.starts_with("https://") {
        let problem = Problem::new(ProblemCode::Invalid, format!("“{to}” is no address and no invitation link"));
        return Err(problem.hint("An address begins with http:// or https://").into());
    }
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?.ok_or_else(|| {
        no_relay().hint("To join the workspace on a relay, give an invitation link: regard relay move 'LINK'")
    })?;
    let certificate = match certificate {
        None => relay.certificate,
        Some(SYSTEM) => None,
        Some(fingerprint) => Some(fingerprint.parse().map_err(|error: BadId| {
            Problem::new(ProblemCode::Invalid, error.to_string()).hint(
                "`regard-relay settings` on the relay's host shows it. `system` leaves it to the system's authorities.",
            )
        })?),
    };
    let moved = RelayAccess { address, embedded: false, certificate, ..relay };
    let (devices, unreached) = match relay_http::access::directory(&moved, workspace.store.identity().workspace).await {
        Ok(directory) => (Some(live(&directory)), None),
        // The connection proves the device by its key, where the relay has lost its token.
        Err(refusal) if matches!(refusal.cause, Cause::Unavailable | Cause::NotAllowed) => (None, Some(refusal.detail)),
        Err(refusal) => {
            let problem = Problem::new(ProblemCode::Refused, refusal.detail);
            return Err(problem.hint("The address was not changed. Another relay needs an invitation link.").into());
        }
    };
    let answer = RelayAnswer { unreached, devices, ..answer(&moved.address) };
    keep(workspace, moved, None).await?;
    Ok(answer)
}

async fn join(workspace: &Workspace, link: &str) -> Result<RelayAnswer, Failure> {
    let invalid = |message: String| Problem::new(ProblemCode::Invalid, message);
    let invitation: Invitation = link
        .parse()
        .map_err(|error| invalid(format!("{error}")).hint("Copy the whole link, and put it in quotes: '…'"))?;
    let identity = workspace.store.identity();
    if invitation.workspace != identity.workspace {
        let message = format!("the link is for workspace {}, and this is {}", invitation.workspace, identity.workspace);
        return Err(invalid(message)
            .hint("`regard join LINK --store FOLDER` joins another workspace beside this one.")
            .into());
    }
    if invitation.namespace.is_some_and(|namespace| namespace != identity.namespace()) {
        return Err(invalid("the link holds another identity secret than this workspace's".into()).into());
    }
    let request = identity.join_request(&invitation.secret, invitation.namespace.is_none());
    let endpoint = Endpoint { address: &invitation.relay, certificate: invitation.certificate };
    let joined = relay_http::join(endpoint, invitation.workspace, &request).await?;
    let answer = RelayAnswer { devices: Some(live(&joined.directory)), ..answer(&invitation.relay) };
    let Invitation { relay: address, certificate, .. } = invitation;
    let relay = RelayAccess { address, token: joined.token, embedded: false, certificate };
    keep(workspace, relay, Some(joined.directory)).await?;
    Ok(answer)
}

async fn keep(workspace: &Workspace, relay: RelayAccess, directory: Option<Directory>) -> Result<(), Failure> {
    workspace
        .in_store(move |store| {
            if let Some(directory) = directory {
                store.keep_directory(&directory)?;
            }
            store.keep_shut_out(None)?;
            store.change_settings(|settings| settings.relay = Some(relay))
        })
        .await
}

/// Where a connection was wanted, it is made anew.
async fn connect_again(workspace: &Workspace) {
    if !matches!(workspace.engine.status().link, Link::Offline { .. }) {
        workspace.engine.go_offline().await;
        workspace.engine.go_online().await;
    }
}

fn answer(address: &str) -> RelayAnswer {
    RelayAnswer { address: address.to_owned(), unreached: None, devices: None }
}

fn owners(directory: &Directory) -> impl Iterator<Item = String> {
    let owners = directory.members.iter().filter(|member| member.role == Role::Owner && member.removed_at.is_none());
    owners.map(|member| Names::plain(&member.name))
}

fn live(directory: &Directory) -> usize {
    directory.devices.iter().filter(|device| device.revoked_at.is_none()).count()
}
