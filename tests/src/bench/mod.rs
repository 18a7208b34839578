//! Benchmarks. Every figure is measured beside its limit, what the disk, the database or the processor give at best, in the
//! same run and on the same disk, and is reported as a ratio against it: figures of different machines cannot be compared,
//! ratios can.
//!
//! Only the public interfaces of the packages are used. The frame is [`Plan`], [`Report`] and [`Failure`]; each group has a
//! file of its own.

mod attacked;
mod disk;
mod filled;
mod first_sync;
mod gate;
mod import;
mod ingest;
mod latency;
mod list;
pub(crate) mod plan;
pub(crate) mod raw;
mod reconnect;
pub(crate) mod records;
mod refill;
mod report;
mod save;
pub(crate) mod stage;
mod stocked;
mod stream;
mod table;
mod tap;

pub use plan::{Failure, Plan};
pub use report::{Figure, Limit, Report, Series, Unit};

/// Runs of [`Group::Refill`].
const REFILLS_MAX: usize = 3;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Group {
    /// A save on one device, until it is durable.
    Save,
    /// From the save on one device until it is applied on another.
    RelayLatency,
    /// The same while the relay is attacked from all sides.
    Attacked,
    /// How fast the relay takes changes in, acknowledged when durable.
    Ingest,
    /// How long the gate takes over hostile changes.
    Gate,
    /// How fast mail is imported.
    Import,
    /// How fast a fresh device gets everything.
    FirstSync,
    /// From a push until a reader of the visibility stream is told.
    Stream,
    /// What it costs to come back where nothing has changed.
    Reconnect,
    /// How fast a relay that lost its log, or the end of it, is filled again.
    Refill,
    /// Finding records among many: lists, filters, searches, and what a running client takes of memory.
    List,
}

impl Group {
    /// All groups, in the order in which they run.
    pub const ALL: [Self; 11] = [
        Self::Save,
        Self::RelayLatency,
        Self::Attacked,
        Self::Ingest,
        Self::Gate,
        Self::Import,
        Self::FirstSync,
        Self::Stream,
        Self::Reconnect,
        Self::Refill,
        Self::List,
    ];

    /// The group's name, as it is typed and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Save => "save",
            Self::RelayLatency => "relay-latency",
            Self::Attacked => "attacked",
            Self::Ingest => "ingest",
            Self::Gate => "gate",
            Self::Import => "import",
            Self::FirstSync => "first-sync",
            Self::Stream => "stream",
            Self::Reconnect => "reconnect",
            Self::Refill => "refill",
            Self::List => "list",
        }
    }

    /// Measures the group as often as the plan says.
    ///
    /// # Errors
    /// What could not be done, and why.
    pub fn measure(self, plan: &Plan, report: &mut Report) -> Result<(), Failure> {
        let one_run = match self {
            Self::Save => save::run,
            Self::RelayLatency => latency::run,
            Self::Attacked => attacked::run,
            Self::Ingest => ingest::run,
            Self::Gate => gate::run,
            Self::Import => import::run,
            Self::FirstSync => first_sync::run,
            Self::Stream => stream::run,
            Self::Reconnect => reconnect::run,
            Self::Refill => refill::run,
            Self::List => list::run,
        };
        let runs = match self {
            // Each of them takes minutes.
            Self::Refill => plan.runs().min(REFILLS_MAX),
            _ => plan.runs(),
        };
        for run in 1..=runs {
            plan.tell(&format!("{}: run {run} of {runs}", self.name()));
            one_run(plan, report).map_err(|failure| failure.within(self.name()))?;
        }
        Ok(())
    }
}
