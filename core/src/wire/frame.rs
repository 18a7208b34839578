use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{Cursor, Scope};
use crate::error::Refusal;
use crate::id::{DeviceId, DocumentId, EpochId, MemberId};
use crate::time::Timestamp;

/// What a device says to its relay. The first frame is [`ClientFrame::Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ClientFrame {
    /// Who is there and what it speaks.
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// Saves for the log.
    #[n(1)]
    Push(#[n(0)] Push),
    /// Send a scope's log from here on, and go on with what comes.
    #[n(2)]
    Subscribe(#[n(0)] Subscribe),
    /// Everything up to here is applied and durable on this device.
    #[n(3)]
    Applied(#[n(0)] Applied),
    /// Tell which documents a scope's log has and how far, since no cursor says what differs.
    #[n(4)]
    Reconcile(#[n(0)] Scope),
    /// Send all changes of some documents.
    #[n(5)]
    Fetch(#[n(0)] Fetch),
    /// Everything that this device itself has made is in the scope's log: who brings more in its name makes it up.
    #[n(6)]
    Complete(#[n(0)] Scope),
    /// Send nothing more of a scope's log.
    #[n(7)]
    Unsubscribe(#[n(0)] Scope),
}

/// The first frame of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Hello {
    /// The lowest and the highest protocol version that the device speaks.
    #[n(0)]
    pub versions: (u16, u16),
    /// The store's instance counter, by which a restored or copied store is recognized.
    #[n(1)]
    pub instance: u64,
    /// The program and its version, for people.
    #[n(2)]
    pub program: String,
    /// Optional parts of the protocol that the device knows.
    #[n(3)]
    pub features: Vec<String>,
}

/// Saves for the log, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Push {
    /// The scope whose log they are for.
    #[n(0)]
    pub scope: Scope,
    /// The device's own number for this push; the answer repeats it.
    #[n(1)]
    pub number: u64,
    /// A list of units, encoded and compressed.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub units: Vec<u8>,
}

/// A wish for a scope's log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Subscribe {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// What is applied already; `None` for nothing.
    #[n(1)]
    pub from: Option<Cursor>,
    /// The furthest end of the log that an answer to a push has told, where it is beyond `from`. A relay that went back to
    /// an older copy may have lost what it acknowledged up to here.
    #[n(2)]
    pub witness: Option<Cursor>,
}

/// A wish for whole documents.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fetch {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// The documents; at most [`crate::limits::FETCH_DOCUMENTS_MAX`].
    #[n(1)]
    pub documents: Vec<DocumentId>,
}

/// One scope's part of the answer to a poll: what a subscription would have brought, by a way of its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PollAnswer {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// The log's end.
    #[n(1)]
    pub head: Cursor,
    /// Whether the cursor that was sent is a place of the log.
    #[n(2)]
    pub is_valid: bool,
    /// The next pieces of the log, packed; as many as fit an answer.
    #[n(3)]
    pub segments: Vec<minicbor::bytes::ByteVec>,
    /// Whether there is more behind them.
    #[n(4)]
    pub more: bool,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Applied {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// Applied up to here.
    #[n(1)]
    pub cursor: Cursor,
    /// Places up to there that were set aside instead, in order, each once.
    #[n(2)]
    pub except: Vec<u64>,
}

/// What a relay says to a device. The first frame is [`RelayFrame::Welcome`] or [`RelayFrame::Refused`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum RelayFrame {
    /// The connection stands.
    #[n(0)]
    Welcome(#[n(0)] Welcome),
    /// The answer to a push, one outcome a unit. What it says is visible is durable.
    #[n(1)]
    #[cbor(map)]
    Pushed {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// The push's number.
        #[n(1)]
        number: u64,
        /// What became of its units, in their order.
        #[n(2)]
        outcomes: Vec<UnitOutcome>,
        /// The log's durable end, at or behind the last of them.
        #[n(3)]
        head: Cursor,
    },
    /// The next piece of the log, packed.
    #[n(2)]
    #[cbor(map)]
    Segment {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// A [`super::Segment`].
        #[cbor(n(1), with = "minicbor::bytes")]
        packed: Vec<u8>,
    },
    /// The next piece of the log is what this connection brought: it need not come back.
    #[n(3)]
    #[cbor(map)]
    Advanced {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// The log's place and hash after it.
        #[n(1)]
        cursor: Cursor,
        /// The place before it.
        #[n(2)]
        after: u64,
    },
    /// Everything that was in the log has been sent; from now on changes come as they are accepted.
    #[n(4)]
    #[cbor(map)]
    CaughtUp {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// The log's end.
        #[n(1)]
        cursor: Cursor,
    },
    /// The cursor is not of this log: nothing can be said about what the device lacks.
    #[n(5)]
    #[cbor(map)]
    CursorVoid {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// The log's end.
        #[n(1)]
        head: Cursor,
    },
    /// Where the other devices are; whole at first, then those that changed.
    #[n(6)]
    Peers(#[n(0)] Vec<Peer>),
    /// The directory has changed; whole.
    #[n(7)]
    Directory(#[n(0)] Directory),
    /// The connection ends, and why.
    #[n(8)]
    Refused(#[n(0)] Refusal),
    /// A piece of the answer to [`ClientFrame::Reconcile`].
    #[n(9)]
    #[cbor(map)]
    Inventory {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// The end of the log when the list was made; the same in all pieces.
        #[n(1)]
        at: Cursor,
        /// Documents and digests of their heads, in the order of the documents; see [`super::pack_inventory`].
        #[cbor(n(2), with = "minicbor::bytes")]
        entries: Vec<u8>,
        /// Whether nothing follows.
        #[n(3)]
        last: bool,
    },
    /// A piece of the answer to [`ClientFrame::Fetch`].
    #[n(10)]
    #[cbor(map)]
    Excerpt {
        /// The scope.
        #[n(0)]
        scope: Scope,
        /// A [`super::Excerpt`].
        #[cbor(n(1), with = "minicbor::bytes")]
        packed: Vec<u8>,
        /// Whether nothing follows.
        #[n(2)]
        last: bool,
    },
}

/// The relay's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// The protocol version that both speak from now on.
    #[n(0)]
    pub version: u16,
    /// The relay's clock.
    #[n(1)]
    pub now: Timestamp,
    /// The end of each log.
    #[n(2)]
    pub logs: Vec<LogHead>,
    /// Everybody who belongs to the workspace.
    #[n(3)]
    pub directory: Directory,
    /// Optional parts of the protocol that both know.
    #[n(4)]
    pub features: Vec<String>,
}

/// The end of a scope's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LogHead {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// Its end.
    #[n(1)]
    pub cursor: Cursor,
}

/// What became of one unit of a push.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum UnitOutcome {
    /// Every change of it stands in the log and is durable.
    #[n(0)]
    #[cbor(map)]
    Visible {
        /// The places of its changes, in the unit's order.
        #[n(0)]
        seqs: Vec<u64>,
        /// Since when, by the relay's clock.
        #[n(1)]
        at: Timestamp,
    },
    /// None of it was taken.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    #[n(0)]
    Owner,
    /// Create, edit, and invite own devices.
    #[n(1)]
    Member,
    /// Read.
    #[n(2)]
    Reader,
}

/// The workspace's members and devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Directory {
    /// Grows with every change of the directory.
    #[n(0)]
    pub version: u64,
    /// The workspace's name.
    #[n(1)]
    pub workspace: String,
    /// The people, removed ones too: their saves keep their names.
    #[n(2)]
    pub members: Vec<KnownMember>,
    /// Their devices, revoked ones too.
    #[n(3)]
    pub devices: Vec<KnownDevice>,
}

impl Directory {
    /// The device with this id.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&KnownDevice> {
        self.devices.iter().find(|device| device.id == id)
    }

    /// The member with this id.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&KnownMember> {
        self.members.iter().find(|member| member.id == id)
    }
}

/// A person in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct KnownMember {
    /// The member.
    #[n(0)]
    pub id: MemberId,
    /// The person's name.
    #[n(1)]
    pub name: String,
    /// What the member may do.
    #[n(2)]
    pub role: Role,
    /// Since when the person belongs to the workspace no more.
    #[n(3)]
    #[serde(default)]
    pub removed_at: Option<Timestamp>,
}

/// A device in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct KnownDevice {
    /// The device.
    #[n(0)]
    pub id: DeviceId,
    /// Whose it is.
    #[n(1)]
    pub member: MemberId,
    /// What its owner calls it.
    #[n(2)]
    pub name: String,
    /// Its Ed25519 public key; hexadecimal digits in JSON.
    #[cbor(n(3), with = "minicbor::bytes")]
    #[serde(with = "hex_json")]
    pub public_key: Vec<u8>,
    /// When it joined.
    #[n(4)]
    pub joined_at: Timestamp,
    /// Since when it has no more access.
    #[n(5)]
    pub revoked_at: Option<Timestamp>,
}

/// Where another device is, as the relay knows it: latest state, not history.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Peer {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Whether it is connected.
    #[n(1)]
    pub online: bool,
    /// Since when it is connected, or is not.
    #[n(2)]
    pub since: Timestamp,
    /// How far it has applied each scope's log.
    #[n(3)]
    pub applied: Vec<PeerApplied>,
}

/// How far a device has applied a scope's log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PeerApplied {
    /// The scope.
    #[n(0)]
    pub scope: Scope,
    /// The log's life.
    #[n(1)]
    pub epoch: EpochId,
    /// Applied up to here.
    #[n(2)]
    pub seq: u64,
    /// Places that it set aside instead.
    #[n(3)]
    pub except: Vec<u64>,
    /// When the device said so, by the relay's clock.
    #[n(4)]
    pub at: Timestamp,
}

mod hex_json {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::id::to_hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::id::parse_hex(&text).ok_or_else(|| serde::de::Error::custom("these are no hexadecimal digits"))
    }
}
