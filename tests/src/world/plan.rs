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
    /// A device's store is copied.
    CopyDevice,
    /// The relay's files are copied.
    CopyRelay,
    /// A copy of a store is put in place of it.
    RestoreDevice,
    /// A copy of the relay's files is put in place of them, or an empty log.
    RestoreRelay,
    /// A copied device runs beside the one that it was copied from.
    CloneDevice,
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

    /// The same, with older copies of the relay's files that are put in place, and a log that begins anew.
    #[must_use]
    pub fn relay_goes_back(seed: &mut Seed) -> Self {
        use Happening as H;
        Self::everything(seed).with(&[(H::CopyRelay, 3), (H::RestoreRelay, 2)])
    }

    /// The same, with older copies of devices' stores that are put in place, and that run beside what they were made of.
    #[must_use]
    pub fn devices_are_copied(seed: &mut Seed) -> Self {
        use Happening as H;
        Self::everything(seed).with(&[(H::CopyDevice, 3), (H::RestoreDevice, 2), (H::CloneDevice, 1)])
    }

    fn with(mut self, more: &[(Happening, usize)]) -> Self {
        self.weights.extend(more);
        self.has_mischief = false;
        self
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
