//! What honest devices notice of attackers on their relay: from the save on one device until it is durable on another, with
//! them and without, in the same run.

use std::time::Duration;

use super::latency::{PAUSE, one};
use super::plan::{Doing, Plan};
use super::stage::{Device, Stage};
use super::{Failure, Group, Report, Series, Unit, records};
use crate::harness::{Attack, Attackers, Insider};

const RECORDS: usize = 20;
/// All attackers have connected by then, and the first of them have been let go.
const WARMING: Duration = Duration::from_secs(2);

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let stage = plan.wait(Stage::open(plan))?;
    let (ana, ben) = plan.wait(async { Ok::<_, Failure>((stage.device().await?, stage.device().await?)) })?;
    let ids = records::fill(&ana.store, RECORDS)?;
    plan.wait(async {
        ana.engine.settle().await.doing("sending the records")?;
        ben.engine.settle().await.doing("fetching the records")
    })?;
    let insider = plan.wait(stage.join())?;
    let insider = Insider { workspace: stage.workspace, token: insider.access.token };
    let samples = plan.choose(100, 400);
    let measure = |from: &Device, to: &Device, first: usize| {
        let taken = (first..first + samples).map(|sample| {
            std::thread::sleep(PAUSE);
            one(plan, from, to, ids[sample % ids.len()], sample)
        });
        taken.collect::<Result<Vec<_>, _>>().map(Series::of)
    };
    let quiet = measure(&ana, &ben, 0)?;
    let attackers = Attackers::start(stage.address(), &insider, &Attack::ALL);
    std::thread::sleep(WARMING);
    let attacked = measure(&ana, &ben, samples)?;
    drop(attackers);
    plan.wait(async {
        ana.close().await?;
        ben.close().await?;
        stage.close().await
    })?;
    for (name, hundredths) in [("save to applied elsewhere, median", 50), ("save to applied elsewhere, p99", 99)] {
        let limit = [("the same without attackers", quiet.percentile(hundredths))];
        report.note(Group::Attacked, name, Unit::Seconds, attacked.percentile(hundredths), &limit);
    }
    Ok(())
}
