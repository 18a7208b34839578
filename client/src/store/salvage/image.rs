use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use super::super::error::StoreError;
use super::super::medium::Medium;

const BLOCK: usize = 4096;

/// A damaged file as it was found. The database may repair what it likes in it: that is kept in memory, and never written.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) bytes: Arc<Vec<u8>>,
    folder: PathBuf,
}

/// Keeps others from opening the file.
#[derive(Debug)]
pub(super) struct Lock(FileBackend);

impl Image {
    /// Reads a file that nobody else has open.
    pub(super) fn of(path: &Path, folder: &Path) -> Result<(Lock, Self), StoreError> {
        let unusable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => StoreError::Absent { folder: folder.to_owned() },
            _ => StoreError::Folder { path: path.to_owned(), source },
        };
        let open = || OpenOptions::new().read(true).write(true).open(path).map_err(unusable);
        let lock = FileBackend::new(open()?).map_err(|error| unusable(io::Error::other(error)))?;
        match lock.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
            Ok(true) | Err(BackendError::Unsupported) => {}
            Ok(false) => return Err(StoreError::InUse { folder: folder.to_owned() }),
            Err(error) => return Err(unusable(io::Error::other(error))),
        }
        let mut bytes = Vec::new();
        open()?.read_to_end(&mut bytes).map_err(unusable)?;
        Ok((Lock(lock), Self { bytes: Arc::new(bytes), folder: folder.to_owned() }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.close() {
            tracing::warn!(%error, "the damaged file could not be closed in order");
        }
    }
}

impl Medium for Image {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let state = State { len: self.bytes.len(), written: BTreeMap::new() };
        Ok(Box::new(Overlay { bytes: Arc::clone(&self.bytes), state: Mutex::new(state) }))
    }

    fn label(&self) -> &Path {
        &self.folder
    }

    fn retry_pause(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Debug)]
struct Overlay {
    bytes: Arc<Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: usize,
    /// Blocks that differ from the file, by their numbers.
    written: BTreeMap<usize, Vec<u8>>,
}

impl Overlay {
    /// Runs over the pieces of blocks that a range touches: (block, range in it, range in the caller's bytes).
    fn pieces(offset: u64, len: usize) -> io::Result<impl Iterator<Item = (usize, std::ops::Range<usize>, usize)>> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(len).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok((start / BLOCK..end.div_ceil(BLOCK)).map(move |block| {
            let from = start.max(block * BLOCK);
            let until = end.min((block + 1) * BLOCK);
            (block, from - block * BLOCK..until - block * BLOCK, from - start)
        }))
    }

    fn block(&self, block: usize) -> Vec<u8> {
        let mut bytes = vec![0; BLOCK];
        let known = self.bytes.get(block * BLOCK..).unwrap_or_default();
        let known = &known[..known.len().min(BLOCK)];
        bytes[..known.len()].copy_from_slice(known);
        bytes
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within(state: &State, offset: u64, len: usize) -> io::Result<()> {
    let end = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(len));
    if end.is_some_and(|end| end <= state.len) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().len as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        within(&state, offset, out.len())?;
        for (block, range, at) in Self::pieces(offset, out.len())? {
            let out = &mut out[at..at + range.len()];
            match state.written.get(&block) {
                Some(written) => out.copy_from_slice(&written[range]),
                None => out.copy_from_slice(&self.block(block)[range]),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.state().len = usize::try_from(len).map_err(io::Error::other)?;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        within(&state, offset, data.len())?;
        for (block, range, at) in Self::pieces(offset, data.len())? {
            let written = state.written.entry(block).or_insert_with(|| self.block(block));
            written[range.clone()].copy_from_slice(&data[at..at + range.len()]);
        }
        Ok(())
    }
}
