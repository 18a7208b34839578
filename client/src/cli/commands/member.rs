use std::fmt::Write;

use clap::{Subcommand, ValueEnum};
use regard_core::wire::Role;

use super::super::Context;
use super::super::error::Failure;
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::access::{MemberView, PeopleView, RoleRequest, Whom};

/// Show and change who belongs to the workspace.
#[derive(Debug, Subcommand)]
pub(crate) enum Member {
    /// List the members, and what each may do.
    List,
    /// Remove a member: all devices and open invitations of the member with it. For owners.
    Remove {
        /// The member: name, or the beginning of the id.
        member: String,
    },
    /// Change what a member may do. For owners.
    Role {
        /// The member: name, or the beginning of the id.
        member: String,
        /// From now on.
        #[arg(value_enum)]
        role: RoleName,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    /// Everything.
    Owner,
    /// Create, edit, and invite own devices.
    Member,
    /// Read.
    Reader,
}

impl Member {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        match self {
            Self::List => {
                let people: PeopleView = client.call(Method::GET, "/v1/members", NOTHING).await?;
                client.close().await;
                context.output.answer(&people, list)?;
                if people.members.is_empty() {
                    context.output.hint("The members are known once this device has been online.");
                }
            }
            Self::Remove { member } => {
                let request = Whom { whom: member };
                let member: MemberView = client.call(Method::POST, "/v1/members/remove", Some(&request)).await?;
                client.close().await;
                context.output.answer(&member, |member| format!("{} is removed.", member.name))?;
                context.output.note("What the member has fetched stays on the member's devices.");
            }
            Self::Role { member, role } => {
                let request = RoleRequest { whom: member, role: role.into() };
                let member: MemberView = client.call(Method::POST, "/v1/members/role", Some(&request)).await?;
                client.close().await;
                context
                    .output
                    .answer(&member, |member| format!("{} is now {}.", member.name, with_article(member.role)))?;
            }
        }
        Ok(())
    }
}

fn list(people: &PeopleView) -> String {
    let mut text = String::new();
    for member in &people.members {
        let standing = match (member.removed_at, member.devices) {
            (Some(at), _) => format!("removed {}", ago(at)),
            (None, 1) => "1 device".into(),
            (None, devices) => format!("{devices} devices"),
        };
        let own = if member.is_own { ", you" } else { "" };
        let id = &member.id.to_string()[..8];
        let _ = writeln!(text, "{id}  {}  {}  ({standing}{own})", member.name, called(member.role));
    }
    if text.is_empty() { "Nobody is known here yet.".into() } else { text }
}

fn with_article(role: Role) -> &'static str {
    match role {
        Role::Owner => "an owner",
        Role::Member => "a member",
        Role::Reader => "a reader",
    }
}

fn called(role: Role) -> &'static str {
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
