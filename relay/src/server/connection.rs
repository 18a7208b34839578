//! One device's WebSocket, from its first frame to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::{CONNECTION_QUEUE_MAX, FRAME_BYTES_MAX};
use regard_core::wire::{self, ClientFrame, RelayFrame};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::accept::Place;
use super::denied::Denied;
use super::reader::Reader;
use super::sender::{Outlet, Sender};
use super::{Served, blocking, http, stopped};
use crate::desk::{Begun, Listener};
use crate::metering::Present;
use crate::store::{Caller, StoreError};

/// Bytes of the buffers of one socket; the library's own default would take 128 KB of every idle connection.
const SOCKET_BUFFER_BYTES: usize = 4 << 10;
/// How long a peer has for closing its side after the last word.
const LAST_WORD_PATIENCE: Duration = Duration::from_millis(500);

/// Answers the request for a WebSocket.
pub(super) async fn upgrade(
    State(served): State<Served>,
    Extension(socket_place): Extension<Place>,
    workspace: Result<Path<WorkspaceId>, PathRejection>,
    headers: HeaderMap,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Denied> {
    let Path(workspace) = workspace?;
    let caller = http::authenticate(&served, workspace, &headers).await?;
    let socket = socket.map_err(|error| Refusal::new(Cause::Malformed, error.body_text()))?;
    let place = Arc::clone(&served.places).try_acquire_owned();
    let place = place.map_err(|_| Refusal::new(Cause::Unavailable, "the relay has no place for more connections"))?;
    let door = served.relay.rooms.doors.enter(&caller)?;
    let socket = socket
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    Ok(socket.on_upgrade(async move |socket| {
        run(served, caller, socket).await;
        drop((place, socket_place, door));
    }))
}

async fn run(served: Served, caller: Caller, mut socket: WebSocket) {
    let _alive = served.alive.clone();
    let _counted = Present::connection();
    let begun = tokio::select! {
        begun = begin(&served, &caller, &mut socket) => begun,
        () = stopped(served.stopping.clone()) => Err(Some(stopping())),
    };
    let (begun, program) = match begun {
        Ok(begun) => begun,
        Err(refusal) => return refuse(&served, socket, refusal).await,
    };
    let (presence, ended) = begun.room.enter(&served.relay, caller.device);
    let _online = Present::device();
    tracing::info!(workspace = %caller.workspace, device = %caller.device, program, "connected");
    let (sink, mut stream) = socket.split();
    let (orders, ordered) = mpsc::channel(CONNECTION_QUEUE_MAX);
    let outlet = Outlet::new(sink, served.relay.settings.peer_patience);
    let listener = Listener::new(&served.relay, caller, &begun.logs, (Arc::clone(&begun.room), presence));
    let mut reader = Reader::new(&served, caller, listener, orders);
    let mut sender = Sender::new(&served, caller, &begun, outlet, ordered);
    let sending = sender.run(begun.welcome(&served.relay), ended);
    tokio::select! {
        () = sending => {}
        () = reader.run(&mut stream) => {}
    }
    drop(reader);
    let_the_last_word_arrive(&mut stream).await;
    tracing::info!(workspace = %caller.workspace, device = %caller.device, "disconnected");
}

/// Waits for the first frame. The error is what to tell the device; none where it has gone.
async fn begin(served: &Served, caller: &Caller, socket: &mut WebSocket) -> Result<(Begun, String), Option<Refusal>> {
    let patience = served.relay.settings.peer_patience;
    let hello = match timeout(patience, socket.recv()).await {
        Err(_) => return Err(Some(Refusal::new(Cause::NotAllowed, "the first frame did not come in time"))),
        Ok(Some(Ok(Message::Binary(bytes)))) => match wire::decode(&bytes, "first frame").map_err(Some)? {
            ClientFrame::Hello(hello) => hello,
            _ => return Err(Some(Refusal::new(Cause::Malformed, "the first frame is no Hello"))),
        },
        Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return Err(None),
        Ok(Some(Ok(_))) => return Err(Some(Refusal::new(Cause::Malformed, "the first message is no frame"))),
    };
    let program = hello.program.clone();
    let (relay, caller) = (Arc::clone(&served.relay), *caller);
    let begun = blocking(move || Ok::<_, StoreError>(Begun::by(&relay, &caller, &hello))).await;
    let begun = begun.map_err(|error| Some(error.as_refusal()))?.map_err(Some)?;
    Ok((begun, program))
}

/// The word with which connections end when the relay stops.
pub(super) fn stopping() -> Refusal {
    Refusal::new(Cause::Unavailable, "the relay is stopping")
}

async fn refuse(served: &Served, socket: WebSocket, refusal: Option<Refusal>) {
    let Some(refusal) = refusal else { return };
    tracing::debug!(%refusal, "a connection is refused");
    let (sink, mut stream) = socket.split();
    let mut outlet = Outlet::new(sink, served.relay.settings.peer_patience);
    // A peer that has gone meanwhile needs no word.
    let _ = outlet.frame(&RelayFrame::Refused(refusal)).await;
    outlet.close().await;
    let_the_last_word_arrive(&mut stream).await;
}

/// Reads on for a moment: a socket that is dropped with unread input resets the connection, and takes back what was sent.
async fn let_the_last_word_arrive(stream: &mut SplitStream<WebSocket>) {
    let _ = timeout(LAST_WORD_PATIENCE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}
