use std::io::{self, Read};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::StreamExt;
use regard_core::wire::Scope;
use tokio::sync::mpsc;

use super::Workspace;
use super::problem::Failure;
use super::records::may_write;
use super::types::transfer::{Format, StreamQuery};
use super::types::{ImportEvent, ImportRequest, ImportSummary, Problem, ProblemCode};
use super::watch::{line, lines_response};
use crate::engine::Notice;
use crate::import::{self, Listener};
use crate::store::{Store, StoreError};

/// Events on their way to a caller who reads slowly; beyond, the import waits.
const EVENTS_WAITING_MAX: usize = 256;
/// Pieces of a body on their way to an import that reads slowly; beyond, whoever sends waits. A piece has some 64 KB.
const PIECES_WAITING_MAX: usize = 16;
/// What people call what a command reads.
const STREAM_NAME: &str = "standard input";

/// Imports files and folders, telling how it goes, one JSON object a line.
pub(super) async fn import(
    State(workspace): State<Workspace>,
    Json(request): Json<ImportRequest>,
) -> Result<Response, Failure> {
    may_write(&workspace).await?;
    let format = read_as(request.format)?;
    Ok(run(workspace, move |store, listener| import::paths(store, &request.paths, format, listener)))
}

/// Imports what is sent, while it is sent.
pub(super) async fn stream(
    State(workspace): State<Workspace>,
    Query(query): Query<StreamQuery>,
    body: Body,
) -> Result<Response, Failure> {
    may_write(&workspace).await?;
    let format = read_as(query.format)?;
    let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(async move {
        let mut body = body.into_data_stream();
        while let Some(piece) = body.next().await {
            let is_broken = piece.is_err();
            // An import that failed reads no more.
            if pieces.send(piece.map_err(io::Error::other)).await.is_err() || is_broken {
                return;
            }
        }
    });
    let body = Sent { waiting, piece: Bytes::new() };
    Ok(run(workspace, move |store, listener| import::stream(store, body, STREAM_NAME, format, listener)))
}

fn read_as(format: Option<Format>) -> Result<Option<regard_core::import::Format>, Problem> {
    let unreadable = |format: Format| {
        Problem::new(ProblemCode::Invalid, format!("{} is a format for export only", format.name()))
            .hint("eml, mbox, vcard and ical can be imported.")
    };
    format.map(|format| format.read_as().ok_or_else(|| unreadable(format))).transpose()
}

fn run(
    Workspace { store, engine }: Workspace,
    import: impl FnOnce(&Store, Listener<'_>) -> Result<ImportSummary, StoreError> + Send + 'static,
) -> Response {
    let (events, waiting) = mpsc::channel::<ImportEvent>(EVENTS_WAITING_MAX);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        // A caller who left has stopped listening, not the import.
        let mut tell = |event| drop(events.blocking_send(event));
        let mut saved = |count| {
            if count > 0 {
                runtime.block_on(engine.saved(Scope::Records, Notice::Imported { saves: count }));
            }
        };
        let outcome = import(&store, Listener { tell: &mut tell, saved: &mut saved });
        tell(outcome.map_or_else(|error| ImportEvent::Failed(error.into()), ImportEvent::Done));
    });
    let lines = futures_util::stream::unfold(waiting, |mut waiting| async {
        waiting.recv().await.map(|event| (line(&event), waiting))
    });
    lines_response(Body::from_stream(lines))
}

/// A body as it arrives, for a thread that may wait.
struct Sent {
    waiting: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Sent {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.waiting.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.piece.len());
        into[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
