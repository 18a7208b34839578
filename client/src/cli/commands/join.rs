use std::net::IpAddr;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::record::identity::Namespace;
use regard_core::wire::access::Invitation;
use serde::Serialize;

use super::super::Context;
use super::super::error::Failure;
use super::{login_name, machine_name};
use crate::api::types::Problem;
use crate::relay_http;
use crate::store::{Identity, RelayAccess, Store, StoreError};
use crate::system::SystemEntropy;
use crate::transport::Endpoint;

/// Join a workspace with an invitation link.
///
/// The link comes from `regard invite` on a device of the workspace, or, for the first device of a workspace on a hosted
/// relay, from `regard-relay workspace create`. It is good for one use.
#[derive(Debug, clap::Args)]
pub(crate) struct Join {
    /// The invitation link; quote it, because of its “#”.
    link: String,
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
    workspace_name: String,
    device: DeviceId,
    folder: String,
}

impl Join {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let invitation: Invitation = self.link.parse().map_err(|error| {
            Failure::invalid(format!("{error}")).hint("Copy the whole link, and put it in quotes: '…'")
        })?;
        let folder = &context.folder;
        match Store::open(folder) {
            Err(StoreError::Absent { .. }) => {}
            // The invitation is good for one use: it must not be spent on a folder that is taken.
            Ok(_) | Err(StoreError::InUse { .. }) => return Err(StoreError::Exists { folder: folder.clone() }.into()),
            Err(error) => return Err(error.into()),
        }
        let (member, device) = (self.member.unwrap_or_else(login_name), self.device.unwrap_or_else(machine_name));
        let namespace = invitation.namespace.unwrap_or_else(|| Namespace::random(&mut SystemEntropy));
        let mut identity = Identity::join(invitation.workspace, namespace, &member, &device, &mut SystemEntropy);
        let request = identity.join_request(&invitation.secret, invitation.namespace.is_none());
        if let Some(host) = unencrypted(&invitation.relay) {
            context
                .output
                .warning(format!("Everything travels to {host} unencrypted: use a tunnel where others can listen."));
        }
        let relay = Endpoint { address: &invitation.relay, certificate: invitation.certificate };
        let joined = relay_http::join(relay, invitation.workspace, &request).await.map_err(refused)?;
        identity.member = joined.member;
        if let Some(known) = joined.directory.member(joined.member) {
            identity.member_name.clone_from(&known.name);
        }
        let identity = identity.named(&joined.directory.workspace);
        let answer = Answer {
            workspace: identity.workspace,
            workspace_name: identity.workspace_name.clone(),
            device: identity.device,
            folder: folder.display().to_string(),
        };
        let store = Store::create(folder, identity)?;
        store.keep_directory(&joined.directory)?;
        let (address, certificate) = (invitation.relay, invitation.certificate);
        let access = RelayAccess { address, token: joined.token, embedded: false, certificate };
        store.change_settings(|settings| settings.relay = Some(access))?;
        context.output.answer(&answer, |answer| format!("You have joined “{}”.", answer.workspace_name))?;
        context.output.hint("`regard up` fetches everything and keeps it current; `regard sync` does so once.");
        Ok(())
    }
}

fn refused(refusal: Refusal) -> Failure {
    let hint = match refusal.cause {
        Cause::Unavailable => {
            "The invitation is still good. Try again when the relay runs and this machine reaches it."
        }
        Cause::Malformed => "The invitation is still good. Copy the whole link, and put it in quotes: '…'",
        Cause::Untrusted => {
            "The invitation was not sent and is still good. Ask whoever invited you for another link: the link to a relay that made its certificate itself carries the certificate's fingerprint, “.f…”."
        }
        Cause::Version => "Ask whoever invited you for a link that this version of Regard can use.",
        _ => {
            "An invitation is good for one use and expires. Ask for a new one: `regard invite` on a device that has joined."
        }
    };
    Failure::from(Problem::from(refusal)).hint(hint)
}

/// The host of a plain http address, unless it is this machine.
fn unencrypted(relay: &str) -> Option<&str> {
    let host = relay.strip_prefix("http://")?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local =
        name == "localhost" || name.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    (!is_local).then_some(host)
}
