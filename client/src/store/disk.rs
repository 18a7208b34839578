//! The disk under the database: it remembers the first error, since the database refuses everything after one until it is opened
//! again, and does not say so.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{BackendError, StorageBackend};

/// Why a database cannot be relied on any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The disk, or a commit, failed.
    Disk(String),
    /// The database panicked, as it does on some damage.
    Panic(String),
}

/// The first trouble that nobody has dealt with yet.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_ill: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
}

impl Health {
    pub(super) fn is_well(&self) -> bool {
        !self.is_ill.load(Ordering::Acquire)
    }

    /// What went wrong, where anything did; it counts as dealt with from now on.
    pub(super) fn take(&self) -> Option<Trouble> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_ill.store(false, Ordering::Release);
        trouble.take()
    }

    /// What went wrong, and stays to be dealt with.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the database can no longer be relied on; the first reason counts.
    pub(super) fn fail(&self, reason: Trouble) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert(reason);
        self.is_ill.store(true, Ordering::Release);
    }

    fn noted<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| self.fail(Trouble::Disk(error.to_string())))
    }
}

/// A file whose errors are noted.
#[derive(Debug)]
pub(super) struct Disk {
    file: Box<dyn StorageBackend>,
    health: Arc<Health>,
}

impl Disk {
    pub(super) fn new(file: Box<dyn StorageBackend>, health: Arc<Health>) -> Self {
        Self { file, health }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.health.noted(self.file.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.health.noted(self.file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.health.noted(self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.health.noted(self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.health.noted(self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
