use std::path::Path;

use clap::Subcommand;
use regard_core::id::WorkspaceId;
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
    /// Take back a workspace whose members this relay has lost: an owner's device hands them over.
    ///
    /// All other devices are back by themselves then; nobody is invited anew. Not for a workspace that the relay knows.
    Adopt {
        /// The workspace's id: `regard relay show` tells it, and the device's public key.
        workspace: WorkspaceId,
        /// The public key of an owner's device, 64 hexadecimal digits.
        #[arg(long, value_name = "PUBLIC_KEY")]
        key: String,
        /// What people call it, until the owner's device says so.
        #[arg(long, default_value = "adopted")]
        name: String,
        /// Where devices reach the relay, where that has changed.
        #[arg(long, value_name = "URL")]
        address: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
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
            Self::Adopt { workspace, key, name, address, json } => {
                let settings = places.settings_with_data(&Flags::of_address(address.clone()))?.settings;
                adopt(&settings.data, workspace, (&key, &name), address.as_deref(), json).await
            }
            Self::List { json } => list(&places.settings_with_data(&Flags::default())?.settings.data, json).await,
        }
    }
}

async fn create(settings: &Settings, name: &str) -> Result<(), Failure> {
    let (relay, certificate) = Serving::for_links(settings)?;
    let created = Admin::of(&settings.data).await?.create_workspace(name).await?;
    let secret = created.secret.parse()?;
    let invitation = Invitation { relay, workspace: created.id, secret, namespace: None, certificate };
    print(&invitation.link())?;
    eprintln!("Give this link to the workspace's first member, an owner, who types: regard join LINK");
    eprintln!("It can be used once, within 7 days.");
    Ok(())
}

async fn adopt(
    data: &Path,
    workspace: WorkspaceId,
    (key, name): (&str, &str),
    address: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    Admin::of(data).await?.adopt(workspace, key, name).await?;
    if json {
        return print(&serde_json::json!({ "workspace": workspace, "address": address }).to_string());
    }
    eprintln!("The workspace waits for the owner's device with this key. There, type:");
    if let Some(address) = address {
        print(&format!("regard relay move {address}"))?;
    }
    print("regard relay adopt")
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
