//! A relay in this process, and devices that joined it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use regard_client::engine::{Engine, EngineSchedule};
use regard_client::relay_http;
use regard_client::store::{Identity, RelayAccess, Store};
use regard_client::system::SystemEntropy;
use regard_client::transport::Endpoint;
use regard_core::id::WorkspaceId;
use regard_core::record::identity::Namespace;
use regard_core::wire::Role;
use regard_core::wire::access::InviteRequest;
use regard_relay::Relay;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Failure;
use super::plan::{Doing, Plan};

/// Where a stage's relay has its files, below the stage's folder.
pub(crate) const RELAY_FOLDER: &str = "relay";

/// A served relay with one workspace, and its owner's device.
pub(crate) struct Stage {
    pub(crate) workspace: WorkspaceId,
    pub(crate) namespace: Namespace,
    pub(crate) owner: Joined,
    served: Served,
    folder: TempDir,
}

/// A relay that listens on loopback.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), regard_relay::RelayError>>,
}

/// A device that has joined and has no store yet.
pub(crate) struct Joined {
    pub(crate) identity: Identity,
    pub(crate) access: RelayAccess,
}

/// A device with its store and its engine.
pub(crate) struct Device {
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Engine,
    running: JoinHandle<()>,
}

impl Stage {
    pub(crate) async fn open(plan: &Plan) -> Result<Self, Failure> {
        let folder = plan.fresh_folder()?;
        let relay = open_relay(&folder.path().join(RELAY_FOLDER))?;
        let workspace = WorkspaceId::random(&mut SystemEntropy);
        let namespace = Namespace::random(&mut SystemEntropy);
        let founding = relay.create_workspace(workspace, "Bench").doing("making the workspace")?.reveal();
        let served = Served::start(relay).await?;
        let owner = join(&served.url(), workspace, namespace, founding, true).await?;
        Ok(Self { workspace, namespace, owner, served, folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.served.address
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Invites a new member, whose device joins.
    pub(crate) async fn join(&self) -> Result<Joined, Failure> {
        let request = InviteRequest { member: None, role: Role::Member };
        let invited = relay_http::invite(&self.owner.access, self.workspace, &request).await.doing("inviting")?;
        join(&self.owner.access.address, self.workspace, self.namespace, invited.secret, false).await
    }

    /// Invites a new member, whose device joins and gets a store and an engine, offline still.
    pub(crate) async fn device(&self) -> Result<Device, Failure> {
        let Joined { identity, access } = self.join().await?;
        let folder = self.folder().join(identity.device.to_string());
        let store = Store::create(&folder, identity).doing("creating a store")?;
        store.change_settings(|settings| settings.relay = Some(access)).doing("setting the relay")?;
        Device::start(store)
    }

    /// Stops the relay and waits until its files are free.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.halt().await.map(drop)
    }

    /// The same, and answers the folder with the relay's files and those of the devices.
    pub(crate) async fn halt(self) -> Result<TempDir, Failure> {
        self.served.stop().await?;
        Ok(self.folder)
    }
}

impl Served {
    /// Serves the relay whose files are in a stage's folder.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Failure> {
        Self::start(open_relay(&folder.join(RELAY_FOLDER))?).await
    }

    async fn start(relay: Relay) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("listening on loopback")?;
        let address = listener.local_addr().doing("listening on loopback")?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(relay.serve(listener, async { drop(stopped.await) }));
        Ok(Self { address, stop, serving })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops the relay and waits until its files are free.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        drop(self.stop);
        self.serving.await.doing("stopping the relay")?.doing("stopping the relay")
    }
}

impl Device {
    fn start(store: Store) -> Result<Self, Failure> {
        let store = Arc::new(store);
        let (engine, running) =
            Engine::start(Arc::clone(&store), EngineSchedule::default()).doing("starting an engine")?;
        Ok(Self { store, engine, running })
    }

    /// Opens the store of a device that joined before, whose relay is reached at this address now.
    pub(crate) fn reopen(folder: &Path, relay: &str) -> Result<Self, Failure> {
        let store = Store::open(folder).doing("opening a store")?;
        let moved = store.change_settings(|settings| {
            if let Some(access) = &mut settings.relay {
                relay.clone_into(&mut access.address);
            }
        });
        moved.doing("setting the relay")?;
        Self::start(store)
    }

    /// Ends the engine and waits for it.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        drop(self.engine);
        self.running.await.doing("ending an engine")
    }
}

fn open_relay(folder: &Path) -> Result<Relay, Failure> {
    Relay::open(folder).doing("opening the relay")
}

/// Joins a workspace with an invitation.
pub(crate) async fn join(
    relay: &str,
    workspace: WorkspaceId,
    namespace: Namespace,
    invitation: String,
    founds: bool,
) -> Result<Joined, Failure> {
    let identity = Identity::join(workspace, namespace, "Member", "device", &mut SystemEntropy).named("Bench");
    let secret = invitation.parse().doing("reading an invitation")?;
    let request = identity.join_request(&secret, founds);
    let endpoint = Endpoint { address: relay, certificate: None };
    let joined = relay_http::join(endpoint, workspace, &request).await.doing("joining")?;
    let access = RelayAccess { address: relay.to_owned(), token: joined.token, embedded: false, certificate: None };
    Ok(Joined { identity, access })
}
