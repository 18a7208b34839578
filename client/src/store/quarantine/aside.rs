use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::ReadableTable;
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::limits::QUARANTINE_MAX;
use regard_core::time::Timestamp;
use regard_core::wire::Scope;

use super::super::error::{During, StoreError};
use super::super::tables::{QUARANTINE, QuarantineRow};
use super::super::transaction::Writer;
use super::{name_of, waits_for};

/// What the store remembers of the changes that are set aside, so that a save looks for none where there are none.
#[derive(Debug, Default)]
pub(in super::super) struct Aside {
    /// Read from the table when it is first needed; forgotten when a transaction that may have changed it fails. Changed only
    /// within a transaction.
    index: Mutex<Option<Index>>,
    /// Places that are applied now, durably, and that the session has not been told of.
    healed: Mutex<Vec<(Scope, u64)>>,
}

/// All rows, as far as is needed to find them.
#[derive(Debug, Default)]
pub(in super::super) struct Index {
    rows: BTreeMap<u64, Entry>,
    documents: HashMap<DocumentId, BTreeSet<u64>>,
    bytes: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) document: DocumentId,
    change: ChangeHash,
    seq: u64,
    bytes: u64,
    at: Timestamp,
    /// One of the changes that an orphan follows and that has not come.
    pub(super) waits_for: Option<ChangeHash>,
}

impl Aside {
    /// Runs `work` with the index, within a transaction.
    pub(in super::super) fn with<T>(
        &self,
        writer: &mut Writer<'_>,
        work: impl FnOnce(&mut Writer<'_>, &mut Index) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut index = locked(&self.index);
        let index = match index.take() {
            Some(known) => index.insert(known),
            None => index.insert(Index::read(&writer.quarantine)?),
        };
        work(writer, index)
    }

    /// A transaction begins. Unless it becomes durable, what it has changed here has not been changed.
    pub(in super::super) fn changing(&self) -> Changing<'_> {
        Changing(self)
    }

    fn told(&self, places: Vec<(Scope, u64)>) {
        let mut healed = locked(&self.healed);
        healed.extend(places);
        // Nobody may ask for them, and the next start reads from the store what is still set aside.
        let untold = healed.len().saturating_sub(QUARANTINE_MAX);
        healed.drain(..untold);
    }

    pub(in super::super) fn take_healed(&self) -> Vec<(Scope, u64)> {
        std::mem::take(&mut *locked(&self.healed))
    }
}

/// Held while a transaction is under way.
pub(in super::super) struct Changing<'a>(&'a Aside);

impl Changing<'_> {
    /// The transaction is durable, and these places are applied.
    pub(in super::super) fn durable(self, healed: Vec<(Scope, u64)>) {
        let aside = self.0;
        std::mem::forget(self);
        if !healed.is_empty() {
            aside.told(healed);
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        *locked(&self.0.index) = None;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    pub(super) fn of(row: &QuarantineRow, change: ChangeHash) -> Self {
        let QuarantineRow { document, seq, at, bytes, .. } = row;
        let bytes = bytes.len() as u64;
        Self { document: *document, change, seq: *seq, bytes, at: *at, waits_for: waits_for(row) }
    }
}

#[cfg(test)]
impl Entry {
    pub(super) fn sized(self, bytes: u64, at: Timestamp) -> Self {
        Self { bytes, at, ..self }
    }
}

impl Index {
    fn read(table: &impl ReadableTable<u64, &'static [u8]>) -> Result<Self, StoreError> {
        let mut index = Self::default();
        for entry in table.iter().during("read rows")? {
            let (key, value) = entry.during("read a row")?;
            let row: QuarantineRow = QUARANTINE.open(&key.value(), value.value())?;
            index.insert(key.value(), Entry::of(&row, name_of(&row.bytes)));
        }
        Ok(index)
    }

    pub(super) fn insert(&mut self, number: u64, entry: Entry) {
        self.remove(number);
        self.bytes += entry.bytes;
        self.documents.entry(entry.document).or_default().insert(number);
        self.rows.insert(number, entry);
    }

    pub(super) fn remove(&mut self, number: u64) {
        let Some(entry) = self.rows.remove(&number) else { return };
        self.bytes -= entry.bytes;
        if let Some(rows) = self.documents.get_mut(&entry.document) {
            rows.remove(&number);
            if rows.is_empty() {
                self.documents.remove(&entry.document);
            }
        }
    }

    /// The row has no bytes any more.
    pub(super) fn emptied(&mut self, number: u64) {
        if let Some(entry) = self.rows.get_mut(&number) {
            self.bytes -= entry.bytes;
            (entry.bytes, entry.waits_for) = (0, None);
        }
    }

    pub(super) fn waits(&mut self, number: u64, waits_for: Option<ChangeHash>) {
        if let Some(entry) = self.rows.get_mut(&number) {
            entry.waits_for = waits_for;
        }
    }

    pub(super) fn find(&self, document: DocumentId, change: ChangeHash) -> Option<u64> {
        let numbers = self.documents.get(&document)?;
        numbers.iter().copied().find(|number| self.rows.get(number).is_some_and(|entry| entry.change == change))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn is_empty_of(&self, document: DocumentId) -> bool {
        !self.documents.contains_key(&document)
    }

    pub(super) fn documents(&self) -> Vec<DocumentId> {
        self.documents.keys().copied().collect()
    }

    /// The rows of a document that have bytes, in the order of the log.
    pub(super) fn of_document(&self, document: DocumentId) -> Vec<(u64, Entry)> {
        let numbers = self.documents.get(&document).into_iter().flatten();
        let entries = numbers.filter_map(|number| Some((*number, self.rows.get(number)?.clone())));
        let mut entries: Vec<_> = entries.filter(|(_, entry)| entry.bytes > 0).collect();
        entries.sort_by_key(|(number, entry)| (entry.seq, *number));
        entries
    }

    /// The oldest row with bytes, where all have too many, or an orphan for which nothing has come for so long.
    pub(super) fn oldest_beyond(&self, bytes_max: u64, age_max: Duration, now: Timestamp) -> Option<u64> {
        let is_full = self.bytes > bytes_max;
        let is_over = |entry: &Entry| entry.bytes > 0 && (is_full || is_too_old(entry, age_max, now));
        self.rows.iter().find(|(_, entry)| is_over(entry)).map(|(number, _)| *number)
    }

    pub(super) fn take_oldest(&mut self) -> Option<(u64, u64)> {
        let (number, bytes) = self.rows.first_key_value().map(|(number, entry)| (*number, entry.bytes))?;
        self.remove(number);
        Some((number, bytes))
    }
}

fn is_too_old(entry: &Entry, age_max: Duration, now: Timestamp) -> bool {
    entry.waits_for.is_some() && entry.at.after(age_max) < now
}
