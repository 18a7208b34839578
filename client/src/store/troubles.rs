use redb::ReadableTable;
use regard_core::id::DocumentId;
use regard_core::record::{Life, Projection};

use super::Store;
use super::documents::document_row;
use super::error::{During, StoreError};
use super::tables::{DOCUMENTS, PROJECTIONS, Row};

/// Records of each kind of trouble that are named; the others are counted.
const NAMED_MAX: usize = 5;

/// Records that wait for somebody's decision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Troubles {
    /// Records with differing concurrent values.
    pub contested: u64,
    /// Some of them.
    pub contested_first: Vec<DocumentId>,
    /// Records that were deleted while somebody else edited them.
    pub undecided: u64,
    /// Some of them.
    pub undecided_first: Vec<DocumentId>,
}

impl Store {
    /// Counts the records that wait for somebody's decision, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn troubles(&self) -> Result<Troubles, StoreError> {
        self.read(|transaction| {
            let projections = transaction.open_table(PROJECTIONS.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let mut troubles = Troubles::default();
            for entry in projections.iter().during("read rows")?.rev() {
                let (key, value) = entry.during("read a row")?;
                let projection: Projection = PROJECTIONS.open(&key.value(), value.value())?;
                let id = || document_row(&documents, Row(key.value())).map(|row| row.id);
                if projection.life == Life::Undecided {
                    troubles.undecided += 1;
                    if troubles.undecided_first.len() < NAMED_MAX {
                        troubles.undecided_first.push(id()?);
                    }
                } else if projection.conflicts > 0 && projection.life == Life::Live {
                    troubles.contested += 1;
                    if troubles.contested_first.len() < NAMED_MAX {
                        troubles.contested_first.push(id()?);
                    }
                }
            }
            Ok(troubles)
        })
    }
}
