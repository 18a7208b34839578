use clap::{Subcommand, ValueEnum};
use regard_core::wire::access::Invitation;
use regard_core::wire::{Directory, KnownMember, Role};
use regard_relay::admin::Admin;

use super::failure::Failure;
use super::serving::Serving;
use super::{Places, print};
use crate::settings::{Flags, Settings};

/// List, invite and remove the members of a workspace, also while the relay runs.
#[derive(Subcommand)]
pub(super) enum Member {
    /// List the members of a workspace.
    List {
        /// The workspace: its name, or the beginning of its id.
        workspace: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Invite a new member: print a link that a device of the workspace completes.
    ///
    /// The relay does not know the workspace's identity secret, without which nobody can take part. So the link has to be
    /// completed with `regard invite --complete LINK` by somebody who has joined. Where nobody has joined yet, the link is
    /// whole and founds the workspace; earlier founding links are taken back.
    Add {
        /// The workspace: its name, or the beginning of its id.
        workspace: String,
        /// What the new member may do.
        #[arg(long, value_enum, default_value = "member")]
        role: RoleName,
        /// Where devices reach the relay [default: where it listens].
        #[arg(long, value_name = "URL")]
        address: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Remove a member, with all devices and open invitations of the member.
    Remove {
        /// The workspace: its name, or the beginning of its id.
        workspace: String,
        /// The member: name, or the beginning of the id.
        member: String,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    /// Everything.
    Owner,
    /// Create, edit, and invite own devices.
    Member,
    /// Read.
    Reader,
}

impl Member {
    pub(super) async fn run(self, places: &Places) -> Result<(), Failure> {
        let address = if let Self::Add { address, .. } = &self { address.clone() } else { None };
        let settings = places.settings_with_data(&Flags::of_address(address))?.settings;
        let admin = Admin::of(&settings.data).await?;
        match self {
            Self::List { workspace, json } => {
                let workspace = admin.find_workspace(&workspace).await?;
                list(&admin.directory(workspace.id).await?, json)
            }
            Self::Add { workspace, role, json, .. } => add(&admin, &settings, &workspace, role, json).await,
            Self::Remove { workspace, member, json } => {
                let workspace = admin.find_workspace(&workspace).await?.id;
                let directory = admin.directory(workspace).await?;
                let member = directory.find_member(&member)?;
                let (after, name) = (admin.remove(workspace, member.id).await?, &member.name);
                if json {
                    return print(&serde_json::to_string_pretty(after.member(member.id).unwrap_or(member))?);
                }
                let devices = directory.devices.iter().filter(|d| d.member == member.id && d.revoked_at.is_none());
                eprintln!("{name} is removed, and shut out with all devices ({}).", devices.count());
                Ok(())
            }
        }
    }
}

fn list(directory: &Directory, json: bool) -> Result<(), Failure> {
    if json {
        return print(&serde_json::to_string_pretty(&directory.members)?);
    }
    let mut members: Vec<_> = directory.members.iter().collect();
    members.sort_by_key(|member| (member.removed_at.is_some(), member.name.to_lowercase()));
    for member in members {
        print(&line(directory, member))?;
    }
    if directory.members.is_empty() {
        eprintln!("Nobody has joined yet.");
    }
    Ok(())
}

fn line(directory: &Directory, member: &KnownMember) -> String {
    let devices = directory.devices.iter().filter(|device| device.member == member.id && device.revoked_at.is_none());
    let standing = match member.removed_at {
        Some(at) => format!("removed {at}"),
        None => match devices.count() {
            1 => "1 device".into(),
            devices => format!("{devices} devices"),
        },
    };
    format!("{}  {}  {}  ({standing})", member.id, member.name, role_name(member.role))
}

async fn add(admin: &Admin, settings: &Settings, workspace: &str, role: RoleName, json: bool) -> Result<(), Failure> {
    let (relay, certificate) = Serving::for_links(settings)?;
    let workspace = admin.find_workspace(workspace).await?.id;
    let made = admin.invite(workspace, role.into()).await?;
    let invitation = Invitation { relay, workspace, secret: made.secret.parse()?, namespace: None, certificate };
    let link = invitation.link();
    if json {
        let whole = made.founds;
        return print(
            &serde_json::json!({ "link": link, "is_complete": whole, "expires_at": made.expires_at }).to_string(),
        );
    }
    print(&link)?;
    if made.founds {
        eprintln!("Give this link to the workspace's first member, an owner, who types: regard join LINK");
    } else {
        eprintln!("This link is not complete: the relay does not know the workspace's identity secret.");
        eprintln!("Somebody who has joined completes it with: regard invite --complete LINK");
    }
    eprintln!("It can be used once, until {}", made.expires_at);
    Ok(())
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Member => "member",
        Role::Reader => "reader",
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Member => Self::Member,
            RoleName::Reader => Self::Reader,
        }
    }
}
