//! The relay is killed while it takes in what is pushed: every acknowledged change stands at the place that was told, once,
//! and a change that is pushed again is told the same place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regard_client::system::SystemEntropy;
use regard_core::gate;
use regard_core::id::{Actor, ChangeHash, DocumentId, UnitId, WorkspaceId};
use regard_core::record::identity::Namespace;
use regard_core::time::Timestamp;
use regard_core::wire::{ClientFrame, Push, Scope, Segment, Unit, UnitChange, UnitOutcome, encode_batch};
use regard_relay::Relay;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::killer::{Victim, moment};
use super::saving::CHECKED_EVERY;
use super::victim::tell;
use super::{Report, Scene};
use crate::bench::plan::Doing;
use crate::bench::raw::{Raw, message};
use crate::bench::stage::{Joined, join};
use crate::bench::{Failure, records};
use crate::harness::{Seed, free_port};

/// Records that a cycle brings at most, each with [`CHANGES`] changes: more than it has time for.
const RECORDS: usize = 30;
const CHANGES: usize = 4;
/// Pushes on the way.
const IN_FLIGHT: usize = 4;
/// Units of one push, at most.
const UNITS_MAX: usize = 12;
/// Changes that were acknowledged and are pushed again after a kill, as a device does that has not heard the answer.
const AGAIN: usize = 5;

pub(super) fn story(mut scene: Scene<'_>, count: u64) -> Result<Report, Failure> {
    let hub = Hub::make(&scene)?;
    let mut brought = Brought::default();
    for cycle in 1..=count {
        let within = |failure: Failure| failure.within(&format!("kill {cycle}"));
        let mut victim = hub.start(&scene)?;
        if scene.seed.below(8) == 0 {
            // In the middle of opening its files.
            moment(&mut scene.seed, 8_000);
            victim.kill()?;
            continue;
        }
        victim.hear(1)?;
        let mut raw = hub.runtime.block_on(Raw::connect(&hub.owner.access, hub.workspace))?;
        hub.runtime.block_on(brought.stand_in(&mut raw)).map_err(within)?;
        brought.prepare(&hub, RECORDS)?;
        let wanted = scene.seed.below(60);
        hub.runtime.block_on(brought.push(&mut raw, &mut scene.seed, Some(wanted))).map_err(within)?;
        moment(&mut scene.seed, 4_000);
        victim.kill()?;
        // What had been sent before the kill is an acknowledgement.
        hub.runtime.block_on(brought.hear_the_rest(&mut raw)).map_err(within)?;
        if cycle % CHECKED_EVERY == 0 {
            hub.is_sound().map_err(within)?;
        }
    }
    let mut victim = hub.start(&scene)?;
    victim.hear(1)?;
    let mut raw = hub.runtime.block_on(Raw::connect(&hub.owner.access, hub.workspace))?;
    hub.runtime.block_on(brought.push(&mut raw, &mut scene.seed, None))?;
    // What a connection has brought itself, it is not sent.
    let mut raw = hub.runtime.block_on(Raw::connect(&hub.owner.access, hub.workspace))?;
    hub.runtime.block_on(brought.stand_in(&mut raw))?;
    victim.kill()?;
    hub.is_sound()?;
    Ok(Report { cycles: count, acknowledged: brought.places.len() as u64 })
}

/// A relay's files with one workspace, whose owner is here.
pub(super) struct Hub {
    pub(super) runtime: Runtime,
    pub(super) workspace: WorkspaceId,
    pub(super) namespace: Namespace,
    pub(super) owner: Joined,
    folder: PathBuf,
    port: u16,
}

impl Hub {
    pub(super) fn make(scene: &Scene<'_>) -> Result<Self, Failure> {
        let (folder, port) = (scene.folder.join("relay"), free_port());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.doing("starting threads")?;
        let (workspace, namespace) = (WorkspaceId::random(&mut SystemEntropy), Namespace::random(&mut SystemEntropy));
        let secret = {
            let _within = runtime.enter();
            let relay = Relay::open(&folder).doing("making a relay")?;
            relay.create_workspace(workspace, "Kills").doing("making a workspace")?.reveal()
        };
        let mut victim = start(scene, &folder, port)?;
        victim.hear(1)?;
        let url = format!("http://127.0.0.1:{port}");
        let owner = runtime.block_on(join(&url, workspace, namespace, secret, true))?;
        victim.kill()?;
        Ok(Self { runtime, workspace, namespace, owner, folder, port })
    }

    pub(super) fn start(&self, scene: &Scene<'_>) -> Result<Victim, Failure> {
        start(scene, &self.folder, self.port)
    }

    /// Looks at everything in the relay's files, which nobody has open.
    pub(super) fn is_sound(&self) -> Result<(), Failure> {
        let check = self.runtime.block_on(regard_relay::check(&self.folder)).doing("checking the relay's files")?;
        if check.is_sound() { Ok(()) } else { Err(Failure::new(format!("the relay's files are damaged: {check:?}"))) }
    }
}

fn start(scene: &Scene<'_>, folder: &Path, port: u16) -> Result<Victim, Failure> {
    Victim::start(scene, "relay", folder, &port.to_string())
}

pub(super) fn work(folder: &Path, port: &str) -> Result<(), Failure> {
    let port: u16 = port.parse().doing("reading the port")?;
    Runtime::new().doing("starting threads")?.block_on(async {
        let relay = Relay::open(folder).doing("opening the relay")?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.doing("listening")?;
        tell("listening\n");
        relay.serve(listener, std::future::pending()).await.doing("serving")
    })
}

/// Everything in a log of records, in its order.
pub(super) async fn logged(raw: &mut Raw) -> Result<Vec<(DocumentId, ChangeHash)>, Failure> {
    let (end, segments) = raw.log(Scope::Records).await?;
    let mut changes = Vec::new();
    for packed in segments {
        let segment = Segment::unpack(&packed).doing("reading a segment")?;
        if segment.first_seq != changes.len() as u64 + 1 {
            return Err(Failure::new(format!("a segment begins at {} after {}", segment.first_seq, changes.len())));
        }
        for change in segment.units.iter().flat_map(|unit| &unit.changes) {
            let checked = gate::check(&change.bytes).doing("reading a logged change")?;
            changes.push((change.document, checked.header.hash));
        }
    }
    let distinct: BTreeSet<_> = changes.iter().collect();
    if end.seq != changes.len() as u64 || distinct.len() != changes.len() {
        let found =
            format!("the log ends at {} and has {} changes, {} of them once", end.seq, changes.len(), distinct.len());
        return Err(Failure::new(found));
    }
    Ok(changes)
}

/// What one device brings, in the order in which it depends on each other.
#[derive(Default)]
struct Brought {
    units: Vec<Unit>,
    hashes: Vec<ChangeHash>,
    /// The places that were acknowledged, of the first so many units.
    places: Vec<u64>,
    /// The pushes on the way: of which unit on, and how many.
    on_the_way: std::collections::VecDeque<(usize, usize)>,
}

impl Brought {
    fn prepare(&mut self, hub: &Hub, count: usize) -> Result<(), Failure> {
        let device = hub.owner.identity.device;
        while self.units.len() < self.places.len() + count * CHANGES {
            let document = DocumentId::random(&mut SystemEntropy);
            let actor = Actor::of_device(device, [0; _]);
            for change in records::history(&actor, self.units.len(), CHANGES).doing("making changes")? {
                let changes = vec![UnitChange { document, bytes: change.bytes }];
                let id = UnitId::random(&mut SystemEntropy);
                self.units.push(Unit { id, author: Some(device), saved_at: Timestamp(0), changes, signature: None });
                self.hashes.push(change.hash);
            }
        }
        Ok(())
    }

    /// Pushes until so many are acknowledged, or all.
    async fn push(&mut self, raw: &mut Raw, seed: &mut Seed, wanted: Option<usize>) -> Result<(), Failure> {
        let wanted = wanted.map_or(self.units.len(), |wanted| (self.places.len() + wanted).min(self.units.len()));
        let mut next = self.places.len().saturating_sub(AGAIN);
        let mut number = 0;
        while self.places.len() < wanted {
            while self.on_the_way.len() < IN_FLIGHT && next < self.units.len() {
                let end = (next + 1 + seed.below(UNITS_MAX)).min(self.units.len());
                number += 1;
                let push = Push { scope: Scope::Records, number, units: encode_batch(&self.units[next..end].to_vec()) };
                raw.send(message(&ClientFrame::Push(push))).await?;
                self.on_the_way.push_back((next, end - next));
                next = end;
            }
            let (_, outcomes) = raw.answer().await?;
            self.note(outcomes)?;
        }
        Ok(())
    }

    async fn hear_the_rest(&mut self, raw: &mut Raw) -> Result<(), Failure> {
        while let Ok((_, outcomes)) = raw.answer().await {
            self.note(outcomes)?;
        }
        self.on_the_way.clear();
        Ok(())
    }

    fn note(&mut self, outcomes: Vec<UnitOutcome>) -> Result<(), Failure> {
        let (first, count) = self.on_the_way.pop_front().ok_or_else(|| Failure::new("an answer to no push"))?;
        if outcomes.len() != count {
            return Err(Failure::new(format!("{} outcomes for {count} units", outcomes.len())));
        }
        for (at, outcome) in (first..).zip(outcomes) {
            let place = match outcome {
                UnitOutcome::Visible { seqs, .. } if seqs.len() == 1 => seqs[0],
                other => return Err(Failure::new(format!("an honest unit got {other:?}"))),
            };
            match self.places.get(at) {
                None => self.places.push(place),
                Some(before) if *before == place => {}
                Some(before) => {
                    return Err(Failure::new(format!("a change was told to stand at {before}, and now at {place}")));
                }
            }
        }
        Ok(())
    }

    /// Whether every acknowledged change stands where it was told to.
    async fn stand_in(&self, raw: &mut Raw) -> Result<(), Failure> {
        let log = logged(raw).await?;
        for (at, place) in self.places.iter().enumerate() {
            let expected = (self.units[at].changes[0].document, self.hashes[at]);
            let found = usize::try_from(*place).ok().and_then(|place| log.get(place.checked_sub(1)?));
            if found != Some(&expected) {
                return Err(Failure::new(format!("{expected:?} was acknowledged at {place}, and {found:?} is there")));
            }
        }
        Ok(())
    }
}
