use redb::{ReadTransaction, ReadableTable};
use regard_core::id::DocumentId;
use regard_core::record::{Kind, Life, Projection};

use super::Store;
use super::documents::{document_row, rows_of_kind};
use super::error::{During, StoreError};
use super::tables::{BY_KIND, DOCUMENTS, IDS, PROJECTIONS, Row};

/// Which records to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Deleted ones too.
    pub deleted: bool,
    /// Only those whose title or detail holds this, whatever the case.
    pub text: Option<String>,
    /// How many to pass over.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
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

/// What a prefix stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One record.
    One(DocumentId),
    /// Several, of which these are some.
    Several(Vec<Listed>),
    /// None.
    None,
}

/// How many of several matches are told.
const MATCHES_TOLD_MAX: usize = 10;

impl Store {
    /// Records, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        self.read(|transaction| {
            let by_kind = transaction.open_table(BY_KIND).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let rows: Box<dyn Iterator<Item = Result<Row, StoreError>> + '_> = match filter.kind {
                Some(kind) => Box::new(rows_of_kind(&by_kind, kind)?),
                None => {
                    let all = documents.iter().during("read rows")?.rev();
                    Box::new(all.map(|entry| entry.during("read a row").map(|(key, _)| Row(key.value()))))
                }
            };
            let mut listed = Vec::new();
            let mut passed = 0;
            for row in rows {
                let Some(projection) = matching(transaction, row?, filter)? else { continue };
                if passed < filter.offset {
                    passed += 1;
                    continue;
                }
                if listed.len() >= filter.limit {
                    break;
                }
                listed.push(projection);
            }
            Ok(listed)
        })
    }

    /// How many records of each kind are there, without deleted ones.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn counts(&self) -> Result<Vec<(Kind, u64)>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(PROJECTIONS.definition).during("open a table")?;
            let mut counts: Vec<(Kind, u64)> = Kind::ALL.into_iter().map(|kind| (kind, 0)).collect();
            for entry in table.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let projection: Projection = PROJECTIONS.open(&key.value(), value.value())?;
                let count = counts.iter_mut().find(|(kind, _)| *kind == projection.kind);
                if let Some((_, count)) = count.filter(|_| projection.life != Life::Deleted) {
                    *count += 1;
                }
            }
            Ok(counts)
        })
    }

    /// The record whose id begins with these hexadecimal digits.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn find(&self, prefix: &str) -> Result<Found, StoreError> {
        let digits: String = prefix.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Found::None);
        }
        let bound = |fill: char| {
            let padded: String = digits.chars().chain(std::iter::repeat(fill)).take(32).collect();
            regard_core::id::parse_hex(&padded).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
        };
        let (Some(low), Some(high)) = (bound('0'), bound('f')) else { return Ok(Found::None) };
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let mut rows = Vec::new();
            for entry in ids.range(low..=high).during("read rows")?.take(MATCHES_TOLD_MAX) {
                let (key, row) = entry.during("read a row")?;
                rows.push((DocumentId::from_bytes(key.value()), Row(row.value())));
            }
            match rows.as_slice() {
                [] => Ok(Found::None),
                [(id, _)] => Ok(Found::One(*id)),
                _ => {
                    let listed = rows.into_iter().map(|(_, row)| listed(transaction, row)).collect::<Result<_, _>>()?;
                    Ok(Found::Several(listed))
                }
            }
        })
    }

    /// A record as lists show it.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`]; else as the disk has it.
    pub fn listed(&self, id: DocumentId) -> Result<Listed, StoreError> {
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let row = ids.get(id.as_bytes()).during("read a row")?.ok_or(StoreError::NoRecord(id))?.value();
            listed(transaction, Row(row))
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

fn matching(transaction: &ReadTransaction, row: Row, filter: &Filter) -> Result<Option<Listed>, StoreError> {
    let projection = projection(transaction, row)?;
    if projection.life == Life::Deleted && !filter.deleted {
        return Ok(None);
    }
    if let Some(text) = &filter.text {
        let wanted = text.to_lowercase();
        if !projection.title.to_lowercase().contains(&wanted) && !projection.detail.to_lowercase().contains(&wanted) {
            return Ok(None);
        }
    }
    listed(transaction, row).map(Some)
}

fn listed(transaction: &ReadTransaction, row: Row) -> Result<Listed, StoreError> {
    let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
    let ids = transaction.open_table(IDS).during("open a table")?;
    let id = document_row(&documents, row)?.id;
    Ok(Listed { id, prefix: unique_prefix(&ids, id)?, projection: projection(transaction, row)? })
}

fn projection(transaction: &ReadTransaction, row: Row) -> Result<Projection, StoreError> {
    let table = transaction.open_table(PROJECTIONS.definition).during("open a table")?;
    let found = PROJECTIONS.get(&table, row.0)?;
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
