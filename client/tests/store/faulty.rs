//! A disk in memory that fails, or panics, when it is told to.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;
use regard_client::store::Medium;

/// The disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faulty(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    plan: Plan,
    pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Plan {
    #[default]
    Sound,
    /// So many operations pass, and all after them fail.
    Fail { passing: u32 },
    /// So many operations pass, and the next one panics.
    Panic { passing: u32 },
}

impl Faulty {
    pub(crate) fn with_pause(pause: Duration) -> Self {
        let disk = Self::default();
        disk.state().pause = pause;
        disk
    }

    /// A sound disk with these bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.state().bytes = bytes;
        disk
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    pub(crate) fn fail_after(&self, passing: u32) {
        self.state().plan = Plan::Fail { passing };
    }

    pub(crate) fn panic_after(&self, passing: u32) {
        self.state().plan = Plan::Panic { passing };
    }

    pub(crate) fn mend(&self) {
        self.state().plan = Plan::Sound;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no panic inside")
    }

    /// Reading counts too: it fails as writing does.
    fn operation(&self) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.state();
        match &mut state.plan {
            Plan::Sound => {}
            Plan::Fail { passing: 0 } => return Err(io::Error::from(io::ErrorKind::StorageFull)),
            Plan::Panic { passing: 0 } => {
                state.plan = Plan::Sound;
                drop(state);
                panic!("planned");
            }
            Plan::Fail { passing } | Plan::Panic { passing } => *passing -= 1,
        }
        Ok(state)
    }
}

impl Medium for Faulty {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.clone()))
    }

    fn cache_bytes(&self) -> usize {
        1 << 20
    }

    fn retry_pause(&self) -> Duration {
        self.state().pause
    }
}

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.operation()?;
        let start = usize::try_from(offset).expect("a small file");
        let read = state.bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(read);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operation()?.bytes.resize(usize::try_from(len).expect("a small file"), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operation().map(drop)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.operation()?;
        let start = usize::try_from(offset).expect("a small file");
        let written = state.bytes.get_mut(start..start + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        written.copy_from_slice(data);
        Ok(())
    }
}
