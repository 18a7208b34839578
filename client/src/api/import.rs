use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use regard_core::wire::Scope;
use tokio::sync::mpsc;

use super::Workspace;
use super::problem::Failure;
use super::records::may_write;
use super::types::{ImportEvent, ImportRequest};
use super::watch::{line, lines_response};
use crate::engine::Notice;
use crate::import;

/// Events on their way to a caller who reads slowly; beyond, the import waits.
const EVENTS_WAITING_MAX: usize = 256;

/// Imports files and folders, telling how it goes, one JSON object a line.
pub(super) async fn import(
    State(workspace): State<Workspace>,
    Json(request): Json<ImportRequest>,
) -> Result<Response, Failure> {
    may_write(&workspace).await?;
    let (events, waiting) = mpsc::channel::<ImportEvent>(EVENTS_WAITING_MAX);
    let Workspace { store, engine } = workspace;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        // A caller who left has stopped listening, not the import.
        let mut tell = |event| drop(events.blocking_send(event));
        let mut saved = |count| {
            if count > 0 {
                runtime.block_on(engine.saved(Scope::Records, Notice::Imported { saves: count }));
            }
        };
        let outcome = import::import(&store, &request.paths, &mut tell, &mut saved);
        tell(outcome.map_or_else(|error| ImportEvent::Failed(error.into()), ImportEvent::Done));
    });
    let lines = futures_util::stream::unfold(waiting, |mut waiting| async {
        waiting.recv().await.map(|event| (line(&event), waiting))
    });
    Ok(lines_response(Body::from_stream(lines)))
}
