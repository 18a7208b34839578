//! The few plain requests to a relay: joining, inviting others, and what [`access`] has.

pub mod access;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use regard_core::error::Refusal;
use regard_core::id::WorkspaceId;
use regard_core::limits::{FRAME_BYTES_MAX, PEER_PATIENCE};
use regard_core::time::Timestamp;
use regard_core::wire::access::{CopyRequest, InviteRequest, InviteResponse, JoinRequest, JoinResponse};
use regard_core::wire::{self, PollAnswer, Subscribe};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::RelayAccess;
use crate::system::now;
use crate::transport::{self, Endpoint, malformed, unreached};

/// Bytes of an answer: that to a poll may hold the largest segment of each scope.
const ANSWER_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;

/// Uses an invitation.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn join(relay: Endpoint<'_>, workspace: WorkspaceId, request: &JoinRequest) -> Result<JoinResponse, Refusal> {
    post(relay, &format!("/v1/workspaces/{workspace}/devices"), None, request).await
}

/// Makes an invitation.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn invite(
    relay: &RelayAccess,
    workspace: WorkspaceId,
    request: &InviteRequest,
) -> Result<InviteResponse, Refusal> {
    post(relay.into(), &format!("/v1/workspaces/{workspace}/invitations"), Some(&relay.token), request).await
}

/// Makes a store that turned out to be a copy a device of its own.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn copy(relay: &RelayAccess, workspace: WorkspaceId, request: &CopyRequest) -> Result<JoinResponse, Refusal> {
    post(relay.into(), &format!("/v1/workspaces/{workspace}/copies"), Some(&relay.token), request).await
}

/// Asks for what follows some cursors.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn poll(
    relay: &RelayAccess,
    workspace: WorkspaceId,
    wishes: &[Subscribe],
) -> Result<Vec<PollAnswer>, Refusal> {
    let path = format!("/v1/workspaces/{workspace}/poll");
    let answer = send(Method::POST, relay.into(), &path, Some(&relay.token), wire::encode(&wishes.to_vec())).await?;
    wire::decode(&answer, "relay's answer")
}

/// How a visit at a relay went.
#[derive(Debug)]
pub struct Visit {
    /// Whether it let this device in, else why not.
    pub outcome: Result<(), Refusal>,
    /// How many milliseconds its clock is ahead of this device's, where that could be told.
    pub clock_ahead_ms: Option<i64>,
}

/// Asks the relay for the directory, to see whether it is there, trusted, and knows this device.
pub async fn visit(relay: &RelayAccess, workspace: WorkspaceId) -> Visit {
    let path = format!("/v1/workspaces/{workspace}/directory");
    let asking = ask(Method::GET, relay.into(), &path, Some(&relay.token), b"null".to_vec());
    let asking = tokio::time::timeout(PEER_PATIENCE, asking).await;
    let answer = asking.unwrap_or_else(|_| Err(unreached(&relay.address, &"it does not answer")));
    match answer {
        Ok(answer) => Visit {
            clock_ahead_ms: answer.sent_at.map(|at| at.0 - now().0),
            outcome: if answer.is_success { Ok(()) } else { Err(answer.refusal(&relay.address)) },
        },
        Err(refusal) => Visit { outcome: Err(refusal), clock_ahead_ms: None },
    }
}

async fn post<T: DeserializeOwned>(
    relay: Endpoint<'_>,
    path: &str,
    token: Option<&str>,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    request(Method::POST, relay, path, token, body).await
}

async fn request<T: DeserializeOwned>(
    method: Method,
    relay: Endpoint<'_>,
    path: &str,
    token: Option<&str>,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    let body = serde_json::to_vec(body).map_err(|error| malformed(relay.address, &error))?;
    let answer = send(method, relay, path, token, body).await?;
    serde_json::from_slice(&answer).map_err(|error| malformed(relay.address, &error))
}

/// The body of the answer, where the relay grants the request.
async fn send(
    method: Method,
    relay: Endpoint<'_>,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Bytes, Refusal> {
    let asking = tokio::time::timeout(PEER_PATIENCE, ask(method, relay, path, token, body)).await;
    let answer = asking.map_err(|_| unreached(relay.address, &"it does not answer"))??;
    if answer.is_success {
        return Ok(answer.body);
    }
    Err(answer.refusal(relay.address))
}

/// What a relay says to a request.
struct Answer {
    is_success: bool,
    body: Bytes,
    /// When it was sent, by the clock of whatever answers, to the second.
    sent_at: Option<Timestamp>,
}

impl Answer {
    fn refusal(&self, address: &str) -> Refusal {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| malformed(address, &error))
    }
}

async fn ask(
    method: Method,
    relay: Endpoint<'_>,
    path: &str,
    token: Option<&str>,
    body: Vec<u8>,
) -> Result<Answer, Refusal> {
    let address = relay.address;
    let uri: Uri = format!("{address}{path}").parse().map_err(|error| malformed(address, &error))?;
    let stream = TokioIo::new(transport::connect(relay).await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| unreached(address, &error))?;
    tokio::spawn(connection);
    // A proxy may have put the relay below a path of its own.
    let path = uri.path_and_query().map_or(path, |path| path.as_str());
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    request = request.header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| malformed(address, &error))?;
    let response = sender.send_request(request).await.map_err(|error| unanswered(address, &error))?;
    let is_success = response.status().is_success();
    let sent_at = response.headers().get(DATE).and_then(|date| http_date(date.to_str().ok()?));
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| unreached(address, &error))?.to_bytes();
    Ok(Answer { is_success, body, sent_at })
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp(date.timestamp().as_millisecond()))
}

fn unanswered(address: &str, error: &hyper::Error) -> Refusal {
    if error.is_parse() {
        return unreached(address, &format!("what answers there speaks no HTTP: {error}"));
    }
    unreached(address, error)
}
