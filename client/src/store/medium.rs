use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::{FILE, UNFINISHED};

/// redb's own cache. The documents that matter are kept loaded beside it.
const CACHE_BYTES: usize = 32 << 20;
/// How long a disk that has failed is left alone: after a failure the file is read from end to end when it is opened again, and
/// a full disk is rarely free within moments.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Where a store's file lies: a folder, or whatever a test puts in its place.
pub trait Medium: Debug + Send + Sync {
    /// Opens the file for reading and writing, an empty one where there is none yet. Called again after the disk under it has
    /// failed, when the file that was opened before has been given up.
    ///
    /// # Errors
    /// As the medium has it.
    fn open(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// What errors call it; for a folder its path.
    fn label(&self) -> &Path {
        Path::new("memory")
    }

    /// How much of the file the database may keep in memory.
    fn cache_bytes(&self) -> usize {
        CACHE_BYTES
    }

    /// How long writing, and opening where that failed, is not tried again after a failure. Zero tries at every use.
    fn retry_pause(&self) -> Duration {
        RETRY_PAUSE
    }
}

/// A file in a folder, for its owner alone.
#[derive(Debug)]
pub(super) struct InFolder {
    folder: PathBuf,
    path: PathBuf,
    /// The name under which the file is made where it is missing, until it is whole.
    unfinished: Option<PathBuf>,
}

impl InFolder {
    /// The store's file in `folder`.
    pub(super) fn existing(folder: &Path) -> Self {
        Self::at(&folder.join(FILE), folder)
    }

    /// A file of any name, which errors call the store of `folder`.
    pub(super) fn at(path: &Path, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: path.to_owned(), unfinished: None }
    }

    /// A file that takes the place of the store's in `folder` when it is whole.
    pub(super) fn fresh(folder: &Path) -> Self {
        let unfinished = folder.join(UNFINISHED);
        Self { unfinished: Some(unfinished.clone()), ..Self::at(&unfinished, folder) }
    }

    /// The store's file in `folder`, made under another name: what an interruption leaves is no store.
    pub(super) fn new(folder: &Path) -> Self {
        Self { unfinished: Some(folder.join(UNFINISHED)), ..Self::existing(folder) }
    }
}

impl Medium for InFolder {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = match (OpenOptions::new().read(true).write(true).open(&self.path), &self.unfinished) {
            (Err(error), Some(unfinished)) if error.kind() == io::ErrorKind::NotFound => {
                let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(unfinished)?;
                crate::unix::make_private(unfinished)?;
                file
            }
            (opened, _) => opened?,
        };
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    fn label(&self) -> &Path {
        &self.folder
    }
}
