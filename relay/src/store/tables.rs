//! The tables of `log.redb` and their rows.

use minicbor::{Decode, Encode};
use redb::{ReadTransaction, WriteTransaction};
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::{RunningHash, Scope};

use super::StoreError;
use super::rows::{ReadRows, SealedTable, WriteRows};

/// The format of `log.redb`.
pub(super) const LOG_FORMAT: u32 = 2;

/// (workspace, scope) → [`LogRow`].
pub(super) const LOGS: SealedTable<17> = SealedTable("logs");
/// (log row, first seq) → [`SegmentRow`].
pub(super) const SEGMENTS: SealedTable<12> = SealedTable("segments");
/// (log row, document) → document row. Rows are numbered so that the tables below grow at their end.
pub(super) const DOCUMENTS: SealedTable<20> = SealedTable("documents");
/// Document row → [`regard_core::sync::DocumentIndex`].
pub(super) const INDEX: SealedTable<8> = SealedTable("index");
/// (document row, hash) → [`regard_core::sync::Place`], for what has no more room in the index.
pub(super) const OLDER: SealedTable<40> = SealedTable("older");

/// (workspace, device), or zeros for the whole workspace → [`super::usage::Used`].
pub(super) const USAGE: SealedTable<32> = SealedTable("usage");

/// The state of a log.
#[derive(Debug, Clone, Encode, Decode)]
pub(super) struct LogRow {
    #[n(0)]
    pub(super) row: u32,
    #[n(1)]
    pub(super) epoch: EpochId,
    #[n(2)]
    pub(super) head_seq: u64,
    #[n(3)]
    pub(super) head_hash: RunningHash,
}

/// A segment, with what is asked of it without unpacking.
#[derive(Debug, Clone, Encode, Decode)]
pub(super) struct SegmentRow {
    #[n(0)]
    pub(super) last_seq: u64,
    #[n(1)]
    pub(super) carrier: DeviceId,
    #[n(2)]
    pub(super) visible_at: Timestamp,
    /// The log's running hash behind it.
    #[n(3)]
    pub(super) after: RunningHash,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(super) packed: Vec<u8>,
    /// The number of each change's kind of record, in the order of the changes, which themselves do not say it.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub(super) kinds: Vec<u8>,
}

/// All tables that a commit writes.
pub(super) struct LogTables<'t> {
    pub(super) logs: WriteRows<'t, 17>,
    pub(super) segments: WriteRows<'t, 12>,
    pub(super) documents: WriteRows<'t, 20>,
    pub(super) index: WriteRows<'t, 8>,
    pub(super) older: WriteRows<'t, 40>,
    pub(super) usage: WriteRows<'t, 32>,
}

impl<'t> LogTables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            logs: LOGS.write(transaction)?,
            segments: SEGMENTS.write(transaction)?,
            documents: DOCUMENTS.write(transaction)?,
            index: INDEX.write(transaction)?,
            older: OLDER.write(transaction)?,
            usage: USAGE.write(transaction)?,
        })
    }
}

pub(super) fn segments(transaction: &ReadTransaction) -> Result<ReadRows<12>, StoreError> {
    SEGMENTS.read(transaction)
}

pub(super) fn log_key(workspace: WorkspaceId, scope: Scope) -> [u8; 17] {
    joined(workspace.as_bytes(), &[scope.number()])
}

pub(super) fn segment_key(log: u32, first_seq: u64) -> [u8; 12] {
    joined(&log.to_be_bytes(), &first_seq.to_be_bytes())
}

/// The first place of the segment with this key.
pub(super) fn first_seq(key: &[u8; 12]) -> u64 {
    let [_, _, _, _, seq @ ..] = *key;
    u64::from_be_bytes(seq)
}

pub(super) fn document_key(log: u32, document: DocumentId) -> [u8; 20] {
    joined(&log.to_be_bytes(), document.as_bytes())
}

pub(super) fn index_key(document_row: u64) -> [u8; 8] {
    document_row.to_be_bytes()
}

pub(super) fn older_key(document_row: u64, hash: ChangeHash) -> [u8; 40] {
    joined(&document_row.to_be_bytes(), &hash.0)
}

/// Two parts of a key, whose lengths add up to `N`.
pub(super) fn joined<const N: usize>(first: &[u8], second: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    let (front, back) = key.split_at_mut(first.len());
    front.copy_from_slice(first);
    back.copy_from_slice(second);
    key
}
