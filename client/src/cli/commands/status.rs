use std::fmt::Write;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, WARN, plain};
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::StatusView;
use regard_core::sync::Link;

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
        1 => writeln!(text, "One save waits to be sent."),
        _ => writeln!(text, "{waiting} saves wait to be sent."),
    };
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
    if !status.link.is_live() && !status.devices.is_empty() {
        let _ = writeln!(text, "As last heard{}:", status.as_of.map(|at| format!(" {}", ago(at))).unwrap_or_default());
    }
    for device in &status.devices {
        let since = device.since.map(|since| format!(" since {}", ago(since))).unwrap_or_default();
        let _ = writeln!(text, "  {} is {}{since}", device.name, if device.online { "online" } else { "offline" });
    }
    for change in &status.set_aside {
        let _ = writeln!(
            text,
            "{WARN}Set aside:{WARN:#} a change of record {}: {}",
            change.document,
            plain(&change.reason.detail)
        );
    }
    text
}

fn connection(status: &StatusView, runs: bool) -> String {
    let relay = match &status.relay {
        Some(relay) if status.relay_embedded => format!("{relay} (run by `regard up` here)"),
        Some(relay) => relay.clone(),
        None => return "No relay is set: everything stays on this machine. `regard up` runs one.".into(),
    };
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
