use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use regard_core::limits::SHEET_BYTES_MAX;
use regard_core::record::{Life, Scalar};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::Context;
use super::super::editor::Draft;
use super::super::error::Failure;
use super::{NOTHING, path_of, tell_save};
use crate::api::Method;
use crate::api::types::edit::{BothWrote, SheetAnswer, SheetFault, SheetRequest, SheetView};
use crate::api::types::{EditRequest, Problem, ProblemCode, SaveAnswer};

/// Change fields of a record, here or in your editor.
///
/// For example: `regard edit 3f9a job_title=Buyer phones+=+351911222333 notes=`
///
/// Without fields the record opens in your editor as a small TOML document. What you change there is saved; what others
/// change meanwhile stays. Where both changed the same, nothing is saved, both values are told, and the document is kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Edit {
    /// The record: the beginning of its id, its title or its e-mail address, as far as it is unambiguous.
    id: String,
    /// field=value, empty to clear; field+=entry and field-=entry for fields of several; field[entry].member=value.
    #[arg(value_name = "FIELD=VALUE")]
    assignments: Vec<String>,
    /// Print the document instead of opening it.
    #[arg(long, conflicts_with_all = ["assignments", "from"])]
    print: bool,
    /// Save a document from a file, or from standard input with -.
    #[arg(long, value_name = "FILE", conflicts_with = "assignments")]
    from: Option<PathBuf>,
    /// Where somebody else changed the same meanwhile, save what you wrote.
    #[arg(long, conflicts_with_all = ["assignments", "print"])]
    mine: bool,
}

impl Edit {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let path = path_of(&self.id)?;
        if !self.assignments.is_empty() {
            let request = EditRequest { assignments: self.assignments };
            let answer: SaveAnswer = ask(context, Method::PATCH, &path, Some(&request)).await?;
            return tell_save(context.output, &answer);
        }
        let place = format!("{path}/sheet");
        let sending = Sending { context, place: &place, command: format!("regard edit {}", self.id), mine: self.mine };
        if let Some(file) = self.from {
            return sending.of_file(&file, "sheet").await;
        }
        let view: SheetView = ask(context, Method::GET, &place, NOTHING).await?;
        if self.print {
            return context.output.answer(&view, |view| view.sheet.clone());
        }
        if let Some(record) = view.record.as_ref().filter(|record| record.life == Life::Deleted) {
            let hint =
                format!("`regard undelete {}` brings it back.", &record.id.to_hex()[..8.max(record.prefix.len())]);
            return Err(Failure::invalid("the record is deleted").hint(hint));
        }
        may_open(context, "no fields are given to change")?;
        let record = view.record.as_ref().map(|record| format!("{}-{}", record.kind, &record.id.to_hex()[..8]));
        sending.through_editor(&view, record.as_deref().unwrap_or("sheet")).await
    }
}

/// Asks once, and lets the store go: an editor may stay open for hours, and other commands work meanwhile.
pub(super) async fn ask<T: DeserializeOwned>(
    context: &Context<'_>,
    method: Method,
    path: &str,
    body: Option<&(impl Serialize + Sync)>,
) -> Result<T, Failure> {
    let client = context.client().await?;
    let answer = client.call(method, path, body).await;
    client.close().await;
    Ok(answer?)
}

/// An editor that nobody has chosen is no good to a script.
pub(super) fn may_open(context: &Context<'_>, otherwise: &str) -> Result<(), Failure> {
    let is_chosen = context.loaded.all.iter().any(|one| one.name == "editor" && one.origin != "default");
    if is_chosen || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::invalid(format!("{otherwise}, and there is no terminal for an editor"))
        .hint("Give FIELD=VALUE, or --from FILE; or name an editor: regard config set editor COMMAND"))
}

/// A sheet on its way to the store.
pub(super) struct Sending<'a> {
    pub(super) context: &'a Context<'a>,
    /// The path of the API.
    pub(super) place: &'a str,
    /// What is typed to save a sheet from a file, without the file.
    pub(super) command: String,
    /// Whether the person's values count.
    pub(super) mine: bool,
}

impl Sending<'_> {
    pub(super) async fn through_editor(self, view: &SheetView, name: &str) -> Result<(), Failure> {
        let output = self.context.output;
        let draft = Draft::begin(&self.context.folder, name, &view.sheet)?;
        loop {
            let text = draft.edit(&self.context.loaded.settings.editor)?;
            if text == view.sheet || text.trim().is_empty() {
                draft.discard();
                output.note(if text.trim().is_empty() {
                    "Nothing is saved: the sheet is empty."
                } else {
                    "Nothing to save: the sheet is as it was."
                });
                return Ok(());
            }
            let request = SheetRequest { sheet: text, base: Some(view.base.clone()), mine: self.mine };
            let request = SheetRequest { base: request.base.filter(|base| !base.is_empty()), ..request };
            match self.send(&request, draft.path()).await {
                Ok(answer) => {
                    draft.discard();
                    return tell_save(output, &answer);
                }
                Err(failure) if failure.problem.code == ProblemCode::Invalid && !output.is_json() => {
                    output.failure(&failure);
                    if !output.asks("Open the editor again?") {
                        return Err(Failure { is_told: true, ..failure });
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    pub(super) async fn of_file(self, file: &Path, name: &str) -> Result<(), Failure> {
        let is_stdin = file == Path::new("-");
        let text = if is_stdin { read(std::io::stdin().lock()) } else { std::fs::File::open(file).and_then(read) };
        let text = text.map_err(|error| {
            Failure::invalid(format!(
                "{} cannot be read: {error}",
                if is_stdin { "standard input" } else { "the sheet" }
            ))
            .hint(format!("`{} --print` writes a sheet.", self.command))
        })?;
        let request = SheetRequest { sheet: text, base: None, mine: self.mine };
        // What came through a pipe is nowhere else.
        let kept = is_stdin.then(|| Draft::begin(&self.context.folder, name, &request.sheet)).transpose()?;
        let answer = self.send(&request, kept.as_ref().map_or(file, Draft::path)).await?;
        if let Some(kept) = kept {
            kept.discard();
        }
        tell_save(self.context.output, &answer)
    }

    async fn send(&self, request: &SheetRequest, file: &Path) -> Result<SaveAnswer, Failure> {
        let again =
            format!("{} --from {}", self.command, shlex::try_quote(&file.display().to_string()).unwrap_or_default());
        let answer: Result<SheetAnswer, Failure> = ask(self.context, Method::POST, self.place, Some(request)).await;
        let (message, causes, hint) = match answer {
            Ok(SheetAnswer::Saved(answer)) => return Ok(*answer),
            Ok(SheetAnswer::Wrong { errors }) => {
                let causes = errors.into_iter().map(fault).collect();
                let hint = format!("The sheet is kept. To go on: {again}");
                (Problem::new(ProblemCode::Invalid, "the sheet cannot be saved as it stands"), causes, hint)
            }
            Ok(SheetAnswer::Conflict { conflicts }) => {
                let causes = conflicts.iter().map(both).collect();
                let hint = format!(
                    "Write into the sheet what should stand, the value that stands there meanwhile or with --mine yours: {again}"
                );
                let message = "somebody else changed the same meanwhile, and nothing is saved";
                (Problem::new(ProblemCode::Conflict, message), causes, hint)
            }
            Err(failure) => {
                let hint = failure.problem.hint.clone().unwrap_or_default();
                return Err(failure.hint(format!("{hint} The sheet is in {}", file.display()).trim()));
            }
        };
        Err(Problem { causes, ..message }.hint(hint).into())
    }
}

fn read(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(SHEET_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn fault(SheetFault { line, message }: SheetFault) -> String {
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

fn both(conflict: &BothWrote) -> String {
    let BothWrote { place, line, mine, theirs } = conflict;
    format!("line {line}: {place}: yours {}, meanwhile {}", quoted(mine.as_ref()), quoted(theirs.as_ref()))
}

fn quoted(value: Option<&Scalar>) -> String {
    value.map_or_else(|| "nothing".into(), |value| format!("“{}”", value.to_string().replace('\n', "⏎")))
}
