//! A device with many records comes back, and nothing has changed.

use std::time::Duration;

use super::disk::{Bare, Echo, Phases};
use super::filled::Filled;
use super::plan::{Doing, Plan};
use super::stage::Served;
use super::tap::{Seen, Tap};
use super::{Failure, Group, Report, Series, Unit};

/// A long link, one way.
const DELAY: Duration = Duration::from_millis(50);
/// The number of the frame that says “caught up”.
const CAUGHT_UP: u8 = 4;
/// Round trips and commits of which the limit is the median.
const SAMPLES: usize = 51;
/// What everything that is said should fit in.
const AIM_BYTES: f64 = 1024.;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let filled = Filled::of(plan)?;
    let [to_relay, to_device] = plan.wait(reconnect(filled, Duration::ZERO))?;
    let [_, delayed] = plan.wait(reconnect(filled, DELAY))?;
    let limit = round_trip()? + commit(plan)?;
    let name = |what: &str| format!("{} records, nothing new, {what}", filled.records);
    let mut note = |what, unit, value, limit| report.note(Group::Reconnect, &name(what), unit, value, &[limit]);
    note("socket open to caught up", Unit::Seconds, caught_up(&to_device)?, ("a round trip and a redb commit", limit));
    let link = ("its round trip", 2. * DELAY.as_secs_f64());
    note("the same over a link of 100 ms", Unit::Seconds, caught_up(&delayed)?, link);
    note("contents of all frames", Unit::Bytes, bytes(&[to_relay, to_device]), ("1 KiB", AIM_BYTES));
    Ok(())
}

fn round_trip() -> Result<f64, Failure> {
    let mut echo = Echo::start()?;
    let trips = (0..SAMPLES).map(|_| echo.round_trip(&[0; 512])).collect::<Result<_, _>>()?;
    Ok(Series::of(trips).median())
}

/// The relay keeps durably which connection of the device this is, before it welcomes it.
fn commit(plan: &Plan) -> Result<f64, Failure> {
    let folder = plan.fresh_folder()?;
    let mut bare = Bare::create(&folder.path().join("bare.redb"))?;
    let commits = (0..SAMPLES).map(|_| bare.commit([[0; 16].as_slice()], Phases::Two)).collect::<Result<_, _>>()?;
    Ok(Series::of(commits).median())
}

async fn reconnect(filled: &Filled, delay: Duration) -> Result<[Seen; 2], Failure> {
    let served = Served::open(filled.folder()).await?;
    let tap = Tap::start(served.address, delay).await?;
    let device = filled.device(&tap.url())?;
    device.engine.settle().await.doing("connecting again")?;
    device.close().await?;
    let seen = tap.finish().await?;
    served.stop().await?;
    Ok(seen)
}

/// From the open socket until both scopes have caught up, as the device sees it.
fn caught_up(to_device: &Seen) -> Result<f64, Failure> {
    let opened = to_device.opened.ok_or_else(|| Failure::new("no socket was opened"))?;
    Ok(to_device.last(CAUGHT_UP)?.duration_since(opened).as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(super) fn bytes(seen: &[Seen]) -> f64 {
    seen.iter().map(|seen| seen.payload).sum::<usize>() as f64
}
