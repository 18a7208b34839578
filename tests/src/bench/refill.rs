//! A relay that lost its log, or the end of it, gets everything again from a device that has it.

use std::time::{Duration, Instant};

use regard_core::limits::{BATCH_CHANGES_TARGET, PUSHES_IN_FLIGHT_MAX};
use regard_core::wire::{ClientFrame, Push, Scope, encode_batch};
use tokio_tungstenite::tungstenite::Message;

use super::disk::{Bare, Phases};
use super::filled::{Filled, Log};
use super::plan::{Doing, Plan, rate, timed};
use super::raw::{Raw, message};
use super::reconnect::bytes;
use super::stage::{Served, Stage};
use super::tap::{Seen, Tap};
use super::{Failure, Group, Report, Unit};

/// The numbers of frames: to the device, and to the relay.
const PUSHED: u8 = 1;
const CURSOR_VOID: u8 = 5;
const INVENTORY: u8 = 9;
const PUSH: u8 = 1;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let filled = Filled::of(plan)?;
    for log in [Log::Lost, Log::Older] {
        let lacking = filled.lacking(log);
        let refilled = refill(plan, filled, log)?;
        let changes = filled.changes_of_last(lacking);
        let committed = commit(&plan.fresh_folder()?.path().join("bare.redb"), &changes)?;
        let name = match log {
            Log::Lost => format!("{} records, all of the log lost", filled.records),
            Log::Older => format!("{} records, the last {lacking} lost", filled.records),
        };
        let mut limits = vec![("two-phase redb commits of as many changes", rate(lacking, committed))];
        if log == Log::Lost {
            limits.push(("a client without a store sends as many", rate(lacking, push_alone(plan, filled)?)));
        }
        report.note(Group::Refill, &name, Unit::PerSecond, rate(lacking, refilled.seconds), &limits);
        let whole = [("the whole", refilled.seconds)];
        for (part, seconds) in refilled.parts()? {
            report.note(Group::Refill, &format!("{name}: {part}"), Unit::Seconds, seconds, &whole);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
        let alone = changes.iter().map(|change| change.len()).sum::<usize>() as f64;
        let sent = bytes(&refilled.seen);
        let limit = [("the changes that were lost", alone)];
        report.note(Group::Refill, &format!("{name}: contents of all frames"), Unit::Bytes, sent, &limit);
    }
    Ok(())
}

struct Refilled {
    begun: Instant,
    seconds: f64,
    seen: [Seen; 2],
}

impl Refilled {
    /// What came behind each other, with the seconds that each took.
    fn parts(&self) -> Result<[(&'static str, f64); 4], Failure> {
        let [to_relay, to_device] = &self.seen;
        let void = to_device.first(CURSOR_VOID)?;
        let listed = to_device.last(INVENTORY)?;
        let pushing = to_relay.first(PUSH)?;
        let pushed = to_device.last(PUSHED)?;
        let between = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64();
        Ok([
            ("until the cursor is void", between(self.begun, void)),
            ("until the relay has listed", between(void, listed)),
            ("until the first push", between(listed, pushing)),
            ("until the last answer", between(pushing, pushed)),
        ])
    }
}

fn refill(plan: &Plan, filled: &Filled, log: Log) -> Result<Refilled, Failure> {
    let copied = filled.copy(plan, log)?;
    plan.wait(async {
        let served = Served::open(copied.folder()).await?;
        let tap = Tap::start(served.address, Duration::ZERO).await?;
        let device = copied.device(&tap.url())?;
        let begun = Instant::now();
        device.engine.settle().await.doing("filling the relay again")?;
        let seconds = begun.elapsed().as_secs_f64();
        device.close().await?;
        let seen = tap.finish().await?;
        filled.expect_whole(&served).await?;
        served.stop().await?;
        Ok(Refilled { begun, seconds, seen })
    })
}

/// Seconds that redb alone takes for these changes, as many a commit as a push has.
fn commit(path: &std::path::Path, changes: &[&[u8]]) -> Result<f64, Failure> {
    let mut bare = Bare::create(path)?;
    let batches = changes.chunks(BATCH_CHANGES_TARGET);
    batches.map(|batch| bare.commit(batch.iter().copied(), Phases::Two)).sum()
}

/// Seconds in which a client that has everything at hand fills an empty relay.
fn push_alone(plan: &Plan, filled: &Filled) -> Result<f64, Failure> {
    let batches = filled.log.iter().zip(1..);
    let pushes: Vec<Message> = batches
        .map(|(segment, number)| {
            let units = encode_batch(&segment.units);
            message(&ClientFrame::Push(Push { scope: Scope::Records, number, units }))
        })
        .collect();
    let stage = plan.wait(Stage::open(plan))?;
    let mut raw = plan.wait(Raw::connect(&stage.owner.access, stage.workspace))?;
    let (_, seconds) = timed(|| plan.wait(raw.push(pushes, PUSHES_IN_FLIGHT_MAX)))?;
    drop(raw);
    plan.wait(stage.close())?;
    Ok(seconds)
}
