use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use axum::Json;
use axum::extract::State;
use regard_core::error::Refusal;
use regard_core::wire::Scope;

use super::Workspace;
use super::problem::Failure;
use super::records::may_write;
use super::types::access::{Exported, Imported, OutboxView, RefusedUnit, SavesFile};
use super::types::{Problem, ProblemCode};
use crate::engine::Notice;
use crate::names::Names;
use crate::saves_file::{Header, Reader, Writer};
use crate::store::{Carried, Store};
use crate::system::now;
use crate::unix;

/// Saves that a list shows: more than anybody reads, and little memory.
const LISTED_MAX: usize = 1_000;

/// The saves that the relay does not have.
pub(super) async fn list(State(workspace): State<Workspace>) -> Result<Json<OutboxView>, Failure> {
    let view = workspace.in_store(|store| {
        let (saves, count) = (store.unsent(LISTED_MAX)?, store.outbox_count()?);
        let more = (count.waiting + count.refused).saturating_sub(saves.len() as u64);
        Ok(OutboxView { saves, more })
    });
    view.await.map(Json)
}

/// Writes them into a file.
pub(super) async fn export(
    State(workspace): State<Workspace>,
    Json(SavesFile { path }): Json<SavesFile>,
) -> Result<Json<Exported>, Failure> {
    let exported = tokio::task::spawn_blocking(move || write(&workspace.store, &path)).await;
    Ok(Json(exported.map_err(|error| Failure::stopped(&error))??))
}

/// Takes in the saves of such a file.
pub(super) async fn import(
    State(workspace): State<Workspace>,
    Json(SavesFile { path }): Json<SavesFile>,
) -> Result<Json<Imported>, Failure> {
    may_write(&workspace).await?;
    let store = std::sync::Arc::clone(&workspace.store);
    let taken = tokio::task::spawn_blocking(move || read(&store, &path)).await;
    let (imported, scopes) = taken.map_err(|error| Failure::stopped(&error))??;
    for scope in scopes {
        workspace.engine.saved(scope, Notice::Imported { saves: imported.taken }).await;
    }
    Ok(Json(imported))
}

fn write(store: &Store, path: &Path) -> Result<Exported, Problem> {
    let failed = |error: std::io::Error| file_failed(path, "written", &error);
    let file = File::options().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Problem::new(ProblemCode::Invalid, format!("{} is there already", path.display()))
                .hint("Name a file that is not there yet: nothing is overwritten.")
        }
        _ => failed(error),
    })?;
    let exported = unix::make_private(path).map_err(failed).and_then(|()| write_all(store, path, file));
    if exported.is_err() {
        // What is not whole would only be refused later; that it cannot be removed changes nothing of the first problem.
        let _ = std::fs::remove_file(path);
    }
    exported
}

fn write_all(store: &Store, path: &Path, file: File) -> Result<Exported, Problem> {
    let failed = |error: std::io::Error| file_failed(path, "written", &error);
    let identity = store.identity();
    let header = Header { workspace: identity.workspace, device: identity.device, written_at: now() };
    let mut writer = Writer::begin(BufWriter::new(file), &header).map_err(failed)?;
    let mut exported = Exported { path: path.to_owned(), saves: 0, changes: 0 };
    for scope in Scope::ALL {
        let mut after = 0;
        loop {
            let unsent = store.read_unsent(scope, after)?;
            let Some(last) = unsent.last() else { break };
            after = last.place;
            let units: Vec<_> = unsent.into_iter().map(|queued| queued.unit).collect();
            exported.saves += units.len();
            exported.changes += units.iter().map(|unit| unit.changes.len()).sum::<usize>();
            writer.units(scope, &units).map_err(failed)?;
        }
    }
    let mut buffered = writer.end().map_err(failed)?;
    buffered.flush().map_err(failed)?;
    buffered.get_ref().sync_all().map_err(failed)?;
    Ok(exported)
}

fn read(store: &Store, path: &Path) -> Result<(Imported, Vec<Scope>), Problem> {
    // Looked through first: of a file that is cut off or changed nothing is taken.
    let (mut reader, header) = open(path)?;
    while reader.next_units().map_err(unusable)?.is_some() {}
    let workspace = store.identity().workspace;
    if header.workspace != workspace {
        let message = format!("the saves are of workspace {}, and this is {workspace}", header.workspace);
        return Err(Problem::new(ProblemCode::Invalid, message));
    }
    let from = Names::read(store)?.device(header.device);
    let mut imported = Imported { from, taken: 0, existed: 0, refused: Vec::new() };
    let mut scopes = Vec::new();
    let (mut reader, _) = open(path)?;
    while let Some((scope, units)) = reader.next_units().map_err(unusable)? {
        let Carried { taken, existed, refused, .. } = store.carry(scope, units, now())?;
        if !taken.is_empty() && !scopes.contains(&scope) {
            scopes.push(scope);
        }
        imported.taken += taken.len();
        imported.existed += existed;
        imported.refused.extend(refused.into_iter().map(|(save, reason)| RefusedUnit { save, reason }));
    }
    Ok((imported, scopes))
}

fn open(path: &Path) -> Result<(Reader<BufReader<File>>, Header), Problem> {
    let file = File::open(path).map_err(|error| file_failed(path, "read", &error))?;
    Reader::begin(BufReader::new(file)).map_err(unusable)
}

/// Nothing of such a file is taken.
fn unusable(refusal: Refusal) -> Problem {
    let problem = Problem::new(ProblemCode::Invalid, refusal.detail);
    problem.hint("`regard outbox export FILE` on the device that could not send its saves writes such a file.")
}

fn file_failed(path: &Path, done: &str, error: &std::io::Error) -> Problem {
    Problem::new(ProblemCode::Invalid, format!("{} cannot be {done}: {error}", path.display()))
}
