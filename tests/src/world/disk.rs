//! A disk that forgets, tears, fails and dies, as disks do.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::StorageBackend;

use crate::harness::Seed;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: usize = 512;

/// One file on a simulated disk. Clones are the same file.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<State>>);

struct State {
    seed: Seed,
    /// As a program reads it.
    content: Vec<u8>,
    /// What the last flush made durable.
    durable: Vec<u8>,
    /// What has happened since then.
    unsynced: Vec<Operation>,
    /// How often it was opened, or its program died: an older handle reaches nothing.
    life: u64,
    /// Writes, flushes and changes of length so far.
    operations: u64,
    faults: Faults,
    /// Operations that did not succeed since somebody asked.
    failures: u64,
}

impl State {
    fn is_alive(&self) -> bool {
        self.faults.dies_at.is_none_or(|at| self.operations < at)
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.failures += 1;
        error
    }
}

enum Operation {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// What is wrong with a disk at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The program dies at this operation, which does not happen any more.
    pub dies_at: Option<u64>,
    /// This operation and so many after it fail.
    pub fails_at: Option<(u64, u64)>,
    /// There is no room beyond so many bytes.
    pub full_at: Option<usize>,
    /// Flushes say that they were done and were not: a disk that lies, or a program that does not flush.
    pub lies: bool,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was killed: the system still writes what the program wrote.
    Killed,
    /// The power failed: of what was not flushed, any part may be there, in any order, torn at sectors.
    PowerCut,
}

impl Disk {
    /// An empty file whose misfortunes are chosen by `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self(Arc::new(Mutex::new(State {
            seed,
            content: Vec::new(),
            durable: Vec::new(),
            unsynced: Vec::new(),
            life: 0,
            operations: 0,
            faults: Faults::default(),
            failures: 0,
        })))
    }

    /// Another file with this content, all of it durable.
    #[must_use]
    pub fn holding(seed: Seed, content: Vec<u8>) -> Self {
        let disk = Self::new(seed);
        disk.replace(content);
        disk
    }

    /// Puts another content in the place of this one, as a restored copy.
    pub fn replace(&self, content: Vec<u8>) {
        let mut state = self.state();
        state.life += 1;
        state.unsynced.clear();
        state.durable.clone_from(&content);
        state.content = content;
    }

    /// A copy of what is durable: what a copy of a file that nobody has open would be.
    #[must_use]
    pub fn durable(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    /// Changes what is wrong with it.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state().faults
    }

    /// How many writes, flushes and changes of length there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether the program that used it has died at an operation.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        !self.state().is_alive()
    }

    /// How often it failed since this was asked last.
    #[must_use]
    pub fn take_failures(&self) -> u64 {
        std::mem::take(&mut self.state().failures)
    }

    /// Its length.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.state().content.len()
    }

    /// Whether nothing was ever written to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().content.is_empty()
    }

    /// Ends the program that uses it: handles of before reach nothing any more. The next one finds what the ending left.
    pub fn end(&self, ending: Ending) {
        let mut state = self.state();
        let state = &mut *state;
        state.life += 1;
        state.faults.dies_at = None;
        if ending == Ending::Killed {
            state.durable.clone_from(&state.content);
            state.unsynced.clear();
            return;
        }
        let mut pieces = Vec::new();
        for operation in state.unsynced.drain(..) {
            match operation {
                Operation::SetLen(length) => pieces.push(Operation::SetLen(length)),
                Operation::Write { offset, bytes } => pieces.extend(sectors(offset, &bytes)),
            }
        }
        // How much gets lost is a matter of luck too: from nothing to everything.
        let kept_of_8 = state.seed.below(9);
        let mut kept: Vec<Operation> = pieces.into_iter().filter(|_| state.seed.below(8) < kept_of_8).collect();
        if state.seed.below(2) == 0 {
            shuffle(&mut kept, &mut state.seed);
        }
        for operation in kept {
            operation.apply(&mut state.durable);
        }
        state.content.clone_from(&state.durable);
    }

    /// Opens it for a program; handles of before reach nothing any more.
    ///
    /// # Errors
    /// Where the program has died.
    pub fn handle(&self) -> io::Result<Handle> {
        let mut state = self.state();
        if !state.is_alive() {
            return Err(state.fail(io::Error::other("the program died")));
        }
        state.life += 1;
        Ok(Handle { disk: self.clone(), life: state.life })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Disk").field("bytes", &state.content.len()).field("faults", &state.faults).finish()
    }
}

/// A write as what a disk does of it at a time.
fn sectors(offset: usize, bytes: &[u8]) -> Vec<Operation> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes.len().min(at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES);
        pieces.push(Operation::Write { offset: offset + at, bytes: bytes[at..end].to_vec() });
        at = end;
    }
    pieces
}

/// Fisher and Yates.
fn shuffle(operations: &mut [Operation], seed: &mut Seed) {
    for at in (1..operations.len()).rev() {
        operations.swap(at, seed.below(at + 1));
    }
}

impl Operation {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::SetLen(length) => content.resize(*length, 0),
            Self::Write { offset, bytes } => {
                if content.len() < offset + bytes.len() {
                    content.resize(offset + bytes.len(), 0);
                }
                content[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

/// A simulated disk needs no pause, and little memory.
const CACHE_BYTES: usize = 4 << 20;

impl regard_client::store::Medium for Disk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.handle()?))
    }

    fn cache_bytes(&self) -> usize {
        CACHE_BYTES
    }

    fn retry_pause(&self) -> Duration {
        Duration::ZERO
    }
}

impl regard_relay::Medium for Disk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.handle()?))
    }

    fn is_new(&self) -> bool {
        self.is_empty()
    }

    fn path(&self) -> &Path {
        Path::new("simulated")
    }
}

/// A program's hold of a disk.
#[derive(Debug)]
pub struct Handle {
    disk: Disk,
    life: u64,
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life {
            Ok(state)
        } else {
            Err(io::Error::other("the program that used the disk is gone"))
        }
    }

    /// The state for an operation that changes something, if the disk does it.
    fn operate(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state()?;
        if !state.is_alive() {
            return Err(state.fail(io::Error::other("the program died")));
        }
        let number = state.operations;
        state.operations += 1;
        match state.faults.fails_at {
            Some((first, count)) if number >= first && number - first < count => {
                Err(state.fail(io::Error::other("the disk failed")))
            }
            _ => Ok(state),
        }
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::Error::other("an offset beyond all memory"))
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on the device")
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.content.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state()?;
        let offset = place(offset)?;
        let end = io::ErrorKind::UnexpectedEof;
        out.copy_from_slice(state.content.get(offset..offset + out.len()).ok_or_else(|| io::Error::from(end))?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.operate()?;
        let length = place(length)?;
        if length > state.content.len() && state.faults.full_at.is_some_and(|most| length > most) {
            return Err(state.fail(full()));
        }
        let operation = Operation::SetLen(length);
        operation.apply(&mut state.content);
        state.unsynced.push(operation);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.operate()?;
        let state = &mut *state;
        if state.faults.lies {
            return Ok(());
        }
        for operation in state.unsynced.drain(..) {
            operation.apply(&mut state.durable);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.operate()?;
        let offset = place(offset)?;
        if state.faults.full_at.is_some_and(|most| offset + data.len() > most) {
            return Err(state.fail(full()));
        }
        let operation = Operation::Write { offset, bytes: data.to_vec() };
        operation.apply(&mut state.content);
        state.unsynced.push(operation);
        Ok(())
    }
}
