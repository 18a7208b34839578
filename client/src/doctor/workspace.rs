use std::time::Duration;

use regard_core::id::DocumentId;
use regard_core::sync::Link;
use regard_core::time::Timestamp;

use super::Finding;
use crate::api::types::edit::{DoctorView, RelayVisit};
use crate::api::types::{Problem, ProblemCode, SHUT_OUT_HINT, StatusView};
use crate::api::{Client, Method};
use crate::store::StoreCheck;
use crate::system::now;

/// Saves that wait longer than this wait for something that does not come by itself.
const UNSENT_PATIENCE: Duration = Duration::from_hours(24);
/// A clock that differs by more shows times that people take for wrong; a relay tells its own to the second.
const CLOCK_PATIENCE: Duration = Duration::from_mins(2);
const NOTHING: Option<&()> = None;

pub(super) async fn examine(client: &Client, quick: bool) -> Vec<Finding> {
    let runs = client.workspace().is_none();
    let mut findings = vec![if runs {
        Finding::ok("store", "`regard up` has it open and answers")
    } else {
        Finding::ok("store", "it can be opened, and nobody else has it open")
    }];
    if !quick {
        let check: Result<StoreCheck, Problem> = client.call(Method::GET, "/v1/check", NOTHING).await;
        findings.push(check.map_or_else(|problem| failed("content", problem), |check| content(&check)));
    }
    let status: Result<StatusView, Problem> = client.call(Method::GET, "/v1/status", NOTHING).await;
    let view: Result<DoctorView, Problem> = client.call(Method::GET, "/v1/doctor", NOTHING).await;
    match (status, view) {
        (Ok(status), Ok(view)) => {
            findings.extend(relay(&status, view.relay.as_ref(), runs));
            findings.extend(saves(&status));
            findings.extend(decisions(&view));
        }
        (Err(problem), _) | (_, Err(problem)) => findings.push(failed("records", problem)),
    }
    findings
}

fn failed(check: &'static str, problem: Problem) -> Finding {
    let hint = problem.hint.unwrap_or_else(|| "`regard check` says more.".into());
    Finding::problem(check, with_causes(problem.message, &problem.causes), hint)
}

/// A sentence with what caused it.
pub(super) fn with_causes(message: String, causes: &[String]) -> String {
    [message].iter().chain(causes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

fn content(check: &StoreCheck) -> Finding {
    let Some(first) = check.damage.first() else {
        return Finding::ok("content", format!("{} sound", counted(check.records, "record is", "records are")));
    };
    let more = check.damage.len() as u64 - 1 + check.untold;
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    let hint = "Keep this folder. `regard restore FILE --store FOLDER` makes a store of a backup in another one; without a \
                backup, join the workspace anew there. `regard check` lists all damage.";
    Finding::problem("content", format!("the store is damaged: {first}{more}"), hint)
}

fn relay(status: &StatusView, visit: Option<&RelayVisit>, runs: bool) -> Vec<Finding> {
    let Some(visit) = visit else {
        let message = "no relay is set: everything stays on this machine";
        return vec![Finding::warning(
            "relay",
            message,
            "`regard up` runs one, `regard relay move LINK` joins another.",
        )];
    };
    let mut findings = vec![reached(status, visit, runs)];
    if !runs {
        let message = "`regard up` does not run: what others save arrives when it does, or with `regard sync`";
        findings.push(Finding::warning("connection", message, "Type: regard up"));
    } else if let Link::Offline { .. } = status.link {
        findings.push(Finding::warning("connection", "you are offline by choice", "Type: regard online"));
    }
    findings.extend(visit.clock_ahead_ms.map(clock));
    findings
}

fn reached(status: &StatusView, visit: &RelayVisit, runs: bool) -> Finding {
    let address = &visit.address;
    if let Some(shut_out) = &status.shut_out {
        return Finding::problem(
            "relay",
            format!("this device is shut out: {}", shut_out.reason.detail),
            SHUT_OUT_HINT,
        );
    }
    match &visit.problem {
        None => Finding::ok("relay", format!("{address} answers and knows this device")),
        // A relay that only `up` runs is not there without it.
        Some(_) if status.relay_embedded && !runs => {
            let message = format!("the relay at {address} is run by `regard up`, which does not run");
            Finding::warning("relay", message, "Type: regard up")
        }
        Some(problem) => {
            let otherwise = match problem.code {
                ProblemCode::Offline => {
                    "Look whether it runs, and whether this machine is online. `regard relay move ADDRESS` \
                                         tells this device another address."
                }
                _ => {
                    "`regard sync` proves this device by its key; where that fails, an owner invites it anew: \
                      `regard relay move LINK`."
                }
            };
            let hint = match problem.code {
                ProblemCode::Offline => otherwise.to_owned(),
                _ => problem.hint.clone().unwrap_or_else(|| otherwise.to_owned()),
            };
            Finding::problem("relay", with_causes(problem.message.clone(), &problem.causes), hint)
        }
    }
}

fn clock(ahead_ms: i64) -> Finding {
    if u128::from(ahead_ms.unsigned_abs()) <= CLOCK_PATIENCE.as_millis() {
        return Finding::ok("clock", "it goes with the relay's");
    }
    let (minutes, way) = (ahead_ms.unsigned_abs() / 60_000, if ahead_ms > 0 { "behind" } else { "ahead of" });
    let message = format!("this device's clock is {minutes} minutes {way} the relay's");
    Finding::warning("clock", message, "Set it: others see the times of your saves by it. Nothing else depends on it.")
}

fn saves(status: &StatusView) -> Vec<Finding> {
    let mut findings = Vec::new();
    let waiting = status.outbox.waiting;
    let is_late = |since: Timestamp| u128::try_from(now().0 - since.0).is_ok_and(|ms| ms > UNSENT_PATIENCE.as_millis());
    if status.relay.is_some() && waiting > 0 && status.waiting_since.is_some_and(is_late) {
        let message = format!("{} for more than a day to be sent", counted(waiting, "save waits", "saves wait"));
        findings.push(Finding::warning("outbox", message, "Type: regard sync. `regard outbox list` shows them."));
    }
    if status.outbox.refused > 0 {
        let message =
            format!("the relay refused {}, which stand here alone", counted(status.outbox.refused, "save", "saves"));
        let hint = "`regard outbox list` shows them with the reasons; `regard outbox export FILE` carries them to another device.";
        findings.push(Finding::problem("outbox", message, hint));
    }
    if findings.is_empty() {
        let message = if waiting == 0 { "nothing waits".into() } else { counted(waiting, "save waits", "saves wait") };
        findings.push(Finding::ok("outbox", message));
    }
    if let Some(reason) = &status.stuck.reason {
        let message = format!("synchronizing gets no further: {reason}");
        findings.push(Finding::problem("sync", message, "It is tried again by itself. Tell whoever runs the relay."));
    }
    if status.stuck.count > 0 {
        let count = counted(status.stuck.count as u64, "record differs", "records differ");
        let named = some(&status.stuck.records, status.stuck.count as u64);
        let message = format!("{count} from the relay's log however often they are compared: {named}");
        let hint = "The others are synchronized. `regard quarantine list` says what cannot be applied here.";
        findings.push(Finding::warning("sync", message, hint));
    }
    if status.quarantine.changes > 0 {
        let count = counted(status.quarantine.changes, "change of others was", "changes of others were");
        let message = format!("{count} set aside, because they cannot be taken in here");
        let hint =
            "`regard quarantine list` says of which records and why. A newer version of Regard may take them in.";
        findings.push(Finding::warning("set-aside", message, hint));
    }
    findings
}

fn decisions(view: &DoctorView) -> Vec<Finding> {
    let mut findings = Vec::new();
    if view.contested > 0 {
        let count = counted(view.contested, "record is", "records are");
        let message = format!("{count} in conflict: {}", some(&view.contested_first, view.contested));
        let hint = "`regard list is:conflict` lists them, `regard show ID` shows both values, `regard edit ID FIELD=VALUE` settles it.";
        findings.push(Finding::warning("conflicts", message, hint));
    }
    if view.undecided > 0 {
        let count = counted(view.undecided, "record was", "records were");
        let message = format!("{count} deleted while somebody edited: {}", some(&view.undecided_first, view.undecided));
        let hint = "`regard list is:undecided` lists them; `regard undelete ID` keeps one, `regard delete ID` deletes it for good measure.";
        findings.push(Finding::warning("undecided", message, hint));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("records", "none waits for a decision"));
    }
    findings
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn some(named: &[DocumentId], of: u64) -> String {
    let ids = named.iter().map(|id| id.to_hex()[..8].to_owned()).collect::<Vec<_>>().join(", ");
    if of > named.len() as u64 { format!("{ids}, …") } else { ids }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_is_wrong_when_people_would_notice() {
        assert_eq!(clock(-119_000).state, State::Ok);
        assert_eq!(clock(121_000).message, "this device's clock is 2 minutes behind the relay's");
        assert_eq!(clock(-3_600_000).message, "this device's clock is 60 minutes ahead of the relay's");
    }

    #[test]
    fn decisions_are_counted_and_some_are_named() {
        let mut view = DoctorView {
            contested: 0,
            contested_first: Vec::new(),
            undecided: 0,
            undecided_first: Vec::new(),
            relay: None,
        };
        assert_eq!(decisions(&view), [Finding::ok("records", "none waits for a decision")]);
        (view.undecided, view.undecided_first) = (7, vec![DocumentId::from_bytes([0xab; 16])]);
        let found = decisions(&view);
        assert_eq!(found[0].message, "7 records were deleted while somebody edited: abababab, …");
    }
}
