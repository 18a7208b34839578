use std::fmt::Write;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, WARN, plain};
use super::super::times::ago;
use super::NOTHING;
use super::quarantine::dropped;
use crate::api::Method;
use crate::api::types::quarantine::ComplaintView;
use crate::api::types::{DeviceView, SHUT_OUT_HINT, StatusView};
use crate::store::Answer;
use regard_core::sync::Link;
use regard_core::time::Timestamp;

/// Say how things stand: online or not, what is unsent, what is here, who else there is.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let runs = client.workspace().is_none();
        let status: StatusView = client.call(Method::GET, "/v1/status", NOTHING).await?;
        client.close().await;
        context.output.answer(&status, |status| people(status, runs))
    }
}

fn people(status: &StatusView, runs: bool) -> String {
    let mut text = String::new();
    let _ =
        writeln!(text, "{BOLD}{}{BOLD:#}: {} ({})", plain(&status.workspace_name), status.member, status.device_name);
    let _ = writeln!(text, "{}", connection(status, runs));
    let waiting = status.outbox.waiting;
    let _ = match waiting {
        0 if status.relay.is_none() || !status.refused.is_empty() => Ok(()),
        0 => writeln!(text, "Everything you saved is visible to the others."),
        1 => writeln!(text, "One save waits to be sent{}.", since(status.waiting_since)),
        _ => writeln!(text, "{waiting} saves wait to be sent, the oldest{}.", since(status.waiting_since)),
    };
    let unsent = waiting + status.outbox.refused;
    if status.shut_out.is_some() && unsent > 0 {
        let _ = writeln!(text, "Your saves are kept here. {SHUT_OUT_HINT}");
    }
    for save in &status.refused {
        let records: Vec<_> = save.records.iter().map(|id| id.to_hex()[..8].to_owned()).collect();
        let (at, reason) = (ago(save.saved_at), plain(&save.reason.detail));
        let _ = writeln!(
            text,
            "{WARN}Refused by the relay, kept here:{WARN:#} your save of {at} ({}): {reason}",
            records.join(", ")
        );
    }
    let records = status.records.iter().filter(|(_, count)| **count > 0);
    let records: Vec<_> =
        records.map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
    let _ = writeln!(text, "Records: {}", if records.is_empty() { "none".into() } else { records.join(", ") });
    if let (false, true, Some(at)) = (status.link.is_live(), status.devices.is_empty(), status.as_of) {
        let _ = writeln!(text, "The relay was last heard of {}", ago(at));
    }
    if !status.link.is_live() && !status.devices.is_empty() {
        let _ = writeln!(text, "As last heard{}:", status.as_of.map(|at| format!(" {}", ago(at))).unwrap_or_default());
    }
    for device in &status.devices {
        let online = if device.online { "online" } else { "offline" };
        let _ = writeln!(text, "  {} is {online}{}{}", device.name, since(device.since), behind(device));
    }
    troubles(&mut text, status);
    text
}

/// What cannot be applied, here and elsewhere, and with what synchronizing gets no further.
fn troubles(text: &mut String, status: &StatusView) {
    for change in &status.set_aside {
        let _ = writeln!(
            text,
            "{WARN}Set aside:{WARN:#} a change of record {}: {}",
            change.document,
            plain(&change.reason.detail)
        );
    }
    let told = status.set_aside.len() as u64;
    if status.quarantine.changes > told {
        let (all, bytes) = (status.quarantine.changes, status.quarantine.bytes);
        let _ = writeln!(text, "  {told} of {all} that were set aside, with {bytes} bytes: `regard quarantine list`");
    }
    if let Some(dropped) = dropped(status.quarantine.dropped) {
        let _ = writeln!(text, "{WARN}{dropped}{WARN:#}");
    }
    for ComplaintView { complaint, name } in &status.complaints {
        let records: Vec<_> = complaint.records.iter().map(|id| id.to_hex()[..8].to_owned()).collect();
        let answer = match &complaint.answer {
            Answer::Waits => "it is made again unless that passes".to_owned(),
            Answer::MadeAgain { .. } => "it was made again".to_owned(),
            Answer::Left { why } => format!("it was not made again: {}", plain(why)),
        };
        let (name, records) = (plain(name), records.join(", "));
        let _ = writeln!(text, "{WARN}Not applied by {name}:{WARN:#} your save of record {records}; {answer}");
    }
    if let Some(reason) = &status.stuck.reason {
        let _ = writeln!(text, "{WARN}Gets no further:{WARN:#} {}", plain(reason));
    }
    if status.stuck.count > 0 {
        let some: Vec<_> = status.stuck.records.iter().map(|id| id.to_hex()[..8].to_owned()).collect();
        let more = if status.stuck.count > some.len() { ", …" } else { "" };
        let _ = writeln!(
            text,
            "{WARN}Differs from the relay for ever:{WARN:#} record {}{more}; the others are synchronized",
            some.join(", ")
        );
    }
}

fn since(time: Option<Timestamp>) -> String {
    time.map(|time| format!(" since {}", ago(time))).unwrap_or_default()
}

fn behind(device: &DeviceView) -> String {
    let told = device.told_at.map(|at| format!(" as of {}", ago(at))).unwrap_or_default();
    match device.behind {
        None => String::new(),
        Some(0) => ", all current".into(),
        Some(1) => format!(", 1 change behind{told}"),
        Some(changes) => format!(", {changes} changes behind{told}"),
    }
}

fn connection(status: &StatusView, runs: bool) -> String {
    let relay = match &status.relay {
        Some(relay) if status.relay_embedded => format!("{relay} (run by `regard up` here)"),
        Some(relay) => relay.clone(),
        None => return "No relay is set: everything stays on this machine. `regard up` runs one.".into(),
    };
    if let (Some(shut_out), false) = (&status.shut_out, status.link.is_live()) {
        return format!("Shut out, heard {}: {}", ago(shut_out.heard_at), plain(&shut_out.reason.detail));
    }
    match &status.link {
        Link::Live { since } => {
            let current = if status.settled { "all current" } else { "catching up" };
            format!("Online with {relay} since {}, {current}", ago(*since))
        }
        Link::Connecting { .. } => format!("Connecting to {relay}"),
        Link::Waiting { since, reason, .. } => format!("Offline since {}: {}", ago(*since), plain(&reason.detail)),
        Link::Ended { since, reason } => format!("Shut out since {}: {}", ago(*since), plain(&reason.detail)),
        Link::Offline { since } if runs => format!("Offline by choice since {}; the relay is {relay}", ago(*since)),
        Link::Offline { .. } => format!("Not running; the relay is {relay}"),
    }
}
