use std::fmt::Write;

use regard_core::record::Scalar;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, WARN, one_line, plain, row, table};
use super::super::times::ago;
use super::NOTHING;
use crate::api::Method;
use crate::api::types::edit::{OwnSaves, UndoAnswer, UndoRequest};
use crate::api::types::{Problem, ProblemCode};

/// Take back the last save of this device, or a certain one.
///
/// It is a save of its own, which the others see like any other; typed once more it redoes. Only what still stands as the
/// save left it goes back: what was changed since, by you or by others, stays and is named. Of notes the save's words are
/// taken back, around what others wrote. A record that the save made is deleted, and one that it deleted is restored.
#[derive(Debug, clap::Args)]
pub(crate) struct Undo {
    /// The save: the beginning of its id, as --list shows it [default: the last one of this device].
    save: Option<String>,
    /// Say only what would be taken back.
    #[arg(long)]
    dry_run: bool,
    /// List the newest saves of this device instead.
    #[arg(long, conflicts_with_all = ["save", "dry_run"])]
    list: bool,
}

/// Characters of a save's id that are shown: enough among a million.
const ID_SHOWN: usize = 8;
/// Characters of a value that are shown.
const VALUE_SHOWN: usize = 60;

impl Undo {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        if self.list {
            let saves: OwnSaves = client.call(Method::GET, "/v1/saves", NOTHING).await?;
            client.close().await;
            if saves.saves.is_empty() {
                context.output.note("This device has made no save yet.");
            }
            return if saves.saves.is_empty() && !context.output.is_json() {
                Ok(())
            } else {
                context.output.answer(&saves, list)
            };
        }
        let request = UndoRequest { save: self.save, dry_run: self.dry_run };
        let answer: Result<UndoAnswer, Problem> = client.call(Method::POST, "/v1/undo", Some(&request)).await;
        client.close().await;
        let answer = answer?;
        context.output.answer(&answer, |answer| people(answer, self.dry_run))?;
        let is_nothing = answer.records.iter().all(|record| record.steps.is_empty());
        if is_nothing && answer.records.iter().any(|record| !record.left_alone.is_empty()) {
            let problem = Problem::new(ProblemCode::Conflict, "nothing of the save could be taken back");
            return Err(problem
                .hint("`regard show ID` shows the record, and `regard edit ID` changes it by hand.")
                .into());
        }
        match (is_nothing, self.dry_run) {
            (true, _) => context.output.note("Nothing to take back: everything is as it was before."),
            (false, true) => context.output.note("Nothing is done yet."),
            (false, false) => context.output.hint("`regard undo` once more brings it back."),
        }
        Ok(())
    }
}

fn list(saves: &OwnSaves) -> String {
    let mut table = table(&["SAVE", "MADE", "RECORDS"]);
    for save in &saves.saves {
        let records: Vec<_> = save.records.iter().map(one_line).collect();
        table.add_row(row([id(&save.save.to_string()), ago(save.saved_at), records.join(", ")]));
    }
    table.trim_fmt()
}

fn people(answer: &UndoAnswer, dry_run: bool) -> String {
    let done = match answer.records.iter().all(|record| record.steps.is_empty()) {
        true => "Nothing goes back of",
        false if dry_run => "Would take back",
        false => "Taken back:",
    };
    let mut text =
        format!("{done} save {BOLD}{}{BOLD:#} of {}\n", id(&answer.undone.to_string()), ago(answer.saved_at));
    for undone in &answer.records {
        let _ = writeln!(text, "{}", one_line(&undone.record));
        for step in &undone.steps {
            let (now, then) = (shown(step.now.as_ref()), shown(step.then.as_ref()));
            let _ = writeln!(text, "  {}: {now} → {then}", plain(&step.place));
        }
        for left in &undone.left_alone {
            let _ = writeln!(text, "  {WARN}left alone{WARN:#} {}: {}", plain(&left.place), left.why);
        }
    }
    text
}

fn shown(value: Option<&Scalar>) -> String {
    let Some(value) = value else { return "(nothing)".into() };
    let whole = plain(&value.to_string()).replace('\n', "⏎");
    if whole.is_empty() {
        return "(nothing)".into();
    }
    let cut: String = whole.chars().take(VALUE_SHOWN).collect();
    if cut.len() < whole.len() { format!("{cut}…") } else { cut }
}

fn id(save: &str) -> String {
    save.replace('-', "").chars().take(ID_SHOWN).collect()
}
