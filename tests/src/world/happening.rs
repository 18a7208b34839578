//! What happens to the simulated world until it is healed.

use regard_client::store::StoreError;
use regard_core::sync::Event;

use super::device::Device;
use super::disk::{Disk, Ending, Faults};
use super::plan::{Happening, ending};
use super::wire::{Mischief, Wire};
use super::{Copied, Violation, World, saving};

/// Devices at most, with all copies of them.
const DEVICES_MAX: usize = 6;
/// Operations of a disk until a program dies, at most: from the middle of a save to some saves later.
const OPERATIONS_TO_DEATH_MAX: usize = 120;
const YEAR_MILLISECONDS: i64 = 366 * 24 * 3_600 * 1_000;

impl World {
    /// One thing happens.
    pub(super) fn happen(&mut self, happening: Happening) -> Result<(), Violation> {
        let at = self.seed.below(self.devices.len());
        self.notes(format!("{} ms, device {at}: {happening:?}", self.steady));
        match happening {
            Happening::Save => self.save(at)?,
            Happening::Move => {
                for _ in 0..=self.seed.below(6) {
                    self.step(at);
                }
            }
            Happening::Wait => self.wait(),
            Happening::Switch => {
                let event = if self.seed.chance(1, 3) { Event::GoOffline } else { Event::GoOnline };
                self.tell(at, event);
            }
            Happening::Trouble => self.trouble(at),
            Happening::EndDevice => self.end_device(at),
            Happening::EndRelay => self.end_relay(),
            Happening::FailDisk => self.fail_disk(at),
            Happening::SetClock => self.set_clock(at),
            Happening::CopyDevice => self.copy_device(at),
            Happening::CopyRelay => self.copy_relay(),
            Happening::RestoreDevice => self.restore()?,
            Happening::RestoreRelay => self.restore_relay()?,
            Happening::CloneDevice => self.clone_device(at),
        }
        self.look_after_all()
    }

    fn save(&mut self, at: usize) -> Result<(), Violation> {
        let wall = self.devices[at].clock().at(self.steady);
        let Some(store) = self.devices[at].store() else { return Ok(()) };
        let Ok(marked) = saving::anything(store, &mut self.seed, &mut self.next_token, wall) else { return Ok(()) };
        match self.devices[at].save(marked.save) {
            Some(Ok(saved)) => {
                if saved.unit.is_some() {
                    self.oracle.acknowledged(at, marked.tokens);
                }
                self.tell(at, Event::Saved { scope: regard_core::wire::Scope::Records });
                Ok(())
            }
            // That the file failed is looked at elsewhere.
            Some(Err(StoreError::Edit(error))) => Err(format!("a save was not possible: {error}")),
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// Time passes, and who wanted to be woken meanwhile is.
    fn wait(&mut self) {
        let longest = *self.seed.one_of(&[50, 1_000, 40_000, 1_000_000]);
        let milliseconds = 1 + self.seed.below(longest) as u64;
        self.pass(milliseconds);
    }

    pub(super) fn pass(&mut self, milliseconds: u64) {
        self.steady += milliseconds;
        self.relay.set_time(self.steady);
        for at in 0..self.devices.len() {
            let hears = !self.wires[at].is_parted
                && self.relay.runs()
                && self.devices[at].session().is_some_and(|session| session.link().is_live());
            if hears {
                // The relay probes what stands.
                self.tell(at, Event::Heard);
            }
            if self.devices[at].wakes_at().is_some_and(|wakes_at| wakes_at <= self.steady) {
                let wishes = self.devices[at].wake(self.steady);
                self.fulfil(at, wishes);
            }
        }
    }

    fn trouble(&mut self, at: usize) {
        let has_mischief = self.plan.has_mischief;
        match self.seed.below(4) {
            0 => self.wires[at].is_parted = true,
            1 => self.wires[at].is_parted = false,
            2 => self.cut(at, "the connection was cut"),
            _ if has_mischief => {
                let seed = &mut self.seed;
                let mut times = || if seed.chance(1, 2) { 0 } else { seed.below(12) };
                self.wires[at].mischief = Mischief { drops: times(), doubles: times(), swaps: times(), flips: times() };
            }
            _ => {}
        }
    }

    fn end_device(&mut self, at: usize) {
        if !self.devices[at].runs() {
            return;
        }
        if self.seed.chance(1, 3) {
            let ending = ending(&mut self.seed);
            self.stop_device(at, ending);
        } else {
            self.doom(&self.devices[at].disk().clone());
        }
    }

    fn end_relay(&mut self) {
        if !self.relay.runs() {
            return;
        }
        match self.seed.below(3) {
            0 => {
                let ending = ending(&mut self.seed);
                self.stop_relay(ending);
            }
            1 => self.doom(&self.relay.log.clone()),
            _ => self.doom(&self.relay.access.clone()),
        }
    }

    /// The program on a disk dies at one of its next operations.
    fn doom(&mut self, disk: &Disk) {
        let dies_at = Some(disk.operations() + self.seed.below(OPERATIONS_TO_DEATH_MAX) as u64);
        disk.set_faults(Faults { dies_at, ..disk.faults() });
    }

    fn fail_disk(&mut self, at: usize) {
        let disk = match self.seed.below(4) {
            0 => self.relay.log.clone(),
            1 => self.relay.access.clone(),
            _ => self.devices[at].disk().clone(),
        };
        let faults = disk.faults();
        let first = disk.operations() + self.seed.below(40) as u64;
        let faults = match self.seed.below(3) {
            0 => Faults { fails_at: Some((first, 1 + self.seed.below(30) as u64)), ..faults },
            1 => Faults { full_at: Some(disk.bytes()), ..faults },
            _ => Faults { dies_at: faults.dies_at, lies: faults.lies, ..Faults::default() },
        };
        disk.set_faults(faults);
    }

    fn set_clock(&mut self, at: usize) {
        let years = i64::try_from(self.seed.below(21)).unwrap_or(0) - 10;
        if self.seed.chance(1, 4) {
            self.relay.jump(years * YEAR_MILLISECONDS);
        } else {
            self.devices[at].clock_mut().jump(years * YEAR_MILLISECONDS);
        }
    }

    /// Copies a store as somebody would who copies it while nobody has it open.
    fn copy_device(&mut self, at: usize) {
        self.stop_device(at, Ending::Killed);
        let store = self.devices[at].disk().durable();
        self.copies.push(Copied::Device { at, store });
    }

    fn copy_relay(&mut self) {
        self.stop_relay(Ending::Killed);
        self.copies.push(Copied::Relay { log: self.relay.log.durable(), access: self.relay.access.durable() });
    }

    fn restore(&mut self) -> Result<(), Violation> {
        if self.copies.is_empty() {
            return Ok(());
        }
        let at = self.seed.below(self.copies.len());
        let copied = self.copies[at].clone();
        self.take_away(&copied)
    }

    fn restore_relay(&mut self) -> Result<(), Violation> {
        if self.seed.chance(1, 4) {
            return self.take_away(&Copied::Relay { log: Vec::new(), access: self.relay.access.durable() });
        }
        self.restore()
    }

    /// A copy runs beside what it was made of.
    fn clone_device(&mut self, at: usize) {
        if self.devices.len() >= DEVICES_MAX {
            return;
        }
        self.stop_device(at, Ending::Killed);
        let content = self.devices[at].disk().durable();
        let disk = Disk::holding(self.seed.fork(), content);
        let mut device = Device::on(disk, self.seed.fork(), self.devices[at].clock());
        device.plant(self.planted);
        self.devices.push(device);
        self.wires.push(Wire::default());
    }
}
