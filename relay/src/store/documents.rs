use std::collections::HashMap;
use std::num::NonZeroUsize;

use lru::LruCache;
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::limits::INDEX_CACHE_MAX;
use regard_core::sync::{AdmittedIndexes, DocumentIndex, IndexSource, Place};
use regard_core::wire;

use super::StoreError;
use super::tables::{LogTables, document_key, index_key, older_key};

/// Decoded indexes of the documents that were written last. What a commit uses is taken out and put back once it is
/// durable, so that a failed commit leaves nothing behind that is not stored.
pub(super) struct IndexCache(LruCache<(u32, DocumentId), (u64, DocumentIndex)>);

impl IndexCache {
    pub(super) fn new() -> Self {
        const { assert!(INDEX_CACHE_MAX > 0) };
        Self(LruCache::new(NonZeroUsize::new(INDEX_CACHE_MAX).unwrap_or(NonZeroUsize::MIN)))
    }

    /// Takes in indexes as they are stored.
    pub(super) fn put_back(&mut self, log: u32, stored: Vec<(DocumentId, u64, DocumentIndex)>) {
        for (document, row, index) in stored {
            self.0.put((log, document), (row, index));
        }
    }
}

/// The documents of one log, as one commit reads them.
pub(super) struct Documents<'a, 't> {
    pub(super) log: u32,
    pub(super) tables: &'a LogTables<'t>,
    pub(super) cache: &'a mut IndexCache,
    /// The rows of the documents that were found.
    pub(super) rows: &'a mut HashMap<DocumentId, u64>,
}

impl IndexSource for Documents<'_, '_> {
    type Error = StoreError;

    fn load(&mut self, document: DocumentId) -> Result<DocumentIndex, StoreError> {
        if let Some((row, index)) = self.cache.0.pop(&(self.log, document)) {
            self.rows.insert(document, row);
            return Ok(index);
        }
        let key = document_key(self.log, document);
        let Some(row) = self.tables.documents.get(&key, |row| wire::decode::<u64>(row, "document's row"))? else {
            return Ok(DocumentIndex::default());
        };
        self.rows.insert(document, row);
        let index = self.tables.index.get(&index_key(row), DocumentIndex::decode)?;
        index.ok_or_else(|| self.tables.index.damaged(&index_key(row), "it is missing"))
    }

    fn spilled(&self, document: DocumentId, hash: ChangeHash) -> Result<Option<Place>, StoreError> {
        let Some(row) = self.rows.get(&document) else { return Ok(None) };
        self.tables.older.get(&older_key(*row, hash), |place| wire::decode(place, "place"))
    }
}

/// Stores what a commit admitted, and answers all indexes as they are then, for the cache.
pub(super) fn store(
    tables: &mut LogTables<'_>,
    log: u32,
    mut admitted: AdmittedIndexes,
    rows: &mut HashMap<DocumentId, u64>,
    next_row: &mut u64,
) -> Result<Vec<(DocumentId, u64, DocumentIndex)>, StoreError> {
    // In one order for ever: the rows of new documents must not depend on how a map happens to be laid out.
    admitted.grown.sort_unstable_by_key(|(document, _)| *document);
    admitted.spilled.sort_unstable_by_key(|(key, _)| *key);
    admitted.read.sort_unstable_by_key(|(document, _)| *document);
    let mut stored = Vec::with_capacity(admitted.grown.len());
    for (document, index) in admitted.grown {
        let row = if let Some(row) = rows.get(&document) {
            *row
        } else {
            let row = *next_row;
            *next_row += 1;
            tables.documents.put(&document_key(log, document), wire::encode(&row))?;
            rows.insert(document, row);
            row
        };
        tables.index.put(&index_key(row), index.encode())?;
        stored.push((document, row, index));
    }
    for ((document, hash), place) in admitted.spilled {
        if let Some(row) = rows.get(&document) {
            tables.older.put(&older_key(*row, hash), wire::encode(&place))?;
        }
    }
    let unchanged = admitted
        .read
        .into_iter()
        .filter_map(|(document, index)| rows.get(&document).map(|row| (document, *row, index)));
    stored.extend(unchanged);
    Ok(stored)
}
