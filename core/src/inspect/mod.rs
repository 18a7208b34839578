//! Looking inside a record: its history, and every value that stands in it.

mod beyond;

use serde::{Deserialize, Serialize};

use crate::id::{ChangeHash, DeviceId, DocumentId, to_hex};
use crate::record::document::own;
use crate::record::{Alternative, Document, Kind, Life, Scalar, genesis};
use crate::time::Timestamp;

/// The inside of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentReport {
    /// Its id.
    pub id: DocumentId,
    /// The same as automerge-repo programs write it.
    pub url: String,
    /// What it is, by its first change.
    pub kind: Kind,
    /// Whether it is there.
    pub life: Life,
    /// Bytes of the whole history, compacted.
    pub bytes: usize,
    /// The changes that no other follows.
    pub heads: Vec<ChangeHash>,
    /// The history, each change after those that it follows.
    pub changes: Vec<ChangeReport>,
    /// What stands in it.
    pub places: Vec<PlaceReport>,
    /// What stands in it that this version has no field for: of a newer version, or of another program. It is kept.
    #[serde(default)]
    pub beyond: Vec<PlaceReport>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReport {
    /// Its SHA-256.
    pub hash: ChangeHash,
    /// What it is.
    pub origin: Origin,
    /// Who numbered it.
    pub actor: String,
    /// The device that the actor claims to belong to.
    pub device: Option<DeviceId>,
    /// Its number among the actor's changes.
    pub seq: u64,
    /// The changes that it follows.
    pub deps: Vec<ChangeHash>,
    /// The number of its first operation.
    pub start_op: u64,
    /// How many operations it has.
    pub ops: u64,
    /// When it was made, as it claims; absent for changes that claim nothing.
    pub time: Option<Timestamp>,
    /// Its message.
    pub message: Option<String>,
    /// Its size in bytes, not deflated.
    pub bytes: usize,
}

/// Where a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The frozen first change of its kind.
    Genesis,
    /// An edit by a device of the workspace, as its actor claims.
    Device,
    /// An edit by another program, or the first text of imported notes.
    Other,
}

/// A place and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceReport {
    /// `field`, `field[item]` or `field[item].member`.
    pub place: String,
    /// The value that shows.
    pub shown: ValueReport,
    /// Differing values that were written concurrently.
    pub others: Vec<ValueReport>,
}

/// A value and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueReport {
    /// The value.
    pub value: Scalar,
    /// The change that wrote it.
    pub change: ChangeHash,
    /// Who numbered the change.
    pub actor: String,
    /// The device that the actor claims to belong to.
    pub device: Option<DeviceId>,
}

/// Looks inside a record.
#[must_use]
pub fn document(id: DocumentId, document: &Document) -> DocumentReport {
    let places = document.places().into_iter().map(|(place, shown)| PlaceReport {
        place,
        shown: value(shown.winner),
        others: shown.others.into_iter().map(value).collect(),
    });
    DocumentReport {
        id,
        url: id.to_automerge_url(),
        kind: document.kind(),
        life: document.life(),
        bytes: document.save().len(),
        heads: document.heads(),
        changes: document.automerge.get_changes(&[]).iter().map(change).collect(),
        places: places.collect(),
        beyond: beyond::places(document),
    }
}

fn change(change: &automerge::Change) -> ChangeReport {
    let hash = own(change.hash());
    let actor = change.actor_id().to_bytes();
    let device = crate::id::Actor::from_bytes(actor).ok().and_then(|actor| actor.device());
    let origin = match device {
        _ if genesis::kind_of(hash).is_some() => Origin::Genesis,
        Some(_) => Origin::Device,
        None => Origin::Other,
    };
    ChangeReport {
        hash,
        origin,
        actor: to_hex(actor),
        device,
        seq: change.seq(),
        deps: change.deps().iter().copied().map(own).collect(),
        start_op: change.start_op().get(),
        ops: change.len() as u64,
        time: (change.timestamp() != 0).then(|| Timestamp::from_seconds(change.timestamp())),
        message: change.message().map(str::to_owned),
        bytes: change.raw_bytes().len(),
    }
}

/// A value with the change that wrote it.
#[must_use]
pub fn value(alternative: Alternative) -> ValueReport {
    let Alternative { value, change, actor } = alternative;
    ValueReport { value, change, actor: actor.to_string(), device: actor.device() }
}
