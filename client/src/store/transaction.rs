use redb::{Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, Table, WriteTransaction};

use super::Store;
use super::error::{During, StoreError};
use super::tables as t;

type Sealed<'t, K> = Table<'t, K, &'static [u8]>;

/// All tables, open for writing in one transaction.
pub(super) struct Writer<'t> {
    pub(super) settings: Sealed<'t, &'static str>,
    pub(super) ids: Table<'t, [u8; 16], u64>,
    pub(super) documents: Sealed<'t, u64>,
    pub(super) snapshots: Table<'t, u64, &'static [u8]>,
    pub(super) changes: Table<'t, (u64, u32), &'static [u8]>,
    pub(super) projections: Sealed<'t, u64>,
    pub(super) index: Table<'t, &'static [u8], ()>,
    pub(super) outbox: Sealed<'t, (u8, u64)>,
    pub(super) saves: Sealed<'t, u64>,
    pub(super) saves_of: Table<'t, (u64, u64), ()>,
    pub(super) cursors: Sealed<'t, u8>,
    pub(super) witnesses: Sealed<'t, u8>,
    pub(super) reconciled: Sealed<'t, u8>,
    pub(super) receipts: Sealed<'t, ([u8; 16], u8, u64)>,
    pub(super) peers: Sealed<'t, [u8; 16]>,
    pub(super) quarantine: Sealed<'t, u64>,
}

impl<'t> Writer<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            settings: transaction.open_table(t::SETTINGS.definition)?,
            ids: transaction.open_table(t::IDS)?,
            documents: transaction.open_table(t::DOCUMENTS.definition)?,
            snapshots: transaction.open_table(t::SNAPSHOTS)?,
            changes: transaction.open_table(t::CHANGES)?,
            projections: transaction.open_table(t::PROJECTIONS.definition)?,
            index: transaction.open_table(t::INDEX)?,
            outbox: transaction.open_table(t::OUTBOX.definition)?,
            saves: transaction.open_table(t::SAVES.definition)?,
            saves_of: transaction.open_table(t::SAVES_OF)?,
            cursors: transaction.open_table(t::CURSORS.definition)?,
            witnesses: transaction.open_table(t::WITNESSES.definition)?,
            reconciled: transaction.open_table(t::RECONCILED.definition)?,
            receipts: transaction.open_table(t::RECEIPTS.definition)?,
            peers: transaction.open_table(t::PEERS.definition)?,
            quarantine: transaction.open_table(t::QUARANTINE.definition)?,
        })
    }
}

impl Store {
    /// Runs `work` in one transaction, which is durable when this returns Ok. When it returns Err it has left nothing, but for an
    /// error of the disk in the commit itself: then it may be durable all the same, which the next use of the store finds out.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(|transaction| work(&mut Writer::open(transaction).during("open its tables")?))
    }

    /// The same, for what the relay tells again when it is lost: it becomes durable with the next save, or when the store is
    /// closed. This spares the disk two flushes a save.
    pub(super) fn write_lazily<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(|transaction| {
            transaction.set_durability(Durability::None).during("begin writing")?;
            work(&mut Writer::open(transaction).during("open its tables")?)
        })
    }

    /// Makes durable what was written lazily.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.transact(|_| Ok(()))
    }

    /// Runs `work` in one transaction without opening the tables.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&mut WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.file.write(|database| self.remember(database), work)
    }

    /// Runs `work` on the last committed state.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let work = |database: &Database| work(&database.begin_read().during("begin reading")?);
        self.file.read(|database| self.remember(database), work)
    }
}

/// The number after the last one of a table whose keys grow.
pub(super) fn next_number(table: &impl ReadableTable<u64, &'static [u8]>) -> Result<u64, StoreError> {
    Ok(table.last().during("read a row")?.map_or(1, |(key, _)| key.value().saturating_add(1)))
}
