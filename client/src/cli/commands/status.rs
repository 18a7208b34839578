use std::fmt::Write;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, WARN, plain};
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::StatusView;
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
        0 if status.relay.is_none() => Ok(()),
        0 => writeln!(text, "Everything you saved is visible to the others."),
        1 => writeln!(text, "One save waits to be sent."),
        _ => writeln!(text, "{waiting} saves wait to be sent."),
    };
    if status.outbox.refused > 0 {
        let _ = writeln!(text, "{WARN}The relay refused {} saves; they are kept here.{WARN:#}", status.outbox.refused);
    }
    let records = status.records.iter().filter(|(_, count)| **count > 0);
    let records: Vec<_> =
        records.map(|(kind, count)| format!("{count} {kind}{}", if *count == 1 { "" } else { "s" })).collect();
    let _ = writeln!(text, "Records: {}", if records.is_empty() { "none".into() } else { records.join(", ") });
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
    let text = |name: &str| status.link[name].as_str().unwrap_or_default();
    let since = || serde_json::from_value::<Timestamp>(status.link["since"].clone()).map(ago).unwrap_or_default();
    let relay = match &status.relay {
        Some(relay) if status.relay_embedded => format!("{relay} (run by `regard up` here)"),
        Some(relay) => relay.clone(),
        None => return "No relay is set: everything stays on this machine. `regard up` runs one.".into(),
    };
    match text("state") {
        "live" => format!(
            "Online with {relay} since {}{}",
            since(),
            if status.settled { ", all current" } else { ", catching up" }
        ),
        "connecting" => format!("Connecting to {relay}"),
        "waiting" => {
            let reason = status.link["reason"]["detail"].as_str().unwrap_or("it is not known why");
            format!("Offline since {}: {reason}", since())
        }
        _ if runs => format!("Offline by choice since {}; the relay is {relay}", since()),
        _ => format!("Not running; the relay is {relay}"),
    }
}
