use serde::Serialize;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::one_line;
use super::{NOTHING, path_of};
use crate::api::types::SaveAnswer;
use crate::api::{Client, Method};
use crate::store::SaveOutcome;

/// Delete records, for everyone. They can be brought back.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// The records: of each the beginning of its id, its title or its e-mail address.
    #[arg(required = true)]
    ids: Vec<String>,
}

/// Bring deleted records back, for everyone.
#[derive(Debug, clap::Args)]
pub(crate) struct Undelete {
    /// The records: of each the beginning of its id, its title or its e-mail address.
    #[arg(required = true)]
    ids: Vec<String>,
}

impl Delete {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        each(context, &self.ids, Method::DELETE, "", "Deleted", "was deleted already").await
    }
}

impl Undelete {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        each(context, &self.ids, Method::POST, "/restore", "Restored", "was not deleted").await
    }
}

async fn each(
    context: &Context<'_>,
    ids: &[String],
    method: Method,
    below: &str,
    done: &str,
    nothing: &str,
) -> Result<(), Failure> {
    let client = context.client().await?;
    let mut saves = Vec::new();
    let mut failed = None;
    for id in ids {
        match one(&client, id, &method, below).await {
            Ok(answer) => saves.push(answer),
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        }
    }
    client.close().await;
    // What was done before something failed is told too.
    if !saves.is_empty() {
        context.output.answer(&Answer { saves }, |answer| {
            let line = |answer: &SaveAnswer| match answer.outcome {
                SaveOutcome::Unchanged | SaveOutcome::Existed => format!("{} {nothing}.", one_line(&answer.record)),
                SaveOutcome::Changed | SaveOutcome::Created => format!("{done}: {}", one_line(&answer.record)),
            };
            answer.saves.iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
    }
    failed.map_or(Ok(()), Err)
}

async fn one(client: &Client, id: &str, method: &Method, below: &str) -> Result<SaveAnswer, Failure> {
    let path = format!("{}{below}", path_of(id)?);
    Ok(client.call(method.clone(), &path, NOTHING).await?)
}

#[derive(Serialize)]
struct Answer {
    saves: Vec<SaveAnswer>,
}
