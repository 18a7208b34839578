//! What whoever runs the relay asks it, and what it notes of each request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use regard_core::error::{Cause, Refusal};
use serde::Serialize;

use super::Served;
use super::denied::Denied;
use crate::metering;
use crate::store::StoreError;

/// Where the three addresses are; requests for them are noted only for who looks closely.
pub(super) const HEALTHZ: &str = "/healthz";
pub(super) const READYZ: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";

/// Headers by which a proxy tells for whom it asks.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];
/// Characters of a path without a route that are noted.
const PATH_CHARS_MAX: usize = 100;

/// Whether the relay can do its work.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    /// What it cannot do, in sentences.
    problems: Vec<String>,
}

/// Answers whether both files can be read, the last commit did not fail, and the writer lives.
pub(super) async fn readyz(State(served): State<Served>) -> Response {
    let relay = Arc::clone(&served.relay);
    let checked = tokio::task::spawn_blocking(move || {
        [("log.redb", relay.logs.check_ready()), ("access.redb", relay.access.check_ready())]
    });
    let problems: Vec<String> = match checked.await {
        Ok(checks) => checks.iter().filter_map(|(file, check)| Some(problem(file, check.as_ref().err()?))).collect(),
        Err(_) => vec!["looking at the files ended in a panic".into()],
    };
    let ready = problems.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready, problems })).into_response()
}

fn problem(file: &str, error: &StoreError) -> String {
    let first: &dyn std::error::Error = error;
    let causes = std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string);
    format!("{file}: {}", causes.collect::<Vec<_>>().join(": "))
}

/// Answers what was counted, as Prometheus reads it.
pub(super) async fn metrics(State(served): State<Served>, request: Request) -> Result<Response, Denied> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Where a proxy on this machine asks for somebody else, its own address says nothing.
    let is_forwarded = FORWARDED.iter().any(|name| request.headers().contains_key(*name));
    let is_local = peer.is_some_and(|ConnectInfo(peer)| peer.ip().is_loopback()) && !is_forwarded;
    if !is_local && !served.relay.settings.public_metrics {
        let detail = "only programs on the relay's own machine may ask for this";
        return Err(Refusal::new(Cause::NotAllowed, detail).into());
    }
    let relay = Arc::clone(&served.relay);
    let rendered = super::blocking(move || Ok::<_, StoreError>(metering::render(relay.logs.file_bytes()))).await;
    let rendered = rendered.map_err(|error| Denied::from(error.as_refusal()))?;
    let text = rendered.ok_or_else(|| Refusal::new(Cause::Unknown, "this process does not count what it does"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Notes each request: its method, its route, the answer's status and how long it took. Never a query, a header or a body:
/// tokens stand there.
pub(super) async fn note(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path: String = request.uri().path().chars().take(PATH_CHARS_MAX).collect();
    let response = next.run(request).await;
    let (status, milliseconds) = (response.status().as_u16(), begun.elapsed().as_millis());
    metering::http_request(route.as_deref().unwrap_or("none"), status);
    let shown = route.as_deref().unwrap_or(&path);
    if [HEALTHZ, READYZ, METRICS].contains(&shown) {
        tracing::debug!(%method, path = shown, status, milliseconds, "request");
    } else {
        tracing::info!(%method, path = shown, status, milliseconds, "request");
    }
    response
}
