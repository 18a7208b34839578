//! What a relay decides for devices, without sockets, threads and clock.
//!
//! The server calls what is here and moves frames; [`Desk`] is all of it for whoever has no network, such as a simulation
//! of many devices in one thread.

mod answers;
mod conversation;
mod granting;
mod listening;
mod logged;
mod opening;
mod speaking;
mod stream;

pub use conversation::Due;
pub use logged::Logged;
pub use stream::Stream;

pub(crate) use answers::{excerpt_frames, inventory_frames, poll};
pub(crate) use granting::{adopt, challenge, copy, join, renew};
pub(crate) use listening::{Admitted, Heard, Listener, Wish};
pub(crate) use opening::{Begun, authenticate};
pub(crate) use speaking::{Following, Next, Order, Outcomes, Speaker, acknowledgement, unanswered};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::visibility::{Query, StreamLine};
use regard_core::wire::access::keys::{AdoptionRequest, Challenge, PUBLIC_KEY_BYTES, TokenRequest, TokenResponse};
use regard_core::wire::access::{CopyRequest, InviteRequest, InviteResponse, JoinRequest, JoinResponse, Secret};
use regard_core::wire::{ClientFrame, Cursor, Directory, Hello, PollAnswer, RelayFrame, Role, Scope, Subscribe};

use crate::ambient::Ambient;
use crate::error::RelayError;
use crate::relay::{Inner, Relay, Settings};
use crate::server::rights;
use crate::store::{AccessError, AccessStore, By, Caller, Hands, LogStore, Medium, Opening, Rights};
use conversation::Conversation;

/// A relay without sockets, threads and clock: the same stores and the same decisions as [`Relay`]'s, called one after the
/// other. With the same media, ambient and calls it does the same, byte for byte.
///
/// Nothing happens by itself. Whoever has one repeats, in any order and for any device:
///
/// - [`Desk::receive`] with each frame that came from a device, while [`Desk::reads`] says that the relay would read;
/// - [`Desk::commit`], which makes durable what waits, all of it together, as the relay's writer does;
/// - [`Desk::due`], and carries the frames to the device;
/// - now and then [`Desk::keep_peers`], which a relay does every 30 s, and whenever a device has gone.
///
/// Dropping it ends the process that it stands for; opened again on the same media it has started again. The database
/// writes a little when it is dropped, so a power cut is one only where the media stop taking writes before. Pushes are
/// not slowed down: the pace of devices is a matter of waiting, which the server does.
pub struct Desk {
    relay: Relay,
    conversations: BTreeMap<u64, Conversation>,
    connections: u64,
}

/// One device's connection with a [`Desk`]. It means nothing to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(u64);

impl Desk {
    /// Opens the relay whose log and access file lie on these media, or makes them. A file whose disk failed is opened
    /// again at the next call. Of the settings, the quotas and the interval between notices about peers count.
    ///
    /// # Errors
    /// [`RelayError::Store`] where a file cannot be opened or has another format.
    pub fn open(
        log: Arc<dyn Medium>,
        access: Arc<dyn Medium>,
        settings: Settings,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, RelayError> {
        // There is nobody whom trying again at once would hold up.
        let retry_pause = Duration::ZERO;
        let access = AccessStore::open_on(access, retry_pause, Arc::clone(&ambient))?;
        let (quotas, hands) = (settings.quotas, Hands::Caller);
        let logs =
            LogStore::open_with(Opening { medium: log, retry_pause, ambient: Arc::clone(&ambient), quotas, hands })?;
        let inner = Arc::new(Inner::new(PathBuf::new(), settings, ambient, access, logs));
        Ok(Self { relay: Relay { inner }, conversations: BTreeMap::new(), connections: 0 })
    }

    /// As [`Relay::create_workspace`].
    ///
    /// # Errors
    /// As [`Relay::create_workspace`].
    pub fn create_workspace(&self, id: WorkspaceId, name: &str) -> Result<Secret, RelayError> {
        self.relay.create_workspace(id, name)
    }

    /// As [`Relay::has_workspace`].
    ///
    /// # Errors
    /// As [`Relay::has_workspace`].
    pub fn has_workspace(&self, id: WorkspaceId) -> Result<bool, RelayError> {
        self.relay.has_workspace(id)
    }

    /// As [`Relay::await_adoption`].
    ///
    /// # Errors
    /// As [`Relay::await_adoption`].
    pub fn await_adoption(
        &self,
        workspace: WorkspaceId,
        key: [u8; PUBLIC_KEY_BYTES],
        name: &str,
    ) -> Result<(), RelayError> {
        self.relay.await_adoption(workspace, key, name)
    }

    /// Turns an invitation into a device's token.
    ///
    /// # Errors
    /// What the device is told.
    pub fn join(&self, workspace: WorkspaceId, request: &JoinRequest) -> Result<JoinResponse, Refusal> {
        told(join(self.inner(), workspace, request))
    }

    /// Makes an invitation in a device's name.
    ///
    /// # Errors
    /// What the device is told.
    pub fn invite(
        &self,
        workspace: WorkspaceId,
        token: &Secret,
        request: &InviteRequest,
    ) -> Result<InviteResponse, Refusal> {
        let caller = self.caller(workspace, token)?;
        told(self.inner().access.invite(&caller, request, self.inner().ambient.now()))
    }

    /// Makes an invitation in the name of the relay's host.
    ///
    /// # Errors
    /// Where there is no such workspace, or the file fails.
    pub fn invite_by_host(&self, workspace: WorkspaceId, role: Role) -> Result<Secret, Refusal> {
        let invited = self.inner().access.invite_by_host(workspace, role, self.inner().ambient.now());
        told(invited).map(|invited| invited.secret)
    }

    /// Makes a copied or restored store a device of its own, in the name of the device that it was copied from.
    ///
    /// # Errors
    /// What the device is told.
    pub fn copy(&self, workspace: WorkspaceId, token: &Secret, request: &CopyRequest) -> Result<JoinResponse, Refusal> {
        let caller = self.caller(workspace, token)?;
        told(copy(self.inner(), &caller, request))
    }

    /// Gives out a challenge for [`Desk::renew`] or [`Desk::adopt`].
    ///
    /// # Errors
    /// What the device is told.
    pub fn challenge(&self, workspace: WorkspaceId) -> Result<Challenge, Refusal> {
        told(challenge(self.inner(), workspace))
    }

    /// Gives a device a new token for its signature of a challenge.
    ///
    /// # Errors
    /// What the device is told.
    pub fn renew(&self, workspace: WorkspaceId, request: &TokenRequest) -> Result<TokenResponse, Refusal> {
        told(renew(self.inner(), workspace, request))
    }

    /// Takes over an owner's copy of the directory, where the workspace waits for it.
    ///
    /// # Errors
    /// What the device is told.
    pub fn adopt(&self, workspace: WorkspaceId, request: &AdoptionRequest) -> Result<TokenResponse, Refusal> {
        told(adopt(self.inner(), workspace, request))
    }

    /// Shuts a device out, as the relay's host does.
    ///
    /// # Errors
    /// Where there is no such device, or a file fails.
    pub fn shut_out(&self, workspace: WorkspaceId, device: DeviceId) -> Result<Directory, Refusal> {
        self.change(workspace, Rights::ShutOut(device))
    }

    /// Removes a member, as the relay's host does.
    ///
    /// # Errors
    /// Where there is no such member, it is the last owner, or a file fails.
    pub fn remove(&self, workspace: WorkspaceId, member: MemberId) -> Result<Directory, Refusal> {
        self.change(workspace, Rights::Remove(member))
    }

    /// Changes what a member may do, as the relay's host could.
    ///
    /// # Errors
    /// Where there is no such member, it is the last owner, or a file fails.
    pub fn change_role(&self, workspace: WorkspaceId, member: MemberId, role: Role) -> Result<Directory, Refusal> {
        self.change(workspace, Rights::Role(member, role))
    }

    /// Everybody who belongs to a workspace.
    ///
    /// # Errors
    /// Where there is no such workspace, or the file fails.
    pub fn directory(&self, workspace: WorkspaceId) -> Result<Directory, Refusal> {
        told(self.inner().access.directory(workspace))
    }

    /// Begins a connection: the first frame of a device whose token this is. Answers the connection, and the frames that
    /// the device gets at once. An older connection of the same device ends.
    ///
    /// # Errors
    /// What the device is told; there is no connection then.
    pub fn connect(
        &mut self,
        workspace: WorkspaceId,
        token: &Secret,
        hello: &Hello,
    ) -> Result<(Connection, Vec<RelayFrame>), Refusal> {
        let caller = self.caller(workspace, token)?;
        let (conversation, frames) = Conversation::begin(self.inner(), caller, hello)?;
        self.connections += 1;
        self.conversations.insert(self.connections, conversation);
        Ok((Connection(self.connections), frames))
    }

    /// Whether the relay would read from the connection now. While answers to earlier frames wait to be taken, it leaves
    /// what comes in the socket.
    #[must_use]
    pub fn reads(&self, connection: Connection) -> bool {
        self.conversations.get(&connection.0).is_some_and(Conversation::reads)
    }

    /// Takes in a frame. A push is durable only after [`Desk::commit`].
    ///
    /// # Errors
    /// The word with which the connection ends; [`Desk::due`] hands it out behind what is due before. Also where it has
    /// ended already, or does not read now.
    pub fn receive(&mut self, connection: Connection, frame: ClientFrame) -> Result<(), Refusal> {
        let conversation = self.conversations.get_mut(&connection.0);
        conversation.ok_or_else(has_ended)?.receive(frame)
    }

    /// Makes durable everything that waits, in one commit, and knows the outcomes from then on. Answers whether anything
    /// waited. What fails is refused, and told to those who pushed it.
    pub fn commit(&mut self) -> bool {
        self.inner().logs.commit()
    }

    /// The next frames that a device is due, at most so many. Where the connection is over the last frame says why, if
    /// there is anything to say.
    pub fn due(&mut self, connection: Connection, frames_max: usize) -> Due {
        let Some(conversation) = self.conversations.get_mut(&connection.0) else {
            return Due { frames: Vec::new(), is_over: true };
        };
        let due = conversation.due(frames_max);
        if due.is_over {
            self.disconnect(connection);
        }
        due
    }

    /// When [`Desk::due`] will have a notice about peers, by the steady clock, though nothing else happens until then.
    #[must_use]
    pub fn due_at(&self, connection: Connection) -> Option<Duration> {
        self.conversations.get(&connection.0).and_then(Conversation::due_at)
    }

    /// Ends a connection without a word, as when its device has gone.
    pub fn disconnect(&mut self, connection: Connection) {
        self.conversations.remove(&connection.0);
    }

    /// What subscriptions would bring, for a device that has no connection.
    ///
    /// # Errors
    /// What the device is told.
    pub fn poll(
        &self,
        workspace: WorkspaceId,
        token: &Secret,
        wishes: &[Subscribe],
    ) -> Result<Vec<PollAnswer>, Refusal> {
        self.caller(workspace, token)?;
        poll(self.inner(), workspace, wishes)
    }

    /// Begins to read the visibility stream.
    ///
    /// # Errors
    /// What the reader is told.
    pub fn stream(&self, workspace: WorkspaceId, token: &Secret, query: Query) -> Result<Stream, Refusal> {
        let caller = self.caller(workspace, token)?;
        Stream::begin(self.inner(), caller, query)
    }

    /// The next lines of a stream of this desk, at most so many; none where there is nothing new. The last line of a
    /// stream that has ended says why.
    pub fn read(&self, stream: &mut Stream, lines_max: usize) -> Vec<StreamLine> {
        stream.read(self.inner(), lines_max)
    }

    /// The durable end of a log.
    ///
    /// # Errors
    /// Where the file fails.
    pub fn head(&self, workspace: WorkspaceId, scope: Scope) -> Result<Cursor, RelayError> {
        Ok(self.inner().logs.log_blocking(workspace, scope)?.head())
    }

    /// Everything that a log holds, read from its file, in the order of the places.
    ///
    /// # Errors
    /// Where the file fails, is damaged, or has a gap.
    pub fn logged(&self, workspace: WorkspaceId, scope: Scope) -> Result<Vec<Logged>, RelayError> {
        Ok(logged::all(&self.inner().logs, workspace, scope)?)
    }

    /// Keeps where the devices are.
    ///
    /// # Errors
    /// Where the file fails. What was to be kept is forgotten then until it changes again, as in a relay.
    pub fn keep_peers(&self) -> Result<(), RelayError> {
        Ok(self.inner().access.save_peers(self.inner().rooms.take_unsaved())?)
    }

    /// Whether both files can be read and written. After a failure of a disk, writes a little to find out whether it is
    /// over.
    ///
    /// # Errors
    /// Why not.
    pub fn check_ready(&self) -> Result<(), RelayError> {
        self.inner().logs.check_ready()?;
        Ok(self.inner().access.check_ready()?)
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.relay.inner
    }

    fn caller(&self, workspace: WorkspaceId, token: &Secret) -> Result<Caller, Refusal> {
        told(authenticate(self.inner(), workspace, token))
    }

    fn change(&self, workspace: WorkspaceId, wanted: Rights) -> Result<Directory, Refusal> {
        told(rights::change(self.inner(), workspace, By::Host, wanted))
    }
}

fn told<T>(granted: Result<T, AccessError>) -> Result<T, Refusal> {
    granted.map_err(|error| error.as_refusal())
}

fn has_ended() -> Refusal {
    Refusal::new(Cause::Unavailable, "the connection has ended")
}
