use std::fmt::Write;

use clap::Subcommand;
use regard_core::sync::Link;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::plain;
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::access::{MoveRequest, RelayAnswer, RelayView, TokenView};

/// Show the workspace's relay, and see to it when it has moved or lost its files.
#[derive(Debug, Subcommand)]
pub(crate) enum Relay {
    /// Say where the relay is, how the connection stands, and by which key it knows this device.
    Show,
    /// Print the token by which this device proves itself to the relay, for programs of your own that ask it.
    ///
    /// Whoever has it is this device: put it nowhere where others read.
    Token,
    /// Tell this device another address of its relay; or, with an invitation link, join the workspace on another relay.
    ///
    /// The records stay. A relay that does not have them is filled by the devices that join it.
    Move {
        /// Another address of the same relay, or an invitation link for this workspace.
        to: String,
        /// The fingerprint of the certificate that the relay has now, as `regard-relay settings` shows it there, or `system`
        /// where an authority vouches for it.
        #[arg(long, value_name = "FINGERPRINT")]
        certificate: Option<String>,
    },
    /// Tell a relay that has lost its members who belongs to the workspace. For an owner.
    ///
    /// Whoever hosts the relay types first: `regard-relay workspace adopt WORKSPACE --key KEY`, with what
    /// `regard relay show` says here. All other devices are back by themselves then.
    Adopt,
}

impl Relay {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let runs = client.workspace().is_none();
        match self {
            Self::Show => {
                let relay: RelayView = client.call(Method::GET, "/v1/relay", NOTHING).await?;
                client.close().await;
                context.output.answer(&relay, |relay| people(relay, runs))?;
            }
            Self::Token => {
                let token: TokenView = client.call(Method::GET, "/v1/relay/token", NOTHING).await?;
                client.close().await;
                context.output.answer(&token, |token| token.token.clone())?;
            }
            Self::Move { to, certificate } => {
                let request = MoveRequest { to, certificate };
                let answer: RelayAnswer = client.call(Method::POST, "/v1/relay/move", Some(&request)).await?;
                client.close().await;
                context.output.answer(&answer, |answer| format!("The relay is now {}", answer.address))?;
                if let Some(reason) = &answer.unreached {
                    context.output.warning(format!("This device did not get in there just now: {}", plain(reason)));
                }
                if !runs {
                    context.output.hint("`regard up` keeps you current, `regard sync` sends and fetches once.");
                }
            }
            Self::Adopt => {
                let answer: RelayAnswer = client.call(Method::POST, "/v1/relay/adopt", NOTHING).await?;
                client.close().await;
                let devices = answer.devices.unwrap_or(0);
                context.output.answer(&answer, |answer| {
                    format!("The relay at {} knows the workspace again, with {}.", answer.address, counted(devices))
                })?;
                context.output.note("The other devices come back by themselves when they connect next.");
            }
        }
        Ok(())
    }
}

fn people(relay: &RelayView, runs: bool) -> String {
    let mut text = String::new();
    let _ = match &relay.address {
        Some(address) if relay.embedded => writeln!(text, "Relay: {address}, run by `regard up` here"),
        Some(address) => writeln!(text, "Relay: {address}"),
        None => writeln!(text, "Relay: none is set; `regard up` runs one"),
    };
    let _ = writeln!(text, "Connection: {}", connection(relay, runs));
    let contact = relay.as_of.map_or_else(|| "never".into(), ago);
    let _ = writeln!(text, "Last contact: {contact}");
    let _ = writeln!(text, "Workspace: {}", relay.workspace);
    let _ = writeln!(text, "Device: {}", relay.device);
    let _ = writeln!(text, "Public key: {}", relay.public_key);
    for log in &relay.logs {
        let _ = writeln!(text, "Log “{}”: applied up to {} of epoch {}", log.scope, log.seq, log.epoch);
    }
    text
}

fn connection(relay: &RelayView, runs: bool) -> String {
    match &relay.link {
        Link::Live { since } if relay.settled => format!("online since {}, all current", ago(*since)),
        Link::Live { since } => format!("online since {}, catching up", ago(*since)),
        Link::Connecting { since } => format!("connecting since {}", ago(*since)),
        Link::Waiting { since, reason, .. } => format!("offline since {}: {}", ago(*since), plain(&reason.detail)),
        Link::Ended { since, reason } => format!("shut out since {}: {}", ago(*since), plain(&reason.detail)),
        Link::Offline { since } if runs => format!("offline by choice since {}", ago(*since)),
        Link::Offline { .. } => "nothing runs here now".into(),
    }
}

fn counted(devices: usize) -> String {
    if devices == 1 { "this device".into() } else { format!("{devices} devices") }
}
