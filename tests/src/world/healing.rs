//! Everything is mended, and everybody comes to rest.

use regard_core::sync::{Event, Session};

use super::device::Device;
use super::disk::Faults;
use super::wire::Mischief;
use super::{Violation, World};

/// Rounds until everybody is quiet, at most: a round is all that moves until somebody waits for time to pass. Waits between
/// attempts double up to half a minute, so that ten of them are many.
const ROUNDS_MAX: usize = 60;
/// Connections that are begun anew for what waits for one, at most: two for each device.
const RECONNECTIONS_MAX: usize = 12;
/// What moves in one round at most: every save to everybody, several times over.
const MOVES_OF_A_ROUND_MAX: usize = 20_000;
/// How long a round waits where nobody wants to be woken earlier.
const ROUND_MILLISECONDS: u64 = 15_000;

impl World {
    /// Everything runs, on sound disks and whole wires.
    pub(super) fn all_run(&mut self) -> Result<(), Violation> {
        for disk in [&self.relay.log, &self.relay.access].into_iter().chain(self.devices.iter().map(Device::disk)) {
            let Faults { dies_at, lies, .. } = disk.faults();
            disk.set_faults(Faults { dies_at: dies_at.filter(|_| disk.is_dead()), lies, ..Faults::default() });
        }
        self.look_after_all()?;
        if !self.relay.runs() {
            self.start_relay()?;
        }
        for at in 0..self.devices.len() {
            if !self.devices[at].runs() {
                self.start_device(at)?;
            }
        }
        Ok(())
    }

    /// Mends everything and waits until everybody is quiet. Answers after how many rounds that was.
    pub(super) fn heal(&mut self) -> Result<usize, Violation> {
        self.all_run()?;
        for at in 0..self.wires.len() {
            let wire = &mut self.wires[at];
            wire.is_parted = false;
            wire.mischief = Mischief::default();
            if wire.is_tampered_with {
                // What a connection of today loses, it does not notice as long as nothing follows: it must end some day.
                self.cut(at, "the broken proxy is gone");
            }
        }
        for at in 0..self.devices.len() {
            self.tell(at, Event::GoOnline);
        }
        let mut reconnections = 0;
        for round in 0..ROUNDS_MAX {
            self.notes(format!("{} ms, round {round}: {}", self.steady, self.stands()));
            self.move_all()?;
            self.look_after_all()?;
            if self.is_quiet() {
                match self.waits_for_a_connection()? {
                    // Others' saves that waited for their authors are offered again by the next connection.
                    Some(at) if reconnections < RECONNECTIONS_MAX => {
                        reconnections += 1;
                        self.cut(at, "somebody begins anew");
                        self.tell(at, Event::GoOnline);
                    }
                    _ => return Ok(round),
                }
            }
            let wakes = self.devices.iter().filter_map(Device::wakes_at);
            let wait = wakes.map(|at| at.saturating_sub(self.steady)).min().unwrap_or(ROUND_MILLISECONDS);
            self.pass(wait.clamp(1, ROUND_MILLISECONDS));
        }
        Err(format!("after {ROUNDS_MAX} rounds not everybody is quiet: {}", self.stands()))
    }

    /// A device that has something left to send.
    fn waits_for_a_connection(&self) -> Result<Option<usize>, Violation> {
        for (at, device) in self.devices.iter().enumerate() {
            let Some(store) = device.store() else { continue };
            if store.outbox_count().map_err(|error| format!("device {at}: {error}"))?.waiting > 0 {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// How those stand who are not settled.
    fn stands(&self) -> String {
        let unsettled = self.devices.iter().zip(&self.wires).enumerate().filter_map(|(at, (device, wire))| {
            let Some(session) = device.session() else { return Some(format!("device {at} does not run")) };
            let is_settled = session.is_settled() && wire.is_still();
            (!is_settled).then(|| format!("device {at}: {:?} over {wire:?}", session.link()))
        });
        unsettled.collect::<Vec<_>>().join("; ")
    }

    fn move_all(&mut self) -> Result<(), Violation> {
        let mut idle = 0;
        for _ in 0..MOVES_OF_A_ROUND_MAX {
            let at = self.seed.below(self.devices.len());
            idle = if self.step(at) { 0 } else { idle + 1 };
            if idle > 3 * self.devices.len() && !(0..self.devices.len()).any(|at| self.step(at)) {
                return Ok(());
            }
        }
        Err(format!("after {MOVES_OF_A_ROUND_MAX} moves in a round there is still something to move"))
    }

    fn is_quiet(&self) -> bool {
        let are_settled = self.devices.iter().all(|device| device.session().is_some_and(Session::is_settled));
        are_settled && self.wires.iter().all(super::wire::Wire::is_still)
    }
}
