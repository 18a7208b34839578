use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Instant;

use redb::{Database, DatabaseError, StorageError, WriteTransaction};
use regard_core::record::guarded;

use super::disk::{Disk, Health, Trouble};
use super::error::{During, StoreError};
use super::medium::Medium;

/// The store's file. Where its disk fails, for example since it is full, the database refuses everything until it is opened
/// again, and after a panic nothing in it can be relied on; it is given up then, and opened again at the next use.
#[derive(Debug)]
pub(super) struct File {
    medium: Arc<dyn Medium>,
    health: Arc<Health>,
    /// `None` while it could not be opened again.
    open: RwLock<Option<Arc<Database>>>,
    mending: Mutex<Mending>,
    /// How often it was opened.
    openings: AtomicU64,
}

#[derive(Debug)]
struct Mending {
    /// Whoever still uses it keeps the file from being opened again: it must not be open twice.
    given_up: Weak<Database>,
    /// Why it cannot be relied on for writing, until a commit has succeeded.
    failed: Option<String>,
    /// When a commit may be tried.
    write_at: Instant,
    /// When the file may be opened again.
    open_at: Instant,
}

impl File {
    /// Opens it; `verify` compares each page with its checksum before anything is read from it, which reads the whole file.
    pub(super) fn open(medium: Arc<dyn Medium>, verify: bool) -> Result<Self, StoreError> {
        let health = Arc::default();
        let database = open_database(medium.as_ref(), &health, verify)?;
        let now = Instant::now();
        let mending = Mutex::new(Mending { given_up: Weak::new(), failed: None, write_at: now, open_at: now });
        let open = RwLock::new(Some(Arc::new(database)));
        Ok(Self { medium, health, open, mending, openings: AtomicU64::new(1) })
    }

    pub(super) fn medium(&self) -> &dyn Medium {
        self.medium.as_ref()
    }

    pub(super) fn openings(&self) -> u64 {
        self.openings.load(Ordering::Acquire)
    }

    /// Runs `work` on the database. Where it has to be opened again, `remember` is asked first, before anybody uses it.
    pub(super) fn read<T>(
        &self,
        remember: impl FnOnce(&Database) -> Result<(), StoreError>,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.current(remember)?;
        self.watched("read", database, work)
    }

    /// Runs `work` in one transaction and commits it.
    pub(super) fn write<T>(
        &self,
        remember: impl FnOnce(&Database) -> Result<(), StoreError>,
        work: impl FnOnce(&mut WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.current(remember)?;
        self.may_write()?;
        let outcome = self.watched("wrote", database, |database| {
            let mut transaction = database.begin_write().during("begin writing")?;
            let outcome = work(&mut transaction)?;
            transaction.commit().during("commit").inspect_err(|error| {
                // What is stored now is only known when the file has been opened again.
                self.health.fail(Trouble::Disk(error.to_string()));
            })?;
            Ok(outcome)
        })?;
        if self.mending().failed.take().is_some() {
            tracing::info!(store = %self.medium.label().display(), "the store can be written again");
        }
        Ok(outcome)
    }

    /// redb panics on some damage of its pages. This is the one place where that is caught.
    fn watched<T>(
        &self,
        doing: &'static str,
        database: Arc<Database>,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = guarded(move || {
            let outcome = work(&database);
            // Whoever lets a database go last closes it, which may panic too.
            drop(database);
            outcome
        });
        outcome.unwrap_or_else(|panic| {
            let trouble = self.health.trouble();
            self.health.fail(Trouble::Panic(panic.clone()));
            match trouble {
                Some(Trouble::Disk(error)) => Err(failed("use its disk", &error)),
                _ => Err(stopped(doing, &panic)),
            }
        })
    }

    fn may_write(&self) -> Result<(), StoreError> {
        let mending = self.mending();
        match &mending.failed {
            Some(reason) if self.is_early(mending.write_at) => Err(failed_a_moment_ago(reason)),
            _ => Ok(()),
        }
    }

    /// The open database; where it cannot be relied on any more, it is opened anew.
    fn current(&self, remember: impl FnOnce(&Database) -> Result<(), StoreError>) -> Result<Arc<Database>, StoreError> {
        // Nothing may hold the database that is given up while it is opened again.
        match self.opened().filter(|_| self.health.is_well()) {
            Some(open) => Ok(open),
            None => self.open_again(remember),
        }
    }

    fn open_again(
        &self,
        remember: impl FnOnce(&Database) -> Result<(), StoreError>,
    ) -> Result<Arc<Database>, StoreError> {
        let mut mending = self.mending();
        if let Some(trouble) = self.health.take() {
            self.give_up(&mut mending, trouble);
        }
        if let Some(open) = self.opened() {
            return Ok(open);
        }
        let reason = mending.failed.clone().unwrap_or_default();
        if mending.given_up.strong_count() > 0 || self.is_early(mending.open_at) {
            return Err(failed_a_moment_ago(&reason));
        }
        let opened = open_database(self.medium.as_ref(), &self.health, false);
        let remembered = opened.and_then(|database| {
            let database = Arc::new(database);
            self.watched("opened", Arc::clone(&database), remember)?;
            Ok(database)
        });
        match remembered {
            Ok(database) => {
                *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&database));
                self.openings.fetch_add(1, Ordering::AcqRel);
                tracing::warn!(store = %self.medium.label().display(), reason, "the store was opened again");
                Ok(database)
            }
            Err(error) => {
                // What opening it failed in is dealt with here.
                self.health.take();
                mending.open_at = Instant::now() + self.medium.retry_pause();
                tracing::error!(store = %self.medium.label().display(), %error, "the store cannot be opened again");
                Err(error)
            }
        }
    }

    fn give_up(&self, mending: &mut Mending, trouble: Trouble) {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = open {
            mending.given_up = Arc::downgrade(&open);
            close(open);
        }
        // What giving it up may have failed in is the same failure.
        self.health.take();
        let (Trouble::Disk(reason) | Trouble::Panic(reason)) = &trouble;
        tracing::error!(store = %self.medium.label().display(), reason, "the database under the store is given up");
        mending.failed = Some(reason.clone());
        if matches!(trouble, Trouble::Disk(_)) {
            mending.write_at = Instant::now() + self.medium.retry_pause();
        }
    }

    fn opened(&self) -> Option<Arc<Database>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(Arc::clone)
    }

    fn is_early(&self, at: Instant) -> bool {
        !self.medium.retry_pause().is_zero() && Instant::now() < at
    }

    fn mending(&self) -> std::sync::MutexGuard<'_, Mending> {
        self.mending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(open) = self.open.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            close(open);
        }
    }
}

fn close(database: Arc<Database>) {
    if let Err(panic) = guarded(move || drop(database)) {
        tracing::error!(panic, "the database could not be closed in order");
    }
}

fn open_database(medium: &dyn Medium, health: &Arc<Health>, verify: bool) -> Result<Database, StoreError> {
    let label = medium.label();
    let folder = || label.to_owned();
    let opened = guarded(|| {
        let file = medium.open().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Absent { folder: folder() },
            _ => StoreError::Folder { path: folder(), source: error },
        })?;
        let mut builder = Database::builder();
        builder.set_cache_size(medium.cache_bytes()).set_check_integrity_on_open(verify);
        let opened = builder.create_with_backend(Disk::new(file, Arc::clone(health)));
        opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { folder: folder() },
            DatabaseError::Storage(StorageError::Corrupted(what)) => {
                StoreError::damaged(format!("its file cannot be opened: {what}"))
            }
            DatabaseError::Storage(StorageError::Io(error)) if tells_of_damage(error.kind()) => {
                StoreError::damaged(format!("its file cannot be opened: {error}"))
            }
            other => StoreError::Failed { operation: "open its file", source: Box::new(other.into()) },
        })
    });
    opened.unwrap_or_else(|panic| Err(stopped("opened", &panic)))
}

/// The file is no database, or ends before what it says it has.
fn tells_of_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn stopped(doing: &str, panic: &str) -> StoreError {
    StoreError::damaged(format!("the database stopped while it {doing} the file, whose pages are damaged: {panic}"))
}

fn failed_a_moment_ago(reason: &str) -> StoreError {
    failed("be used, since its disk failed a moment ago", reason)
}

fn failed(operation: &'static str, reason: &str) -> StoreError {
    StoreError::Failed { operation, source: Box::new(redb::Error::Io(io::Error::other(reason.to_owned()))) }
}
