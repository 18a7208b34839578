use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{ChangeHash, DeviceId, DocumentId, EpochId, UnitId, WorkspaceId};

/// A separately synchronized part of a workspace with its own log and schedule. A document belongs to one for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everything that is tracked.
    #[n(0)]
    Records,
    /// Names and addresses for resolving recipients.
    #[n(1)]
    AddressBook,
}

impl Scope {
    /// All scopes, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Records, Self::AddressBook];

    /// The scope's number in files.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Records => 0,
            Self::AddressBook => 1,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Records => "records",
            Self::AddressBook => "address-book",
        })
    }
}

/// SHA-256 over a log from its beginning to one place: two logs that agree here agree on everything before.
#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct RunningHash(#[n(0)] ChangeHash);

impl RunningHash {
    /// The hash of a log in which nothing stands yet.
    #[must_use]
    pub fn start(workspace: WorkspaceId, scope: Scope, epoch: EpochId) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"regard log 1");
        hasher.update(workspace.as_bytes());
        hasher.update([scope.number()]);
        hasher.update(epoch.as_bytes());
        Self(ChangeHash(hasher.finalize().into()))
    }

    /// The hash after one more change.
    #[must_use]
    pub fn then(
        self,
        document: DocumentId,
        change: ChangeHash,
        unit: UnitId,
        author: Option<DeviceId>,
        carrier: DeviceId,
    ) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0.0);
        hasher.update(document.as_bytes());
        hasher.update(change.0);
        hasher.update(unit.as_bytes());
        hasher.update(author.map_or([0; 16], |author| *author.as_bytes()));
        hasher.update(carrier.as_bytes());
        Self(ChangeHash(hasher.finalize().into()))
    }
}

impl fmt::Display for RunningHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RunningHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a log has been applied. Valid only for a log of this epoch whose running hash at `seq` is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cursor {
    /// The log's life.
    #[n(0)]
    pub epoch: EpochId,
    /// The last change applied; zero before the first.
    #[n(1)]
    pub seq: u64,
    /// The log's running hash there.
    #[n(2)]
    pub hash: RunningHash,
}

impl Cursor {
    /// The place before the first change of a log.
    #[must_use]
    pub fn start(workspace: WorkspaceId, scope: Scope, epoch: EpochId) -> Self {
        Self { epoch, seq: 0, hash: RunningHash::start(workspace, scope, epoch) }
    }
}
