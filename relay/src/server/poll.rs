//! What a subscription would bring, by a request of its own: for devices whose connection stands and brings nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::BATCH_BYTES_TARGET;
use regard_core::wire::{self, PollAnswer, Scope, Subscribe};

use super::denied::Denied;
use super::{Served, blocking, http};
use crate::relay::Inner;
use crate::store::{Log, StoreError};

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
    if wishes.len() > Scope::ALL.len() {
        return Err(Refusal::new(Cause::TooLarge, "a poll names each scope once").into());
    }
    let mut answers = Vec::with_capacity(wishes.len());
    for wish in wishes {
        let log = served.relay.logs.log(workspace, wish.scope).await;
        let log = log.map_err(|error| error.as_refusal())?;
        let relay = Arc::clone(&served.relay);
        let answer = blocking(move || answer(&relay, &log, &wish)).await;
        answers.push(answer.map_err(|error| error.as_refusal())?);
    }
    Ok(wire::encode(&answers))
}

fn answer(relay: &Inner, log: &Log, wish: &Subscribe) -> Result<PollAnswer, StoreError> {
    let head = log.head();
    let from = wish.from.unwrap_or_else(|| log.start());
    let cursors: Vec<_> = std::iter::once(from).chain(wish.witness).collect();
    let is_valid = relay.logs.are_valid(log, &cursors)?;
    let found = if is_valid && from.seq < head.seq {
        relay.logs.packed_segments_after(log, from.seq, BATCH_BYTES_TARGET)?
    } else {
        Vec::new()
    };
    let more = found.last().is_some_and(|(last_seq, _)| *last_seq < head.seq);
    let segments = found.into_iter().map(|(_, packed)| packed.into()).collect();
    Ok(PollAnswer { scope: log.scope, head, is_valid, segments, more })
}
