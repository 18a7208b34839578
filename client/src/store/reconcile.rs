use std::ops::Bound;

use regard_core::id::DocumentId;
use regard_core::sync::{Difference, differences};
use regard_core::wire::{InventoryEntry, Scope};

use super::Store;
use super::documents::document_row;
use super::error::{During, StoreError};
use super::tables::{DOCUMENTS, IDS, Row};

impl Store {
    /// Compares a piece of another holder's list with the documents of a scope behind `after`: up to the last entry of the
    /// piece, or to the end where nothing follows it.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn compare(
        &self,
        scope: Scope,
        after: Option<DocumentId>,
        theirs: &[InventoryEntry],
        last: bool,
    ) -> Result<Vec<Difference>, StoreError> {
        let until = theirs.last().map(|(document, _)| *document).filter(|_| !last);
        if until.is_none() && !last {
            return Ok(Vec::new());
        }
        let ours = self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after.as_bytes()));
            let until = until.map_or(Bound::Unbounded, |until| Bound::Included(*until.as_bytes()));
            let mut ours = Vec::new();
            for entry in ids.range::<[u8; 16]>((from, until)).during("read rows")? {
                let (id, row) = entry.during("read a row")?;
                let meta = document_row(&documents, Row(row.value()))?;
                if meta.scope == scope {
                    ours.push((DocumentId::from_bytes(id.value()), meta.heads));
                }
            }
            Ok(ours)
        })?;
        Ok(differences(&ours, theirs))
    }
}
