use std::path::Path;

use clap::Subcommand;
use regard_core::wire::access::Invitation;
use regard_relay::admin::Admin;

use super::failure::Failure;
use super::serving::Serving;
use super::{Places, print};
use crate::settings::{Flags, Settings};

/// Make and list workspaces, also while the relay runs.
#[derive(Subcommand)]
pub(super) enum Workspace {
    /// Make a workspace and print the invitation for its first member.
    Create {
        /// What people call it.
        name: String,
        /// Where devices reach the relay [default: where it listens].
        #[arg(long, value_name = "URL")]
        address: Option<String>,
    },
    /// List the workspaces.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Workspace {
    pub(super) async fn run(self, places: &Places) -> Result<(), Failure> {
        match self {
            Self::Create { name, address } => {
                create(&places.settings_with_data(&Flags::of_address(address))?.settings, &name).await
            }
            Self::List { json } => list(&places.settings_with_data(&Flags::default())?.settings.data, json).await,
        }
    }
}

async fn create(settings: &Settings, name: &str) -> Result<(), Failure> {
    let serving = Serving::of(settings)?;
    let relay = settings.address.clone().unwrap_or_else(|| serving.address.clone());
    // Behind another scheme stands a proxy, which has a certificate of its own.
    let certificate = serving.certificate()?.filter(|_| relay.starts_with("https://"));
    let created = Admin::of(&settings.data).await?.create_workspace(name).await?;
    let secret = created.secret.parse()?;
    let invitation = Invitation { relay, workspace: created.id, secret, namespace: None, certificate };
    print(&invitation.link())?;
    eprintln!("Give this link to the workspace's first member, an owner, who types: regard join LINK");
    eprintln!("It can be used once, within 7 days.");
    Ok(())
}

async fn list(data: &Path, json: bool) -> Result<(), Failure> {
    let workspaces = Admin::of(data).await?.workspaces().await?;
    if json {
        return print(&serde_json::to_string_pretty(&workspaces)?);
    }
    for workspace in &workspaces {
        let line = format!(
            "{}  {}  ({} members, {} devices)",
            workspace.id, workspace.name, workspace.members, workspace.devices
        );
        print(&line)?;
    }
    if workspaces.is_empty() {
        eprintln!("There are no workspaces yet. Hint: regard-relay workspace create NAME");
    }
    Ok(())
}
