//! Going through every table of a file, also through those that this code knows nothing of: all rows are sealed, and their
//! keys have a fixed length.

use std::path::Path;

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, TableError, TableHandle, WriteTransaction};
use regard_core::id::to_hex;

use super::rows::payload;
use super::{StoreError, file};

/// Bytes of rows that one commit of a copy writes: they wait in memory until then.
const COMMIT_BYTES: usize = 32 << 20;

/// Goes through the rows of every table: table, key, sealed row.
pub(super) trait EachRow {
    /// A table begins; it may have no rows.
    fn table<const N: usize>(&mut self, table: &str) -> Result<(), StoreError>;

    /// Takes a row in.
    fn row<const N: usize>(&mut self, table: &str, key: &[u8; N], sealed: &[u8]) -> Result<(), StoreError>;
}

/// Hands every row of the file to `each`, table by table.
pub(super) fn each_row(reading: &ReadTransaction, each: &mut impl EachRow) -> Result<(), StoreError> {
    let tables = reading.list_tables().map_err(StoreError::failed("listing the tables"))?;
    let names: Vec<String> = tables.map(|table| table.name().to_owned()).collect();
    for name in names {
        if !in_a_table_of_some_size(reading, &name, each)? {
            return Err(StoreError::UnknownTable { table: name });
        }
    }
    Ok(())
}

macro_rules! with_each_size {
    ($reading:expr, $name:expr, $each:expr; $($size:literal)*) => {
        $(if table::<$size>($reading, $name, $each)? { return Ok(true); })*
    };
}

fn in_a_table_of_some_size(reading: &ReadTransaction, name: &str, each: &mut impl EachRow) -> Result<bool, StoreError> {
    with_each_size!(reading, name, each; 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
    Ok(false)
}

/// Answers whether the table's keys have this size.
fn table<const N: usize>(reading: &ReadTransaction, name: &str, each: &mut impl EachRow) -> Result<bool, StoreError> {
    let definition = TableDefinition::<&[u8; N], &[u8]>::new(name);
    let table = match reading.open_table(definition) {
        Err(TableError::TableTypeMismatch { .. }) => return Ok(false),
        other => other.map_err(StoreError::failed("opening a table"))?,
    };
    each.table::<N>(name)?;
    for row in table.iter().map_err(StoreError::failed("reading rows"))? {
        let (key, value) = row.map_err(StoreError::failed("reading a row"))?;
        each.row(name, key.value(), value.value())?;
    }
    Ok(true)
}

/// Writes everything into a new file at `to`, durably; a damaged row ends it. Answers how many rows were written.
pub(super) fn copy(reading: &ReadTransaction, to: &Path) -> Result<u64, StoreError> {
    let database = redb::Database::create(to).map_err(|error| file::opening(to, error))?;
    crate::unix::make_private(to)
        .map_err(|error| StoreError::failed("closing the file to others")(redb::Error::Io(error)))?;
    let mut copy = Copy { database: &database, transaction: None, bytes: 0, rows: 0 };
    each_row(reading, &mut copy)?;
    copy.commit()?;
    Ok(copy.rows)
}

struct Copy<'d> {
    database: &'d redb::Database,
    transaction: Option<WriteTransaction>,
    bytes: usize,
    rows: u64,
}

impl EachRow for Copy<'_> {
    fn table<const N: usize>(&mut self, table: &str) -> Result<(), StoreError> {
        // Readers expect every table to be there, also without rows.
        self.in_table::<N>(table, |_| Ok(()))
    }

    fn row<const N: usize>(&mut self, table: &str, key: &[u8; N], sealed: &[u8]) -> Result<(), StoreError> {
        if payload(key, sealed).is_none() {
            return Err(StoreError::DamagedRow { table: table.into(), key: to_hex(key) });
        }
        self.in_table::<N>(table, |rows| {
            rows.insert(key, sealed).map_err(StoreError::failed("writing a row")).map(drop)
        })?;
        self.rows += 1;
        self.bytes += N + sealed.len();
        if self.bytes >= COMMIT_BYTES { self.commit() } else { Ok(()) }
    }
}

impl Copy<'_> {
    fn in_table<const N: usize>(
        &mut self,
        table: &str,
        work: impl FnOnce(&mut Table<'_, &'static [u8; N], &'static [u8]>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let transaction = match self.transaction.take() {
            Some(transaction) => transaction,
            None => self.database.begin_write().map_err(StoreError::failed("beginning to write"))?,
        };
        let definition = TableDefinition::<&[u8; N], &[u8]>::new(table);
        work(&mut transaction.open_table(definition).map_err(StoreError::failed("opening a table"))?)?;
        self.transaction = Some(transaction);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        self.transaction.take().map_or(Ok(()), file::commit)
    }
}
