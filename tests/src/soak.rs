//! The simulated world and kills, on all cores, for as long as there is time.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::harness::Seed;
use crate::kills;
use crate::world::Suite;

/// Kills of one play: as many as there are on the same files.
const KILLS_OF_A_PLAY: u64 = 16;
/// How long one sort is played before the next.
const TURN: Duration = Duration::from_secs(3);
/// Findings that are told; where everything fails, the first ones say enough.
const FINDINGS_MAX: usize = 20;

/// What can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A seed of the simulated world.
    World(Suite),
    /// Processes that are killed.
    Kills,
}

impl Sort {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Suite::ALL.into_iter().map(Self::World).chain([Self::Kills]).collect()
    }

    /// Plays one seed; answers how many plays it counts for.
    ///
    /// # Errors
    /// What was violated.
    pub fn play(self, seed: u64) -> Result<u64, String> {
        match self {
            Self::World(suite) => suite.play(&Seed::new(seed)).map(|_| 1),
            Self::Kills => {
                let program = std::env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
                let report = kills::cycles(&program, seed, KILLS_OF_A_PLAY).map_err(|failure| failure.to_string())?;
                Ok(report.cycles)
            }
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::World(suite) => suite.name(),
            Self::Kills => "kills",
        })
    }
}

/// Something that does not hold.
#[derive(Debug)]
pub struct Finding {
    /// In what.
    pub sort: Sort,
    /// The seed that shows it.
    pub seed: u64,
    /// What.
    pub violation: String,
}

/// How much of one sort was played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    plays: u64,
    spent: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plays, spent } = self;
        // Counts of plays are far below what a float holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let rate = *plays as f64 / spent.as_secs_f64().max(f64::EPSILON);
        write!(f, "{plays} plays, {rate:.1} a second and core")
    }
}

/// What came of a soak.
#[derive(Debug)]
pub struct Report {
    /// What was found, at most some of it.
    pub findings: Vec<Finding>,
    /// How much was played.
    pub tallies: Vec<(Sort, Tally)>,
}

/// Plays, on each core one seed at a time, until the time is over.
#[must_use]
pub fn run(sorts: &[Sort], first: u64, time: Duration) -> Report {
    let tallies = sorts.iter().map(|sort| (*sort, Tally::default())).collect();
    let report = Mutex::new(Report { findings: Vec::new(), tallies });
    let (next, ends) = (AtomicU64::new(first), Instant::now() + time);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for core in 0..cores {
            let (report, next) = (&report, &next);
            scope.spawn(move || {
                // Cores are at different sorts, so that one that waits for disks does not do so on all of them.
                for (at, sort) in sorts.iter().enumerate().cycle().skip(core) {
                    if Instant::now() >= ends {
                        return;
                    }
                    turn((at, *sort), next, ends, report);
                }
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn turn((at, sort): (usize, Sort), next: &AtomicU64, ends: Instant, report: &Mutex<Report>) {
    let begun = Instant::now();
    while begun.elapsed() < TURN && Instant::now() < ends {
        let (seed, started) = (next.fetch_add(1, Ordering::Relaxed), Instant::now());
        let outcome = sort.play(seed);
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.tallies[at].1.spent += started.elapsed();
        match outcome {
            Ok(plays) => report.tallies[at].1.plays += plays,
            Err(violation) if report.findings.len() < FINDINGS_MAX => {
                report.findings.push(Finding { sort, seed, violation });
            }
            Err(_) => {}
        }
    }
}
