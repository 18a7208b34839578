//! What a log holds, told by documents instead of places: for devices whose cursors say nothing about it.

use std::collections::BTreeSet;

use redb::ReadTransaction;
use regard_core::id::DocumentId;
use regard_core::limits::BATCH_BYTES_TARGET;
use regard_core::sync::DocumentIndex;
use regard_core::wire::{self, Cursor, Excerpt, Excerpted, InventoryEntry, Segment, Unit, UnitChange};

use super::tables::{
    DOCUMENTS, INDEX, LOGS, LogRow, OLDER, SegmentRow, document_key, index_key, log_key, older_key, segment_key,
    segments,
};
use super::{Log, LogStore, StoreError};

impl LogStore {
    /// All documents of a log with the digests of their heads, in the order of the documents, and the log's end at that
    /// moment. Reads the whole index.
    pub(crate) fn inventory(&self, log: &Log) -> Result<(Cursor, Vec<InventoryEntry>), StoreError> {
        let transaction = self.begin_read()?;
        let key = log_key(log.workspace, log.scope);
        let logs = LOGS.read(&transaction)?;
        let row = logs.get(&key, |row| wire::decode::<LogRow>(row, "log"))?;
        let row = row.ok_or_else(|| logs.damaged(&key, "it is missing"))?;
        let indexes = INDEX.read(&transaction)?;
        let first = document_key(log.row, DocumentId::from_bytes([0; 16]));
        let last = document_key(log.row, DocumentId::from_bytes([0xff; 16]));
        let rows = DOCUMENTS.read(&transaction)?.scan(first..=last, document_row, |_| true)?;
        let entries = rows.into_iter().map(|(key, row)| {
            let index = indexes.get(&index_key(row), DocumentIndex::decode)?;
            let index = index.ok_or_else(|| indexes.damaged(&index_key(row), "it is missing"))?;
            Ok((document_of(&key), index.digest()))
        });
        let at = Cursor { epoch: row.epoch, seq: row.head_seq, hash: row.head_hash };
        Ok((at, entries.collect::<Result<_, StoreError>>()?))
    }

    /// All changes of some documents, in the order of the log, in pieces of about a batch; none for documents that are not
    /// in the log.
    pub(crate) fn excerpt(&self, log: &Log, documents: &BTreeSet<DocumentId>) -> Result<Vec<Excerpt>, StoreError> {
        let transaction = self.begin_read()?;
        let mut places = BTreeSet::new();
        for document in documents {
            places_of(&transaction, log, *document, &mut places)?;
        }
        let rows = segments(&transaction)?;
        let mut gathered = Gathered::default();
        while let Some(seq) = places.pop_first() {
            let place = segment_key(log.row, seq);
            let found = rows.last(segment_key(log.row, 0)..=place, |row| wire::decode::<SegmentRow>(row, "segment"))?;
            let (key, row) = found.filter(|(_, row)| row.last_seq >= seq).ok_or(StoreError::Gap { seq })?;
            let segment = Segment::unpack(&row.packed).map_err(|refusal| rows.damaged(&key, &refusal.to_string()))?;
            places = places.split_off(&(row.last_seq + 1));
            gathered.take(segment, documents);
        }
        Ok(gathered.finish())
    }
}

fn document_row(row: &[u8]) -> Result<u64, regard_core::error::Refusal> {
    wire::decode(row, "document's row")
}

fn document_of(key: &[u8; 20]) -> DocumentId {
    let [_, _, _, _, id @ ..] = *key;
    DocumentId::from_bytes(id)
}

fn places_of(
    transaction: &ReadTransaction,
    log: &Log,
    document: DocumentId,
    places: &mut BTreeSet<u64>,
) -> Result<(), StoreError> {
    let Some(row) = DOCUMENTS.read(transaction)?.get(&document_key(log.row, document), document_row)? else {
        return Ok(());
    };
    let indexes = INDEX.read(transaction)?;
    let index = indexes.get(&index_key(row), DocumentIndex::decode)?;
    let index = index.ok_or_else(|| indexes.damaged(&index_key(row), "it is missing"))?;
    places.extend(index.recent_seqs());
    if index.has_spilled() {
        let all = older_key(row, regard_core::id::ChangeHash([0; 32]))
            ..=older_key(row, regard_core::id::ChangeHash([0xff; 32]));
        let older = OLDER.read(transaction)?.scan(all, |row| wire::decode(row, "place"), |_| true)?;
        places.extend(older.into_iter().map(|(_, place): (_, regard_core::sync::Place)| place.seq));
    }
    Ok(())
}

/// Units so far, cut into excerpts.
#[derive(Default)]
struct Gathered {
    excerpts: Vec<Excerpt>,
    units: Vec<Excerpted>,
    bytes: usize,
}

impl Gathered {
    fn take(&mut self, segment: Segment, documents: &BTreeSet<DocumentId>) {
        let mut seq = segment.first_seq;
        for unit in segment.units {
            let first = seq;
            seq += unit.changes.len() as u64;
            let Unit { id, author, saved_at, changes, signature } = unit;
            let wanted = changes.into_iter().zip(first..).filter(|(change, _)| documents.contains(&change.document));
            let (changes, seqs): (Vec<UnitChange>, Vec<u64>) = wanted.unzip();
            if changes.is_empty() {
                continue;
            }
            self.bytes += changes.iter().map(|change| change.bytes.len()).sum::<usize>();
            let unit = Unit { id, author, saved_at, changes, signature };
            self.units.push(Excerpted { carrier: segment.carrier, visible_at: segment.visible_at, seqs, unit });
            if self.bytes >= BATCH_BYTES_TARGET {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        self.excerpts.push(Excerpt { units: std::mem::take(&mut self.units) });
        self.bytes = 0;
    }

    fn finish(mut self) -> Vec<Excerpt> {
        if !self.units.is_empty() {
            self.cut();
        }
        self.excerpts
    }
}
