//! A fresh device gets everything from the relay, against applying the same without a relay.

use regard_client::store::{Identity, Store};
use regard_client::system::{SystemEntropy, now};
use regard_core::wire::Scope;

use super::plan::{Doing, Plan, rate, timed};
use super::raw::Raw;
use super::stage::Stage;
use super::{Failure, Group, Report, Unit, records};

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let count = plan.choose(2_000, 10_000);
    let stage = plan.wait(Stage::open(plan))?;
    let full = plan.wait(stage.device())?;
    records::fill(&full.store, count)?;
    plan.wait(full.engine.settle()).doing("sending the records")?;
    plan.wait(full.close())?;

    let fresh = plan.wait(stage.device())?;
    let ((), fetched) = timed(|| plan.wait(fresh.engine.settle())).doing("fetching the records")?;
    expect(&fresh.store, count)?;
    plan.wait(fresh.close())?;

    let (end, segments) = plan.wait(async {
        let mut raw = Raw::connect(&stage.owner.access, stage.workspace).await?;
        raw.log(Scope::Records).await
    })?;
    let identity = Identity::join(stage.workspace, stage.namespace, "Member", "device", &mut SystemEntropy);
    let alone = Store::create(&stage.folder().join("alone"), identity).doing("creating a store")?;
    let applied = timed(|| {
        segments.iter().try_for_each(|packed| alone.apply(Scope::Records, end.epoch, packed, now()).map(drop))
    });
    let ((), applied) = applied.doing("applying the log")?;
    expect(&alone, count)?;
    plan.wait(stage.close())?;

    let limit = [("applying alone", rate(count, applied))];
    report.note(Group::FirstSync, &format!("{count} records fetched"), Unit::PerSecond, rate(count, fetched), &limit);
    Ok(())
}

fn expect(store: &Store, count: usize) -> Result<(), Failure> {
    let found = store.ids().doing("counting records")?.len();
    if found == count { Ok(()) } else { Err(Failure::new(format!("{found} records came of {count}"))) }
}
