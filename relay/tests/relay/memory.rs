//! A clock that is set, and files in memory whose power can be cut: what a relay's desk runs on in tests.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use regard_core::time::Timestamp;
use regard_relay::{Ambient, Medium, StorageBackend};

/// A clock that is set, and bytes that only look unpredictable.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    millis: AtomicI64,
    drawn: AtomicU64,
}

impl Scripted {
    pub(crate) fn pass(&self, time: Duration) {
        self.millis.fetch_add(i64::try_from(time.as_millis()).expect("a short time"), Ordering::Relaxed);
    }
}

impl Ambient for Scripted {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + self.millis.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed).try_into().expect("forwards"))
    }

    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = number.to_be_bytes()[at % 8].wrapping_add(u8::try_from(at % 251).expect("small"));
        }
        Ok(())
    }
}

/// A file in memory, of which a power cut leaves what was flushed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    flushed: Vec<u8>,
    is_full: bool,
    /// How many changes pass until the power is cut.
    passing: Option<u64>,
    /// Everything that was done, in its order.
    trace: DefaultHasher,
    /// Counts power cuts: who opened the file before one reaches nothing any more.
    life: u64,
}

#[derive(Debug)]
struct Opened(Memory, u64);

impl Memory {
    pub(crate) fn cut_power(&self) {
        self.0.lock().expect("no panic inside").cut_power();
    }

    pub(crate) fn cut_power_after(&self, passing: u64) {
        self.0.lock().expect("no panic inside").passing = Some(passing);
    }

    /// Lets everything pass again; answers whether the power was cut meanwhile.
    pub(crate) fn restore_power(&self) -> bool {
        self.0.lock().expect("no panic inside").passing.take().is_none()
    }

    pub(crate) fn fill_up(&self, is_full: bool) {
        self.0.lock().expect("no panic inside").is_full = is_full;
    }

    /// The same number where the same was done in the same order.
    pub(crate) fn trace(&self) -> u64 {
        self.0.lock().expect("no panic inside").trace.finish()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic inside").now.clone()
    }
}

impl Bytes {
    fn note(&mut self, what: &str, at: u64, bytes: usize) {
        (what, at, bytes).hash(&mut self.trace);
    }

    fn cut_power(&mut self) {
        self.now.clone_from(&self.flushed);
        self.life += 1;
        self.passing = None;
    }
}

impl Medium for Memory {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let life = self.0.lock().expect("no panic inside").life;
        Ok(Box::new(Opened(self.clone(), life)))
    }

    fn is_new(&self) -> bool {
        self.bytes().is_empty()
    }

    fn path(&self) -> &Path {
        Path::new("memory.redb")
    }
}

impl Opened {
    fn change<T>(&self, work: impl FnOnce(&mut Bytes) -> T) -> io::Result<T> {
        let mut bytes = self.0.0.lock().expect("no panic inside");
        if bytes.passing == Some(0) {
            bytes.cut_power();
        }
        if bytes.life != self.1 {
            return Err(io::Error::other("the power is cut"));
        }
        bytes.passing = bytes.passing.map(|passing| passing - 1);
        if bytes.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(work(&mut bytes))
    }
}

impl StorageBackend for Opened {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut bytes = self.0.0.lock().expect("no panic inside");
        bytes.note("read", offset, out.len());
        let from = usize::try_from(offset).expect("a small file");
        out.copy_from_slice(bytes.now.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|bytes| {
            bytes.note("size", len, 0);
            bytes.now.resize(usize::try_from(len).expect("a small file"), 0);
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|bytes| {
            bytes.note("flush", 0, 0);
            bytes.flushed.clone_from(&bytes.now);
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let from = usize::try_from(offset).expect("a small file");
        self.change(|bytes| {
            bytes.note("write", offset, data.len());
            bytes.now[from..from + data.len()].copy_from_slice(data);
        })
    }
}
