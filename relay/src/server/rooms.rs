use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::{Peer, PeerApplied, Scope};
use tokio::sync::{Notify, oneshot, watch};

use super::challenges::Challenges;
use super::doors::Doors;
use super::visibility::Roster;
use crate::store::{AccessError, AccessStore, StoredPeer};

/// The workspaces that somebody connected to since the relay started.
#[derive(Default)]
pub(crate) struct Rooms {
    by_workspace: Mutex<BTreeMap<WorkspaceId, Arc<Room>>>,
    /// Tells that the state of some device should be kept.
    pub(super) unsaved: Notify,
    next_connection: AtomicU64,
    pub(crate) challenges: Challenges,
    pub(super) doors: Arc<Doors>,
}

/// Who is connected to a workspace, and where its devices are.
pub(crate) struct Room {
    workspace: WorkspaceId,
    state: Mutex<RoomState>,
    /// The number of the last change of a peer.
    pub(crate) peers_changed: watch::Sender<u64>,
    /// Changes whenever the directory does.
    pub(crate) directory_changed: watch::Sender<u64>,
    /// What readers of the visibility stream read of the directory, the last time one did.
    pub(super) roster: tokio::sync::Mutex<Option<Arc<Roster>>>,
}

#[derive(Default)]
struct RoomState {
    connections: HashMap<DeviceId, Live>,
    peers: BTreeMap<DeviceId, PeerState>,
    /// Devices that were shut out since the relay started: they are no peers any more.
    shut_out: HashSet<DeviceId>,
}

struct Live {
    connection: u64,
    /// The scopes into whose logs the device has brought all that it made.
    complete: [bool; Scope::ALL.len()],
    /// Ends the connection with a reason.
    end: oneshot::Sender<Refusal>,
}

struct PeerState {
    peer: Peer,
    /// The number of the change that made it so.
    changed: u64,
    is_saved: bool,
}

/// A device's presence in a room, for as long as its connection lives.
pub(crate) struct Presence {
    relay: Arc<crate::relay::Inner>,
    room: Arc<Room>,
    device: DeviceId,
    connection: u64,
}

impl Rooms {
    /// The workspace's room. Reads the disk the first time.
    pub(crate) fn room(&self, workspace: WorkspaceId, access: &AccessStore) -> Result<Arc<Room>, AccessError> {
        if let Some(room) = self.lock().get(&workspace) {
            return Ok(Arc::clone(room));
        }
        let room = Room::load(workspace, access)?;
        Ok(Arc::clone(self.lock().entry(workspace).or_insert_with(|| Arc::new(room))))
    }

    /// Notes that a device joined.
    pub(crate) fn joined(&self, workspace: WorkspaceId, device: DeviceId, now: Timestamp) {
        let room = self.lock().get(&workspace).map(Arc::clone);
        if let Some(room) = room {
            room.change(device, now, |_| ());
            room.directory_changed.send_modify(|version| *version += 1);
        }
    }

    /// Notes that the directory changed, and which devices have no access any more.
    pub(crate) fn rights_changed(&self, workspace: WorkspaceId, shut_out: &[DeviceId]) {
        let room = self.lock().get(&workspace).map(Arc::clone);
        if let Some(room) = room {
            let mut state = room.lock();
            for device in shut_out {
                state.peers.remove(device);
                state.shut_out.insert(*device);
            }
            drop(state);
            room.directory_changed.send_modify(|version| *version += 1);
        }
    }

    /// The peers whose state is not kept yet; they count as kept from now on.
    pub(crate) fn take_unsaved(&self) -> Vec<(WorkspaceId, StoredPeer)> {
        let rooms: Vec<_> = self.lock().values().map(Arc::clone).collect();
        rooms.iter().flat_map(|room| room.take_unsaved()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkspaceId, Arc<Room>>> {
        self.by_workspace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn load(workspace: WorkspaceId, access: &AccessStore) -> Result<Self, AccessError> {
        let directory = access.directory(workspace)?;
        let mut stored: HashMap<DeviceId, StoredPeer> =
            access.peers(workspace)?.into_iter().map(|peer| (peer.device, peer)).collect();
        let peers = directory.devices.iter().filter(|device| device.revoked_at.is_none()).map(|device| {
            let (since, applied) =
                stored.remove(&device.id).map_or((device.joined_at, Vec::new()), |peer| (peer.since, peer.applied));
            let peer = Peer { device: device.id, online: false, since, applied };
            (device.id, PeerState { peer, changed: 0, is_saved: true })
        });
        let state = RoomState { peers: peers.collect(), ..RoomState::default() };
        Ok(Self {
            workspace,
            state: Mutex::new(state),
            peers_changed: watch::Sender::new(0),
            directory_changed: watch::Sender::new(0),
            roster: tokio::sync::Mutex::default(),
        })
    }

    /// Notes that a device is connected; an older connection of it is ended. The receiver tells when this one is.
    pub(crate) fn enter(
        self: &Arc<Self>,
        relay: &Arc<crate::relay::Inner>,
        device: DeviceId,
    ) -> (Presence, oneshot::Receiver<Refusal>) {
        let connection = relay.rooms.next_connection.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = oneshot::channel();
        let replaced =
            self.lock().connections.insert(device, Live { connection, complete: [false; Scope::ALL.len()], end });
        if let Some(replaced) = replaced {
            let refusal = Refusal::new(Cause::Replaced, "the same device connected once more");
            // Where the older connection is gone already, nobody needs to be told.
            let _ = replaced.end.send(refusal);
        }
        let now = relay.ambient.now();
        self.change(device, now, |peer| {
            peer.online = true;
            peer.since = now;
        });
        (Presence { relay: Arc::clone(relay), room: Arc::clone(self), device, connection }, ended)
    }

    /// Those of the devices that are connected and have brought all that they made into a scope's log.
    pub(crate) fn complete_among(&self, scope: Scope, mut devices: HashSet<DeviceId>) -> HashSet<DeviceId> {
        if !devices.is_empty() {
            let state = self.lock();
            let is_complete = |live: &Live| live.complete[usize::from(scope.number())];
            devices.retain(|device| state.connections.get(device).is_some_and(is_complete));
        }
        devices
    }

    /// Notes how far a device has applied a scope's log.
    pub(crate) fn applied(&self, device: DeviceId, applied: PeerApplied) {
        self.change(device, applied.at, |peer| {
            match peer.applied.iter_mut().find(|known| known.scope == applied.scope) {
                Some(known) => *known = applied,
                None => peer.applied.push(applied),
            }
        });
    }

    /// The other devices that changed after the change with this number, and the number of the last change.
    pub(crate) fn others_changed_after(&self, device: DeviceId, number: Option<u64>) -> (Vec<Peer>, u64) {
        let (mut peers, number) = self.changed_after(number);
        peers.retain(|peer| peer.device != device);
        (peers, number)
    }

    /// All devices that changed after the change with this number, and the number of the last change.
    pub(crate) fn changed_after(&self, number: Option<u64>) -> (Vec<Peer>, u64) {
        let state = self.lock();
        let is_wanted = |state: &&PeerState| number.is_none_or(|number| state.changed > number);
        let peers = state.peers.values().filter(is_wanted).map(|state| state.peer.clone());
        (peers.collect(), *self.peers_changed.borrow())
    }

    fn change(&self, device: DeviceId, now: Timestamp, make: impl FnOnce(&mut Peer)) {
        let mut state = self.lock();
        if state.shut_out.contains(&device) {
            return;
        }
        let number = *self.peers_changed.borrow() + 1;
        let peer = state.peers.entry(device).or_insert_with(|| PeerState {
            peer: Peer { device, online: false, since: now, applied: Vec::new() },
            changed: 0,
            is_saved: false,
        });
        make(&mut peer.peer);
        peer.changed = number;
        peer.is_saved = false;
        // Inside the lock, so that a number is never seen before its change.
        self.peers_changed.send_replace(number);
    }

    fn take_unsaved(&self) -> Vec<(WorkspaceId, StoredPeer)> {
        let mut state = self.lock();
        let unsaved = state.peers.values_mut().filter(|peer| !peer.is_saved);
        let taken = unsaved.map(|state| {
            state.is_saved = true;
            let Peer { device, since, applied, .. } = state.peer.clone();
            (self.workspace, StoredPeer { device, since, applied })
        });
        taken.collect()
    }

    fn lock(&self) -> MutexGuard<'_, RoomState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Presence {
    /// Notes that the device has brought all that it made into a scope's log.
    pub(crate) fn complete(&self, scope: Scope) {
        let mut state = self.room.lock();
        let live = state.connections.get_mut(&self.device).filter(|live| live.connection == self.connection);
        if let Some(live) = live {
            live.complete[usize::from(scope.number())] = true;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let is_last = {
            let mut state = self.room.lock();
            let is_last = state.connections.get(&self.device).is_some_and(|live| live.connection == self.connection);
            if is_last {
                state.connections.remove(&self.device);
            }
            is_last
        };
        if is_last {
            let now = self.relay.ambient.now();
            self.room.change(self.device, now, |peer| {
                peer.online = false;
                peer.since = now;
            });
            self.relay.rooms.unsaved.notify_one();
        }
    }
}
