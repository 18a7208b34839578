//! Follows the relay's visibility stream, over all its interruptions, for as long as somebody listens.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use regard_core::error::Refusal;
use regard_core::id::WorkspaceId;
use regard_core::limits::{HTTP_BODY_BYTES_MAX, KEEPALIVE, PEER_PATIENCE};
use regard_core::sync::Backoff;
use regard_core::visibility::{StreamEvent, StreamId, StreamLine};
use tokio::time::timeout;

use crate::store::RelayAccess;
use crate::transport::{self, malformed, unreached};

/// A relay that is silent for as long as this has gone: it sends a sign of life three times as often.
const SILENCE_MAX: Duration = KEEPALIVE.saturating_mul(3);
/// Bytes of one line. The longest names the ten thousand places that a device set aside.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A stream that is followed. Every numbered event comes once and in order, however often the connection is lost.
pub struct Following {
    access: RelayAccess,
    workspace: WorkspaceId,
    /// What is asked for, encoded as a query, with where it begins.
    query: String,
    /// The last numbered event that was handed out.
    last: Option<StreamId>,
    open: Option<Lines>,
    backoff: Backoff,
    wait: Duration,
    has_ended: bool,
}

/// What is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An event, and the relay's own line without its end.
    Line {
        /// The line.
        text: String,
        /// What it says.
        line: StreamLine,
    },
    /// The connection was lost, and is tried again until it is there. Told once an interruption.
    Interrupted(Refusal),
    /// The relay lets this device read no more.
    Ended(Refusal),
}

impl Following {
    /// Opens the stream. `query` is what the relay is asked for, encoded; `seed` spreads the waits before further tries.
    ///
    /// # Errors
    /// The relay's refusal, or that it was not reached this first time.
    pub async fn open(access: RelayAccess, workspace: WorkspaceId, query: String, seed: u64) -> Result<Self, Refusal> {
        let open = Some(Lines::open(&access, workspace, &query, None).await?);
        let (backoff, wait) = (Backoff::new(seed), Duration::ZERO);
        Ok(Self { access, workspace, query, last: None, open, backoff, wait, has_ended: false })
    }

    /// The next thing heard; none after the end.
    pub async fn next(&mut self) -> Option<Heard> {
        if self.has_ended {
            return None;
        }
        let heard = match &mut self.open {
            Some(_) => self.listen().await,
            None => self.open_again().await,
        };
        self.has_ended = matches!(heard, Heard::Ended(_));
        Some(heard)
    }

    async fn listen(&mut self) -> Heard {
        let Some(open) = &mut self.open else { return self.open_again().await };
        let refusal = match open.next().await {
            Ok((_, StreamLine { event: StreamEvent::Ended(refusal), .. })) => refusal,
            Ok((text, line)) => {
                self.backoff.reset();
                self.last = line.id.or(self.last);
                return Heard::Line { text, line };
            }
            Err(refusal) => refusal,
        };
        self.open = None;
        self.wait = self.backoff.next_wait();
        if refusal.cause.may_pass_later() { Heard::Interrupted(refusal) } else { Heard::Ended(refusal) }
    }

    /// Tries until the relay lets this device in or says that it never will, and answers the first event.
    async fn open_again(&mut self) -> Heard {
        loop {
            tokio::time::sleep(self.wait).await;
            match Lines::open(&self.access, self.workspace, &self.query, self.last).await {
                Ok(open) => {
                    self.open = Some(open);
                    return Box::pin(self.listen()).await;
                }
                Err(refusal) if refusal.cause.may_pass_later() => self.wait = self.backoff.next_wait(),
                Err(refusal) => return Heard::Ended(refusal),
            }
        }
    }
}

/// One connection's lines.
struct Lines {
    address: String,
    body: Incoming,
    rest: Vec<u8>,
    /// How much of it has been handed out.
    taken: usize,
}

impl Lines {
    async fn open(
        access: &RelayAccess,
        workspace: WorkspaceId,
        query: &str,
        last: Option<StreamId>,
    ) -> Result<Self, Refusal> {
        let url = format!("{}/v1/workspaces/{workspace}/visibility?{query}", access.address);
        let asking = timeout(PEER_PATIENCE, ask(access, &url, last)).await;
        let body = asking.map_err(|_| unreached(&access.address, &"it does not answer"))??;
        Ok(Self { address: access.address.clone(), body, rest: Vec::new(), taken: 0 })
    }

    /// The next line that says something. One that was cut off is none.
    async fn next(&mut self) -> Result<(String, StreamLine), Refusal> {
        loop {
            let rest = &self.rest[self.taken..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = &rest[..end];
                self.taken += end + 1;
                if line.is_empty() {
                    continue;
                }
                let text = std::str::from_utf8(line).map_err(|error| malformed(&self.address, &error))?;
                let line = serde_json::from_str(text).map_err(|error| malformed(&self.address, &error))?;
                return Ok((text.to_owned(), line));
            }
            self.rest.drain(..std::mem::take(&mut self.taken));
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(malformed(&self.address, &"a line is too long"));
            }
            let frame = timeout(SILENCE_MAX, self.body.frame()).await;
            let frame = frame.map_err(|_| unreached(&self.address, &"it has gone silent"))?;
            let frame = frame.ok_or_else(|| unreached(&self.address, &"it closed the connection"))?;
            let frame = frame.map_err(|error| unreached(&self.address, &error))?;
            self.rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
    }
}

async fn ask(access: &RelayAccess, url: &str, last: Option<StreamId>) -> Result<Incoming, Refusal> {
    let uri: Uri = url.parse().map_err(|error| malformed(&access.address, &error))?;
    let mut sender = connect(access).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::builder().uri(path).header(HOST, authority).header(ACCEPT, "application/x-ndjson");
    request = request.header(AUTHORIZATION, format!("Bearer {}", access.token));
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let request = request.body(Empty::new()).map_err(|error| malformed(&access.address, &error))?;
    let response = sender.send_request(request).await.map_err(|error| unreached(&access.address, &error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let body = Limited::new(response.into_body(), HTTP_BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| unreached(&access.address, &error))?.to_bytes();
    Err(serde_json::from_slice(&body).unwrap_or_else(|_| unreached(&access.address, &format!("it answers {status}"))))
}

/// Opens a connection to the relay; a task of its own drives it.
async fn connect(access: &RelayAccess) -> Result<SendRequest<Empty<Bytes>>, Refusal> {
    let stream = transport::connect(access.into()).await?;
    let opened = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = opened.map_err(|error| unreached(&access.address, &error))?;
    tokio::spawn(connection);
    Ok(sender)
}
