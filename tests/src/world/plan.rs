//! What can happen in a world, and how often.

use super::disk::Ending;
use crate::harness::Seed;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Somebody saves something.
    Save,
    /// Something moves on a wire.
    Move,
    /// Time passes.
    Wait,
    /// A device goes offline or online by its person's wish.
    Switch,
    /// A wire is parted, joined again or cut.
    Trouble,
    /// A device's program ends, at once or at some operation of its disk; later it starts again.
    EndDevice,
    /// The same for the relay.
    EndRelay,
    /// A disk fails, is full, or is sound again.
    FailDisk,
    /// A clock is set.
    SetClock,
    /// The files of a device or of the relay are copied.
    Copy,
    /// A copy is put in place of what it was made of.
    Restore,
    /// A copied device runs beside the one that it was copied from.
    Clone,
}

/// How often what happens, and how long it goes on.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Devices at the beginning.
    pub devices: usize,
    /// How many things happen before everything is healed.
    pub steps: usize,
    weights: Vec<(Happening, usize)>,
    /// Whether frames get lost, doubled, swapped and damaged on their way.
    pub has_mischief: bool,
}

impl Plan {
    /// Everything that can happen but copies put in place.
    #[must_use]
    pub fn everything(seed: &mut Seed) -> Self {
        use Happening as H;
        let weights = vec![
            (H::Save, 14),
            (H::Move, 60),
            (H::Wait, 8),
            (H::Switch, 3),
            (H::Trouble, 5),
            (H::EndDevice, 3),
            (H::EndRelay, 2),
            (H::FailDisk, 2),
            (H::SetClock, 1),
        ];
        Self { devices: 2 + seed.below(3), steps: 150 + seed.below(150), weights, has_mischief: seed.chance(1, 3) }
    }

    /// The same, with copies that are put in place of what they were made of, and that run beside it.
    #[must_use]
    pub fn restores(seed: &mut Seed) -> Self {
        use Happening as H;
        let mut plan = Self::everything(seed);
        plan.weights.extend([(H::Copy, 3), (H::Restore, 2), (H::Clone, 1)]);
        plan.has_mischief = false;
        plan
    }

    /// What happens next.
    pub fn next(&self, seed: &mut Seed) -> Happening {
        let mut at = seed.below(self.weights.iter().map(|(_, weight)| weight).sum());
        for (happening, weight) in &self.weights {
            match at.checked_sub(*weight) {
                None => return *happening,
                Some(rest) => at = rest,
            }
        }
        Happening::Wait
    }
}

/// How a program ends this time.
pub fn ending(seed: &mut Seed) -> Ending {
    if seed.chance(1, 2) { Ending::Killed } else { Ending::PowerCut }
}
