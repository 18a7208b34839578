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
mod disk;
mod disk_error;
mod documents;
mod error;
mod export;
mod file;
mod find;
mod identity;
mod index;
mod medium;
mod migrate;
mod outbox;
mod own_saves;
mod quarantine;
mod reached;
mod reconcile;
mod redo;
mod refill;
mod remake;
mod rows;
mod salvage;
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
pub use medium::Medium;
pub use outbox::{OutboxCount, RefusedSave};
pub use own_saves::OwnSave;
pub use quarantine::{QuarantineSummary, Quarantined, QuarantinedChange, Retried};
pub use remake::{Answer, Complaint};
pub use salvage::Rebuilt;
pub use save::{Save, SaveOutcome, Saved, Work};
pub use settings::Settings;
pub use troubles::Troubles;
pub use visibility::{PeerState, SaveState};

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lru::LruCache;
use redb::Database;
use regard_core::limits::DOCUMENTS_LOADED_MAX;
use regard_core::record::Document;

use self::file::File;
use self::medium::InFolder;
use self::tables::Row;
use crate::system::now;

/// The file's name in the store's folder.
const FILE: &str = "store.redb";
const UNFINISHED: &str = "store.redb.unfinished";

/// An open store.
pub struct Store {
    file: File,
    /// Changes only where the store turns out to be a copy of another one, and is read anew when the file is.
    identity: RwLock<Arc<Identity>>,
    /// Held while records are written, until `loaded` shows what became durable: an edit must never begin on a document that
    /// lacks the edit before it, or the same sequence number would be given twice.
    writing: Mutex<()>,
    loaded: Mutex<LruCache<Row, Document>>,
    aside: quarantine::Aside,
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
        let store = Self::create_on(Arc::new(InFolder::new(folder)), identity)?;
        let named = std::fs::rename(&unfinished, &path);
        named.and_then(|()| std::fs::File::open(folder)?.sync_all()).map_err(unusable)?;
        Ok(store)
    }

    /// Makes a new store on an empty medium.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is one already; else as the medium has it.
    pub fn create_on(medium: Arc<dyn Medium>, identity: Identity) -> Result<Self, StoreError> {
        let file = File::open(medium, false)?;
        if !file.read(|_| Ok(()), settings::is_empty)? {
            return Err(StoreError::Exists { folder: file.medium().label().to_owned() });
        }
        let store = Self::over(file, identity);
        store.write_first_rows()?;
        Ok(store)
    }

    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::InUse`], [`StoreError::Format`], [`StoreError::Damaged`]; else as the disk has it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        if std::fs::metadata(&path).is_ok_and(|file| file.len() == 0) {
            return Err(StoreError::damaged(format!("{} is empty", path.display())));
        }
        match Self::open_on(Arc::new(InFolder::existing(folder))) {
            // It gets its name when it is whole.
            Err(StoreError::Absent { .. }) if path.exists() => {
                Err(StoreError::damaged(format!("{} has no settings", path.display())))
            }
            opened => opened,
        }
    }

    /// Opens the store on a medium.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::InUse`], [`StoreError::Format`], [`StoreError::Damaged`]; else as the medium has it.
    pub fn open_on(medium: Arc<dyn Medium>) -> Result<Self, StoreError> {
        Self::current(File::open(medium, false)?)
    }

    /// The store of an opened file, brought to the format of this version.
    fn current(file: File) -> Result<Self, StoreError> {
        let label = file.medium().label().to_owned();
        let (format, identity) = file.read(|_| Ok(()), |database| settings::read_identity(&label, database))?;
        let store = Self::over(file, identity);
        store.migrate(format)?;
        store.read(tables::are_all_there)?;
        store.retry_as_another_version(now())?;
        Ok(store)
    }

    fn over(file: File, identity: Identity) -> Self {
        let capacity = NonZeroUsize::new(DOCUMENTS_LOADED_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            file,
            identity: RwLock::new(Arc::new(identity)),
            writing: Mutex::new(()),
            loaded: Mutex::new(LruCache::new(capacity)),
            aside: quarantine::Aside::default(),
        }
    }

    /// Drops what is remembered of the file as it was before it had to be opened again: a transaction that failed may have
    /// become durable all the same, and what was only written lazily is lost.
    fn remember(&self, database: &Database) -> Result<(), StoreError> {
        let (_, identity) = settings::read_identity(self.folder(), database)?;
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    /// The store's folder; for a store on another medium its label.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.medium().label()
    }

    /// How often its file was opened: more than once where its disk has failed. What was written lazily and remembered of an
    /// earlier opening may not be what is stored.
    #[must_use]
    pub fn openings(&self) -> u64 {
        self.file.openings()
    }

    /// Who this store is.
    #[must_use]
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder()).finish_non_exhaustive()
    }
}
