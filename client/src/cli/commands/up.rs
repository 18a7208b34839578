use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use regard_core::limits::{ADDRESS_BOOK_EVERY_MAX, FRESHNESS_BOUND, FRESHNESS_BOUND_MIN};
use regard_core::sync::Link;
use regard_core::wire::Role;
use regard_core::wire::access::Secret;
use regard_relay::Relay;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::plain;
use super::super::times::ago;
use crate::api::Client;
use crate::engine::{EngineSchedule, Notice};
use crate::relay_http;
use crate::store::{RelayAccess, Store};
use crate::transport::Endpoint;
use crate::unix;

/// Keep this device current, until it is interrupted.
///
/// Where the workspace has no relay yet, one is run here on loopback and becomes the workspace's relay. Other commands on
/// this store work through this one meanwhile.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Where the relay that is run here listens [default: 127.0.0.1:7171, or another port where that one is taken].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// How old what is shown may be, in seconds, should the relay's pushes fail in silence [default: 900].
    #[arg(long, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(FRESHNESS_BOUND_MIN.as_secs()..=FRESHNESS_BOUND.as_secs()))]
    freshness_bound: Option<u64>,
    /// How often the address book is synchronized, in seconds; also when this begins, and at `regard sync`
    /// [default: 86400].
    #[arg(long, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=ADDRESS_BOOK_EVERY_MAX.as_secs()))]
    address_book_every: Option<u64>,
}

const PORT_DEFAULT: u16 = 7171;
/// The folder of the relay that is run here, in the store's folder.
const RELAY_FOLDER: &str = "relay";

impl Up {
    pub(crate) async fn run(mut self, context: &Context<'_>) -> Result<(), Failure> {
        let settings = &context.loaded.settings;
        let schedule = EngineSchedule {
            freshness_bound: Duration::from_secs(self.freshness_bound.unwrap_or(settings.freshness_bound)),
            address_book_every: Duration::from_secs(self.address_book_every.unwrap_or(settings.address_book_every)),
        };
        self.listen = self.listen.or(settings.listen);
        let mut client = Client::open_with(&context.folder, schedule).await?;
        let Some(workspace) = client.workspace().cloned() else {
            return Err(
                Failure::new("`regard up` runs already on this store").hint("`regard status` says how it stands.")
            );
        };
        client.serve()?;
        let embedded = self.start_relay(&workspace.store).await?;
        let settings = workspace.store.settings()?;
        let notices = workspace.engine.notices();
        if !settings.offline {
            workspace.engine.go_online().await;
        }
        greet(context, &client, settings.relay.as_ref(), settings.offline)?;
        drop(workspace);
        tokio::select! {
            () = tell_connection(context, notices) => {}
            () = unix::told_to_stop() => {}
        }
        context.output.note("Stopping.");
        client.close().await;
        if let Some(embedded) = embedded {
            embedded.stop().await?;
        }
        Ok(())
    }

    /// Runs the workspace's relay here, where there is none or it is this one.
    async fn start_relay(&self, store: &Store) -> Result<Option<Embedded>, Failure> {
        let settings = store.settings()?;
        let known = match settings.relay {
            Some(relay) if !relay.embedded => return Ok(None),
            other => other,
        };
        let folder = store.folder().join(RELAY_FOLDER);
        if known.is_none() {
            set_unfinished_aside(&folder)?;
        }
        let relay = Relay::open(&folder).map_err(|error| relay_failed(&error))?;
        let listener = self.bind(known.as_ref()).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let identity = store.identity();
        let is_missing = !relay.has_workspace(identity.workspace).map_err(|error| relay_failed(&error))?;
        let beginning = if is_missing { Some(begin(&relay, store, known.as_ref())?) } else { None };
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let serving =
            tokio::spawn(async move { relay.serve(listener, shutdown).await.map_err(|error| relay_failed(&error)) });
        let access = match (known, beginning) {
            (_, Some(Beginning::Founded(secret))) => Some(found(store, address, &secret).await?),
            (_, Some(Beginning::Adopted(known))) => Some(adopt(store, RelayAccess { address, ..known }).await?),
            (known, None) => known.map(|known| RelayAccess { address, ..known }),
        };
        store.change_settings(|settings| settings.relay = access)?;
        Ok(Some(Embedded { stop, serving }))
    }

    async fn bind(&self, known: Option<&RelayAccess>) -> Result<TcpListener, Failure> {
        let kept = known.and_then(|known| known.address.strip_prefix("http://")?.parse().ok());
        if let Some(address) = self.listen.or(kept) {
            if !address.ip().is_loopback() {
                return Err(Failure::invalid(format!("{address} is not an address of this machine alone"))
                    .hint("The relay that is run here serves this machine. Other machines reach a hosted `regard-relay`: see README.md."));
            }
            return TcpListener::bind(address).await.map_err(|error| {
                Failure::new(format!("the relay cannot listen on {address}: {error}"))
                    .hint("Name another address with --listen. Devices that joined through the old one must be told the new one.")
            });
        }
        match TcpListener::bind((Ipv4Addr::LOCALHOST, PORT_DEFAULT)).await {
            Ok(listener) => Ok(listener),
            Err(_) => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
        }
    }
}

struct Embedded {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), Failure>>,
}

impl Embedded {
    async fn stop(self) -> Result<(), Failure> {
        // Where the relay has ended by itself, its outcome says why.
        let _ = self.stop.send(());
        self.serving.await.unwrap_or_else(|error| Err(Failure::new(format!("the relay stopped: {error}"))))
    }
}

/// How a relay gets a workspace that it does not have.
enum Beginning {
    /// By the invitation that founds it.
    Founded(Secret),
    /// Somebody removed the relay's files: this device, which has had this access, tells it who belongs to the workspace.
    Adopted(RelayAccess),
}

/// The workspace is filled from here either way.
fn begin(relay: &Relay, store: &Store, known: Option<&RelayAccess>) -> Result<Beginning, Failure> {
    let (identity, directory) = (store.identity(), store.directory()?);
    let own = directory.device(identity.device).and_then(|device| directory.member(device.member));
    if let (Some(known), Some(Role::Owner)) = (known, own.map(|member| member.role)) {
        relay
            .await_adoption(identity.workspace, identity.public_key(), &identity.workspace_name)
            .map_err(|error| relay_failed(&error))?;
        return Ok(Beginning::Adopted(known.clone()));
    }
    let founded = relay.create_workspace(identity.workspace, &identity.workspace_name);
    founded.map(Beginning::Founded).map_err(|error| relay_failed(&error))
}

/// Tells the relay that has just been started who belongs to the workspace.
async fn adopt(store: &Store, relay: RelayAccess) -> Result<RelayAccess, Failure> {
    let adopted = relay_http::access::adopt(&relay, &store.identity(), &store.directory()?)
        .await
        .map_err(crate::api::types::Problem::from)?;
    store.keep_directory(&adopted.directory)?;
    Ok(RelayAccess { token: adopted.token, ..relay })
}

/// Joins the workspace on the relay that has just been started for it.
async fn found(store: &Store, address: String, secret: &Secret) -> Result<RelayAccess, Failure> {
    let identity = store.identity();
    let request = identity.join_request(secret, true);
    let relay = Endpoint { address: &address, certificate: None };
    let joined =
        relay_http::join(relay, identity.workspace, &request).await.map_err(crate::api::types::Problem::from)?;
    store.keep_directory(&joined.directory)?;
    Ok(RelayAccess { address, token: joined.token, embedded: true, certificate: None })
}

/// A relay's folder without access to it is one whose founding was cut short: nothing was ever sent to it.
fn set_unfinished_aside(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    let aside = folder.with_extension(format!("unfinished-{}", crate::system::now().0));
    std::fs::rename(folder, &aside)
        .map_err(|error| Failure::new(format!("{} cannot be moved to {}: {error}", folder.display(), aside.display())))
}

fn greet(context: &Context<'_>, client: &Client, relay: Option<&RelayAccess>, offline: bool) -> Result<(), Failure> {
    let Some(workspace) = client.workspace() else { return Ok(()) };
    let identity = workspace.store.identity();
    let address = relay.map_or("", |relay| relay.address.as_str());
    let answer = serde_json::json!({ "workspace": identity.workspace, "relay": address, "offline": offline });
    context.output.answer(&answer, |_| format!("“{}” is up. Its relay is {address}", identity.workspace_name))?;
    if offline {
        context.output.note("You are offline by choice: `regard online` ends that.");
    }
    context.output.note("To add a device or a person:  regard invite     and there:  regard join 'LINK'");
    context
        .output
        .note("To go on, in another window:  regard import FILES…   regard list   regard watch   regard status");
    Ok(())
}

/// Says in a line each how the connection comes and goes; not each attempt to have it back.
async fn tell_connection(context: &Context<'_>, mut notices: broadcast::Receiver<Notice>) {
    let mut told = None;
    loop {
        match notices.recv().await {
            Ok(Notice::Link { link }) => {
                let line = connection_line(&link);
                if line.is_some() && line != told {
                    context.output.note(format!(
                        "{} {}",
                        ago(crate::system::now()),
                        line.as_deref().unwrap_or_default()
                    ));
                    told = line;
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn connection_line(link: &Link) -> Option<String> {
    match link {
        Link::Live { .. } => Some("online".into()),
        Link::Connecting { .. } => None,
        Link::Waiting { reason, .. } => Some(format!("offline: {}", plain(&reason.detail))),
        Link::Ended { reason, .. } => Some(format!("shut out: {}", plain(&reason.detail))),
        Link::Offline { .. } => Some("offline by choice".into()),
    }
}

fn relay_failed(error: &regard_relay::RelayError) -> Failure {
    Failure::new(format!("the relay that is run here failed: {error}"))
}
