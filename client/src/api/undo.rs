use axum::Json;
use axum::extract::State;
use regard_core::id::{DocumentId, UnitId};
use regard_core::record::undo::{self, Undo};
use regard_core::wire::Scope;

use super::Workspace;
use super::problem::Failure;
use super::records::may_write;
use super::types::edit::{OwnSaveView, OwnSaves, UndoAnswer, UndoRequest, UndoneRecord};
use super::types::{Problem, ProblemCode, RecordLine};
use crate::engine::Notice;
use crate::store::{OwnSave, Save, Saved, Store, StoreError, Work};
use crate::system::{SystemEntropy, now};

/// Own saves that a list shows.
const LISTED_MAX: usize = 20;
/// Records of one save that a list names: a save of several has some.
const RECORDS_NAMED_MAX: usize = 10;
/// How often an undo is worked out again because a record changed under it; each time somebody was faster than a millisecond.
const ATTEMPTS_MAX: usize = 10;

/// The newest saves of this device.
pub(super) async fn list(State(workspace): State<Workspace>) -> Result<Json<OwnSaves>, Failure> {
    let saves = workspace.in_store(|store| {
        let view = |save: OwnSave| {
            let lines =
                save.changes.iter().take(RECORDS_NAMED_MAX).map(|(id, _)| store.listed(*id).map(RecordLine::from));
            let records = lines.collect::<Result<_, StoreError>>()?;
            Ok(OwnSaveView { save: save.unit, saved_at: save.saved_at, records })
        };
        store.own_saves(LISTED_MAX, |_| true)?.into_iter().map(view).collect::<Result<_, StoreError>>()
    });
    Ok(Json(OwnSaves { saves: saves.await? }))
}

/// Takes a save of this device back.
pub(super) async fn undo(
    State(workspace): State<Workspace>,
    Json(UndoRequest { save, dry_run }): Json<UndoRequest>,
) -> Result<Json<UndoAnswer>, Failure> {
    if !dry_run {
        may_write(&workspace).await?;
    }
    let save = find(&workspace, save).await?;
    for _ in 0..ATTEMPTS_MAX {
        let of = save.clone();
        match workspace.in_store(move |store| attempt(store, &of, dry_run)).await? {
            Attempt::Done(answer) => {
                if let Some(save) = answer.save {
                    let records = answer.records.iter().map(|undone| undone.record.id).collect();
                    workspace.engine.saved(Scope::Records, Notice::Saved { save, records }).await;
                }
                return Ok(Json(*answer));
            }
            Attempt::Lost(change) => {
                let message = format!("the save cannot be taken back: {change}");
                return Err(Problem::new(ProblemCode::Failed, message)
                    .hint("`regard inspect doc ID` shows the record's history.")
                    .into());
            }
            Attempt::Overtaken => {}
        }
    }
    let problem = Problem::new(ProblemCode::Conflict, "the records of the save are being changed all the time");
    Err(problem.hint("Nothing was taken back. Try again.").into())
}

async fn find(workspace: &Workspace, wanted: Option<String>) -> Result<OwnSave, Failure> {
    let prefix = wanted.as_deref().unwrap_or_default().replace('-', "").to_ascii_lowercase();
    let is_id = prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) && (wanted.is_none() || !prefix.is_empty());
    let at_most = if wanted.is_some() { 2 } else { 1 };
    let found = workspace.in_store(move |store| {
        let is_meant = |unit: UnitId| is_id && unit.to_string().replace('-', "").starts_with(&prefix);
        store.own_saves(at_most, is_meant)
    });
    let mut found = found.await?;
    match (found.len(), wanted) {
        (1, _) => Ok(found.remove(0)),
        (0, None) => Err(Problem::new(ProblemCode::NotFound, "this device has made no save yet").into()),
        (0, Some(wanted)) => {
            Err(Problem::new(ProblemCode::NotFound, format!("no save of this device begins with “{wanted}”"))
                .hint("`regard undo --list` shows the newest.")
                .into())
        }
        (_, wanted) => {
            let message = format!("several saves begin with “{}”", wanted.unwrap_or_default());
            Err(Problem::new(ProblemCode::Ambiguous, message).hint("`regard undo --list` shows their ids.").into())
        }
    }
}

enum Attempt {
    Done(Box<UndoAnswer>),
    /// A record's history lacks a change of the save.
    Lost(undo::NotInHistory),
    /// A record changed between looking and writing.
    Overtaken,
}

fn attempt(store: &Store, save: &OwnSave, dry_run: bool) -> Result<Attempt, StoreError> {
    let mut found: Vec<(DocumentId, Undo)> = Vec::new();
    let mut works = Vec::new();
    for (id, changes) in &save.changes {
        let document = store.document(*id)?;
        let undo = match undo::undo(&document, changes) {
            Ok(undo) => undo,
            Err(lost) => return Ok(Attempt::Lost(lost)),
        };
        if !undo.edits.is_empty() {
            works.push(Work::Continue { id: *id, heads: document.heads(), edits: undo.edits.clone() });
        }
        found.push((*id, undo));
    }
    let saved = if dry_run || works.is_empty() {
        Saved { unit: None, records: Vec::new() }
    } else {
        match store.save(Save { at: now(), works }, &mut SystemEntropy) {
            Ok(saved) => saved,
            Err(StoreError::Moved(_)) => return Ok(Attempt::Overtaken),
            Err(error) => return Err(error),
        }
    };
    let undone = |(id, undo): (DocumentId, Undo)| {
        let record = store.listed(id)?.into();
        Ok(UndoneRecord { record, steps: undo.steps, left_alone: undo.left_alone })
    };
    let records = found.into_iter().map(undone).collect::<Result<_, StoreError>>()?;
    let answer = UndoAnswer { undone: save.unit, saved_at: save.saved_at, save: saved.unit, records };
    Ok(Attempt::Done(Box::new(answer)))
}
