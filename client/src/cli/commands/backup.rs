use std::fmt::Write;
use std::path::PathBuf;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::plain;
use super::NOTHING;
use crate::api::types::{BackupAnswer, BackupRequest, Problem, ProblemCode};
use crate::api::{Client, Method};
use crate::store::{Store, StoreCheck, StoreError};

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
        quiet_panics();
        Store::restore(&self.file, &context.folder)?;
        let folder = context.folder.display().to_string();
        let answer = serde_json::json!({ "folder": folder });
        context.output.answer(&answer, |_| format!("The store is in {folder}"))?;
        context.output.warning("Don't use the original any more: a store is used in one place.");
        context.output.hint("`regard up` brings it online and fetches what is younger.");
        Ok(())
    }
}

/// Look at everything in the store: whether all of it is as it was written, and agrees. Exit code 8 where it is not.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {}

impl Check {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        quiet_panics();
        let checked = match Store::check_folder(&context.folder) {
            Err(StoreError::InUse { .. }) => {
                let client = Client::open(&context.folder).await?;
                let checked = client.call(Method::GET, "/v1/check", NOTHING).await;
                client.close().await;
                checked?
            }
            other => other?,
        };
        context.output.answer(&checked, people)?;
        if checked.is_sound() {
            return Ok(());
        }
        let problem = Problem::new(ProblemCode::Damaged, "the store is damaged").hint(
            "Keep this folder. `regard restore FILE` makes a store of a backup in another one (--store FOLDER); without a \
             backup, join the workspace anew there: the relay has everything that was visible.",
        );
        Err(problem.into())
    }
}

fn people(check: &StoreCheck) -> String {
    if check.is_sound() {
        let records = if check.records == 1 { "1 record".into() } else { format!("{} records", check.records) };
        let mut text = format!("Sound: {records}, {} rows.", check.rows);
        if check.set_aside > 0 {
            let were = if check.set_aside == 1 { "change of others is" } else { "changes of others are" };
            let _ = write!(text, "\n{} {were} set aside: `regard quarantine list`", check.set_aside);
            check.set_aside_first.iter().for_each(|why| {
                let _ = write!(text, "\n  {}", plain(why));
            });
        }
        return text;
    }
    let more = (check.untold > 0).then(|| format!("and {} more", check.untold));
    check.damage.iter().cloned().chain(more).collect::<Vec<_>>().join("\n")
}

/// The database panics on some damage. It is told as damage, and a trace of it would only alarm.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}
