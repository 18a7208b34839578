use std::path::Path;

use redb::{Database, DatabaseError, ReadableDatabase};
use regard_core::wire;

use super::StoreError;
use super::rows::SealedTable;

/// What a file says of itself: one row with the version of its format.
const FORMAT: SealedTable<1> = SealedTable("format");

/// Opens or creates one of the relay's files. `make_tables` runs in a new file only.
pub(super) fn open(
    path: &Path,
    format: u32,
    make_tables: impl FnOnce(&redb::WriteTransaction) -> Result<(), StoreError>,
) -> Result<Database, StoreError> {
    let is_new = !path.exists() || std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
    let database = Database::create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.into() },
        other => StoreError::Open { path: path.into(), source: Box::new(other.into()) },
    })?;
    if is_new {
        crate::unix::make_private(path)
            .map_err(|error| StoreError::failed("closing the file to others")(redb::Error::Io(error)))?;
    }
    if is_new || !has_format(&database)? {
        let transaction = begin(&database)?;
        FORMAT.write(&transaction)?.put(&[0], wire::encode(&format))?;
        make_tables(&transaction)?;
        commit(transaction)?;
        return Ok(database);
    }
    let transaction = database.begin_read().map_err(StoreError::failed("beginning to read"))?;
    let found = FORMAT.read(&transaction)?.get(&[0], |row| wire::decode::<u32>(row, "format"))?;
    match found {
        Some(found) if found == format => Ok(database),
        found => Err(StoreError::Format { path: path.into(), found: found.unwrap_or(0), expected: format }),
    }
}

/// Begins a transaction whose commit is durable and, since the input is foreign, in two phases.
pub(super) fn begin(database: &Database) -> Result<redb::WriteTransaction, StoreError> {
    let mut transaction = database.begin_write().map_err(StoreError::failed("beginning to write"))?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Commits; what is in the transaction is durable when this returns.
pub(super) fn commit(transaction: redb::WriteTransaction) -> Result<(), StoreError> {
    transaction.commit().map_err(StoreError::failed("committing"))
}

/// A file whose first transaction never committed has no tables yet.
fn has_format(database: &Database) -> Result<bool, StoreError> {
    let transaction = database.begin_read().map_err(StoreError::failed("beginning to read"))?;
    let mut tables = transaction.list_tables().map_err(StoreError::failed("listing the tables"))?;
    Ok(tables.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_format_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.redb");
        drop(open(&path, 1, |_| Ok(())).expect("a new file"));
        drop(open(&path, 1, |_| unreachable!("the file is not new")).expect("the same file"));
        let error = open(&path, 2, |_| Ok(())).expect_err("another format");
        assert!(matches!(error, StoreError::Format { found: 1, expected: 2, .. }), "{error}");
        let foreign = folder.path().join("foreign.redb");
        std::fs::write(&foreign, b"something else").expect("written");
        assert!(matches!(open(&foreign, 1, |_| Ok(())), Err(StoreError::Open { .. })));
    }
}
