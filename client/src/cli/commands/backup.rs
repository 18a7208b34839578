use std::path::PathBuf;

use super::super::Context;
use super::super::error::Failure;
use crate::api::Method;
use crate::api::types::{BackupAnswer, BackupRequest, Problem, ProblemCode};
use crate::store::{Store, StoreError};

/// Write a copy of the store into a file, also while `regard up` runs.
///
/// Every save that was done before this command began is in it. It holds this device's token and secrets too: keep it as safe
/// as the store.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file; it must not be there yet.
    file: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let file = std::path::absolute(&self.file)
            .map_err(|error| Failure::invalid(format!("{} cannot be used: {error}", self.file.display())))?;
        let client = context.client().await?;
        let answer: Result<BackupAnswer, Problem> =
            client.call(Method::POST, "/v1/backup", Some(&BackupRequest { file })).await;
        client.close().await;
        context.output.answer(&answer?, |answer| answer.file.display().to_string())?;
        context.output.warning(
            "The copy holds this device's token and secrets, unencrypted: whoever reads it can act as this device.",
        );
        Ok(())
    }
}

/// Make a store of a copy, in a folder where there is none.
///
/// Everything in the copy is looked at first. Don't go on with the original beside it: a store is used in one place.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The file that `regard backup` wrote.
    file: PathBuf,
}

impl Restore {
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        Store::restore(&self.file, &context.folder).map_err(|error| match error {
            StoreError::Damaged { what } => {
                let problem = Problem::new(ProblemCode::Damaged, format!("the copy is damaged: {what}"));
                problem.hint("Nothing was changed. Restore another copy.").into()
            }
            other => Failure::from(other),
        })?;
        let folder = context.folder.display().to_string();
        let answer = serde_json::json!({ "folder": folder });
        context.output.answer(&answer, |_| format!("The store is in {folder}"))?;
        context.output.warning("Don't use the original any more: a store is used in one place.");
        context.output.hint("`regard up` brings it online and fetches what is younger.");
        Ok(())
    }
}
