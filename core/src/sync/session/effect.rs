use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::id::EpochId;
use crate::time::Timestamp;
use crate::wire::{ClientFrame, Cursor, Directory, Peer, RelayFrame, Scope, Unit, UnitOutcome};

/// What a session begins with, all from the store but the seed.
#[derive(Debug, Clone)]
pub struct Start {
    /// The store's instance counter.
    pub instance: u64,
    /// The program and its version, for people.
    pub program: String,
    /// How far each scope's log has been applied.
    pub cursors: Vec<(Scope, Option<Cursor>)>,
    /// Places behind the cursors that were set aside, in order.
    pub exceptions: Vec<(Scope, Vec<u64>)>,
    /// Spreads the waits between attempts.
    pub seed: u64,
}

/// How the connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Link {
    /// Offline by choice.
    Offline {
        /// Since when.
        since: Timestamp,
    },
    /// Offline by loss: waiting to try again.
    Waiting {
        /// Since when there is no connection.
        since: Timestamp,
        /// When it is tried next.
        retry_at: Timestamp,
        /// Why the last attempt or connection ended.
        reason: Refusal,
    },
    /// Shut out: nothing is tried any more before the person asks for it.
    Ended {
        /// Since when.
        since: Timestamp,
        /// What the relay said.
        reason: Refusal,
    },
    /// Trying.
    Connecting {
        /// Since when there is no connection.
        since: Timestamp,
    },
    /// Connected.
    Live {
        /// Since when.
        since: Timestamp,
    },
}

impl Link {
    /// Whether changes flow.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }

    /// Whether no connection is wanted.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self, Self::Offline { .. } | Self::Ended { .. })
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self, Self::Connecting { .. })
    }
}

/// A save in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its place in the outbox; grows.
    pub place: u64,
    /// The save.
    pub unit: Unit,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The person wants to be online, or does not want to wait for the next attempt.
    GoOnline,
    /// The person wants to be offline.
    GoOffline,
    /// The time of the last [`Effect::Wake`] has come.
    Timer,
    /// The socket is open.
    Connected,
    /// The socket could not be opened, or closed, or the store failed.
    Closed {
        /// Why.
        reason: Refusal,
    },
    /// A sign of life that is no frame.
    Heard,
    /// A frame came.
    Frame(RelayFrame),
    /// A save is durable and in the outbox.
    Saved {
        /// Its scope.
        scope: Scope,
    },
    /// The answer to [`Effect::ReadOutbox`]; empty where nothing follows.
    Outbox {
        /// The scope.
        scope: Scope,
        /// The next saves, in their order.
        units: Vec<Queued>,
    },
    /// What [`Effect::Apply`] or [`Effect::Advance`] brought is durable.
    Applied {
        /// The scope.
        scope: Scope,
        /// The log is applied up to here.
        cursor: Cursor,
        /// Places set aside instead of applied.
        except: Vec<u64>,
    },
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a socket and answer [`Event::Connected`] or [`Event::Closed`].
    Connect,
    /// Close the socket, without an event.
    Close,
    /// Send a frame.
    Send(ClientFrame),
    /// Read saves behind a place of the outbox, bounded as a batch, and answer [`Event::Outbox`].
    ReadOutbox {
        /// The scope.
        scope: Scope,
        /// Those with a greater place.
        after: u64,
    },
    /// Take from the outbox what is visible, note what was refused, durably. No answer is needed.
    Settle {
        /// The scope.
        scope: Scope,
        /// The log's life.
        epoch: EpochId,
        /// The saves' places in the outbox, and what became of each.
        outcomes: Vec<(u64, UnitOutcome)>,
    },
    /// Apply a packed segment and move the cursor in one transaction; answer [`Event::Applied`].
    Apply {
        /// The scope.
        scope: Scope,
        /// The log's life.
        epoch: EpochId,
        /// The segment.
        packed: Vec<u8>,
    },
    /// Move the cursor over what this device itself has brought; answer [`Event::Applied`].
    Advance {
        /// The scope.
        scope: Scope,
        /// To here.
        cursor: Cursor,
    },
    /// Forget the cursor, and put every held change into the outbox again.
    Restart {
        /// The scope.
        scope: Scope,
    },
    /// Keep the directory.
    Directory(Directory),
    /// Keep where other devices are.
    Peers(Vec<Peer>),
    /// Send [`Event::Timer`] at this time; replaces the wish before.
    Wake(Timestamp),
    /// Tell people how the connection stands.
    Announce(Link),
}
