use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{MethodRouter, get};
use regard_core::id::DocumentId;
use regard_core::limits::SHEET_BYTES_MAX;
use regard_core::record::sheet::{self, Merged, Sheet, SheetError};
use regard_core::record::{Document, Kind, Life, identity};

use super::Workspace;
use super::problem::Failure;
use super::records::{may_write, resolve, save};
use super::types::edit::{BothWrote, SheetAnswer, SheetFault, SheetRequest, SheetView};
use super::types::{Problem, ProblemCode, SaveAnswer};
use crate::store::{Store, StoreError, Work};
use crate::system::{SystemEntropy, now};
use crate::tracking;

/// Bytes of a request with a sheet: JSON may write each of them as two.
const REQUEST_BYTES_MAX: usize = 2 * SHEET_BYTES_MAX + (4 << 10);
/// How often a sheet is merged again because the record changed under it; each time somebody was faster than a millisecond.
const ATTEMPTS_MAX: usize = 10;

/// A record as a sheet, and back.
pub(super) fn route() -> MethodRouter<Workspace> {
    get(of_record).post(edit).layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
}

/// A sheet on which a new record is written, and back.
pub(super) fn route_of_new() -> MethodRouter<Workspace> {
    get(of_kind).post(add).layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
}

async fn of_record(State(workspace): State<Workspace>, Path(key): Path<String>) -> Result<Json<SheetView>, Failure> {
    let listed = resolve(&workspace, key).await?;
    let id = listed.id;
    let document = workspace.in_store(move |store| store.document(id)).await?;
    let sheet = sheet::write(id, &document);
    Ok(Json(SheetView { record: Some(listed.into()), base: document.heads(), sheet }))
}

async fn of_kind(Path(kind): Path<Kind>) -> Json<SheetView> {
    Json(SheetView { record: None, base: Vec::new(), sheet: sheet::empty(kind) })
}

async fn edit(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
    Json(SheetRequest { sheet, base, mine }): Json<SheetRequest>,
) -> Result<Json<SheetAnswer>, Failure> {
    may_write(&workspace).await?;
    let listed = resolve(&workspace, key).await?;
    if listed.projection.life == Life::Deleted {
        let hint = format!("`regard undelete {}` brings it back.", &listed.id.to_hex()[..listed.prefix.clamp(8, 32)]);
        return Err(Problem::new(ProblemCode::Invalid, "the record is deleted").hint(hint).into());
    }
    let mut read = match read(&workspace, listed.projection.kind, &sheet).await? {
        Ok(read) => read,
        Err(wrong) => return Ok(Json(wrong)),
    };
    if let Some(base) = base {
        read.begun_on(base);
    }
    let id = listed.id;
    for _ in 0..ATTEMPTS_MAX {
        let sheet = read.clone();
        let (heads, merged) = workspace.in_store(move |store| merge(store, id, &sheet, mine)).await?;
        let edits = match merged? {
            Ok(Merged { edits, conflicts }) if conflicts.is_empty() => edits,
            Ok(Merged { conflicts, .. }) => {
                let both = conflicts.into_iter().map(|one| {
                    let sheet::SheetConflict { place, line, mine, theirs } = one;
                    BothWrote { place, line, mine, theirs }
                });
                return Ok(Json(SheetAnswer::Conflict { conflicts: both.collect() }));
            }
            Err(errors) => return Ok(Json(wrong(errors))),
        };
        match save(&workspace, Work::Continue { id, heads, edits }).await {
            Err(Failure(problem)) if problem.code == ProblemCode::Conflict => {}
            other => return other.map(|Json(answer)| Json(SheetAnswer::Saved(Box::new(answer)))),
        }
    }
    let problem = Problem::new(ProblemCode::Conflict, "the record is being changed all the time");
    Err(problem.hint("Nothing was saved. Try again.").into())
}

async fn add(
    State(workspace): State<Workspace>,
    Path(kind): Path<Kind>,
    Json(SheetRequest { sheet, .. }): Json<SheetRequest>,
) -> Result<Json<SheetAnswer>, Failure> {
    may_write(&workspace).await?;
    let sheet = match read(&workspace, kind, &sheet).await? {
        Ok(sheet) => sheet,
        Err(wrong) => return Ok(Json(wrong)),
    };
    let nothing = Document::new(kind);
    let mut edits = match sheet.merge(&nothing, &nothing, false) {
        Ok(merged) if merged.edits.is_empty() => {
            let message = "a new record needs at least one field".to_owned();
            return Ok(Json(wrong(vec![SheetError { line: None, message }])));
        }
        Ok(merged) => merged.edits,
        Err(errors) => return Ok(Json(wrong(errors))),
    };
    edits.extend(tracking::evidence(&workspace.store.identity(), now(), "by-hand", None));
    let id = identity::by_hand(&mut SystemEntropy);
    let Json(answer): Json<SaveAnswer> =
        save(&workspace, Work::Create { id, kind, notes: String::new(), edits }).await?;
    Ok(Json(SheetAnswer::Saved(Box::new(answer))))
}

/// Reads a sheet, with the ids that people began to write completed.
async fn read(workspace: &Workspace, kind: Kind, text: &str) -> Result<Result<Sheet, SheetAnswer>, Failure> {
    let mut sheet = match sheet::read(kind, text) {
        Ok(sheet) => sheet,
        Err(errors) => return Ok(Err(wrong(errors))),
    };
    let mut errors = Vec::new();
    for (line, key) in sheet.links() {
        match resolve(workspace, key.clone()).await {
            Ok(listed) => *key = listed.id.to_string(),
            // A link to a record that is not here yet is a normal state.
            Err(_) if key.parse::<DocumentId>().is_ok() => {}
            Err(Failure(problem)) => errors.push(SheetError { line: Some(line), message: problem.message }),
        }
    }
    Ok(if errors.is_empty() { Ok(sheet) } else { Err(wrong(errors)) })
}

type Attempt = (Vec<regard_core::id::ChangeHash>, Result<Result<Merged, Vec<SheetError>>, Problem>);

fn merge(store: &Store, id: DocumentId, sheet: &Sheet, mine: bool) -> Result<Attempt, StoreError> {
    let now = store.document(id)?;
    let heads = now.heads();
    let base = match sheet.base() {
        Some(base) => now.as_of(base),
        None => Some(now.clone()),
    };
    let Some(base) = base else {
        let problem =
            Problem::new(ProblemCode::Invalid, "the sheet was begun on a state that this record never had here").hint(
                "Is it of another record? Without its first line it is taken as it stands: what it holds is written.",
            );
        return Ok((heads, Err(problem)));
    };
    Ok((heads, Ok(sheet.merge(&base, &now, mine))))
}

fn wrong(errors: Vec<SheetError>) -> SheetAnswer {
    let errors = errors.into_iter().map(|SheetError { line, message }| SheetFault { line, message });
    SheetAnswer::Wrong { errors: errors.collect() }
}
