//! A reader of the visibility stream: an HTTP request whose answer is read piece by piece.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use regard_core::visibility::{StreamEvent, StreamId, StreamLine, Visible};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::WORKSPACE;

/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a stream is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// Behind the question mark.
    pub(crate) query: String,
    pub(crate) last_event_id: Option<StreamId>,
    pub(crate) accept: Option<&'static str>,
    /// Bytes that the system keeps for the reader, where it should be few.
    pub(crate) receive_buffer: Option<u32>,
}

impl Ask {
    pub(crate) fn lines(query: &str) -> Self {
        Self { query: query.to_owned(), accept: Some("application/x-ndjson"), ..Self::default() }
    }

    pub(crate) fn after(last: Option<StreamId>) -> Self {
        Self { last_event_id: last, ..Self::lines("") }
    }
}

/// A stream that is open.
pub(crate) struct Reading {
    pub(crate) content_type: String,
    body: Incoming,
    rest: Vec<u8>,
    /// How much of it has been read.
    taken: usize,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Reading {
    /// The connection ends where it stands.
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Reading {
    /// Opens a stream; the error is the status and body of the refusal.
    pub(crate) async fn open(to: SocketAddr, token: &str, ask: &Ask) -> Result<Self, (u16, String)> {
        let stream = connect(to, ask.receive_buffer).await.map_err(|error| (0, error.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| (0, error.to_string()))?;
        let connection = tokio::spawn(async move { drop(connection.await) });
        let path = format!("/v1/workspaces/{WORKSPACE}/visibility?{}", ask.query);
        let mut request = hyper::Request::builder().uri(path).header("host", "relay");
        request = request.header("authorization", format!("Bearer {token}"));
        if let Some(accept) = ask.accept {
            request = request.header("accept", accept);
        }
        if let Some(id) = ask.last_event_id {
            request = request.header("last-event-id", id.to_string());
        }
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let response = sender.send_request(request).await.map_err(|error| (0, error.to_string()))?;
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
        let body = response.into_body();
        if status != 200 {
            let body = body.collect().await.expect("a body").to_bytes();
            return Err((status, String::from_utf8(body.to_vec()).expect("text")));
        }
        Ok(Self { content_type, body, rest: Vec::new(), taken: 0, connection })
    }

    pub(crate) async fn must(to: SocketAddr, token: &str, ask: &Ask) -> Self {
        Self::open(to, token, ask).await.expect("a stream")
    }

    /// The next line without its end; none where the stream was cut or has ended. A line that was cut off is dropped.
    pub(crate) async fn text_line(&mut self) -> Option<String> {
        loop {
            let rest = &self.rest[self.taken..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8(rest[..end].to_vec()).expect("text");
                self.taken += end + 1;
                return Some(line);
            }
            self.rest.drain(..std::mem::take(&mut self.taken));
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("in time");
            match frame {
                Some(Ok(frame)) => self.rest.extend_from_slice(frame.data_ref().expect("data")),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next event of the NDJSON form; heartbeats are passed over.
    pub(crate) async fn line(&mut self) -> Option<StreamLine> {
        loop {
            let line = self.text_line().await?;
            if !line.is_empty() {
                return Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
            }
        }
    }

    /// The next event that is as wanted; others are passed over.
    pub(crate) async fn wait<T>(&mut self, mut wanted: impl FnMut(&StreamLine) -> Option<T>) -> T {
        loop {
            let line = self.line().await.expect("the stream goes on");
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
    }

    /// Every change up to where the stream says that it has caught up, and that place.
    pub(crate) async fn history(&mut self) -> (Vec<Visible>, StreamId) {
        let mut changes = Vec::new();
        loop {
            match self.line().await.expect("the stream goes on").event {
                StreamEvent::Visible(visible) => changes.push(visible),
                StreamEvent::CaughtUp(caught_up) => return (changes, caught_up.head),
                _ => {}
            }
        }
    }

    /// So many changes, as they are written: a thousand readers would take long to understand them all.
    pub(crate) async fn written(&mut self, count: usize) -> Vec<String> {
        let mut written = Vec::new();
        while written.len() < count {
            let line = self.text_line().await.expect("the stream goes on");
            if line.contains(r#""event":"visible""#) {
                written.push(line);
            }
        }
        written
    }

    /// So many changes.
    pub(crate) async fn changes(&mut self, count: usize) -> Vec<Visible> {
        let mut changes = Vec::new();
        while changes.len() < count {
            changes.push(self.wait(visible).await);
        }
        changes
    }
}

pub(crate) fn visible(line: &StreamLine) -> Option<Visible> {
    match &line.event {
        StreamEvent::Visible(visible) => Some(visible.clone()),
        _ => None,
    }
}

async fn connect(to: SocketAddr, receive_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect(to).await
}
