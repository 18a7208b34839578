//! `kill -9` at any moment: a small process saves, imports, backs up, synchronizes or serves as a relay, and tells each thing
//! that was acknowledged to it; it is killed, and everything that it told must be there.
//!
//! The process is this program again, or `victim`: whoever calls [`cycles`] begins `main` with [`as_victim`]. What is killed
//! when is drawn from a seed; where in its work the process is then, the machine decides, so a seed that failed once may need
//! some attempts to fail again.

mod backing;
mod importing;
mod killer;
mod relaying;
mod saving;
mod syncing;
mod told;
mod victim;

pub use victim::as_victim;

use std::fmt;
use std::path::Path;

use crate::bench::Failure;
use crate::bench::plan::Doing;
use crate::harness::Seed;

/// What the process does that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// One or two threads save on a store.
    Saving,
    /// Files are imported.
    Importing,
    /// Backups are made while a thread saves.
    Backing,
    /// A relay takes in what is pushed over a socket.
    Relaying,
    /// A client saves and synchronizes with a relay; either is killed, or both.
    Syncing,
    /// Says that it has saved what it has not: to see that this is found.
    Lying,
}

/// What was done and found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// How often a process was killed and its files were looked at.
    pub cycles: u64,
    /// What was acknowledged and found again: saves, imported records, backups, changes in a log.
    pub acknowledged: u64,
}

/// Kills on the same files, before new ones are begun: files stay small, and what two kills in a row leave is seen.
const CYCLES_A_STORY: u64 = 16;
/// How often each kind of work is chosen, of ten. Synchronizing waits for connections, so a cycle of it takes ten times as
/// long as one of another.
const CHOSEN: [(Work, usize); 5] =
    [(Work::Saving, 4), (Work::Importing, 1), (Work::Backing, 2), (Work::Relaying, 2), (Work::Syncing, 1)];

/// Kills processes of `program` at least `count` times, each kind of work in stories of its own.
///
/// # Errors
/// What was acknowledged and is not there, or is not sound, with the seed; or what could not be done.
pub fn cycles(program: &Path, seed: u64, count: u64) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut drawn = Seed::new(seed);
    while report.cycles < count {
        let mut draw = drawn.below(CHOSEN.iter().map(|(_, often)| often).sum());
        let chosen = CHOSEN.iter().find(|(_, often)| {
            let is_it = draw < *often;
            draw = draw.saturating_sub(*often);
            is_it
        });
        let work = chosen.map_or(Work::Saving, |(work, _)| *work);
        let left = (count - report.cycles).min(CYCLES_A_STORY);
        report += story(program, work, drawn.number(), left)?;
    }
    Ok(report)
}

/// Kills a process that does one kind of work, again and again on the same files.
///
/// # Errors
/// As [`cycles`].
pub fn story(program: &Path, work: Work, seed: u64, count: u64) -> Result<Report, Failure> {
    let folder = tempfile::Builder::new().prefix("regard-kills-").tempdir().doing("making a folder")?;
    let scene = Scene { program, folder: folder.path(), seed: Seed::new(seed) };
    let told = match work {
        Work::Saving => saving::story(scene, count, "save"),
        Work::Lying => saving::story(scene, count, "lie"),
        Work::Importing => importing::story(scene, count),
        Work::Backing => backing::story(scene, count),
        Work::Relaying => relaying::story(scene, count),
        Work::Syncing => syncing::story(scene, count),
    };
    told.map_err(|failure| failure.within(&format!("{work}, seed {seed}")))
}

/// What every story needs.
struct Scene<'a> {
    program: &'a Path,
    folder: &'a Path,
    seed: Seed,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saving => "killed while saving",
            Self::Importing => "killed while importing",
            Self::Backing => "killed while backing up",
            Self::Relaying => "killed while relaying",
            Self::Syncing => "killed while synchronizing",
            Self::Lying => "killed while lying",
        })
    }
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.acknowledged += other.acknowledged;
    }
}
