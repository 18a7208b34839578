use redb::ReadableTable;
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, UnitId};
use regard_core::limits::{BATCH_BYTES_TARGET, BATCH_CHANGES_TARGET};
use regard_core::time::Timestamp;
use regard_core::wire::{Scope, Unit, UnitChange};
use serde::{Deserialize, Serialize};

use super::Store;
use super::documents::document_row;
use super::error::{During, StoreError};
use super::outbox::ChangeSource;
use super::tables::{CHANGES, DOCUMENTS, OUTBOX, OutboxRow, SNAPSHOTS};

/// A save that the relay does not have: it waits, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentSave {
    /// Its id.
    pub save: UnitId,
    /// The device that made it, as it says.
    pub author: Option<DeviceId>,
    /// When it was made, as it says.
    pub saved_at: Timestamp,
    /// The records that it changes.
    pub records: Vec<DocumentId>,
    /// How many changes it has.
    pub changes: usize,
    /// Why the relay did not take it; `None` while it waits.
    pub refused: Option<Refusal>,
}

impl Store {
    /// The saves that the relay does not have, oldest place first, at most so many.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn unsent(&self, at_most: usize) -> Result<Vec<UnsentSave>, StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let rows = outbox.iter().during("read rows")?.take(at_most);
            rows.map(|entry| {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                let mut records: Vec<DocumentId> = Vec::new();
                for change in &row.changes {
                    let id = document_row(&documents, change.row)?.id;
                    if !records.contains(&id) {
                        records.push(id);
                    }
                }
                let OutboxRow { unit: save, author, saved_at, changes, refused, .. } = row;
                Ok(UnsentSave { save, author, saved_at, records, changes: changes.len(), refused })
            })
            .collect()
        })
    }

    /// When the oldest save that waits was made.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn waiting_since(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let mut oldest: Option<Timestamp> = None;
            for entry in outbox.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                if row.refused.is_none() {
                    oldest = Some(oldest.map_or(row.saved_at, |oldest| oldest.min(row.saved_at)));
                }
            }
            Ok(oldest)
        })
    }

    /// The saves behind a place of the outbox with their changes, refused ones too, as many as fit a batch and at least one
    /// where there is one; and the place of the last.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn export_unsent(&self, scope: Scope, after: u64) -> Result<(Vec<Unit>, u64), StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let snapshots = transaction.open_table(SNAPSHOTS).during("open a table")?;
            let changes = transaction.open_table(CHANGES).during("open a table")?;
            let mut source = ChangeSource { store: self, snapshots, changes, folded: None };
            let (mut units, mut last, mut bytes, mut count) = (Vec::new(), after, 0, 0);
            let range = (scope.number(), after.saturating_add(1))..=(scope.number(), u64::MAX);
            for entry in outbox.range(range).during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                let changes = row.changes.iter().map(|change| {
                    let meta = document_row(&documents, change.row)?;
                    Ok(UnitChange { document: meta.id, bytes: source.bytes(change, &meta)? })
                });
                let changes: Vec<_> = changes.collect::<Result<_, StoreError>>()?;
                bytes += changes.iter().map(|change| change.bytes.len()).sum::<usize>();
                count += changes.len();
                if !units.is_empty() && (bytes > BATCH_BYTES_TARGET || count > BATCH_CHANGES_TARGET) {
                    break;
                }
                last = key.value().1;
                let (id, author, saved_at) = (row.unit, row.author, row.saved_at);
                units.push(Unit { id, author, saved_at, changes, signature: None });
            }
            Ok((units, last))
        })
    }
}
