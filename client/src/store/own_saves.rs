use redb::ReadableTable;
use regard_core::id::{ChangeHash, DocumentId, UnitId};
use regard_core::time::Timestamp;

use super::Store;
use super::documents::document_row;
use super::error::{During, StoreError};
use super::tables::{DOCUMENTS, SAVES, SaveRow};

/// A save that was made with this store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSave {
    /// Its id.
    pub unit: UnitId,
    /// When it was made.
    pub saved_at: Timestamp,
    /// The records that it changed, each with its changes, in the save's order.
    pub changes: Vec<(DocumentId, Vec<ChangeHash>)>,
}

impl Store {
    /// The newest saves of this device that are wanted, at most so many, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn own_saves(&self, at_most: usize, is_wanted: impl Fn(UnitId) -> bool) -> Result<Vec<OwnSave>, StoreError> {
        let identity = self.identity();
        self.read(|transaction| {
            let saves = transaction.open_table(SAVES.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let mut found = Vec::new();
            for entry in saves.iter().during("read rows")?.rev() {
                if found.len() >= at_most {
                    break;
                }
                let (key, value) = entry.during("read a row")?;
                let row: SaveRow = SAVES.open(&key.value(), value.value())?;
                if row.author.is_some_and(|author| identity.is_own(author)) && is_wanted(row.unit) {
                    found.push(own_save(row, &documents)?);
                }
            }
            Ok(found)
        })
    }
}

fn own_save(row: SaveRow, documents: &impl ReadableTable<u64, &'static [u8]>) -> Result<OwnSave, StoreError> {
    let mut changes: Vec<(DocumentId, Vec<ChangeHash>)> = Vec::new();
    for (document, hash) in &row.changes {
        let id = document_row(documents, *document)?.id;
        match changes.iter_mut().find(|(known, _)| *known == id) {
            Some((_, hashes)) => hashes.push(*hash),
            None => changes.push((id, vec![*hash])),
        }
    }
    Ok(OwnSave { unit: row.unit, saved_at: row.saved_at, changes })
}
