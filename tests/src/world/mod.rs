//! The simulated world: real sessions, real stores and the real relay's decisions, in one thread, from one seed.
//!
//! Devices and a relay live on disks that lose, tear and reorder what was not flushed, fail, and run full; programs die at any
//! operation and start again; connections part, stall and break; clocks jump; old copies are put in place and run beside what
//! they were made of. An [`oracle`] knows every save that was acknowledged. In the end everything is healed, and then: all are
//! quiet within a bounded number of rounds, all have the same, nothing that was acknowledged is lost, and the visibility
//! stream tells the log from any place without a gap or a duplicate.
//!
//! - [`Suite`] plays one seed: of a [`plan::Plan`], or of [`power`], which cuts the power of a single store again and again.
//! - `moving` is what the world does with frames, `happening` what happens to it, `healing` how it ends, `verdict` what must hold.

pub mod clock;
pub mod device;
pub mod disk;
mod happening;
mod healing;
mod moving;
pub mod oracle;
pub mod plan;
mod planted;
pub mod power;
pub mod relay;
mod saving;
mod suite;
pub mod token;
mod verdict;
pub mod wire;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use regard_client::store::{Identity, RelayAccess};
use regard_core::id::{MemberId, WorkspaceId};
use regard_core::sync::Event;
use regard_core::wire::Role;
use regard_core::wire::access::{InviteRequest, Secret};

use self::clock::Clock;
use self::device::Device;
use self::disk::{Disk, Ending, Faults};
use self::oracle::Oracle;
use self::plan::Plan;
pub use self::planted::Planted;
use self::relay::Relay;
pub use self::suite::Suite;
use self::token::Token;
use self::wire::Wire;
use crate::harness::Seed;

/// What does not hold, in a sentence.
pub type Violation = String;

/// A world.
pub struct World {
    seed: Seed,
    plan: Plan,
    /// Milliseconds since it began.
    steady: u64,
    workspace: WorkspaceId,
    relay: Relay,
    devices: Vec<Device>,
    wires: Vec<Wire>,
    oracle: Oracle,
    next_token: u32,
    copies: Vec<Copied>,
    /// A bug in how the parts are driven.
    planted: Option<Planted>,
    /// Frames that the relay has heard with a bug planted.
    frames: u64,
    /// What happened last, for whoever looks into a violation.
    journal: VecDeque<String>,
}

/// What a violation tells of what happened before it.
const JOURNAL_MAX: usize = 400;

/// Files that were copied.
#[derive(Clone)]
enum Copied {
    Device { at: usize, store: Vec<u8> },
    Relay { log: Vec<u8>, access: Vec<u8> },
}

/// What came of one seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// Acknowledged saves.
    pub saves: usize,
    /// Those of them that were gone with the only copy that held them.
    pub excused: usize,
    /// Changes in the log at the end.
    pub changes: usize,
    /// Rounds until everybody was quiet.
    pub rounds: usize,
}

impl Played {
    /// Both together; the rounds are those of the longer one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            saves: self.saves + other.saves,
            excused: self.excused + other.excused,
            changes: self.changes + other.changes,
            rounds: self.rounds.max(other.rounds),
        }
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { saves, excused, changes, rounds } = self;
        write!(
            f,
            "{saves} saves ({excused} of them gone with the only copy), {changes} changes, at most {rounds} rounds"
        )
    }
}

/// Plays one seed.
///
/// # Errors
/// What was violated.
fn run(seed: &Seed, planted: Option<Planted>, plan: impl FnOnce(&mut Seed) -> Plan) -> Result<Played, Violation> {
    let mut seed = seed.clone();
    let plan = plan(&mut seed);
    let mut world = World::begin(seed, plan)?;
    world.plant(planted);
    let played = world.play();
    let (changes, rounds) = played.map_err(|violation| world.with_journal(&violation))?;
    let (saves, excused) = world.oracle.counts();
    Ok(Played { saves, excused, changes, rounds })
}

impl World {
    /// A relay and some devices of different members, all of them sound.
    fn begin(mut seed: Seed, plan: Plan) -> Result<Self, Violation> {
        let founder = Identity::found("Lisbon Trading", "Member 0", "laptop", &mut seed);
        let workspace = founder.workspace;
        let relay = Relay::new(workspace, &mut seed);
        let oracle = Oracle::default();
        let count = plan.devices;
        let mut world = Self {
            seed,
            plan,
            steady: 0,
            workspace,
            relay,
            devices: Vec::new(),
            wires: Vec::new(),
            oracle,
            next_token: 0,
            copies: Vec::new(),
            planted: None,
            frames: 0,
            journal: VecDeque::new(),
        };
        world.relay.start()?;
        let desk = world.relay.desk().ok_or("the relay does not run")?;
        let invitation = desk.create_workspace(workspace, "Lisbon Trading").map_err(|error| relay::full(&error))?;
        world.join(founder.clone(), &invitation, true)?;
        for number in 1..count {
            let invitation = world.invite(None)?;
            let name = format!("Member {number}");
            let identity = Identity::join(workspace, founder.namespace(), &name, "laptop", &mut world.seed);
            world.join(identity, &invitation, false)?;
        }
        Ok(world)
    }

    fn plant(&mut self, planted: Option<Planted>) {
        self.planted = planted;
        for device in &mut self.devices {
            device.plant(planted);
        }
        let lies = planted == Some(Planted::PushNotFlushed);
        for disk in [&self.relay.log, &self.relay.access] {
            disk.set_faults(Faults { lies, ..disk.faults() });
        }
    }

    fn play(&mut self) -> Result<(usize, usize), Violation> {
        for _ in 0..self.plan.steps {
            let happening = self.plan.next(&mut self.seed);
            self.happen(happening)?;
        }
        let rounds = self.heal()?;
        Ok((self.holds()?, rounds))
    }

    fn notes(&mut self, happened: String) {
        if self.journal.len() == JOURNAL_MAX {
            self.journal.pop_front();
        }
        self.journal.push_back(happened);
    }

    fn with_journal(&self, violation: &str) -> Violation {
        let happened: Vec<_> = self.journal.iter().map(String::as_str).collect();
        format!("{violation}\nWhat happened before, the last of it at {} ms:\n{}", self.steady, happened.join("\n"))
    }

    /// An invitation by somebody who may invite: for a new member, or for a further device of one.
    fn invite(&mut self, member: Option<MemberId>) -> Result<Secret, Violation> {
        let tokens: Vec<_> = (0..self.devices.len()).filter_map(|at| self.token_of(at)).collect();
        let workspace = self.workspace;
        let desk = self.relay.desk().ok_or("the relay does not run")?;
        let request = InviteRequest { member, role: Role::Member };
        for token in tokens {
            if let Ok(invited) = desk.invite(workspace, &token, &request) {
                return invited.secret.parse().map_err(|_| "an invitation is no secret".to_owned());
            }
        }
        if member.is_some() {
            return Err("nobody can invite a further device".into());
        }
        // Where the relay's copy is so old that it knows none of those who may, its host does it.
        desk.invite_by_host(workspace, Role::Member).map_err(|refusal| format!("nobody can invite: {refusal}"))
    }

    fn join(&mut self, identity: Identity, invitation: &Secret, founds: bool) -> Result<(), Violation> {
        let desk = self.relay.desk().ok_or("the relay does not run")?;
        let request = identity.join_request(invitation, founds);
        let joined = desk.join(self.workspace, &request).map_err(|refusal| refusal.to_string())?;
        let mut identity = identity;
        identity.member = joined.member;
        let access =
            RelayAccess { address: "http://relay".into(), token: joined.token, embedded: false, certificate: None };
        let disk = Disk::new(self.seed.fork());
        let said = |error: regard_client::store::StoreError| error.to_string();
        let mut device = Device::new(disk, identity, access, self.seed.fork(), Clock::right()).map_err(said)?;
        device.start(self.steady).map_err(said)?;
        self.devices.push(device);
        self.wires.push(Wire::default());
        self.tell(self.devices.len() - 1, Event::GoOnline);
        Ok(())
    }

    fn stop_device(&mut self, at: usize, ending: Ending) {
        self.devices[at].end(ending);
        let gone = self.wires[at].reset(wire::Stage::Closed);
        self.wires[at].asked = None;
        if let (Some(connection), Some(desk)) = (gone, self.relay.desk()) {
            desk.disconnect(connection);
        }
    }

    fn stop_relay(&mut self, ending: Ending) {
        self.relay.end(ending);
        for wire in &mut self.wires {
            // Devices hear of it when something is to move, behind what is on its way to them.
            if let wire::Stage::Open | wire::Stage::Greeted(_) = wire.stage {
                wire.stage = wire::Stage::Forsaken;
            }
        }
    }

    /// Ends programs that died, starts some of those that do not run, and looks into what failed.
    fn look_after_all(&mut self) -> Result<(), Violation> {
        if self.relay.is_dead() {
            let ending = plan::ending(&mut self.seed);
            self.stop_relay(ending);
        }
        if !self.relay.runs() && self.seed.chance(1, 4) {
            self.start_relay()?;
        }
        for at in 0..self.devices.len() {
            if self.devices[at].disk().is_dead() {
                let ending = plan::ending(&mut self.seed);
                self.stop_device(at, ending);
            }
            // A failure may be told by the use after the one that met it.
            if let Some(complaint) = self.devices[at].take_complaint()
                && self.devices[at].disk().take_failures() == 0
            {
                return Err(format!("the store of device {at} failed on a sound disk: {complaint}"));
            }
            if !self.devices[at].runs() && self.seed.chance(1, 4) {
                self.start_device(at)?;
            }
        }
        Ok(())
    }

    fn start_relay(&mut self) -> Result<(), Violation> {
        match self.relay.start() {
            Ok(()) => self.relay.has_kept_its_word().or_else(|broken| {
                if self.relay.log.take_failures() > 0 || self.relay.access.take_failures() > 0 {
                    Ok(())
                } else {
                    Err(broken)
                }
            }),
            Err(_) if self.relay.log.take_failures() > 0 || self.relay.access.take_failures() > 0 => Ok(()),
            Err(error) => Err(format!("the relay does not start on sound disks: {error}")),
        }
    }

    /// Starts a device's program, which goes online, and looks whether it has all that it acknowledged.
    fn start_device(&mut self, at: usize) -> Result<(), Violation> {
        let device = &mut self.devices[at];
        let started = device.start(self.steady).and_then(|()| device.store().map(token::in_store).transpose());
        match started {
            Ok(held) => {
                let held = held.unwrap_or_default();
                self.oracle.holds(&self.oracle.of(at), &held, &format!("device {at} after a restart"))?;
                if self.seed.chance(7, 8) {
                    self.tell(at, Event::GoOnline);
                }
                Ok(())
            }
            Err(_) if device.disk().take_failures() > 0 => {
                device.end(Ending::Killed);
                Ok(())
            }
            Err(error) => Err(format!("device {at} does not start on a sound disk: {error}")),
        }
    }

    /// Puts a copy in place. What only stood in what it replaces is gone, and that is nobody's fault.
    fn take_away(&mut self, copied: &Copied) -> Result<(), Violation> {
        self.all_run()?;
        self.oracle.holds(&self.oracle.all(), &self.held()?, "before a copy is put in place")?;
        match copied {
            Copied::Device { at, .. } => self.notes(format!("device {at} goes back")),
            Copied::Relay { log, .. } => self.notes(format!("the relay goes back to {} bytes", log.len())),
        }
        match copied {
            Copied::Device { at, store } => {
                self.stop_device(*at, Ending::Killed);
                self.devices[*at].disk().replace(store.clone());
                let device = &mut self.devices[*at];
                device.start(self.steady).map_err(|error| format!("a copied store does not open: {error}"))?;
                let held = device.store().map(token::in_store).transpose().map_err(|error| error.to_string())?;
                self.oracle.went_back(*at, &held.unwrap_or_default());
                self.tell(*at, Event::GoOnline);
            }
            Copied::Relay { log, access } => {
                self.stop_relay(Ending::Killed);
                self.relay.restore(log.clone(), access.clone());
                self.relay.start()?;
            }
        }
        let held = self.held()?;
        self.oracle.excuse_all_but(&held);
        Ok(())
    }

    /// The marks of all saves that are anywhere.
    fn held(&self) -> Result<BTreeSet<Token>, Violation> {
        let mut held = BTreeSet::new();
        for device in &self.devices {
            if let Some(store) = device.store() {
                // The first use after a failure of the disk may be the one that tells of it.
                let found = token::in_store(store).or_else(|_| token::in_store(store));
                held.extend(found.map_err(|error| error.to_string())?);
            }
        }
        for change in self.relay.logged()? {
            token::in_bytes(&change.bytes, &mut held);
        }
        Ok(held)
    }
}
