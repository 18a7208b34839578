use regard_core::wire::Role;

use super::super::Context;
use super::super::error::Failure;
use super::super::times::ago;
use crate::api::Method;
use crate::api::types::access::{CompleteLink, IncompleteLink};
use crate::api::types::{InviteAnswer, InviteRequest};

/// Make an invitation link, good for one use.
#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    /// For a further device of your own, instead of another person.
    #[arg(long, conflicts_with = "reader")]
    own_device: bool,
    /// The person may read and not write.
    #[arg(long)]
    reader: bool,
    /// Complete a link that whoever hosts the relay made with `regard-relay member add`.
    #[arg(long, value_name = "LINK", conflicts_with_all = ["own_device", "reader"])]
    complete: Option<String>,
}

impl Invite {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        if let Some(link) = self.complete {
            let request = IncompleteLink { link };
            let answer: CompleteLink = client.call(Method::POST, "/v1/invitations/complete", Some(&request)).await?;
            client.close().await;
            context.output.answer(&answer, |answer| answer.link.clone())?;
            context.output.note("The link is complete now. On the other device: regard join 'LINK'");
            return Ok(());
        }
        let role = if self.reader { Role::Reader } else { Role::Member };
        let request = InviteRequest { role: (!self.own_device).then_some(role) };
        let answer: InviteAnswer = client.call(Method::POST, "/v1/invitations", Some(&request)).await?;
        client.close().await;
        context.output.answer(&answer, |answer| answer.link.clone())?;
        context.output.note(format!(
            "Good for one use until {}. On the other device: regard join 'LINK'",
            ago(answer.expires_at)
        ));
        Ok(())
    }
}
