use super::super::Context;
use super::super::error::Failure;
use super::{path_of, tell_save};
use crate::api::Method;
use crate::api::types::{EditRequest, SaveAnswer};

/// Change fields of a record.
///
/// For example: `regard edit 3f9a job_title=Buyer phones+=+351911222333 notes=`
#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// The record: the beginning of its id, its title or its e-mail address, as far as it is unambiguous.
    id: String,
    /// field=value, empty to clear; field+=entry and field-=entry for fields of several; field[entry].member=value.
    #[arg(value_name = "FIELD=VALUE", required = true)]
    assignments: Vec<String>,
}

impl Edit {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let request = EditRequest { assignments: self.assignments };
        let answer: SaveAnswer = client.call(Method::PATCH, &path_of(&self.id)?, Some(&request)).await?;
        tell_save(context.output, &answer)?;
        client.close().await;
        Ok(())
    }
}
