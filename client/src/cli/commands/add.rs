use regard_core::record::Kind;

use super::super::Context;
use super::super::error::Failure;
use super::{kind, tell_save};
use crate::api::Method;
use crate::api::types::{AddRequest, SaveAnswer};

/// Make a record by hand.
///
/// For example: `regard add contact full_name='Ana Lima' emails+=ana@example.org`
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// email, contact, task, appointment, account or lead.
    #[arg(value_parser = kind)]
    kind: Kind,
    /// field=value; field+=entry for fields of several; field[entry].member=value for what is known of an entry.
    #[arg(value_name = "FIELD=VALUE")]
    assignments: Vec<String>,
}

impl Add {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let request = AddRequest { kind: self.kind, assignments: self.assignments };
        let answer: SaveAnswer = client.call(Method::POST, "/v1/records", Some(&request)).await?;
        tell_save(context.output, &answer)?;
        client.close().await;
        Ok(())
    }
}
