//! Rows with checksums: a clean open of the file verifies nothing, and of random bit flips most give wrong data in silence.

use std::borrow::Borrow;

use minicbor::{Decode, Encode};
use redb::{Key, ReadableTable, Table, TableDefinition};

use super::error::{During, StoreError};

/// A table of CBOR values, each behind a CRC-32 over table, key and value.
pub(super) struct Rows<K: Key + 'static> {
    name: &'static str,
    pub(super) definition: TableDefinition<'static, K, &'static [u8]>,
}

impl<K: Key + 'static> Rows<K> {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, definition: TableDefinition::new(name) }
    }

    pub(super) fn get<'k, T: for<'b> Decode<'b, ()>>(
        &self,
        table: &impl ReadableTable<K, &'static [u8]>,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<T>, StoreError> {
        let stored = table.get(key.borrow()).during("read a row")?;
        stored.map(|stored| self.open(key.borrow(), stored.value())).transpose()
    }

    pub(super) fn put<'k>(
        &self,
        table: &mut Table<'_, K, &'static [u8]>,
        key: impl Borrow<K::SelfType<'k>>,
        value: &impl Encode<()>,
    ) -> Result<(), StoreError> {
        self.put_bytes(table, key, &regard_core::wire::encode(value))
    }

    /// Writes a value that is encoded already.
    pub(super) fn put_bytes<'k>(
        &self,
        table: &mut Table<'_, K, &'static [u8]>,
        key: impl Borrow<K::SelfType<'k>>,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let sealed = self.seal(key.borrow(), value);
        table.insert(key.borrow(), sealed.as_slice()).during("write a row")?;
        Ok(())
    }

    /// Reads a stored value, also one that was met while going through the table.
    pub(super) fn open<T: for<'b> Decode<'b, ()>>(
        &self,
        key: &K::SelfType<'_>,
        stored: &[u8],
    ) -> Result<T, StoreError> {
        self.decode(self.value(key, stored)?)
    }

    /// Reads a value whose checksum has been looked at.
    pub(super) fn decode<T: for<'b> Decode<'b, ()>>(&self, value: &[u8]) -> Result<T, StoreError> {
        regard_core::wire::decode(value, "row").map_err(|error| self.damaged(&error.detail))
    }

    /// The bytes of a row's value, where its checksum matches; [`Rows::decode`] reads them.
    pub(super) fn value<'r>(&self, key: &K::SelfType<'_>, stored: &'r [u8]) -> Result<&'r [u8], StoreError> {
        let (checksum, value) = stored.split_at_checked(4).ok_or_else(|| self.damaged("is cut off"))?;
        if checksum != self.checksum(key, value) {
            return Err(self.damaged("does not match its checksum"));
        }
        Ok(value)
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::damaged(format!("a row of table “{}” {why}", self.name))
    }

    fn seal(&self, key: &K::SelfType<'_>, value: &[u8]) -> Vec<u8> {
        [&self.checksum(key, value)[..], value].concat()
    }

    fn checksum(&self, key: &K::SelfType<'_>, value: &[u8]) -> [u8; 4] {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.name.as_bytes());
        hasher.update(K::as_bytes(key).as_ref());
        hasher.update(value);
        hasher.finalize().to_be_bytes()
    }
}
