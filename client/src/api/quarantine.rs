use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use regard_core::error::Cause;
use regard_core::wire::Scope;

use super::Workspace;
use super::problem::Failure;
use super::types::quarantine::{AsideExported, AsideFile, AsideView, QuarantineView, RetryRequest};
use super::types::{Problem, ProblemCode};
use crate::engine::Notice;
use crate::names::Names;
use crate::quarantine_file::{Header, Writer};
use crate::store::{Quarantined, Retried, Store, StoreError};
use crate::system::now;
use crate::unix;

/// Changes that a list shows: more than anybody reads, and little memory.
const LISTED_MAX: usize = 1_000;
/// Digits of a name that are shown at least.
const PREFIX_MIN: usize = 8;
const HINT: &str = "`regard quarantine list` shows what was set aside, with the beginnings of the names.";

/// What was set aside.
pub(super) async fn list(State(workspace): State<Workspace>) -> Result<Json<QuarantineView>, Failure> {
    let view = workspace.in_store(|store| {
        let (summary, mut list) = (store.quarantine_summary()?, views(store)?);
        list.truncate(LISTED_MAX);
        let more = summary.changes.saturating_sub(list.len() as u64);
        Ok(QuarantineView { summary, list, more })
    });
    view.await.map(Json)
}

/// One of them.
pub(super) async fn show(
    State(workspace): State<Workspace>,
    UrlPath(key): UrlPath<String>,
) -> Result<Json<AsideView>, Failure> {
    Ok(Json(named(workspace.in_store(views).await?, &key)?))
}

/// Tries all once more, or those of the record of one.
pub(super) async fn retry(
    State(workspace): State<Workspace>,
    Json(RetryRequest { change }): Json<RetryRequest>,
) -> Result<Json<Retried>, Failure> {
    let record = match change {
        Some(key) => Some(named(workspace.in_store(views).await?, &key)?.record),
        None => None,
    };
    let records: Vec<_> = record.into_iter().collect();
    let retried = workspace.in_store(move |store| store.retry(&records, now())).await?;
    if retried.applied > 0 {
        for scope in Scope::ALL {
            workspace.engine.saved(scope, Notice::Healed { changes: retried.applied }).await;
        }
    }
    Ok(Json(retried))
}

/// Writes all of them into a file.
pub(super) async fn export(
    State(workspace): State<Workspace>,
    Json(AsideFile { path }): Json<AsideFile>,
) -> Result<Json<AsideExported>, Failure> {
    let exported = tokio::task::spawn_blocking(move || write(&workspace.store, &path)).await;
    Ok(Json(exported.map_err(|error| Failure::stopped(&error))??))
}

fn views(store: &Store) -> Result<Vec<AsideView>, StoreError> {
    let (names, aside) = (Names::read(store)?, store.quarantined()?);
    let mut sorted: Vec<String> = aside.iter().map(|one| one.change.to_string()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    Ok(aside.into_iter().map(|one| view(&names, &sorted, one)).collect())
}

fn view(names: &Names, sorted: &[String], one: Quarantined) -> AsideView {
    let name = one.change.to_string();
    let at = sorted.partition_point(|other| *other < name);
    let beside = [at.checked_sub(1).and_then(|at| sorted.get(at)), sorted.get(at + 1)];
    let common = |other: &String| other.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let enough = beside.into_iter().flatten().map(|other| common(other) + 1).max().unwrap_or(1);
    AsideView {
        change: one.change,
        prefix: name[..enough.max(PREFIX_MIN).min(name.len())].to_owned(),
        record: one.document,
        waits: one.reason.cause == Cause::MissingDependency,
        reason: one.reason,
        save: one.save,
        author: one.author.map_or_else(|| "another program".to_owned(), |device| names.device(device)),
        carrier: names.device(one.carrier),
        carrier_device: one.carrier,
        scope: one.scope,
        seq: one.seq,
        at: one.at,
        bytes: one.bytes,
    }
}

fn named(views: Vec<AsideView>, key: &str) -> Result<AsideView, Problem> {
    let key = key.to_lowercase();
    let mut meant: Vec<_> = views.into_iter().filter(|one| one.change.to_string().starts_with(&key)).collect();
    match (meant.pop(), meant.len()) {
        (Some(one), 0) => Ok(one),
        (Some(_), others) => {
            let message = format!("“{key}” names {} changes that were set aside", others + 1);
            Err(Problem::new(ProblemCode::Ambiguous, message).hint(HINT))
        }
        (None, _) => {
            let message = format!("no change that was set aside begins with “{key}”");
            Err(Problem::new(ProblemCode::NotFound, message).hint(HINT))
        }
    }
}

fn write(store: &Store, path: &Path) -> Result<AsideExported, Problem> {
    let failed = |error: std::io::Error| cannot_write(path, &error);
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

fn write_all(store: &Store, path: &Path, file: File) -> Result<AsideExported, Problem> {
    let failed = |error: std::io::Error| cannot_write(path, &error);
    let identity = store.identity();
    let header = Header {
        workspace: identity.workspace,
        device: identity.device,
        written_at: now(),
        program: concat!("regard ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let mut writer = Writer::begin(BufWriter::new(file), &header).map_err(failed)?;
    let mut exported = AsideExported { path: path.to_owned(), changes: 0, bytes: 0 };
    store.each_quarantined(|change| {
        exported.changes += 1;
        exported.bytes += change.bytes.len() as u64;
        writer.row(&change.into()).map_err(failed)
    })?;
    let mut buffered = writer.end().map_err(failed)?;
    buffered.flush().map_err(failed)?;
    buffered.get_ref().sync_all().map_err(failed)?;
    Ok(exported)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(ProblemCode::Invalid, format!("{} cannot be written: {error}", path.display()))
}
