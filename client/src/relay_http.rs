//! The few plain requests to a relay: joining, inviting others, and what [`access`] has.

pub mod access;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::{HTTP_BODY_BYTES_MAX, PEER_PATIENCE};
use regard_core::wire::access::{InviteRequest, InviteResponse, JoinRequest, JoinResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::store::RelayAccess;

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

async fn post<T: DeserializeOwned>(url: &str, token: Option<&str>, body: &impl Serialize) -> Result<T, Refusal> {
    request(Method::POST, url, token, body).await
}

async fn request<T: DeserializeOwned>(
    method: Method,
    url: &str,
    token: Option<&str>,
    body: &impl Serialize,
) -> Result<T, Refusal> {
    let asking = tokio::time::timeout(PEER_PATIENCE, ask(method, url, token, body)).await;
    let (is_success, answer) = asking.map_err(|_| unreached(url, &"it does not answer"))??;
    if is_success {
        return serde_json::from_slice(&answer).map_err(|error| malformed(url, &error));
    }
    Err(serde_json::from_slice(&answer).unwrap_or_else(|error| malformed(url, &error)))
}

async fn ask(method: Method, url: &str, token: Option<&str>, body: &impl Serialize) -> Result<(bool, Bytes), Refusal> {
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
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    request = request.header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = serde_json::to_vec(body).map_err(|error| malformed(url, &error))?;
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| malformed(url, &error))?;
    let response = sender.send_request(request).await.map_err(|error| unreached(url, &error))?;
    let is_success = response.status().is_success();
    let body = Limited::new(response.into_body(), HTTP_BODY_BYTES_MAX).collect().await;
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
