use futures_util::{SinkExt, StreamExt};
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::{FRAME_BYTES_MAX, PEER_PATIENCE, SHUTDOWN_PATIENCE};
use regard_core::wire::{ClientFrame, RelayFrame, decode, encode};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, http};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::store::RelayAccess;
use crate::transport;

type Stream = WebSocketStream<Box<dyn transport::Stream>>;

/// Frames waiting to be written: all pushes that may be on the way, and receipts.
const FRAMES_WAITING_MAX: usize = 32;

/// An open connection to a relay. A task of its own writes, so that a full socket never keeps this side from reading.
pub(super) struct Socket {
    reader: futures_util::stream::SplitStream<Stream>,
    frames: mpsc::Sender<Message>,
    writing: JoinHandle<()>,
}

/// What came in.
pub(super) enum Incoming {
    /// A frame.
    Frame(RelayFrame),
    /// A ping, or a pong.
    Sign,
    /// The connection is over.
    Closed(Refusal),
}

impl Socket {
    pub(super) async fn open(access: RelayAccess, workspace: WorkspaceId) -> Result<Self, Refusal> {
        let opening = tokio::time::timeout(PEER_PATIENCE, connect(&access, workspace)).await;
        let stream = opening.map_err(|_| unavailable(format!("{} does not answer", access.address)))??;
        let (mut sink, reader) = stream.split();
        let (frames, mut waiting) = mpsc::channel(FRAMES_WAITING_MAX);
        let writing = tokio::spawn(async move {
            while let Some(message) = waiting.recv().await {
                if sink.send(message).await.is_err() {
                    // The reader sees the end of the connection too and reports it.
                    return;
                }
            }
            let _ = sink.close().await;
        });
        Ok(Self { reader, frames, writing })
    }

    pub(super) async fn next(&mut self) -> Incoming {
        match self.reader.next().await {
            Some(Ok(Message::Binary(bytes))) => match decode(&bytes, "relay's frame") {
                Ok(frame) => Incoming::Frame(frame),
                Err(refusal) => Incoming::Closed(refusal),
            },
            Some(Ok(Message::Close(_))) | None => Incoming::Closed(unavailable("the relay closed the connection")),
            Some(Ok(_)) => Incoming::Sign,
            Some(Err(error)) => Incoming::Closed(unavailable(format!("the connection broke: {error}"))),
        }
    }

    pub(super) async fn send(&self, frame: &ClientFrame) -> Result<(), Refusal> {
        let message = Message::Binary(encode(frame).into());
        let sending = tokio::time::timeout(PEER_PATIENCE, self.frames.send(message)).await;
        match sending {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(unavailable("the connection broke")),
            Err(_) => Err(unavailable("the relay takes nothing in")),
        }
    }

    /// Lets what was sent go out, and says goodbye.
    pub(super) async fn close(self) {
        drop(self.frames);
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, self.writing).await;
    }
}

async fn connect(access: &RelayAccess, workspace: WorkspaceId) -> Result<Stream, Refusal> {
    let address = access.address.replacen("http", "ws", 1);
    let url = format!("{address}/v1/workspaces/{workspace}/sync");
    let bad = |error: String| Refusal::new(Cause::Malformed, format!("{url} cannot be asked: {error}"));
    let mut request = url.as_str().into_client_request().map_err(|error| bad(error.to_string()))?;
    let token =
        http::HeaderValue::from_str(&format!("Bearer {}", access.token)).map_err(|error| bad(error.to_string()))?;
    request.headers_mut().insert(http::header::AUTHORIZATION, token);
    let config =
        WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
    let stream = transport::connect(access.into()).await?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((stream, _)) => Ok(stream),
        Err(tungstenite::Error::Http(response)) => Err(refused(&access.address, &response)),
        // Its own words would begin with “IO error”.
        Err(tungstenite::Error::Io(error)) => Err(transport::unreached(&access.address, &error)),
        Err(error) => Err(transport::unreached(&access.address, &error)),
    }
}

/// The relay says in JSON why it does not want the connection.
fn refused(address: &str, response: &http::Response<Option<Vec<u8>>>) -> Refusal {
    let body = response.body().as_deref().unwrap_or_default();
    serde_json::from_slice(body).unwrap_or_else(|_| unavailable(format!("{address} answers {}", response.status())))
}

fn unavailable(detail: impl Into<String>) -> Refusal {
    Refusal::new(Cause::Unavailable, detail)
}
