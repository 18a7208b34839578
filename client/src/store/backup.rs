//! A copy of the store in one file, made while it is used, and putting one back.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value, WriteTransaction,
};

use super::error::{During, StoreError};
use super::medium::InFolder;
use super::settings::ACTOR_KEY;
use super::tables as t;
use super::{FILE, Store, UNFINISHED, check};

impl Store {
    /// Writes a consistent copy into the new file `to`, durably, while the store is used; answers its size in bytes. The
    /// file gets its name when it is whole, and is for its owner alone: it holds the device's token and secrets.
    ///
    /// # Errors
    /// [`StoreError::FileExists`]; else as the disk has it.
    pub fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        if to.exists() {
            return Err(StoreError::FileExists { path: to.to_owned() });
        }
        let mut name = to.as_os_str().to_owned();
        name.push(".unfinished");
        let unfinished = PathBuf::from(name);
        remove(&unfinished)?;
        let made = self.copy_into(&unfinished).and_then(|()| name_durably(&unfinished, to));
        if made.is_err() {
            // The reason for the failure matters more than what it leaves.
            let _ = std::fs::remove_file(&unfinished);
        }
        made?;
        Ok(std::fs::metadata(to).map_err(unusable(to))?.len())
    }

    fn copy_into(&self, path: &Path) -> Result<(), StoreError> {
        // An empty file is made first, so that nothing is ever written into one that others can read.
        File::create_new(path).map_err(unusable(path))?;
        crate::unix::make_private(path).map_err(unusable(path))?;
        let copy = Database::create(path).during("begin the copy")?;
        self.read(|reading| {
            let writing = copy.begin_write().during("begin writing")?;
            copy_tables(reading, &writing)?;
            writing.commit().during("commit")
        })
    }

    /// Makes a store in `folder` of a copy, after looking at everything in it. The store will write under an actor of its
    /// own: what the original has saved since the copy was made has numbers that must not be given twice.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is a store; [`StoreError::Damaged`] and [`StoreError::Format`] of the copy; else as the
    /// disk has it. Nothing is left then.
    pub fn restore(from: &Path, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(FILE);
        if path.exists() {
            return Err(StoreError::Exists { folder: folder.to_owned() });
        }
        File::open(from).map_err(unusable(from))?;
        crate::unix::create_private_folder(folder).map_err(unusable(folder))?;
        let unfinished = folder.join(UNFINISHED);
        remove(&unfinished)?;
        let restored = restore_into(from, &unfinished, folder).and_then(|()| name_durably(&unfinished, &path));
        if restored.is_err() {
            // The reason for the failure matters more than what it leaves.
            let _ = std::fs::remove_file(&unfinished);
        }
        restored
    }
}

fn restore_into(from: &Path, unfinished: &Path, folder: &Path) -> Result<(), StoreError> {
    File::create_new(unfinished).map_err(unusable(unfinished))?;
    crate::unix::make_private(unfinished).map_err(unusable(unfinished))?;
    std::io::copy(
        &mut File::open(from).map_err(unusable(from))?,
        &mut File::options().write(true).open(unfinished).map_err(unusable(unfinished))?,
    )
    .map_err(unusable(from))?;
    let found = check::check_at(unfinished, folder)?;
    if let Some(damage) = found.damage.first() {
        return Err(StoreError::damaged(format!("{}: {damage}", from.display())));
    }
    Store::open_on(Arc::new(InFolder::at(unfinished, folder)))?.write(|writer| {
        writer.settings.remove(ACTOR_KEY).during("remove a row")?;
        Ok(())
    })
}

fn name_durably(unfinished: &Path, path: &Path) -> Result<(), StoreError> {
    File::open(unfinished).and_then(|file| file.sync_all()).map_err(unusable(unfinished))?;
    std::fs::rename(unfinished, path).map_err(unusable(path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable(folder))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(path)(error)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path) -> impl Fn(std::io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Folder { path: path.clone(), source }
}

/// Copies every table. One that is not listed here would be lost, so it ends the copy.
fn copy_tables(reading: &ReadTransaction, writing: &WriteTransaction) -> Result<(), StoreError> {
    let mut missing: BTreeSet<String> =
        reading.list_tables().during("list its tables")?.map(|table| table.name().to_owned()).collect();
    let mut copy = Copy { reading, writing, missing: &mut missing };
    copy.table(t::SETTINGS.definition)?;
    copy.table(t::IDS)?;
    copy.table(t::DOCUMENTS.definition)?;
    copy.table(t::SNAPSHOTS)?;
    copy.table(t::CHANGES)?;
    copy.table(t::PROJECTIONS.definition)?;
    copy.table(t::INDEX)?;
    copy.table(t::OUTBOX.definition)?;
    copy.table(t::SAVES.definition)?;
    copy.table(t::SAVES_OF)?;
    copy.table(t::CURSORS.definition)?;
    copy.table(t::WITNESSES.definition)?;
    copy.table(t::RECONCILED.definition)?;
    copy.table(t::RECEIPTS.definition)?;
    copy.table(t::PEERS.definition)?;
    copy.table(t::QUARANTINE.definition)?;
    match missing.pop_first() {
        None => Ok(()),
        Some(table) => Err(StoreError::UnknownTable { table }),
    }
}

struct Copy<'a> {
    reading: &'a ReadTransaction,
    writing: &'a WriteTransaction,
    missing: &'a mut BTreeSet<String>,
}

impl Copy<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        self.missing.remove(definition.name());
        let from = match self.reading.open_table(definition) {
            // A table that nothing was ever written to.
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            other => other.during("open a table")?,
        };
        let mut to = self.writing.open_table(definition).during("open a table")?;
        for row in from.iter().during("read rows")? {
            let (key, value) = row.during("read a row")?;
            to.insert(key.value(), value.value()).during("write a row")?;
        }
        Ok(())
    }
}
