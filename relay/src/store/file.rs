use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redb::{DatabaseError, ReadTransaction, ReadableDatabase, StorageError, TransactionError, WriteTransaction};
use regard_core::record::guarded;
use regard_core::wire;

use super::Medium;
use super::disk::{Disk, Health};
use super::rows::SealedTable;
use super::{StoreError, copy};

/// What a file says of itself: one row with the version of its format.
const FORMAT: SealedTable<1> = SealedTable("format");

/// How long a file is left alone after its disk has failed: opening it again reads it from end to end after a crash, and a
/// full disk is rarely free within moments.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1_000 });

/// One of the relay's files. Where its disk fails, for example since it is full, the database behind it refuses everything
/// until it is opened again; that is done here, so that a relay recovers by itself.
#[derive(Debug)]
pub(crate) struct Database {
    medium: Arc<dyn Medium>,
    /// How long it is left alone after its disk has failed.
    retry_pause: Duration,
    state: Mutex<State>,
    health: Arc<Health>,
    /// How often it was opened.
    openings: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// `None` while it could not be opened again.
    open: Option<Arc<redb::Database>>,
    /// Why it cannot be relied on for writing, until a small commit has succeeded.
    failed: Option<String>,
    /// When that commit may be tried.
    write_at: Instant,
    /// When the file may be opened again.
    open_at: Instant,
}

/// A committed state of a file, which stays as it is while the file goes on.
pub(crate) struct Snapshot(ReadTransaction);

impl Snapshot {
    /// Writes it into a new file, durably. Answers how many rows it has.
    pub(crate) fn copy(&self, to: &Path) -> Result<u64, StoreError> {
        copy::copy(&self.0, to)
    }
}

/// Opens or creates one of the relay's files in the file system. `make_tables` runs in a new file only.
#[cfg(test)]
pub(super) fn open(
    path: &Path,
    format: u32,
    make_tables: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
) -> Result<Database, StoreError> {
    open_on(Arc::new(super::RealFile::new(path)), RETRY_PAUSE, format, make_tables)
}

/// As [`open`], wherever the file lies.
pub(super) fn open_on(
    medium: Arc<dyn Medium>,
    retry_pause: Duration,
    format: u32,
    make_tables: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
) -> Result<Database, StoreError> {
    let is_new = medium.is_new();
    let health = Arc::default();
    let open = open_redb(&*medium, &health).map_err(|error| opening(medium.path(), error))?;
    let now = Instant::now();
    let state = Mutex::new(State { open: Some(Arc::new(open)), failed: None, write_at: now, open_at: now });
    let database = Database { medium, retry_pause, state, health, openings: AtomicU64::new(1) };
    if is_new || !has_format(&database)? {
        let transaction = begin(&database)?;
        FORMAT.write(&transaction)?.put(&[0], wire::encode(&format))?;
        make_tables(&transaction)?;
        commit(transaction)?;
        return Ok(database);
    }
    let transaction = database.begin_read().map_err(StoreError::failed("beginning to read"))?;
    check_format(database.path(), format, &transaction)?;
    drop(transaction);
    Ok(database)
}

/// Whether a file has the format that this program knows.
pub(super) fn check_format(path: &Path, format: u32, reading: &ReadTransaction) -> Result<(), StoreError> {
    match FORMAT.read(reading)?.get(&[0], |row| wire::decode::<u32>(row, "format"))? {
        Some(found) if found == format => Ok(()),
        found => Err(StoreError::Format { path: path.into(), found: found.unwrap_or(0), expected: format }),
    }
}

/// Begins a transaction whose commit is durable and, since the input is foreign, in two phases.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    database.recover()?;
    let open = database.current().map_err(StoreError::failed("opening the file again"))?;
    let mut transaction = open.begin_write().map_err(StoreError::failed("beginning to write"))?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Commits; what is in the transaction is durable when this returns.
pub(super) fn commit(transaction: WriteTransaction) -> Result<(), StoreError> {
    transaction.commit().map_err(StoreError::failed("committing"))
}

impl Database {
    /// Begins to read the last committed state.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        self.current().map_err(TransactionError::Storage)?.begin_read()
    }

    /// A view of the last committed state.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.begin_read().map(Snapshot).map_err(StoreError::failed("beginning to read"))
    }

    #[cfg(test)]
    pub(super) fn faults(&self) -> &super::disk::Faults {
        &self.health.faults
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        self.medium.path()
    }

    /// How often the file was opened: what was remembered of an earlier opening may not be what is stored.
    pub(super) fn openings(&self) -> u64 {
        self.openings.load(Ordering::Acquire)
    }

    /// Notes that the database cannot be relied on before it is opened again.
    pub(super) fn fail(&self, reason: &str) {
        self.health.fail(reason);
    }

    /// Whether it can be read and written; tries it where it could not before.
    pub(super) fn check_ready(&self) -> Result<(), StoreError> {
        self.recover()?;
        let transaction = self.begin_read().map_err(StoreError::failed("beginning to read"))?;
        FORMAT.read(&transaction)?.get(&[0], |row| wire::decode::<u32>(row, "format")).map(drop)
    }

    /// Where writing failed before: answers that, or after a pause tries it with a small commit.
    fn recover(&self) -> Result<(), StoreError> {
        {
            let mut state = self.state();
            self.note_failure(&mut state);
            let Some(failed) = &state.failed else { return Ok(()) };
            if Instant::now() < state.write_at {
                return Err(StoreError::failed("writing")(unusable(failed)));
            }
            state.write_at = Instant::now() + self.retry_pause;
        }
        let open = self.current().map_err(StoreError::failed("opening the file again"))?;
        let transaction = open.begin_write().map_err(StoreError::failed("beginning to write"))?;
        {
            let mut rows = FORMAT.write(&transaction)?;
            let format = rows.get(&[0], |row| wire::decode::<u32>(row, "format"))?;
            rows.put(&[0], wire::encode(&format.unwrap_or_default()))?;
        }
        commit(transaction)?;
        self.state().failed = None;
        tracing::info!(file = %self.path().display(), "the file can be written again");
        Ok(())
    }

    /// The open database; where its disk has failed since it was opened, it is opened anew.
    fn current(&self) -> Result<Arc<redb::Database>, StorageError> {
        let mut state = self.state();
        self.note_failure(&mut state);
        if let Some(open) = &state.open {
            return Ok(Arc::clone(open));
        }
        let failed = state.failed.clone().unwrap_or_default();
        if Instant::now() < state.open_at {
            return Err(unusable(&failed));
        }
        let opened = open_redb(&*self.medium, &self.health);
        // Reading a large file from end to end takes time, so the pause begins when that is done.
        state.open_at = Instant::now() + self.retry_pause;
        match opened {
            Ok(open) => {
                let open = Arc::new(open);
                state.open = Some(Arc::clone(&open));
                self.openings.fetch_add(1, Ordering::AcqRel);
                tracing::warn!(file = %self.path().display(), "the file was opened again after its disk had failed");
                Ok(open)
            }
            Err(error) => {
                tracing::error!(file = %self.path().display(), %error, "the file cannot be opened again");
                Err(unusable(&failed))
            }
        }
    }

    /// Gives up a database whose disk has failed.
    fn note_failure(&self, state: &mut State) {
        let Some(error) = self.health.take() else { return };
        tracing::error!(file = %self.path().display(), error, "the disk under the file failed");
        let open = state.open.take();
        // A database that has panicked may do so again when it is given up; the file is let go all the same.
        if catch_unwind(AssertUnwindSafe(|| drop(open))).is_err() {
            tracing::error!(file = %self.path().display(), "the database could not be given up in order");
        }
        // What giving it up may have failed in is the same failure.
        self.health.take();
        state.failed = Some(error);
        state.write_at = Instant::now() + self.retry_pause;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_redb(medium: &dyn Medium, health: &Arc<Health>) -> Result<redb::Database, DatabaseError> {
    let disk = Disk::new(medium.open()?, Arc::clone(health));
    // redb panics on some damage of its pages.
    guarded(|| redb::Database::builder().create_with_backend(disk)).unwrap_or_else(|panic| {
        let what = format!("its pages are damaged, and the database stopped while it opened them: {panic}");
        Err(DatabaseError::Storage(StorageError::Corrupted(what)))
    })
}

/// Whether nobody has the file open. One that cannot be opened for another reason counts as free.
pub(crate) fn is_free(path: &Path) -> Result<(), StoreError> {
    match redb::Database::open(path) {
        Err(error @ DatabaseError::DatabaseAlreadyOpen) => Err(opening(path, error)),
        _ => Ok(()),
    }
}

pub(super) fn opening(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.into() },
        other => StoreError::Open { path: path.into(), source: Box::new(other.into()) },
    }
}

fn unusable(why: &str) -> StorageError {
    StorageError::Io(io::Error::other(format!("the file's disk failed a moment ago: {why}")))
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

    #[test]
    fn whichever_page_is_zeroed_the_file_opens_or_is_told_as_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.redb");
        drop(open(&path, 1, |_| Ok(())).expect("a new file"));
        let bytes = std::fs::read(&path).expect("the file");
        let is_used = |page: &usize| bytes[page * 4096..][..4096].iter().any(|byte| *byte != 0);
        let mut told = 0;
        for page in (0..bytes.len() / 4096).filter(is_used) {
            let mut damaged = bytes.clone();
            damaged[page * 4096..][..4096].fill(0);
            std::fs::write(&path, damaged).expect("written");
            let opened = guarded(|| open(&path, 1, |_| Ok(())).map(drop)).expect("no panic");
            told += u32::from(opened.is_err());
        }
        assert!(told > 0);
    }
}
