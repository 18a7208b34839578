//! How long the gate takes over what somebody made to do harm, against the time that it may take. The fixtures are those of the
//! suite in `core/tests/gate`, which looks at verdicts and memory.

use std::time::Instant;

use regard_core::error::Cause;

use self::fixtures::Fixture;
use super::{Failure, Group, Plan, Report, Unit};

#[path = "../../../core/tests/gate/fixtures/mod.rs"]
mod fixtures;

/// A verdict may take so long.
const SECONDS_MAX: f64 = 0.05;
/// Each fixture is judged so often, and its best time counts: the others are those of the machine.
const TIMES: usize = 3;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    quiet_about_automerge();
    let mut slowest = [("a refusal", 0.0, String::new()), ("80,000 operations, taken or tried", 0.0, String::new())];
    let fixtures = fixtures::all();
    for fixture in &fixtures {
        let seconds = best(fixture)?;
        // What is refused by its bytes, its header or its numbers is to cost next to nothing. What Automerge itself must look at
        // costs what an honest change of that size costs.
        let is_large = fixture.name.starts_with("80,000 operations: ") && fixture.expected.is_none();
        let (_, longest, name) = &mut slowest[usize::from(is_large)];
        if seconds > *longest {
            (*longest, *name) = (seconds, fixture.name.clone());
        }
    }
    for (what, seconds, name) in &slowest {
        plan.tell(&format!("the slowest of {what}: {name}, {:.3} ms", seconds * 1e3));
        report.note(
            Group::Gate,
            &format!("slowest fixture: {what}"),
            Unit::Seconds,
            *seconds,
            &[("50 ms", SECONDS_MAX)],
        );
    }
    Ok(())
}

fn best(fixture: &Fixture) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let mut document = fixtures::contact();
        let begun = Instant::now();
        let verdict = fixtures::judge(fixture, &mut document);
        best = best.min(begun.elapsed().as_secs_f64());
        let found: Option<Cause> = verdict.err().map(|refusal| refusal.cause);
        if found != fixture.expected {
            return Err(Failure::new(format!("{}: expected {:?}, found {found:?}", fixture.name, fixture.expected)));
        }
    }
    Ok(best)
}

/// What hostile changes provoke in Automerge is caught, and would be printed a hundred times.
fn quiet_about_automerge() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !regard_core::record::panics_are_caught() {
                print(panic);
            }
        }));
    });
}
