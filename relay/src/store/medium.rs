//! Where one of the relay's files lies.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

/// A place for a file: the machine's file system, or a disk that somebody simulates. It is opened again after its disk has
/// failed, and whenever a relay starts.
pub trait Medium: std::fmt::Debug + Send + Sync {
    /// Opens the file, making an empty one where there is none.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Whether it is missing or empty.
    fn is_new(&self) -> bool;

    /// What messages call it.
    fn path(&self) -> &Path;
}

/// A file of the machine's file system. A new one is for its owner alone.
#[derive(Debug)]
pub(crate) struct RealFile {
    path: PathBuf,
}

impl RealFile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }
}

impl Medium for RealFile {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let is_new = self.is_new();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        if is_new {
            crate::unix::make_private(&self.path)?;
        }
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    fn is_new(&self) -> bool {
        !self.path.exists() || std::fs::metadata(&self.path).is_ok_and(|file| file.len() == 0)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
