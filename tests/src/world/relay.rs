//! The relay of the simulated world: the real one's stores and decisions, on simulated disks.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use regard_core::id::{Entropy, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::visibility::{Query, StreamEvent, StreamLine};
use regard_core::wire::access::Secret;
use regard_core::wire::{Cursor, RelayFrame, Scope};
use regard_relay::{Ambient, Desk, Logged, RelayError, Settings};

use super::clock::Clock;
use super::disk::{Disk, Ending};
use crate::harness::Seed;

/// How much of a stream is read at a time.
const LINES_MAX: usize = 64;

/// The relay, running or not.
pub struct Relay {
    /// Its disks: the log's and the access file's.
    pub log: Disk,
    /// As `log`.
    pub access: Disk,
    desk: Option<Desk>,
    surroundings: Arc<Surroundings>,
    workspace: WorkspaceId,
    /// The furthest end of each log that it has told anybody.
    told: [Option<Cursor>; Scope::ALL.len()],
}

/// The relay's clocks and its randomness.
#[derive(Debug)]
struct Surroundings {
    steady: AtomicU64,
    jumped: AtomicI64,
    seed: Mutex<Seed>,
}

impl Ambient for Surroundings {
    fn now(&self) -> Timestamp {
        let mut clock = Clock::right();
        clock.jump(self.jumped.load(Ordering::Relaxed));
        clock.at(self.steady.load(Ordering::Relaxed))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::Relaxed))
    }

    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.seed.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
        Ok(())
    }
}

impl Relay {
    /// A relay that does not run yet.
    #[must_use]
    pub fn new(workspace: WorkspaceId, seed: &mut Seed) -> Self {
        let surroundings =
            Surroundings { steady: AtomicU64::new(0), jumped: AtomicI64::new(0), seed: Mutex::new(seed.fork()) };
        Self {
            log: Disk::new(seed.fork()),
            access: Disk::new(seed.fork()),
            desk: None,
            surroundings: Arc::new(surroundings),
            workspace,
            told: [None, None],
        }
    }

    /// Time goes on for it.
    pub fn set_time(&self, steady: u64) {
        self.surroundings.steady.store(steady, Ordering::Relaxed);
    }

    /// Sets its wall clock forward or back.
    pub fn jump(&self, milliseconds: i64) {
        self.surroundings.jumped.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The desk, while it runs.
    pub fn desk(&mut self) -> Option<&mut Desk> {
        self.desk.as_mut()
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.desk.is_some()
    }

    /// Whether it died at an operation of one of its disks.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.log.is_dead() || self.access.is_dead()
    }

    /// Starts it, and looks whether its logs still have all that it has told.
    ///
    /// # Errors
    /// Where it cannot start, or has lost what it acknowledged.
    pub fn start(&mut self) -> Result<(), String> {
        let (log, access) = (Arc::new(self.log.clone()), Arc::new(self.access.clone()));
        let ambient = Arc::clone(&self.surroundings);
        let settings = Settings { peers_interval: Duration::from_millis(200), ..Settings::default() };
        let desk = Desk::open(log, access, settings, ambient).map_err(|error| full(&error))?;
        self.desk = Some(desk);
        Ok(())
    }

    /// Looks whether its logs still have everything that it has told. Only true while nobody has put older files in place.
    ///
    /// # Errors
    /// What it has lost.
    pub fn has_kept_its_word(&mut self) -> Result<(), String> {
        let Some(desk) = &self.desk else { return Ok(()) };
        for told in Scope::ALL.into_iter().zip(self.told).filter_map(|(scope, told)| Some((scope, told?))) {
            let (scope, told) = told;
            let head = desk.head(self.workspace, scope).map_err(|error| full(&error))?;
            if head.epoch != told.epoch || head.seq < told.seq {
                return Err(format!(
                    "the relay told the end {told:?} of “{scope}”, and after a restart it is {head:?}"
                ));
            }
        }
        Ok(())
    }

    /// Notes what a frame tells of the logs' ends.
    pub fn tells(&mut self, frame: &RelayFrame) {
        if let RelayFrame::Pushed { scope, head, .. } | RelayFrame::CaughtUp { scope, cursor: head } = frame {
            let told = &mut self.told[usize::from(scope.number())];
            if told.is_none_or(|told| told.epoch != head.epoch || told.seq < head.seq) {
                *told = Some(*head);
            }
        }
    }

    /// Ends it in the middle of whatever it does.
    pub fn end(&mut self, ending: Ending) {
        self.log.end(ending);
        self.access.end(ending);
        let desk = self.desk.take();
        // A database whose file is gone may say so in its own way.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(desk)));
    }

    /// Puts other files in place of its own, while it does not run. What it told before no longer binds it.
    pub fn restore(&mut self, log: Vec<u8>, access: Vec<u8>) {
        self.log.replace(log);
        self.access.replace(access);
        self.told = [None, None];
    }

    /// Everything in the log of records.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn logged(&self) -> Result<Vec<Logged>, String> {
        let Some(desk) = &self.desk else { return Ok(Vec::new()) };
        desk.logged(self.workspace, Scope::Records).map_err(|error| full(&error))
    }

    /// The visibility stream's lines for a query, to their end.
    ///
    /// # Errors
    /// What the reader is told.
    pub fn stream(&self, access: &Secret, query: Query) -> Result<Vec<StreamLine>, String> {
        let Some(desk) = &self.desk else { return Ok(Vec::new()) };
        let mut stream = desk.stream(self.workspace, access, query).map_err(|refusal| refusal.to_string())?;
        let mut all = Vec::new();
        loop {
            let lines = desk.read(&mut stream, LINES_MAX);
            let is_all = lines.is_empty() || lines.iter().any(|line| matches!(line.event, StreamEvent::CaughtUp(_)));
            all.extend(lines);
            if is_all {
                return Ok(all);
            }
        }
    }
}

/// An error with its causes.
#[must_use]
pub fn full(error: &RelayError) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        said = format!("{said}: {found}");
        cause = found.source();
    }
    said
}
