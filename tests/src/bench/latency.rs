//! From the save on one device until it is durable on another, through the durable relay.

use std::time::{Duration, Instant};

use regard_client::engine::Notice;
use regard_core::id::DocumentId;
use regard_core::wire::Scope;
use tokio::sync::broadcast;
use tokio::time::timeout;

use super::disk::{Bare, Echo, Phases};
use super::plan::{Doing, Plan};
use super::stage::{Device, Stage};
use super::{Failure, Group, Report, Series, Unit, records};

/// Between two saves, so that what the first leaves to do (receipts, its own acknowledgement) does not disturb the second.
pub(super) const PAUSE: Duration = Duration::from_millis(4);
/// Whatever takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(10);
const RECORDS: usize = 50;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let stage = plan.wait(Stage::open(plan))?;
    let (ana, ben) = plan.wait(async { Ok::<_, Failure>((stage.device().await?, stage.device().await?)) })?;
    let ids = records::fill(&ana.store, RECORDS)?;
    plan.wait(async {
        ana.engine.settle().await.doing("sending the records")?;
        ben.engine.settle().await.doing("fetching the records")
    })?;
    let (mut taken, mut best) = (Vec::new(), Vec::new());
    let mut limits = Limits {
        client: Bare::create(&stage.folder().join("client.redb"))?,
        relay: Bare::create(&stage.folder().join("relay.redb"))?,
        other: Bare::create(&stage.folder().join("other.redb"))?,
        sockets: Echo::start()?,
    };
    for sample in 0..plan.choose(60, 200) {
        let id = ids[sample % ids.len()];
        taken.push(one(plan, &ana, &ben, id, sample)?);
        std::thread::sleep(PAUSE);
        best.push(limits.sum(&records::last_change(&ana.store, id)?)?);
    }
    plan.wait(async {
        ana.close().await?;
        ben.close().await?;
        stage.close().await
    })?;
    let (taken, best) = (Series::of(taken), Series::of(best));
    for (name, hundredths) in [("save to applied elsewhere, median", 50), ("save to applied elsewhere, p99", 99)] {
        let limit = [("its 3 commits and 2 hops", best.percentile(hundredths))];
        report.note(Group::RelayLatency, name, Unit::Seconds, taken.percentile(hundredths), &limit);
    }
    Ok(())
}

/// The seconds of one save.
pub(super) fn one(plan: &Plan, from: &Device, to: &Device, id: DocumentId, number: usize) -> Result<f64, Failure> {
    let mut notices = to.engine.notices();
    let begun = Instant::now();
    let saved = records::save(&from.store, records::edit(id, number))?;
    let save = saved.unit.ok_or_else(|| Failure::new("the edit changed nothing"))?;
    let arrival = plan.wait(async {
        from.engine.saved(Scope::Records, Notice::Saved { save, records: vec![id] }).await;
        timeout(PATIENCE, arrival(&mut notices, id)).await
    });
    arrival.doing("waiting for the other device")??;
    Ok(begun.elapsed().as_secs_f64())
}

async fn arrival(notices: &mut broadcast::Receiver<Notice>, id: DocumentId) -> Result<(), Failure> {
    loop {
        match notices.recv().await.doing("listening to the other device")? {
            Notice::Arrived { records, set_aside: 0 } if records.contains(&id) => return Ok(()),
            Notice::Arrived { set_aside: 1.., .. } => return Err(Failure::new("the other device set a change aside")),
            _ => {}
        }
    }
}

/// What has to happen one after the other, each alone.
struct Limits {
    client: Bare,
    relay: Bare,
    other: Bare,
    sockets: Echo,
}

impl Limits {
    fn sum(&mut self, change: &[u8]) -> Result<f64, Failure> {
        let saved = self.client.commit([change], Phases::One)?;
        // There and back is as far as from one device to the relay and from the relay to another.
        let hops = self.sockets.round_trip(change)?;
        let logged = self.relay.commit([change], Phases::Two)?;
        let applied = self.other.commit([change], Phases::One)?;
        Ok(saved + hops + logged + applied)
    }
}
