use std::cell::OnceCell;
use std::fmt::Display;
use std::future::Future;
use std::path::PathBuf;
use std::time::Instant;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::filled::Filled;
use super::ingest::Prepared;
use super::stocked::Stocked;

/// How much is measured, and where.
#[derive(Debug)]
pub struct Plan {
    quick: bool,
    large: bool,
    folder: PathBuf,
    runtime: Runtime,
    /// What takes long to make and serves all runs.
    pub(super) filled: OnceCell<Filled>,
    pub(super) prepared: OnceCell<Prepared>,
    pub(super) stocked: OnceCell<Stocked>,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// A failure that is told in these words.
    pub fn new(said: impl Into<String>) -> Self {
        Self(said.into())
    }

    /// The same, with where it happened.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        Self(format!("{place}: {self}"))
    }
}

/// Names what was being done when something failed.
pub(crate) trait Doing<T> {
    fn doing(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}

impl Plan {
    /// Plans to measure on the disk of `folder`; quickly means fewer runs of less, and large lists of a million records.
    ///
    /// # Errors
    /// Where the folder is none, or no threads can be started.
    pub fn new(folder: PathBuf, quick: bool, large: bool) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(Failure(format!("{} is no folder", folder.display())));
        }
        let runtime = Runtime::new().doing("starting threads")?;
        let (filled, prepared, stocked) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Self { quick, large, folder, runtime, filled, prepared, stocked })
    }

    /// How often everything is measured.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.choose(3, 5)
    }

    /// How many of something: the first where it should go quickly.
    pub(super) fn choose(&self, quick: usize, full: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// How many records there are to find something among.
    pub(super) fn stock(&self) -> usize {
        const LARGE: usize = 1_000_000;
        if self.large { LARGE } else { self.choose(10_000, 100_000) }
    }

    /// A new folder on the disk that is measured, which goes when it is dropped.
    pub(super) fn fresh_folder(&self) -> Result<TempDir, Failure> {
        let made = tempfile::Builder::new().prefix("regard-bench-").tempdir_in(&self.folder);
        made.doing(&format!("making a folder in {}", self.folder.display()))
    }

    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Says how far it is; on stderr, since stdout is for the figures.
    #[expect(clippy::unused_self, reason = "whoever measures has a plan at hand")]
    pub(super) fn tell(&self, what: &str) {
        eprintln!("{what}");
    }
}

/// What a cell has, made first where it has nothing.
pub(super) fn made_once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, Failure>) -> Result<&T, Failure> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

/// Does something and answers how many seconds it took.
pub(super) fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64), E> {
    let begun = Instant::now();
    let done = work()?;
    Ok((done, begun.elapsed().as_secs_f64()))
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(super) fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}
