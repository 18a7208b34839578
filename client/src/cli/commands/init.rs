use regard_core::id::{DeviceId, WorkspaceId};
use serde::Serialize;

use super::super::Context;
use super::super::error::Failure;
use super::{login_name, machine_name};
use crate::store::{Identity, Store};
use crate::system::SystemEntropy;

/// Make a new workspace, with this device as its first.
///
/// Nothing leaves this machine before a relay is set: `regard up` runs one here.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The workspace's name.
    #[arg(default_value = "Our records")]
    name: String,
    /// Your name, as the others see it [default: your login].
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// What you call this device [default: its host name].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    workspace: WorkspaceId,
    device: DeviceId,
    folder: String,
}

impl Init {
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let (member, device) = (self.member.unwrap_or_else(login_name), self.device.unwrap_or_else(machine_name));
        let identity = Identity::found(&self.name, &member, &device, &mut SystemEntropy);
        let answer = Answer {
            workspace: identity.workspace,
            device: identity.device,
            folder: context.folder.display().to_string(),
        };
        Store::create(&context.folder, identity)?;
        let name = self.name;
        context.output.answer(&answer, |answer| format!("The workspace “{name}” is in {}", answer.folder))?;
        context
            .output
            .hint("`regard add contact full_name=…` or `regard import FILES…` fill it, `regard up` brings it online.");
        Ok(())
    }
}
