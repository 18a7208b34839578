use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tokio::sync::broadcast::error::RecvError;

use super::Workspace;
use crate::engine::Notice;

/// How the connection stands, and then what happens, one JSON object a line, until the caller leaves.
pub(super) async fn watch(State(workspace): State<Workspace>) -> Response {
    // Listening begins before the state is read: what changes in between is told twice and never missed.
    let notices = workspace.engine.notices();
    let link = workspace.engine.status().link;
    let now = futures_util::stream::once(std::future::ready(line(&Notice::Link { link })));
    // The stream must not hold the engine: it ends when the engine does.
    drop(workspace);
    let lines = futures_util::stream::unfold(notices, |mut notices| async {
        let notice = match notices.recv().await {
            Ok(notice) => notice,
            Err(RecvError::Lagged(count)) => Notice::Missed { count },
            Err(RecvError::Closed) => return None,
        };
        Some((line(&notice), notices))
    });
    lines_response(Body::from_stream(now.chain(lines)))
}

/// One value as a line of JSON.
pub(super) fn line<T: serde::Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(|line| line + "\n")
}

pub(super) fn lines_response(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}
