//! The tables of a client's store. docs/format.md describes them for readers without this code.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use redb::{ReadTransaction, TableDefinition, TableHandle};
use regard_core::error::Refusal;
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, UnitId};
use regard_core::record::Kind;
use regard_core::time::Timestamp;
use regard_core::wire::{HeadsDigest, Scope};

use super::error::{During, StoreError};
use super::rows::Rows;

/// The format of the file. A store of an older one is brought to it when it is opened; one of a newer one is not opened.
pub(super) const FORMAT: u32 = 3;

/// A document's number on this device: rows of other tables get it instead of 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Row(#[n(0)] pub(super) u64);

pub(super) const SETTINGS: Rows<&'static str> = Rows::new("settings");
pub(super) const IDS: TableDefinition<'static, [u8; 16], u64> = TableDefinition::new("ids");
pub(super) const DOCUMENTS: Rows<u64> = Rows::new("documents");
/// Chunks that Automerge verifies itself when they are loaded.
pub(super) const SNAPSHOTS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("snapshots");
/// Chunks that the gate verifies when they are loaded: (row, number) → change.
pub(super) const CHANGES: TableDefinition<'static, (u64, u32), &'static [u8]> = TableDefinition::new("changes");
pub(super) const PROJECTIONS: Rows<u64> = Rows::new("projections");
/// What [`super::index`] computes from projections.
pub(super) const INDEX: TableDefinition<'static, &'static [u8], ()> = TableDefinition::new("index");
/// (scope, place).
pub(super) const OUTBOX: Rows<(u8, u64)> = Rows::new("outbox");
pub(super) const SAVES: Rows<u64> = Rows::new("saves");
/// (row, save).
pub(super) const SAVES_OF: TableDefinition<'static, (u64, u64), ()> = TableDefinition::new("saves_of");
pub(super) const CURSORS: Rows<u8> = Rows::new("cursors");
/// The furthest end of each scope's log that an answer to a push has told.
pub(super) const WITNESSES: Rows<u8> = Rows::new("witnesses");
/// Where each scope stood when it was last compared with its log, document by document.
pub(super) const RECONCILED: Rows<u8> = Rows::new("reconciled");
/// (device, scope, seq).
pub(super) const RECEIPTS: Rows<([u8; 16], u8, u64)> = Rows::new("receipts");
pub(super) const PEERS: Rows<[u8; 16]> = Rows::new("peers");
pub(super) const QUARANTINE: Rows<u64> = Rows::new("quarantine");

/// Every store of this format has them from the beginning on. Where the list of tables is damaged, the database would make one anew,
/// empty, when it is written.
const ALL: [&str; 16] = [
    "settings",
    "ids",
    "documents",
    "snapshots",
    "changes",
    "projections",
    "index",
    "outbox",
    "saves",
    "saves_of",
    "cursors",
    "witnesses",
    "reconciled",
    "receipts",
    "peers",
    "quarantine",
];

/// Whether no table is missing.
pub(super) fn are_all_there(reading: &ReadTransaction) -> Result<(), StoreError> {
    let there: BTreeSet<String> =
        reading.list_tables().during("list its tables")?.map(|table| table.name().to_owned()).collect();
    match ALL.iter().find(|table| !there.contains(**table)) {
        None => Ok(()),
        Some(table) => Err(StoreError::damaged(format!("the table “{table}” is missing"))),
    }
}

/// What is known of a document without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct DocumentRow {
    #[n(0)]
    pub(super) id: DocumentId,
    #[n(1)]
    pub(super) kind: Kind,
    #[n(2)]
    pub(super) scope: Scope,
    /// Whether there is a snapshot; the single changes follow it.
    #[n(3)]
    pub(super) has_snapshot: bool,
    /// The number of the next single change.
    #[n(4)]
    pub(super) next_change: u32,
    /// Single changes beside the snapshot.
    #[n(5)]
    pub(super) unfolded: u32,
    /// What stands for its heads.
    #[n(6)]
    pub(super) heads: HeadsDigest,
    /// How many changes it has, the first one too.
    #[n(7)]
    pub(super) changes: u32,
}

/// A save that waits for the relay.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct OutboxRow {
    #[n(0)]
    pub(super) unit: UnitId,
    #[n(1)]
    pub(super) author: Option<DeviceId>,
    #[n(2)]
    pub(super) saved_at: Timestamp,
    #[n(3)]
    pub(super) changes: Vec<ChangeRef>,
    /// The save's row in `saves`; a document that is put in again as a whole has none.
    #[n(4)]
    pub(super) save: Option<u64>,
    /// Why the relay did not take it. It is not sent again by itself.
    #[n(5)]
    pub(super) refused: Option<Refusal>,
    /// Whether it was visible once and its log has lost it.
    #[n(6)]
    pub(super) is_refill: bool,
    /// How often it was made again after a refusal.
    #[n(7)]
    pub(super) redone: u8,
}

impl OutboxRow {
    /// A save that has not been sent.
    pub(super) fn new(
        unit: UnitId,
        author: Option<DeviceId>,
        saved_at: Timestamp,
        changes: Vec<ChangeRef>,
        save: Option<u64>,
    ) -> Self {
        Self { unit, author, saved_at, changes, save, refused: None, is_refill: false, redone: 0 }
    }
}

/// A log that was compared with what is here, document by document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct ReconciledRow {
    /// Counts the comparisons of the scope. Places that were noted before the last one say nothing about the log any more.
    #[n(0)]
    pub(super) generation: u64,
    /// The log's life.
    #[n(1)]
    pub(super) epoch: EpochId,
    /// The end of the log at that moment: what was equal stands at or before it.
    #[n(2)]
    pub(super) seq: u64,
}

/// Where a change's bytes are: in `changes` under this number, or, when they have been folded, in the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct ChangeRef {
    #[n(0)]
    pub(super) row: Row,
    #[n(1)]
    pub(super) number: u32,
    #[n(2)]
    pub(super) hash: ChangeHash,
}

/// A save, one's own or another's, and since when it is visible.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct SaveRow {
    #[n(0)]
    pub(super) unit: UnitId,
    #[n(1)]
    pub(super) scope: Scope,
    #[n(2)]
    pub(super) author: Option<DeviceId>,
    /// `None` while it has not left this device.
    #[n(3)]
    pub(super) carrier: Option<DeviceId>,
    #[n(4)]
    pub(super) saved_at: Timestamp,
    #[n(6)]
    pub(super) visible: Option<VisibleRow>,
    /// When it became durable on this device, by this device's clock.
    #[n(7)]
    pub(super) applied_at: Timestamp,
    /// Its changes.
    #[n(8)]
    pub(super) changes: Vec<(Row, ChangeHash)>,
}

impl SaveRow {
    /// The documents that it changes, each once.
    pub(super) fn rows(&self) -> BTreeSet<Row> {
        self.changes.iter().map(|(row, _)| *row).collect()
    }
}

/// Since when a save is visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct VisibleRow {
    #[n(0)]
    pub(super) epoch: EpochId,
    /// The place of its last change in the log.
    #[n(1)]
    pub(super) seq: u64,
    #[n(2)]
    pub(super) at: Timestamp,
    /// The place of its first change.
    #[n(3)]
    pub(super) first_seq: u64,
    /// The [`ReconciledRow::generation`] to which the places belong.
    #[n(4)]
    pub(super) generation: u64,
}

/// A device said that it has applied a log up to the row's key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct ReceiptRow {
    #[n(0)]
    pub(super) epoch: EpochId,
    #[n(1)]
    pub(super) at: Timestamp,
    #[n(2)]
    pub(super) except: Vec<u64>,
}

/// Whether a device is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct PeerRow {
    #[n(0)]
    pub(super) online: bool,
    #[n(1)]
    pub(super) since: Timestamp,
}

/// Bytes that were not accepted, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct QuarantineRow {
    #[n(0)]
    pub(super) document: DocumentId,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) bytes: Vec<u8>,
    #[n(2)]
    pub(super) reason: Refusal,
    #[n(3)]
    pub(super) carrier: DeviceId,
    #[n(4)]
    pub(super) seq: u64,
    #[n(5)]
    pub(super) at: Timestamp,
    /// The log in which `seq` is a place.
    #[n(6)]
    pub(super) epoch: EpochId,
    #[n(7)]
    pub(super) scope: Scope,
    /// The save that it belongs to.
    #[n(8)]
    pub(super) unit: UnitId,
    #[n(9)]
    pub(super) author: Option<DeviceId>,
    #[n(10)]
    pub(super) saved_at: Timestamp,
    #[n(11)]
    pub(super) visible_at: Timestamp,
    /// The [`ReconciledRow::generation`] to which `seq` belongs; earlier versions noted none.
    #[n(12)]
    pub(super) generation: Option<u64>,
}
