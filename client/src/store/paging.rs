use regard_core::id::DocumentId;
use regard_core::record::{Kind, Life};

use super::Store;
use super::error::{During, StoreError};
use super::tables::{DOCUMENTS, DocumentRow, PROJECTIONS};

/// Some records, in the order in which they came to this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Paged>,
    /// Where the next page begins; none behind the last.
    pub next: Option<u64>,
}

/// A record of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged {
    /// Its id.
    pub id: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// Whether it is there.
    pub life: Life,
}

/// Records that are looked at in one page.
const PAGE_RECORDS: usize = 1_000;

impl Store {
    /// The records from `from` on, 0 for the beginning, until a page is full. Records that come meanwhile stand behind the others.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn page(&self, from: u64) -> Result<Page, StoreError> {
        self.read(|transaction| {
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let projections = transaction.open_table(PROJECTIONS.definition).during("open a table")?;
            let mut page = Page { records: Vec::new(), next: None };
            for entry in documents.range(from..).during("read rows")? {
                let row = entry.during("read a row")?.0.value();
                if page.records.len() == PAGE_RECORDS {
                    page.next = Some(row);
                    break;
                }
                let document: Option<DocumentRow> = DOCUMENTS.get(&documents, row)?;
                let projection: Option<regard_core::record::Projection> = PROJECTIONS.get(&projections, row)?;
                let (Some(document), Some(projection)) = (document, projection) else {
                    return Err(StoreError::damaged(format!("document {row} has no projection")));
                };
                page.records.push(Paged { id: document.id, kind: document.kind, life: projection.life });
            }
            Ok(page)
        })
    }
}
