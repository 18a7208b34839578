use std::fmt::Write;

use clap::Subcommand;

use super::super::Context;
use super::super::error::Failure;
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::access::{KnownDeviceView, PeopleView, Whom};

/// Show the workspace's devices, and shut one out that is lost or not used any more.
#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List the devices.
    List,
    /// Shut a device out: nothing is sent to it or accepted from it any more. Owners any, others their own.
    Revoke {
        /// The device: its name, `Ana (laptop)`, or the beginning of its id.
        device: String,
    },
}

impl Device {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        match self {
            Self::List => {
                let people: PeopleView = client.call(Method::GET, "/v1/members", NOTHING).await?;
                client.close().await;
                context.output.answer(&people.devices, |devices| list(devices))?;
                if people.devices.is_empty() {
                    context.output.hint("The devices are known once this device has been online.");
                }
            }
            Self::Revoke { device } => {
                let request = Whom { whom: device };
                let device: KnownDeviceView = client.call(Method::POST, "/v1/devices/revoke", Some(&request)).await?;
                client.close().await;
                context.output.answer(&device, |device| format!("{} is shut out.", device.name))?;
                context.output.note("What it has fetched stays on it. What it could not send it can still export.");
            }
        }
        Ok(())
    }
}

fn list(devices: &[KnownDeviceView]) -> String {
    let mut text = String::new();
    for device in devices {
        let standing = match device.revoked_at {
            Some(at) => format!("shut out {}", ago(at)),
            None => format!("joined {}", ago(device.joined_at)),
        };
        let own = if device.is_own { ", this device" } else { "" };
        let _ = writeln!(text, "{}  {}  ({standing}{own})", &device.id.to_string()[..8], device.name);
    }
    if text.is_empty() { "No device is known here yet.".into() } else { text }
}
