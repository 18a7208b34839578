use clap::Subcommand;
use regard_core::wire::{Directory, KnownDevice};
use regard_relay::admin::Admin;

use super::failure::Failure;
use super::{Places, print};
use crate::settings::Flags;

/// List and shut out the devices of a workspace, also while the relay runs.
#[derive(Subcommand)]
pub(super) enum Device {
    /// List the devices of a workspace.
    List {
        /// The workspace: its name, or the beginning of its id.
        workspace: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shut a device out: its connection ends at once, and nothing is accepted from it any more.
    Revoke {
        /// The workspace: its name, or the beginning of its id.
        workspace: String,
        /// The device: its name, `Ana (laptop)`, or the beginning of its id.
        device: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Device {
    pub(super) async fn run(self, places: &Places) -> Result<(), Failure> {
        let admin = Admin::of(&places.settings_with_data(&Flags::default())?.settings.data).await?;
        match self {
            Self::List { workspace, json } => {
                let workspace = admin.find_workspace(&workspace).await?;
                list(&admin.directory(workspace.id).await?, json)
            }
            Self::Revoke { workspace, device, json } => {
                let workspace = admin.find_workspace(&workspace).await?.id;
                let directory = admin.directory(workspace).await?;
                let device = directory.find_device(&device)?;
                let after = admin.shut_out(workspace, device.id).await?;
                if json {
                    return print(&serde_json::to_string_pretty(after.device(device.id).unwrap_or(device))?);
                }
                eprintln!("{} is shut out. What it has fetched stays on it.", called(&directory, device));
                Ok(())
            }
        }
    }
}

fn list(directory: &Directory, json: bool) -> Result<(), Failure> {
    if json {
        return print(&serde_json::to_string_pretty(&directory.devices)?);
    }
    let mut devices: Vec<_> = directory.devices.iter().collect();
    devices.sort_by_key(|device| (device.revoked_at.is_some(), called(directory, device).to_lowercase()));
    for device in devices {
        let standing = match device.revoked_at {
            Some(at) => format!("shut out {at}"),
            None => format!("joined {}", device.joined_at),
        };
        print(&format!("{}  {}  ({standing})", device.id, called(directory, device)))?;
    }
    if directory.devices.is_empty() {
        eprintln!("No device has joined yet.");
    }
    Ok(())
}

fn called(directory: &Directory, device: &KnownDevice) -> String {
    let member = directory.member(device.member).map_or("somebody", |member| &member.name);
    format!("{member} ({})", device.name)
}
