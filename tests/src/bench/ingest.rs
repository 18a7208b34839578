//! How fast the relay takes in changes from four devices at once, each acknowledged when it is durable, and how soon devices that
//! follow the log have them.

use std::time::Instant;

use futures_util::future::try_join_all;
use regard_client::system::SystemEntropy;
use regard_core::gate;
use regard_core::id::{Actor, DeviceId, DocumentId, Entropy, UnitId};
use regard_core::time::Timestamp;
use regard_core::wire::{ClientFrame, Push, Scope, Unit as Saved, UnitChange, encode_batch};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::disk::{Bare, Phases};
use super::plan::{Doing, Plan, made_once, rate, timed};
use super::raw::{Raw, message};
use super::stage::Stage;
use super::{Failure, Group, Report, Unit, records};

const CONNECTIONS: usize = 4;
/// Devices that follow the log while it grows.
const SUBSCRIBERS: usize = 3;
/// Changes of one record: its first one, its content, and edits.
const CHANGES_A_RECORD: usize = 4;
/// Pushes on the way of a connection: enough to keep the relay busy.
const IN_FLIGHT: usize = 64;
/// Commits of bare redb, at most: the rate is known after some hundred.
const COMMITS_MAX: usize = 200;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let prepared = made_once(&plan.prepared, || Prepared::make(plan))?;
    for order in [Order::Document, Order::Random] {
        let connections = prepared.of(order);
        let checked = check_rate(&connections[0])?;
        for a_frame in [1, 16, 100] {
            for subscribers in [0, SUBSCRIBERS] {
                let stage = plan.wait(Stage::open(plan))?;
                let committed = commit_rate(&stage, &connections[0], a_frame)?;
                let rate = plan.wait(ingest(&stage, connections, a_frame, subscribers))?;
                plan.wait(stage.close())?;
                let name = format!("{} order, {a_frame} a frame, {subscribers} subscribers", order.name());
                let limits = [("gate's check, one core", checked), ("two-phase redb commits of as many", committed)];
                report.note(Group::Ingest, &name, Unit::PerSecond, rate, &limits);
            }
        }
    }
    Ok(())
}

/// How many changes a second become durable and reach everybody who follows.
async fn ingest(stage: &Stage, connections: &[Vec<Saved>], a_frame: usize, subscribers: usize) -> Result<f64, Failure> {
    let expected: usize = connections.iter().map(Vec::len).sum();
    let (mut sockets, mut following) = (Vec::new(), Vec::new());
    for _ in connections {
        sockets.push(Raw::connect(&stage.join().await?.access, stage.workspace).await?);
    }
    let (over, pushed) = watch::channel(false);
    for _ in 0..subscribers {
        let mut socket = Raw::connect(&stage.join().await?.access, stage.workspace).await?;
        socket.log(Scope::Records).await?;
        following.push(tokio::spawn(socket.follow(expected, pushed.clone())));
    }
    let pushes: Vec<Vec<Message>> = connections.iter().map(|units| pushes(units, a_frame)).collect();
    let begun = Instant::now();
    let pushing = sockets.iter_mut().zip(pushes).map(|(socket, pushes)| socket.push(pushes, IN_FLIGHT));
    let accepted: usize = try_join_all(pushing).await?.iter().sum();
    let mut done = Instant::now();
    if accepted != expected {
        return Err(Failure::new(format!("{accepted} changes were accepted of {expected}")));
    }
    over.send_replace(true);
    for follower in following {
        done = done.max(follower.await.doing("following the log")??);
    }
    Ok(rate(accepted, done.duration_since(begun).as_secs_f64()))
}

/// What every run sends, by connections.
#[derive(Debug)]
pub(super) struct Prepared {
    document_order: Vec<Vec<Saved>>,
    random_order: Vec<Vec<Saved>>,
}

impl Prepared {
    fn make(plan: &Plan) -> Result<Self, Failure> {
        // All records together are more than the relay keeps indexes of.
        let of_each = plan.choose(300, 1_200);
        let make = |order| {
            let devices = (0..CONNECTIONS).map(|_| DeviceId::random(&mut SystemEntropy));
            devices.map(|device| prepare(device, of_each, order)).collect::<Result<_, Failure>>()
        };
        Ok(Self { document_order: make(Order::Document)?, random_order: make(Order::Random)? })
    }

    fn of(&self, order: Order) -> &[Vec<Saved>] {
        match order {
            Order::Document => &self.document_order,
            Order::Random => &self.random_order,
        }
    }
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
