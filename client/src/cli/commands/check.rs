use std::fmt::Write;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::plain;
use super::NOTHING;
use crate::api::types::{Problem, ProblemCode};
use crate::api::{Client, Method};
use crate::store::{Rebuilt, Store, StoreCheck, StoreError};
use crate::system::{SystemEntropy, now};

/// Look at everything in the store: whether all of it is as it was written, and agrees. Exit code 8 where it is not.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Make a new store of what can be read of a damaged one, in its place. The damaged file is kept beside it.
    ///
    /// Works offline too: saves that were never sent are kept as far as they can be read, and `regard sync` brings from the relay
    /// what is lost here. Of a sound store nothing is changed.
    #[arg(long)]
    rebuild: bool,
}

impl Check {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        if self.rebuild { rebuild(context) } else { check(context).await }
    }
}

async fn check(context: &Context<'_>) -> Result<(), Failure> {
    let checked = match Store::check_folder(&context.folder) {
        Err(StoreError::InUse { .. }) => {
            let client = Client::open(&context.folder).await?;
            let checked = client.call(Method::GET, "/v1/check", NOTHING).await;
            client.close().await;
            checked?
        }
        other => other?,
    };
    context.output.answer(&checked, looked_at)?;
    if checked.is_sound() {
        return Ok(());
    }
    let problem = Problem::new(ProblemCode::Damaged, "the store is damaged").hint(
        "`regard check --rebuild` makes a new store of what can be read, and keeps the damaged file; the relay brings the rest. \
         `regard restore FILE` makes a store of a backup in another folder (--store FOLDER).",
    );
    Err(problem.into())
}

fn rebuild(context: &Context<'_>) -> Result<(), Failure> {
    let rebuilt = Store::rebuild(&context.folder, now(), &mut SystemEntropy).map_err(|error| match error {
        StoreError::InUse { .. } => {
            Failure::new(error.to_string()).hint("Stop `regard up` first: a store is rebuilt while nobody uses it.")
        }
        other => other.into(),
    })?;
    context.output.answer(&rebuilt, done)?;
    if rebuilt.damaged_file.is_none() {
        return Ok(());
    }
    for warning in warnings(&rebuilt) {
        context.output.warning(&warning);
    }
    context.output.hint("`regard sync` fetches from the relay what is lost here, and sends what it lacks.");
    if let Some(file) = &rebuilt.unsent_file {
        context
            .output
            .hint(format!("After that, `regard outbox import {}` takes in the saves set apart.", file.display()));
    }
    Ok(())
}

fn looked_at(check: &StoreCheck) -> String {
    if check.is_sound() {
        let mut text = format!("Sound: {}, {} rows.", count(check.records, "record"), check.rows);
        if check.set_aside > 0 {
            let were = if check.set_aside == 1 { "change of others is" } else { "changes of others are" };
            let _ = write!(text, "\n{} {were} set aside: `regard quarantine list`", check.set_aside);
            for why in &check.set_aside_first {
                let _ = write!(text, "\n  {}", plain(why));
            }
        }
        return text;
    }
    told(&check.damage, check.untold)
}

fn told(damage: &[String], untold: u64) -> String {
    let more = (untold > 0).then(|| format!("and {untold} more"));
    damage.iter().cloned().chain(more).collect::<Vec<_>>().join("\n")
}

fn done(rebuilt: &Rebuilt) -> String {
    let Some(kept) = &rebuilt.damaged_file else {
        return format!("Sound: {}. Nothing was changed.", count(rebuilt.records, "record"));
    };
    let damage = told(&rebuilt.damage, rebuilt.untold);
    let (records, unsent) = (count(rebuilt.records, "record"), count(rebuilt.unsent, "save"));
    format!("{damage}\nRebuilt: {records}, {unsent} waiting to be sent. The damaged file is {}", kept.display())
}

/// What was lost, and where what has no place in the new store is.
fn warnings(rebuilt: &Rebuilt) -> Vec<String> {
    let mut warnings = Vec::new();
    if rebuilt.incomplete_count > 0 {
        let ids: Vec<_> = rebuilt.incomplete.iter().map(ToString::to_string).collect();
        let more = if rebuilt.incomplete_count > ids.len() as u64 { " and others" } else { "" };
        let records = count(rebuilt.incomplete_count, "record");
        warnings.push(format!("A part of the history of {records} could not be read: {}{more}", ids.join(" ")));
    }
    if rebuilt.lost_records > 0 {
        warnings.push(format!("{} could not be read at all.", count(rebuilt.lost_records, "record")));
    }
    if rebuilt.unsent_lost > 0 {
        warnings.push(format!("{} that had never been sent could not be read.", count(rebuilt.unsent_lost, "change")));
    }
    if !rebuilt.unsent_is_known {
        warnings.push("The list of what had never been sent could not be read to its end.".into());
    }
    if let Some(file) = &rebuilt.unsent_file {
        let saves = count(rebuilt.unsent_apart, "save");
        let what = "that had never been sent can be applied only when the relay has brought what went before";
        warnings.push(format!("{saves} {what}, and is set apart in {}", file.display()));
    }
    if let Some(folder) = rebuilt.salvaged.as_ref().filter(|_| rebuilt.unsent_file.is_none()) {
        warnings.push(format!("What could be read and has no place in the store is in {}", folder.display()));
    }
    warnings
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
