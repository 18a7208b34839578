//! How a device's conversation begins.

use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::wire::access::Secret;
use regard_core::wire::{Directory, Hello, LogHead, PROTOCOL_VERSION, Scope, Welcome};
use tokio::sync::watch;

use crate::relay::Inner;
use crate::server::Room;
use crate::store::{AccessError, Caller, Log};

/// The logs of all scopes, in the order of [`Scope::ALL`].
pub(crate) type Logs = [Arc<Log>; Scope::ALL.len()];

/// The device that a token belongs to. Blocks.
pub(crate) fn authenticate(relay: &Inner, workspace: WorkspaceId, token: &Secret) -> Result<Caller, AccessError> {
    // Drawn before the rights are read: a change in between ends what stands for less.
    let standing = relay.logs.standings().draw();
    relay.access.authenticate(workspace, token, standing)
}

/// What stands once a device has said who it is.
pub(crate) struct Begun {
    pub(crate) logs: Logs,
    pub(crate) room: Arc<Room>,
    directory: Directory,
    /// Tells of changes of the directory since it was read for the welcome.
    pub(crate) directory_changed: watch::Receiver<u64>,
}

impl Begun {
    /// Takes a device's first frame. Blocks.
    pub(crate) fn by(relay: &Inner, caller: &Caller, hello: &Hello) -> Result<Self, Refusal> {
        let (lowest, highest) = hello.versions;
        if !(lowest..=highest).contains(&PROTOCOL_VERSION) {
            let detail =
                format!("the relay speaks version {PROTOCOL_VERSION}, the device versions {lowest} to {highest}");
            return Err(Refusal::new(Cause::Version, detail));
        }
        Self::prepared(relay, caller, hello.instance).map_err(|error| error.as_refusal())
    }

    fn prepared(relay: &Inner, caller: &Caller, instance: u64) -> Result<Self, AccessError> {
        let workspace = caller.workspace;
        relay.access.note_instance(workspace, caller.device, instance)?;
        let [first, second] = Scope::ALL;
        let logs = [relay.logs.log_blocking(workspace, first)?, relay.logs.log_blocking(workspace, second)?];
        let room = relay.rooms.room(workspace, &relay.access)?;
        let directory_changed = room.directory_changed.subscribe();
        let directory = relay.access.directory(workspace)?;
        Ok(Self { logs, room, directory, directory_changed })
    }

    /// The relay's first frame.
    pub(crate) fn welcome(&self, relay: &Inner) -> Welcome {
        let logs = self.logs.iter().map(|log| LogHead { scope: log.scope, cursor: log.head() });
        Welcome {
            version: PROTOCOL_VERSION,
            now: relay.ambient.now(),
            logs: logs.collect(),
            directory: self.directory.clone(),
            features: Vec::new(),
        }
    }
}
