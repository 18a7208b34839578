//! How fast the relay takes in changes from four devices at once, each acknowledged when it is durable.

use futures_util::future::try_join_all;
use regard_client::system::SystemEntropy;
use regard_core::gate;
use regard_core::id::{Actor, DeviceId, DocumentId, Entropy, UnitId};
use regard_core::limits::PUSHES_IN_FLIGHT_MAX;
use regard_core::time::Timestamp;
use regard_core::wire::{ClientFrame, Push, Scope, Unit as Saved, UnitChange, encode_batch};
use tokio_tungstenite::tungstenite::Message;

use super::disk::{Bare, Phases};
use super::plan::{Doing, Plan, rate, timed};
use super::raw::{Raw, message};
use super::stage::Stage;
use super::{Failure, Group, Report, Unit, records};

const CONNECTIONS: usize = 4;
/// Changes of one record: its first one, its content, and edits.
const CHANGES_A_RECORD: usize = 4;
/// Pushes on the way of a connection: enough to keep the relay busy.
const IN_FLIGHT: usize = 64;
/// Commits of bare redb, at most: the rate is known after some hundred.
const COMMITS_MAX: usize = 200;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    // All records together are more than the relay keeps indexes of.
    let of_each = plan.choose(300, 1_200);
    for order in [Order::Document, Order::Random] {
        for (a_frame, in_flight) in [(1, PUSHES_IN_FLIGHT_MAX), (1, IN_FLIGHT), (16, IN_FLIGHT), (100, IN_FLIGHT)] {
            let stage = plan.wait(Stage::open(plan))?;
            let (mut sockets, mut prepared) = (Vec::new(), Vec::new());
            for _ in 0..CONNECTIONS {
                let joined = plan.wait(stage.join())?;
                sockets.push(plan.wait(Raw::connect(&joined.access, stage.workspace))?);
                prepared.push(prepare(joined.identity.device, of_each, order)?);
            }
            let checked = check_rate(&prepared[0])?;
            let committed = commit_rate(&stage, &prepared[0], a_frame)?;
            let pushes: Vec<Vec<Message>> = prepared.iter().map(|units| pushes(units, a_frame)).collect();
            let pushing = sockets.iter_mut().zip(pushes).map(|(socket, pushes)| socket.push(pushes, in_flight));
            let (accepted, seconds) = timed(|| plan.wait(try_join_all(pushing)))?;
            drop(sockets);
            plan.wait(stage.close())?;
            let accepted: usize = accepted.iter().sum();
            let expected: usize = prepared.iter().map(Vec::len).sum();
            if accepted != expected {
                return Err(Failure::new(format!("{accepted} changes were accepted of {expected}")));
            }
            let name = format!("{} order, {a_frame} a frame, {in_flight} in flight", order.name());
            let limits = [("gate's check, one core", checked), ("two-phase redb commits of as many", committed)];
            report.note(Group::Ingest, &name, Unit::PerSecond, rate(accepted, seconds), &limits);
        }
    }
    Ok(())
}

/// In which order a device's changes come.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// One record after the other.
    Document,
    /// Any record at any time; those of one record as they depend on each other.
    Random,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Random => "random",
        }
    }
}

/// Honest changes, each a save of its own.
fn prepare(device: DeviceId, count: usize, order: Order) -> Result<Vec<Saved>, Failure> {
    let actor = Actor::of_device(device, [0; _]);
    let mut places = Vec::with_capacity(count * CHANGES_A_RECORD);
    let mut changes = Vec::with_capacity(count);
    for number in 0..count {
        let history = records::history(&actor, number, CHANGES_A_RECORD).doing("preparing changes")?;
        places.extend(std::iter::repeat_n(number, history.len()));
        changes.push((DocumentId::random(&mut SystemEntropy), history.into_iter()));
    }
    if matches!(order, Order::Random) {
        shuffle(&mut places);
    }
    let units = places.into_iter().filter_map(|record| {
        let (document, history) = &mut changes[record];
        let changes = vec![UnitChange { document: *document, bytes: history.next()?.bytes }];
        let id = UnitId::random(&mut SystemEntropy);
        Some(Saved { id, author: Some(device), saved_at: Timestamp(0), changes, signature: None })
    });
    Ok(units.collect())
}

fn shuffle(places: &mut [usize]) {
    for at in (1..places.len()).rev() {
        let mut bytes = [0; 8];
        SystemEntropy.fill(&mut bytes);
        let drawn = usize::try_from(u64::from_be_bytes(bytes) % (at as u64 + 1)).unwrap_or(0);
        places.swap(at, drawn);
    }
}

fn pushes(units: &[Saved], a_frame: usize) -> Vec<Message> {
    let batches = units.chunks(a_frame).map(<[Saved]>::to_vec).zip(1..);
    batches
        .map(|(units, number)| {
            message(&ClientFrame::Push(Push { scope: Scope::Records, number, units: encode_batch(&units) }))
        })
        .collect()
}

fn changes(units: &[Saved]) -> impl Iterator<Item = &[u8]> {
    units.iter().flat_map(|unit| &unit.changes).map(|change| change.bytes.as_slice())
}

fn check_rate(units: &[Saved]) -> Result<f64, Failure> {
    let checked = timed(|| changes(units).try_for_each(|change| gate::check(change).map(drop)));
    let ((), seconds) = checked.doing("checking changes")?;
    Ok(rate(units.len(), seconds))
}

fn commit_rate(stage: &Stage, units: &[Saved], a_commit: usize) -> Result<f64, Failure> {
    let mut bare = Bare::create(&stage.folder().join("bare.redb"))?;
    let (mut count, mut seconds) = (0, 0.);
    for units in units.chunks(a_commit).take(COMMITS_MAX) {
        seconds += bare.commit(changes(units), Phases::Two)?;
        count += units.len();
    }
    Ok(rate(count, seconds))
}
