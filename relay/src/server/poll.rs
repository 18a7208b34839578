//! What a subscription would bring, by a request of its own: for devices whose connection stands and brings nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use regard_core::id::WorkspaceId;
use regard_core::wire::{self, Subscribe};

use super::denied::Denied;
use super::{Served, blocking, http};
use crate::desk;
use crate::store::StoreError;

/// Answers a list of subscriptions, in CBOR, with a list of answers, in CBOR.
pub(super) async fn poll(
    State(served): State<Served>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Vec<u8>, Denied> {
    let Path(workspace) = workspace?;
    http::authenticate(&served, workspace, &headers).await?;
    let wishes: Vec<Subscribe> = wire::decode(&body, "list of subscriptions")?;
    let relay = Arc::clone(&served.relay);
    let answers = blocking(move || Ok::<_, StoreError>(desk::poll(&relay, workspace, &wishes))).await;
    Ok(wire::encode(&answers.map_err(|error| error.as_refusal())??))
}
