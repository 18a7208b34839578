//! Tables whose rows carry a checksum over key and value: a clean open of the database verifies nothing by itself.

use std::ops::RangeInclusive;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use regard_core::id::to_hex;

use super::StoreError;

const CHECKSUM_BYTES: usize = 4;

/// A table with keys of `N` bytes, which sort as bytes do.
pub(super) struct SealedTable<const N: usize>(pub(super) &'static str);

impl<const N: usize> SealedTable<N> {
    fn definition(&self) -> TableDefinition<'static, &'static [u8; N], &'static [u8]> {
        TableDefinition::new(self.0)
    }

    /// Opens the table for reading. It is there from the opening of the file on.
    pub(super) fn read(&self, transaction: &ReadTransaction) -> Result<ReadRows<N>, StoreError> {
        let table = transaction.open_table(self.definition()).map_err(StoreError::failed("opening a table"))?;
        Ok(Rows { name: self.0, table })
    }

    /// Opens the table for writing, and makes it where it is missing.
    pub(super) fn write<'t>(&self, transaction: &'t WriteTransaction) -> Result<WriteRows<'t, N>, StoreError> {
        let table = transaction.open_table(self.definition()).map_err(StoreError::failed("opening a table"))?;
        Ok(Rows { name: self.0, table })
    }
}

/// The rows of an open table.
pub(super) struct Rows<const N: usize, T> {
    name: &'static str,
    table: T,
}

pub(super) type ReadRows<const N: usize> = Rows<N, ReadOnlyTable<&'static [u8; N], &'static [u8]>>;
pub(super) type WriteRows<'t, const N: usize> = Rows<N, Table<'t, &'static [u8; N], &'static [u8]>>;

impl<const N: usize, T: ReadableTable<&'static [u8; N], &'static [u8]>> Rows<N, T> {
    /// The row with this key, as `decode` reads it.
    pub(super) fn get<R, E: ToString>(
        &self,
        key: &[u8; N],
        decode: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> Result<Option<R>, StoreError> {
        let found = self.table.get(key).map_err(StoreError::failed("reading a row"))?;
        found.map(|row| self.decoded(key, row.value(), decode)).transpose()
    }

    /// The last row of the range.
    pub(super) fn last<R, E: ToString>(
        &self,
        keys: RangeInclusive<[u8; N]>,
        decode: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> Result<Option<([u8; N], R)>, StoreError> {
        let mut range = self.range(&keys)?;
        let Some(row) = range.next_back() else { return Ok(None) };
        let (key, value) = row.map_err(StoreError::failed("reading a row"))?;
        let key = *key.value();
        self.decoded(&key, value.value(), decode).map(|row| Some((key, row)))
    }

    /// The rows of the range in their order, while `wanted` says so of the rows so far.
    pub(super) fn scan<R, E: ToString>(
        &self,
        keys: RangeInclusive<[u8; N]>,
        mut decode: impl FnMut(&[u8]) -> Result<R, E>,
        mut wanted: impl FnMut(&[([u8; N], R)]) -> bool,
    ) -> Result<Vec<([u8; N], R)>, StoreError> {
        let mut rows = Vec::new();
        for row in self.range(&keys)? {
            if !wanted(&rows) {
                break;
            }
            let (key, value) = row.map_err(StoreError::failed("reading a row"))?;
            let key = *key.value();
            rows.push((key, self.decoded(&key, value.value(), &mut decode)?));
        }
        Ok(rows)
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> Result<u64, StoreError> {
        self.table.len().map_err(StoreError::failed("counting rows"))
    }

    /// The error for a row whose content makes no sense.
    pub(super) fn damaged(&self, key: &[u8; N], what: &str) -> StoreError {
        StoreError::Damaged { table: self.name, key: to_hex(key), what: what.to_string() }
    }

    fn range(
        &self,
        keys: &RangeInclusive<[u8; N]>,
    ) -> Result<redb::Range<'_, &'static [u8; N], &'static [u8]>, StoreError> {
        self.table.range::<&[u8; N]>(keys.start()..=keys.end()).map_err(StoreError::failed("reading rows"))
    }

    fn decoded<R, E: ToString>(
        &self,
        key: &[u8; N],
        sealed: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> Result<R, StoreError> {
        let payload = payload(key, sealed).ok_or_else(|| self.damaged(key, "its checksum does not match"))?;
        decode(payload).map_err(|error| self.damaged(key, &error.to_string()))
    }
}

impl<const N: usize> WriteRows<'_, N> {
    /// Writes a row in place of any other with its key.
    pub(super) fn put(&mut self, key: &[u8; N], mut payload: Vec<u8>) -> Result<(), StoreError> {
        let checksum = checksum(key, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        self.table.insert(key, payload.as_slice()).map_err(StoreError::failed("writing a row"))?;
        Ok(())
    }
}

/// What a sealed row holds; none where its checksum does not match.
pub(super) fn payload<'r>(key: &[u8], sealed: &'r [u8]) -> Option<&'r [u8]> {
    let (payload, found) = sealed.split_last_chunk::<CHECKSUM_BYTES>()?;
    (u32::from_le_bytes(*found) == checksum(key, payload)).then_some(payload)
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableDatabase};

    use super::*;

    const TABLE: SealedTable<2> = SealedTable("things");

    #[test]
    fn a_row_that_changed_or_moved_is_named_as_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::create(folder.path().join("x.redb")).expect("a file");
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut rows = TABLE.write(&transaction).expect("a table");
            rows.put(&[0, 1], b"whole".to_vec()).expect("written");
            let sealed = rows.table.get(&[0, 1]).expect("read").expect("there").value().to_vec();
            let mut flipped = sealed.clone();
            flipped[2] ^= 4;
            rows.table.insert(&[0, 2], flipped.as_slice()).expect("written");
            rows.table.insert(&[0, 3], sealed.as_slice()).expect("written");
            rows.table.insert(&[0, 4], b"x".as_slice()).expect("written");
        }
        transaction.commit().expect("committed");
        let transaction = database.begin_read().expect("a transaction");
        let rows = TABLE.read(&transaction).expect("a table");
        let text = |row: &[u8]| String::from_utf8(row.to_vec());
        assert_eq!(rows.get(&[0, 1], text).expect("whole").as_deref(), Some("whole"));
        for (key, named) in [([0, 2], "0002"), ([0, 3], "0003"), ([0, 4], "0004")] {
            let error = rows.get(&key, text).expect_err("damage");
            let expected = format!("the row {named} of table “things” is damaged: its checksum does not match");
            assert_eq!(error.to_string(), expected);
        }
        assert!(rows.scan([0, 0]..=[9, 9], text, |_| true).is_err());
    }
}
