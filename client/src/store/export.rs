use redb::ReadableTable;
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, UnitId};
use regard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::{During, StoreError};
use super::outbox::records_of;
use super::tables::{DOCUMENTS, OUTBOX, OutboxRow};

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
                let records = records_of(&row, &documents)?;
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
}
