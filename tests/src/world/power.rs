//! A store whose power is cut, again and again, also while it recovers.

use regard_client::store::{Identity, RelayAccess};
use regard_core::sync::Event;

use super::clock::Clock;
use super::device::Device;
use super::disk::{Disk, Ending, Faults};
use super::oracle::Oracle;
use super::{Planted, Played, Violation, saving, token};
use crate::harness::Seed;

/// How often the power is cut under one store.
const CUTS: usize = 12;
/// Saves at most between two cuts.
const SAVES_MAX: usize = 12;
/// Writes, flushes and growths between two cuts at most: some three saves.
const OPERATIONS_MAX: usize = 90;
/// Cuts in a row while it recovers.
const CUTS_IN_RECOVERY_MAX: usize = 3;

/// Lets one store live through it.
///
/// # Errors
/// What was violated.
pub fn run(mut seed: Seed, planted: Option<Planted>) -> Result<Played, Violation> {
    let disk = Disk::new(seed.fork());
    let identity = Identity::found("Lisbon Trading", "Ana", "laptop", &mut seed);
    let access =
        RelayAccess { address: "http://relay".into(), token: String::new(), embedded: false, certificate: None };
    let said = |error: regard_client::store::StoreError| error.to_string();
    let mut device = Device::new(disk, identity, access, seed.fork(), Clock::right()).map_err(said)?;
    device.plant(planted);
    let (mut oracle, mut next) = (Oracle::default(), 0);
    let mut survived = Played::default();
    for _ in 0..CUTS {
        recover(&mut device, &mut seed)?;
        let store = device.store().ok_or("the device does not run")?;
        oracle.holds(&oracle.all(), &token::in_store(store).map_err(said)?, "after a restart")?;
        let after = seed.below(OPERATIONS_MAX) as u64;
        let dies_at = Some(device.disk().operations() + after);
        device.disk().set_faults(Faults { dies_at, ..device.disk().faults() });
        for _ in 0..SAVES_MAX {
            let Some(store) = device.store() else { break };
            let Ok(marked) = saving::anything(store, &mut seed, &mut next, Clock::right().at(0)) else { break };
            if matches!(device.save(marked.save), Some(Ok(_))) {
                survived.saves += marked.tokens.len();
                oracle.acknowledged(0, marked.tokens);
            }
            // Some of what follows a save is written without a flush.
            if seed.chance(1, 3) {
                device.handle(Event::Timer, 0);
            }
            if device.disk().is_dead() {
                break;
            }
        }
        device.end(if seed.chance(1, 4) { Ending::Killed } else { Ending::PowerCut });
    }
    recover(&mut device, &mut seed)?;
    let store = device.store().ok_or("the device does not run")?;
    let found = store.check().map_err(said)?;
    if let Some(damage) = found.damage.first() {
        return Err(format!("the store is damaged after power cuts: {damage}"));
    }
    oracle.holds(&oracle.all(), &token::in_store(store).map_err(said)?, "at the end")?;
    Ok(survived)
}

/// Starts the program; at times the power is cut again before it runs.
fn recover(device: &mut Device, seed: &mut Seed) -> Result<(), Violation> {
    for _ in 0..seed.below(CUTS_IN_RECOVERY_MAX + 1) {
        let dies_at = Some(device.disk().operations() + seed.below(12) as u64);
        device.disk().set_faults(Faults { dies_at, ..device.disk().faults() });
        if device.start(0).is_ok() && !device.disk().is_dead() {
            break;
        }
        device.end(Ending::PowerCut);
    }
    device.end(Ending::Killed);
    device.start(0).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("the store does not open after a power cut: {error}: {cause}")
    })
}
