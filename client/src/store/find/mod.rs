//! Finding records: by their ids and names, in lists that are filtered and put in order, and by words.

mod candidates;
mod names;
mod order;
mod page;
mod search;
mod sort;
mod wanted;

pub use sort::{By, Cursor, Sort};

use redb::{ReadTransaction, ReadableTable};
use regard_core::id::DocumentId;
use regard_core::record::{Kind, Projection};

use super::Store;
use super::documents::{document_row, find_row, is_row_of};
use super::error::{During, StoreError};
use super::index::{COUNTS_KEY, CountsRow};
use super::tables::{DOCUMENTS, IDS, PROJECTIONS, Row};
use crate::query::{Now, Query};

/// Which records to list, and how.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Deleted ones too.
    pub deleted: bool,
    /// Only those whose title or detail holds this, whatever the case.
    pub text: Option<String>,
    /// Only those for which all of this holds. Records are named by their whole ids in it.
    pub query: Query,
    /// When and where whoever asks is: days begin there. In UTC in 1970 where it is not said.
    pub now: Option<Now>,
    /// The order.
    pub sort: Sort,
    /// Only those behind this place of the same list.
    pub after: Option<Cursor>,
    /// How many to pass over. This takes as long as listing them; [`Filter::after`] does not.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Listed>,
    /// Where the list goes on; none where it does not.
    pub next: Option<Cursor>,
    /// Whether it ended before its limit, since so many records had to be opened: it goes on at `next`.
    pub stopped_after: Option<usize>,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: DocumentId,
    /// How many hexadecimal digits tell it from all others.
    pub prefix: usize,
    /// What is shown of it.
    pub projection: Projection,
}

/// What a prefix or a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One record.
    One(DocumentId),
    /// Several, of which these are some.
    Several(Vec<Listed>),
    /// None.
    None,
}

impl Store {
    /// Records in the order of the filter, at most as many as it says.
    ///
    /// # Errors
    /// As [`Store::page`].
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        self.page(filter).map(|page| page.records)
    }

    /// How many records of each kind are there, without deleted ones.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn counts(&self) -> Result<Vec<(Kind, u64)>, StoreError> {
        let counts: CountsRow = self.read_setting(COUNTS_KEY)?.unwrap_or_default();
        Ok(Kind::ALL.into_iter().map(|kind| (kind, counts.live.get(&kind.number()).copied().unwrap_or(0))).collect())
    }

    /// A record as lists show it.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`]; else as the disk has it.
    pub fn listed(&self, id: DocumentId) -> Result<Listed, StoreError> {
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let row = find_row(&ids, &documents, id)?.ok_or(StoreError::NoRecord(id))?;
            is_row_of(&document_row(&documents, row)?, id)?;
            listed(transaction, row)
        })
    }

    /// Every record's id, in order.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn ids(&self) -> Result<Vec<DocumentId>, StoreError> {
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let all = ids.iter().during("read rows")?;
            all.map(|entry| entry.during("read a row").map(|(key, _)| DocumentId::from_bytes(key.value()))).collect()
        })
    }
}

fn listed(transaction: &ReadTransaction, row: Row) -> Result<Listed, StoreError> {
    let projections = transaction.open_table(PROJECTIONS.definition).during("open a table")?;
    let projection = projection(&projections, row)?;
    with_id(transaction, row, projection)
}

fn with_id(transaction: &ReadTransaction, row: Row, projection: Projection) -> Result<Listed, StoreError> {
    let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
    let ids = transaction.open_table(IDS).during("open a table")?;
    let id = document_row(&documents, row)?.id;
    Ok(Listed { id, prefix: unique_prefix(&ids, id)?, projection })
}

fn projection(projections: &impl ReadableTable<u64, &'static [u8]>, row: Row) -> Result<Projection, StoreError> {
    let found = PROJECTIONS.get(projections, row.0)?;
    found.ok_or_else(|| StoreError::damaged(format!("document {} has no projection", row.0)))
}

/// The neighbours in the order of ids decide how many digits are needed.
fn unique_prefix(ids: &impl ReadableTable<[u8; 16], u64>, id: DocumentId) -> Result<usize, StoreError> {
    let own = id.as_bytes();
    let before = ids.range(..*own).during("read rows")?.next_back().transpose().during("read a row")?;
    let mut from = ids.range(*own..).during("read rows")?;
    let after = from.by_ref().nth(1).transpose().during("read a row")?;
    let shared = |other: [u8; 16]| {
        DocumentId::from_bytes(other).to_hex().bytes().zip(id.to_hex().bytes()).take_while(|(a, b)| a == b).count()
    };
    let neighbours = before.iter().chain(&after).map(|(key, _)| shared(key.value()));
    Ok(neighbours.max().unwrap_or(0) + 1)
}
