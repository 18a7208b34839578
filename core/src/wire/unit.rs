use minicbor::{Decode, Encode};

use crate::id::{DeviceId, DocumentId, UnitId};
use crate::time::Timestamp;

/// One save: changes, of one or several records of one scope, that are accepted, logged and applied together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Unit {
    /// The save's id, made by its author.
    #[n(0)]
    pub id: UnitId,
    /// The device that made it, as it says; `None` for changes that another program made.
    #[n(1)]
    pub author: Option<DeviceId>,
    /// When it was saved there, as it says.
    #[n(2)]
    pub saved_at: Timestamp,
    /// The changes, those of one document in an order in which they can be applied.
    #[n(3)]
    pub changes: Vec<UnitChange>,
    /// Reserved for the author's signature over id, author and change hashes.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub signature: Option<Vec<u8>>,
}

/// One change of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UnitChange {
    /// The document that it belongs to.
    #[n(0)]
    pub document: DocumentId,
    /// The whole chunk.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}
