use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::Cause;
use regard_core::id::WorkspaceId;
use regard_core::limits::{CONNECTIONS_MAX, INVENTORIES_AT_ONCE_MAX, KEEPALIVE, PEER_PATIENCE, SHUTDOWN_PATIENCE};
use regard_core::wire::access::Secret;

use tokio::sync::Semaphore;

use crate::ambient::{Ambient, Machine};
use crate::error::RelayError;
use crate::quotas::Quotas;
use crate::server::{Pace, Pages, Rooms};
use crate::store::{AccessError, AccessStore, LogStore, Opening, WorkspaceInfo};
use crate::unix;

/// How long the relay waits for what, and how many it serves. The defaults are those of [`regard_core::limits`]; tests are
/// less patient.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a device may take for its first frame, and for reading what was sent to it.
    pub peer_patience: Duration,
    /// How often each connection is probed; one that stays silent for this and the peer's patience is cut off.
    pub keepalive: Duration,
    /// The shortest time between two notices about where the other devices are.
    pub peers_interval: Duration,
    /// How long connections have to end when the relay stops.
    pub shutdown_patience: Duration,
    /// Connections at the same time.
    pub connections_max: usize,
    /// What workspaces and devices may use.
    pub quotas: Quotas,
    /// Whether `/metrics` answers everybody, and not only programs on this machine.
    pub public_metrics: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            peer_patience: PEER_PATIENCE,
            keepalive: KEEPALIVE,
            peers_interval: Duration::from_secs(1),
            shutdown_patience: SHUTDOWN_PATIENCE,
            connections_max: CONNECTIONS_MAX,
            quotas: Quotas::default(),
            public_metrics: false,
        }
    }
}

/// A relay with its files open. Clones are handles of the same one; the files are free when the last has gone.
#[derive(Clone)]
pub struct Relay {
    pub(crate) inner: Arc<Inner>,
}

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) data: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) access: AccessStore,
    pub(crate) logs: LogStore,
    pub(crate) rooms: Rooms,
    /// Bounds the lists of all documents that are made at the same time.
    pub(crate) inventories: Arc<Semaphore>,
    /// What readers of the visibility stream get alike.
    pub(crate) pages: Pages,
    pub(crate) pace: Pace,
}

impl Inner {
    pub(crate) fn new(
        data: PathBuf,
        settings: Settings,
        ambient: Arc<dyn Ambient>,
        access: AccessStore,
        logs: LogStore,
    ) -> Self {
        let (rooms, pages, pace) = (Rooms::default(), Pages::default(), Pace::new(settings.quotas));
        let inventories = Arc::new(Semaphore::new(INVENTORIES_AT_ONCE_MAX));
        Self { data, settings, ambient, access, logs, rooms, inventories, pages, pace }
    }
}

impl Relay {
    /// Opens the relay whose files are in `data`, or makes them; a folder that is missing is made for its owner alone.
    ///
    /// # Errors
    /// Where the folder or a file cannot be made or opened, or another process has it open.
    pub fn open(data: &Path) -> Result<Self, RelayError> {
        Self::open_with(data, Settings::default())
    }

    /// Opens the relay with other than the usual settings.
    ///
    /// # Errors
    /// As [`Relay::open`].
    pub fn open_with(data: &Path, settings: Settings) -> Result<Self, RelayError> {
        unix::make_private_folder(data).map_err(|source| RelayError::Folder { path: data.into(), source })?;
        let access = AccessStore::open(&data.join("access.redb"))?;
        let logs = LogStore::open_with(Opening::file(&data.join("log.redb"), settings.quotas))?;
        let inner = Inner::new(data.into(), settings, Arc::new(Machine::default()), access, logs);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a workspace and answers the secret of the invitation that founds it: whoever uses it is the first member, an
    /// owner. It can be used once, for [`regard_core::limits::INVITATION_LIFETIME`].
    ///
    /// # Errors
    /// [`RelayError::WorkspaceExists`]; [`RelayError::Refused`] for an impossible name; [`RelayError::Store`].
    pub fn create_workspace(&self, id: WorkspaceId, name: &str) -> Result<Secret, RelayError> {
        if self.has_workspace(id)? {
            return Err(RelayError::WorkspaceExists(id));
        }
        self.inner.access.create_workspace(id, name).map_err(|error| match error {
            AccessError::Store(error) => RelayError::Store(error),
            AccessError::Refused(refusal) if refusal.cause == Cause::NotAllowed => RelayError::WorkspaceExists(id),
            AccessError::Refused(refusal) => RelayError::Refused(refusal),
        })
    }

    /// Whether the relay has this workspace.
    ///
    /// # Errors
    /// Where the access file cannot be read.
    pub fn has_workspace(&self, id: WorkspaceId) -> Result<bool, RelayError> {
        Ok(self.inner.access.has_workspace(id)?)
    }

    /// All workspaces of this relay, in the order of their ids.
    ///
    /// # Errors
    /// Where the access file cannot be read.
    pub fn workspaces(&self) -> Result<Vec<WorkspaceInfo>, RelayError> {
        Ok(self.inner.access.workspaces()?)
    }
}
