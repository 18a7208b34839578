use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::id::{DocumentId, EpochId};
use crate::sync::Difference;
use crate::time::Timestamp;
use crate::wire::{
    ClientFrame, Cursor, Directory, InventoryEntry, Peer, PollAnswer, RelayFrame, Scope, Subscribe, Unit, UnitOutcome,
};

/// What a session begins with, all from the store but the seed.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program and its version, for people.
    pub program: String,
    /// The scopes and how far their logs have been applied.
    pub scopes: Vec<ScopeStart>,
    /// How old what is shown may be at most while the relay can be reached by whatever way.
    pub freshness_bound: Duration,
    /// Spreads the waits between attempts.
    pub seed: u64,
}

/// How far a scope's log has been applied.
#[derive(Debug, Clone)]
pub struct ScopeStart {
    /// The scope.
    pub scope: Scope,
    /// Applied up to here.
    pub cursor: Option<Cursor>,
    /// The furthest end of the log that an answer to a push has told.
    pub witness: Option<Cursor>,
    /// Places behind the cursor that were set aside, in order.
    pub exceptions: Vec<u64>,
    /// When it is synchronized.
    pub schedule: Schedule,
}

/// When a scope is synchronized while there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// All the time: what is saved goes out at once, and what others save comes as they save it.
    Live,
    /// At the first connection, then whenever so much time has passed, and whenever the person asks to be online.
    Every(Duration),
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
    Connected {
        /// The store's instance counter, raised durably for this connection.
        instance: u64,
    },
    /// The socket could not be opened, or closed.
    Closed {
        /// Why.
        reason: Refusal,
    },
    /// The store, or what else this device needs of itself, failed. The connection is left, and tried again ever more slowly:
    /// what failed fails again at once.
    Failed {
        /// How.
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
    /// The answer to [`Effect::Compare`].
    Compared {
        /// The scope.
        scope: Scope,
        /// The documents that differ.
        differing: Vec<Difference>,
        /// As the effect said.
        last: bool,
    },
    /// What [`Effect::ApplyExcerpt`] brought is durable.
    ExcerptApplied {
        /// The scope.
        scope: Scope,
        /// Whether there was anything new in it.
        changed: bool,
        /// As the effect said.
        last: bool,
    },
    /// What [`Effect::Refill`] asked for is durable.
    Refilled {
        /// The scope.
        scope: Scope,
        /// Where the cursor is now.
        at: Cursor,
        /// Places of this log that are set aside, in order.
        exceptions: Vec<u64>,
    },
    /// What was set aside is applied after all, durably: what it lacked has come, or it was tried again.
    Healed {
        /// The scope.
        scope: Scope,
        /// Its places.
        places: Vec<u64>,
    },
    /// Refused saves have been made again and wait in the outbox, durably. What stood in their way may apply now.
    Redone {
        /// The scope.
        scope: Scope,
        /// Places that were set aside and are applied now.
        healed: Vec<u64>,
    },
    /// The answer to [`Effect::Poll`]; empty where the relay was not reached.
    Polled {
        /// What it answered, scope by scope.
        answers: Vec<PollAnswer>,
    },
    /// The answer to [`Effect::Separate`]: the store has an identity of its own.
    Separated,
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
        /// The end of the log that the answer told, to be kept as the witness together with the rest.
        head: Cursor,
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
    /// Compare a piece of the relay's list with the documents behind `after`, up to the last entry or, in the last piece,
    /// to the end; answer [`Event::Compared`].
    Compare {
        /// The scope.
        scope: Scope,
        /// The last document of the piece before.
        after: Option<DocumentId>,
        /// The piece.
        entries: Vec<InventoryEntry>,
        /// Whether nothing follows.
        last: bool,
    },
    /// Apply a packed excerpt of the log without moving the cursor; answer [`Event::ExcerptApplied`].
    ApplyExcerpt {
        /// The scope.
        scope: Scope,
        /// The log's life.
        epoch: EpochId,
        /// The excerpt.
        packed: Vec<u8>,
        /// Whether nothing follows.
        last: bool,
    },
    /// Put what the log still lacks of these documents into the outbox, before what waits there, and move the cursor to
    /// `at`, in one transaction; answer [`Event::Refilled`].
    Refill {
        /// The scope.
        scope: Scope,
        /// The end of the log when its list was made.
        at: Cursor,
        /// The documents that differed.
        differing: Vec<Difference>,
    },
    /// Ask the relay by a way of its own for what follows these cursors; answer [`Event::Polled`].
    Poll {
        /// The scopes.
        wishes: Vec<Subscribe>,
    },
    /// The relay says that this store is a copy: get a device id, a token and an actor of its own, and answer
    /// [`Event::Separated`], or [`Event::Closed`] where that fails.
    Separate,
    /// Keep the directory.
    Directory(Directory),
    /// Keep where other devices are.
    Peers(Vec<Peer>),
    /// Send [`Event::Timer`] at this time; replaces the wish before.
    Wake(Timestamp),
    /// Tell people how the connection stands.
    Announce(Link),
}
