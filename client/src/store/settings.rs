use std::path::Path;

use minicbor::{Decode, Encode};
use redb::{Database, ReadableDatabase, TableError};
use regard_core::id::ACTOR_NONCE_BYTES;
use regard_core::wire::Directory;

use super::error::{During, StoreError};
use super::migrate::OLDEST;
use super::tables::{FORMAT, SETTINGS};
use super::{Identity, RelayAccess, Store};

/// What can be changed in a store beside its records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Settings {
    /// The workspace's relay, where one is known.
    #[n(0)]
    pub relay: Option<RelayAccess>,
    /// Whether the person chose to be offline.
    #[n(1)]
    pub offline: bool,
}

pub(super) const FORMAT_KEY: &str = "format";
pub(super) const IDENTITY_KEY: &str = "identity";
pub(super) const SETTINGS_KEY: &str = "settings";
pub(super) const DIRECTORY_KEY: &str = "directory";
pub(super) const ACTOR_KEY: &str = "actor";

/// The part of this store's actor that was drawn at its first write.
#[derive(Debug, Clone, Copy, Encode, Decode)]
#[cbor(map)]
pub(super) struct ActorRow {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) nonce: [u8; ACTOR_NONCE_BYTES],
}

/// The file's format, one that this version can read, and whose store it is.
pub(super) fn read_identity(folder: &Path, database: &Database) -> Result<(u32, Identity), StoreError> {
    let transaction = database.begin_read().during("begin reading")?;
    let table = match transaction.open_table(SETTINGS.definition) {
        Err(TableError::TableDoesNotExist(_)) => return Err(StoreError::Absent { folder: folder.to_owned() }),
        other => other.during("open a table")?,
    };
    let found: Option<u32> = SETTINGS.get(&table, FORMAT_KEY)?;
    let format = match found {
        Some(found @ OLDEST..=FORMAT) => found,
        Some(found) => return Err(StoreError::Format { folder: folder.to_owned(), found, known: FORMAT }),
        None => return Err(StoreError::damaged("it does not say its format")),
    };
    let identity = SETTINGS.get(&table, IDENTITY_KEY)?;
    Ok((format, identity.ok_or_else(|| StoreError::damaged("it does not say whose it is"))?))
}

/// Whether nothing was ever stored.
pub(super) fn is_empty(database: &Database) -> Result<bool, StoreError> {
    let transaction = database.begin_read().during("begin reading")?;
    Ok(transaction.list_tables().during("list its tables")?.next().is_none())
}

impl Store {
    pub(super) fn write_first_rows(&self) -> Result<(), StoreError> {
        self.write(|writer| {
            SETTINGS.put(&mut writer.settings, FORMAT_KEY, &FORMAT)?;
            SETTINGS.put(&mut writer.settings, IDENTITY_KEY, self.identity().as_ref())?;
            SETTINGS.put(&mut writer.settings, SETTINGS_KEY, &Settings::default())
        })
    }

    /// The settings.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        self.read_setting(SETTINGS_KEY).map(Option::unwrap_or_default)
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) -> Result<(), StoreError> {
        self.write(|writer| {
            let mut settings: Settings = SETTINGS.get(&writer.settings, SETTINGS_KEY)?.unwrap_or_default();
            change(&mut settings);
            SETTINGS.put(&mut writer.settings, SETTINGS_KEY, &settings)
        })
    }

    /// The directory as it was last heard.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn directory(&self) -> Result<Directory, StoreError> {
        self.read_setting(DIRECTORY_KEY).map(Option::unwrap_or_default)
    }

    /// Keeps the directory, unless it is known already.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn keep_directory(&self, directory: &Directory) -> Result<(), StoreError> {
        if self.directory()? == *directory {
            return Ok(());
        }
        self.write(|writer| SETTINGS.put(&mut writer.settings, DIRECTORY_KEY, directory))
    }

    pub(super) fn read_setting<T: for<'b> Decode<'b, ()>>(&self, key: &'static str) -> Result<Option<T>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(SETTINGS.definition).during("open a table")?;
            SETTINGS.get(&table, key)
        })
    }
}
