//! The plays that there are.

use std::fmt;

use regard_core::record::guarded;

use super::plan::Plan;
use super::{Planted, Played, Violation, power, run};
use crate::harness::Seed;

/// A sort of play; each seed is one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Devices, a relay and all that can happen to disks, wires, programs and clocks.
    Everything,
    /// The same, and the relay's files are replaced by older copies, or its log by nothing.
    RelayGoesBack,
    /// The same as [`Suite::Everything`], and stores are replaced by older copies, and run beside copies of themselves.
    DevicesAreCopied,
    /// One store whose power is cut again and again, also while it recovers.
    PowerCuts,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Everything, Self::RelayGoesBack, Self::DevicesAreCopied, Self::PowerCuts];

    /// Plays one seed.
    ///
    /// # Errors
    /// What was violated.
    pub fn play(self, seed: &Seed) -> Result<Played, Violation> {
        self.play_with(seed, None)
    }

    /// Plays one seed with a bug planted, where one is.
    ///
    /// # Errors
    /// What was violated.
    pub fn play_with(self, seed: &Seed, planted: Option<Planted>) -> Result<Played, Violation> {
        let played = guarded(|| match self {
            Self::Everything => run(seed, planted, Plan::everything),
            Self::RelayGoesBack => run(seed, planted, Plan::relay_goes_back),
            Self::DevicesAreCopied => run(seed, planted, Plan::devices_are_copied),
            Self::PowerCuts => power::run(seed.clone(), planted),
        });
        played.unwrap_or_else(|panic| Err(format!("something panicked: {panic}")))
    }

    /// Its name, as commands take it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Everything => "world",
            Self::RelayGoesBack => "relay-goes-back",
            Self::DevicesAreCopied => "devices-are-copied",
            Self::PowerCuts => "power-cuts",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
