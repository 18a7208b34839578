//! Refusals: why bytes, a change, a unit or a connection was not accepted, in a form that travels.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Why something was refused. The numbers are part of the protocol: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Larger than its bound in [`crate::limits`].
    #[n(0)]
    TooLarge,
    /// Not of the form it should have.
    #[n(1)]
    Malformed,
    /// The bytes do not match their checksum or hash.
    #[n(2)]
    Damaged,
    /// A change depends on one that is not here.
    #[n(3)]
    MissingDependency,
    /// An actor's sequence number is already taken by another change.
    #[n(4)]
    SequenceTaken,
    /// An actor's sequence numbers or operation numbers do not continue where they must.
    #[n(5)]
    OutOfOrder,
    /// A document does not begin with one of Regard's frozen first changes.
    #[n(6)]
    NotARecord,
    /// Automerge refused the change or did not take it in.
    #[n(7)]
    NotApplicable,
    /// The token, the invitation or the role does not allow it.
    #[n(8)]
    NotAllowed,
    /// Both sides speak no common protocol version.
    #[n(9)]
    Version,
    /// The other side cannot store it now; it may be tried again.
    #[n(10)]
    Unavailable,
    /// No such workspace, record or device.
    #[n(11)]
    Unknown,
    /// Another connection of the same device has taken this one's place.
    #[n(12)]
    Replaced,
    /// The store is an older copy of one that has connected since: it needs a device id of its own.
    #[n(13)]
    Copied,
    /// The device has been shut out of the workspace.
    #[n(14)]
    Revoked,
    /// The change is by a device that brings its own changes itself, and that one did not bring it.
    #[n(15)]
    ForeignActor,
    /// The device or the workspace has used up what the relay's owner allows.
    #[n(16)]
    OverQuota,
    /// The relay does not show the certificate that it should: the device's own verdict, which it sends to nobody.
    #[n(17)]
    Untrusted,
}

impl Cause {
    /// Whether the same request can succeed later without being changed.
    #[must_use]
    pub fn may_pass_later(self) -> bool {
        matches!(self, Self::Unavailable | Self::OverQuota)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "too large",
            Self::Malformed => "malformed",
            Self::Damaged => "damaged",
            Self::MissingDependency => "missing dependency",
            Self::SequenceTaken => "sequence number taken",
            Self::OutOfOrder => "out of order",
            Self::NotARecord => "not a record",
            Self::NotApplicable => "not applicable",
            Self::NotAllowed => "not allowed",
            Self::Version => "no common version",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Replaced => "replaced",
            Self::Copied => "copied store",
            Self::Revoked => "shut out",
            Self::ForeignActor => "another device's change",
            Self::OverQuota => "over quota",
            Self::Untrusted => "not trusted",
        })
    }
}

/// A cause with the sentence that explains this case: what, where, and what the bound is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Encode, Decode, Serialize, Deserialize)]
#[error("{detail} ({cause})")]
#[cbor(map)]
pub struct Refusal {
    /// The kind of refusal, for programs.
    #[n(0)]
    pub cause: Cause,
    /// The case, for people; a sentence without a full stop.
    #[n(1)]
    pub detail: String,
}

impl Refusal {
    /// A refusal for `cause`, explained by `detail`.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}
