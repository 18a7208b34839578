//! The device's store: every record of the workspace, what waits for the relay, and what is known of visibility.
//!
//! One redb file. A save is one transaction (changes, projections, indexes, outbox) and durable when it returns. Documents
//! are opened on demand; a few stay loaded. One process owns a store.

mod apply;
mod backup;
mod carry;
mod check;
mod contact;
mod copy;
mod disk_error;
mod documents;
mod error;
mod export;
mod find;
mod identity;
mod index;
mod migrate;
mod outbox;
mod own_saves;
mod reached;
mod reconcile;
mod redo;
mod refill;
mod rows;
mod save;
mod settings;
mod tables;
mod transaction;
mod troubles;
mod visibility;

pub use apply::Arrived;
pub use carry::Carried;
pub use check::StoreCheck;
pub use contact::ShutOut;
pub use error::StoreError;
pub use export::UnsentSave;
pub use find::{By, Cursor, Filter, Found, Listed, Page, Sort};
pub use identity::{Identity, RelayAccess};
pub use outbox::{OutboxCount, RefusedSave};
pub use own_saves::OwnSave;
pub use save::{Save, SaveOutcome, Saved, Work};
pub use settings::Settings;
pub use troubles::Troubles;
pub use visibility::{PeerState, Quarantined, SaveState};

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use lru::LruCache;
use redb::{Database, DatabaseError, StorageError};
use regard_core::limits::DOCUMENTS_LOADED_MAX;
use regard_core::record::Document;

use self::tables::Row;

/// The file's name in the store's folder.
const FILE: &str = "store.redb";
const UNFINISHED: &str = "store.redb.unfinished";
/// redb's own cache. The documents that matter are kept loaded beside it.
const CACHE_BYTES: usize = 32 << 20;

/// An open store.
pub struct Store {
    folder: PathBuf,
    database: Database,
    /// Changes only where the store turns out to be a copy of another one.
    identity: RwLock<Arc<Identity>>,
    /// Held while records are written, until `loaded` shows what became durable: an edit must never begin on a document that
    /// lacks the edit before it, or the same sequence number would be given twice.
    writing: Mutex<()>,
    loaded: Mutex<LruCache<Row, Document>>,
}

impl Store {
    /// Makes a new store in `folder`, which is made too where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is one already; else as the disk has it.
    pub fn create(folder: &Path, identity: Identity) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if path.exists() {
            return Err(StoreError::Exists { folder: folder.to_owned() });
        }
        let unusable = |source| StoreError::Folder { path: folder.to_owned(), source };
        crate::unix::create_private_folder(folder).map_err(unusable)?;
        // Under another name until it is whole: what an interruption leaves is no store.
        let unfinished = folder.join(UNFINISHED);
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(&unfinished);
        let database = database.map_err(|error| opening(folder, error))?;
        crate::unix::make_private(&unfinished).map_err(unusable)?;
        let store = Self::over(folder, database, identity);
        store.write_first_rows()?;
        std::fs::rename(&unfinished, &path).and_then(|()| File::open(folder)?.sync_all()).map_err(unusable)?;
        Ok(store)
    }

    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::InUse`], [`StoreError::Format`]; else as the disk has it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::Absent { folder: folder.to_owned() });
        }
        let database = Database::builder().set_cache_size(CACHE_BYTES).open(&path);
        let database = database.map_err(|error| opening(folder, error))?;
        Self::current(folder, database)
    }

    /// The store of an opened file, brought to the format of this version.
    fn current(folder: &Path, database: Database) -> Result<Self, StoreError> {
        let (format, identity) = settings::read_identity(folder, &database)?;
        let store = Self::over(folder, database, identity);
        store.migrate(format)?;
        Ok(store)
    }

    fn over(folder: &Path, database: Database, identity: Identity) -> Self {
        let capacity = NonZeroUsize::new(DOCUMENTS_LOADED_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            folder: folder.to_owned(),
            database,
            identity: RwLock::new(Arc::new(identity)),
            writing: Mutex::new(()),
            loaded: Mutex::new(LruCache::new(capacity)),
        }
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who this store is.
    #[must_use]
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn opening(folder: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { folder: folder.to_owned() },
        DatabaseError::Storage(StorageError::Corrupted(what)) => {
            StoreError::damaged(format!("{}: {what}", folder.join(FILE).display()))
        }
        other => StoreError::Failed { operation: "open its file", source: Box::new(other.into()) },
    }
}
