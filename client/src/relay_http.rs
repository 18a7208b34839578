//! The few plain requests to a relay: joining, and inviting others.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::{FRAME_BYTES_MAX, PEER_PATIENCE};
use regard_core::wire::access::{CopyRequest, InviteRequest, InviteResponse, JoinRequest, JoinResponse};
use regard_core::wire::{self, PollAnswer, Subscribe};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::store::RelayAccess;

/// Bytes of an answer: that to a poll may hold the largest segment of each scope.
const ANSWER_BYTES_MAX: usize = 2 * FRAME_BYTES_MAX;

/// Uses an invitation.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn join(relay: &str, workspace: WorkspaceId, request: &JoinRequest) -> Result<JoinResponse, Refusal> {
    post(&format!("{relay}/v1/workspaces/{workspace}/devices"), None, request).await
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
    post(&format!("{}/v1/workspaces/{workspace}/invitations", relay.address), Some(&relay.token), request).await
}

/// Makes a store that turned out to be a copy a device of its own.
///
/// # Errors
/// The relay's refusal, or that it was not reached.
pub async fn copy(relay: &RelayAccess, workspace: WorkspaceId, request: &CopyRequest) -> Result<JoinResponse, Refusal> {
    post(&format!("{}/v1/workspaces/{workspace}/copies", relay.address), Some(&relay.token), request).await
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
    let url = format!("{}/v1/workspaces/{workspace}/poll", relay.address);
    let answer = send(&url, Some(&relay.token), wire::encode(&wishes.to_vec())).await?;
    wire::decode(&answer, "relay's answer")
}

async fn post<T: DeserializeOwned>(url: &str, token: Option<&str>, body: &impl Serialize) -> Result<T, Refusal> {
    let body = serde_json::to_vec(body).map_err(|error| malformed(url, &error))?;
    let answer = send(url, token, body).await?;
    serde_json::from_slice(&answer).map_err(|error| malformed(url, &error))
}

/// The body of the answer, where the relay grants the request.
async fn send(url: &str, token: Option<&str>, body: Vec<u8>) -> Result<Bytes, Refusal> {
    let asking = tokio::time::timeout(PEER_PATIENCE, ask(url, token, body)).await;
    let (is_success, answer) = asking.map_err(|_| unreached(url, &"it does not answer"))??;
    if is_success {
        return Ok(answer);
    }
    Err(serde_json::from_slice(&answer).unwrap_or_else(|error| malformed(url, &error)))
}

async fn ask(url: &str, token: Option<&str>, body: Vec<u8>) -> Result<(bool, Bytes), Refusal> {
    let uri: Uri = url.parse().map_err(|error| malformed(url, &error))?;
    if uri.scheme_str() != Some("http") {
        return Err(Refusal::new(
            Cause::Version,
            format!("{} is not an http:// address, and this program speaks no other", origin(url)),
        ));
    }
    let host = uri.host().ok_or_else(|| malformed(url, &"it names no host"))?;
    let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|error| unreached(url, &error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreached(url, &error))?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::builder().method(Method::POST).uri(path).header(HOST, authority);
    request = request.header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| malformed(url, &error))?;
    let response = sender.send_request(request).await.map_err(|error| unreached(url, &error))?;
    let is_success = response.status().is_success();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    Ok((is_success, body.map_err(|error| unreached(url, &error))?.to_bytes()))
}

fn unreached(url: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Cause::Unavailable, format!("the relay at {} is not reached: {error}", origin(url)))
}

fn malformed(url: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Cause::Malformed, format!("{} and this program do not understand each other: {error}", origin(url)))
}

/// Paths are left out of messages: they say nothing to people.
fn origin(url: &str) -> &str {
    url.find("/v1/").map_or(url, |at| &url[..at])
}
