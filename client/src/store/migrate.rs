//! Bringing a store of an older format to this version's, when it is opened.
//!
//! What is derived is computed anew from the documents, in transactions of a bounded number of records. The first one writes the
//! new format, so that no older version opens what is half done, and how far it is; the next open goes on there.

use std::time::{Duration, Instant};

use minicbor::{Decode, Encode};
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition};
use regard_core::record::{Document, Projection};

use super::Store;
use super::documents::load;
use super::error::{During, StoreError};
use super::index;
use super::settings::FORMAT_KEY;
use super::tables::{DOCUMENTS, DocumentRow, FORMAT, INDEX, PROJECTIONS, Row, SETTINGS};
use super::transaction::Writer;

/// The oldest format that is brought to this one.
pub(super) const OLDEST: u32 = 2;
/// Records that one transaction computes anew: a quarter of a second, and what it holds in memory stays small.
const RECORDS_TOGETHER: usize = 2_000;
/// From then on it is told how far it is.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const TOLD_EVERY: Duration = Duration::from_secs(2);
pub(super) const MIGRATION_KEY: &str = "migration";

/// The index tables of format 2. Format 3 has one index.
const BY_KIND: TableDefinition<'static, (u8, u64), ()> = TableDefinition::new("by_kind");
const BY_LINK: TableDefinition<'static, ([u8; 16], u8, u64), ()> = TableDefinition::new("by_link");

/// How far it is.
#[derive(Debug, Clone, Copy, Encode, Decode)]
#[cbor(map)]
struct MigrationRow {
    /// The next row of `documents` to compute anew.
    #[n(0)]
    next: u64,
}

impl Store {
    /// Brings the store from `format`, or from where that was interrupted, to this version's.
    pub(super) fn migrate(&self, format: u32) -> Result<(), StoreError> {
        if format < FORMAT {
            self.begin_migration()?;
        }
        let Some(mut at) = self.read_setting::<MigrationRow>(MIGRATION_KEY)? else { return Ok(()) };
        let (started, mut told) = (Instant::now(), None::<Instant>);
        loop {
            let Some((next, all)) = self.write(|writer| step(writer, at))? else { break };
            at = next;
            let is_due = told.map_or(started.elapsed() > TOLD_AFTER, |told| told.elapsed() > TOLD_EVERY);
            if is_due {
                tracing::info!("the store is brought to format {FORMAT}: record {} of about {all}", at.next);
                told = Some(Instant::now());
            }
        }
        if told.is_some() {
            tracing::info!("the store has format {FORMAT} now");
        }
        Ok(())
    }

    fn begin_migration(&self) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.delete_table(BY_KIND).during("remove a table")?;
            transaction.delete_table(BY_LINK).during("remove a table")?;
            let mut settings = transaction.open_table(SETTINGS.definition).during("open a table")?;
            transaction.open_table(INDEX).during("open a table")?;
            SETTINGS.put(&mut settings, FORMAT_KEY, &FORMAT)?;
            SETTINGS.put(&mut settings, MIGRATION_KEY, &MigrationRow { next: 0 })
        })
    }
}

/// Computes some records anew. Answers where to go on and how many there are, or nothing when all are done.
fn step(writer: &mut Writer<'_>, at: MigrationRow) -> Result<Option<(MigrationRow, u64)>, StoreError> {
    let mut some = Vec::with_capacity(RECORDS_TOGETHER);
    for entry in writer.documents.range(at.next..).during("read rows")?.take(RECORDS_TOGETHER) {
        let (key, value) = entry.during("read a row")?;
        let meta: Result<DocumentRow, StoreError> = DOCUMENTS.open(&key.value(), value.value());
        some.push((Row(key.value()), meta));
    }
    let Some((last, _)) = some.last() else {
        writer.settings.remove(MIGRATION_KEY).during("remove a row")?;
        return Ok(None);
    };
    let next = MigrationRow { next: last.0 + 1 };
    for (row, meta) in some {
        if let Some(shown) = shown(writer, row, meta)? {
            index::update(writer, row, None, &shown)?;
            PROJECTIONS.put(&mut writer.projections, row.0, &shown)?;
        }
    }
    SETTINGS.put(&mut writer.settings, MIGRATION_KEY, &next)?;
    Ok(Some((next, writer.documents.len().during("count rows")?)))
}

/// What is shown of a record. One damaged record must not keep the others from being used: it stays as far as it was shown before,
/// and is told when it is opened and when the store is checked.
fn shown(
    writer: &Writer<'_>,
    row: Row,
    meta: Result<DocumentRow, StoreError>,
) -> Result<Option<Projection>, StoreError> {
    let document: Result<Document, StoreError> =
        meta.and_then(|meta| load(&meta, row, &writer.snapshots, &writer.changes));
    match document {
        Ok(document) => Ok(Some(Projection::of(&document))),
        Err(StoreError::Damaged { .. }) => match PROJECTIONS.get(&writer.projections, row.0) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            other => other,
        },
        Err(error) => Err(error),
    }
}
