//! The visibility stream: what becomes visible, who has applied how much, and who is there, for as long as somebody reads.
//!
//! What to tell a reader is decided by [`telling::Telling`]. Its stream is a [`feed::Feed`], which is asked for more only when the reader's socket has room. So what a slow
//! reader makes the relay hold is bounded, and who takes nothing is cut off by [`super::patient`]. What all readers of a
//! log get alike is rendered once, in [`pages::Pages`].

mod feed;
mod pages;
mod peers;
mod request;
mod roster;
mod telling;
mod text;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;

pub(crate) use pages::Pages;
pub(crate) use request::Form;
pub(crate) use roster::Roster;
pub(crate) use telling::{End, Telling};

use super::denied::Denied;
use super::{Served, http};
use feed::Feed;
use request::Request;

/// Follows the log of a scope for as long as the reader stays.
pub(super) async fn stream(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Denied> {
    let Path(workspace) = workspace?;
    let caller = http::authenticate(&served, workspace, &headers).await?;
    let request = Request::read(query.as_deref().unwrap_or_default(), &headers)?;
    let place = Arc::clone(&served.places).try_acquire_owned();
    let place = place.map_err(|_| Refusal::new(Cause::Unavailable, "the relay has no place for more connections"))?;
    let content_type = request.form.content_type();
    let feed = Feed::open(served, caller, request, place).await?;
    let chunks = futures_util::stream::unfold(feed, async |mut feed| {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    });
    // Proxies that collect an answer before they pass it on would hold everything back.
    let headers =
        [(header::CONTENT_TYPE.as_str(), content_type), ("cache-control", "no-store"), ("x-accel-buffering", "no")];
    Ok((headers, Body::from_stream(chunks)).into_response())
}
