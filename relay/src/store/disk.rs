//! The disk under a database: it remembers the first error, since the database refuses everything after one until it is
//! opened again, and does not say so.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{BackendError, StorageBackend};

/// The first error of a disk that nobody has dealt with yet.
#[derive(Debug, Default)]
pub(super) struct Health {
    error: Mutex<Option<String>>,
    #[cfg(test)]
    pub(super) faults: Faults,
}

impl Health {
    /// What went wrong, where anything did; it counts as dealt with from now on.
    pub(super) fn take(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes that the database can no longer be relied on; the first reason counts.
    pub(super) fn fail(&self, reason: &str) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| reason.to_owned());
    }

    fn noted<T>(&self, outcome: Result<T, io::Error>) -> Result<T, io::Error> {
        outcome.inspect_err(|error| self.fail(&error.to_string()))
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
    fn len(&self) -> Result<u64, io::Error> {
        self.health.noted(self.file.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.health.noted(self.file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        #[cfg(test)]
        self.health.noted(self.health.faults.next())?;
        self.health.noted(self.file.set_len(len))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        #[cfg(test)]
        self.health.noted(self.health.faults.next())?;
        self.health.noted(self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        #[cfg(test)]
        self.health.noted(self.health.faults.next())?;
        self.health.noted(self.file.write(offset, data))
    }

    fn close(&self) -> Result<(), io::Error> {
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

/// A disk that fails on demand: from a chosen write, flush or growth on, until it is mended.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Option<u32>>, std::sync::atomic::AtomicBool);

#[cfg(test)]
impl Faults {
    /// Lets so many operations pass and fails all after them.
    pub(super) fn fail_after(&self, passing: u32) {
        *self.0.lock().expect("no panic inside") = Some(passing);
    }

    /// Panics instead of failing, once.
    pub(super) fn panic_after(&self, passing: u32) {
        self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        self.fail_after(passing);
    }

    /// Makes it sound again; answers whether it has failed anything.
    pub(super) fn mend(&self) -> bool {
        self.0.lock().expect("no panic inside").take() == Some(0)
    }

    fn next(&self) -> Result<(), io::Error> {
        let mut passing = self.0.lock().expect("no panic inside");
        if *passing == Some(0) && self.1.swap(false, std::sync::atomic::Ordering::Relaxed) {
            *passing = None;
            drop(passing);
            panic!("planted: the database panics");
        }
        match passing.as_mut() {
            None => Ok(()),
            Some(0) => Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the device")),
            Some(passing) => {
                *passing -= 1;
                Ok(())
            }
        }
    }
}
