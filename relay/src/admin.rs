//! Asking a relay that runs: it owns its files, so commands reach it by HTTP and JSON over a Unix socket in its folder.
//!
//! The commands call the same functions either way; [`Admin`] hides which.

mod access;

pub use access::MadeInvitation;

use std::path::{Path, PathBuf};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::limits::HTTP_BODY_BYTES_MAX;
use regard_core::wire::access::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ambient::Randomness;
use crate::backup::Backup;
use crate::error::RelayError;
use crate::relay::Relay;
use crate::server::denied::Denied;
use crate::store::{StoreError, WorkspaceInfo};
use crate::{server, unix};

const SOCKET: &str = "admin.sock";
const WORKSPACES: &str = "/workspaces";
const BACKUP: &str = "/backup";

/// A way to a relay's files: through the process that has them open, or by opening them.
pub enum Admin {
    /// A relay is running and listens at this socket.
    Running(PathBuf),
    /// No relay is running.
    Stopped(Relay),
}

/// A workspace that was just made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatedWorkspace {
    /// Its id.
    pub id: WorkspaceId,
    /// The secret of its founding invitation, as 64 hexadecimal digits.
    pub secret: String,
}

#[derive(Serialize, Deserialize)]
struct MakeBackup {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct CreateWorkspace {
    name: String,
}

impl Admin {
    /// Finds out whether a relay is running on the files in `data`, and opens them where none is.
    ///
    /// # Errors
    /// As [`Relay::open`].
    pub async fn of(data: &Path) -> Result<Self, RelayError> {
        let socket = data.join(SOCKET);
        match unix::connect(&socket).await {
            Ok(_) => Ok(Self::Running(socket)),
            Err(_) => Ok(Self::Stopped(Relay::open(data)?)),
        }
    }

    /// Makes a workspace with a new id.
    ///
    /// # Errors
    /// As [`Relay::create_workspace`]; [`RelayError::Serving`] where the running relay does not answer.
    pub async fn create_workspace(&self, name: &str) -> Result<CreatedWorkspace, RelayError> {
        match self {
            Self::Stopped(relay) => create(relay, name),
            Self::Running(socket) => {
                let body = serde_json::to_vec(&CreateWorkspace { name: name.to_owned() });
                ask(socket, "POST", WORKSPACES, body.map_err(|error| RelayError::Serving(error.into()))?).await
            }
        }
    }

    /// Writes a consistent copy of the relay's files into a new folder.
    ///
    /// # Errors
    /// As [`Relay::backup`]; [`RelayError::Serving`] where the running relay does not answer.
    pub async fn backup(&self, to: &Path) -> Result<Backup, RelayError> {
        // The relay that runs may be in another folder than who asks.
        let folder = std::path::absolute(to).map_err(RelayError::Serving)?;
        match self {
            Self::Stopped(relay) => relay.backup(&folder),
            Self::Running(socket) => {
                let body = serde_json::to_vec(&MakeBackup { folder });
                ask(socket, "POST", BACKUP, body.map_err(|error| RelayError::Serving(error.into()))?).await
            }
        }
    }

    /// All workspaces.
    ///
    /// # Errors
    /// As [`Relay::workspaces`]; [`RelayError::Serving`] where the running relay does not answer.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceInfo>, RelayError> {
        match self {
            Self::Stopped(relay) => relay.workspaces(),
            Self::Running(socket) => ask(socket, "GET", WORKSPACES, Vec::new()).await,
        }
    }
}

impl Relay {
    /// Answers the commands of whoever owns the relay's folder, until `shutdown` is there.
    ///
    /// # Errors
    /// [`RelayError::Serving`] where the socket cannot be made, for example since the folder's path is too long for one.
    pub async fn serve_admin(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), RelayError> {
        let socket = self.inner.data.join(SOCKET);
        let listener = unix::bind_private_socket(&socket).map_err(RelayError::Serving)?;
        let own = Router::new()
            .route(WORKSPACES, get(list_workspaces).post(create_workspace))
            .route(BACKUP, post(make_backup));
        let router = own.merge(access::router()).with_state(self);
        let served = axum::serve(listener, router).with_graceful_shutdown(shutdown).await;
        // Left behind it does no harm: the next relay replaces it.
        let _ = std::fs::remove_file(&socket);
        served.map_err(RelayError::Serving)
    }
}

/// Whether a relay runs on the files in `data`.
pub(crate) async fn is_running(data: &Path) -> bool {
    unix::connect(&data.join(SOCKET)).await.is_ok()
}

async fn make_backup(State(relay): State<Relay>, Json(request): Json<MakeBackup>) -> Result<Json<Backup>, Denied> {
    Ok(Json(server::blocking(move || relay.backup(&request.folder)).await?))
}

async fn list_workspaces(State(relay): State<Relay>) -> Result<Json<Vec<WorkspaceInfo>>, Denied> {
    Ok(Json(server::blocking(move || relay.workspaces()).await?))
}

async fn create_workspace(
    State(relay): State<Relay>,
    Json(request): Json<CreateWorkspace>,
) -> Result<Json<CreatedWorkspace>, Denied> {
    Ok(Json(server::blocking(move || create(&relay, &request.name)).await?))
}

fn create(relay: &Relay, name: &str) -> Result<CreatedWorkspace, RelayError> {
    let mut entropy = Randomness::fresh(&*relay.inner.ambient).map_err(StoreError::NoRandomness)?;
    let id = WorkspaceId::random(&mut entropy);
    let secret: Secret = relay.create_workspace(id, name)?;
    Ok(CreatedWorkspace { id, secret: secret.reveal() })
}

impl From<RelayError> for Denied {
    fn from(error: RelayError) -> Self {
        match error {
            RelayError::Refused(refusal) => refusal.into(),
            other => Refusal::new(Cause::Unavailable, other.to_string()).into(),
        }
    }
}

async fn ask<T: DeserializeOwned>(socket: &Path, method: &str, path: &str, body: Vec<u8>) -> Result<T, RelayError> {
    let serving = |error: Box<dyn std::error::Error + Send + Sync>| RelayError::Serving(std::io::Error::other(error));
    let stream = unix::connect(socket).await.map_err(RelayError::Serving)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| serving(error.into()))?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "relay")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| serving(error.into()))?;
    let response = sender.send_request(request).await.map_err(|error| serving(error.into()))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), HTTP_BODY_BYTES_MAX).collect().await.map_err(serving)?.to_bytes();
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|error| serving(error.into()));
    }
    let refusal = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Refusal::new(Cause::Unavailable, format!("the running relay answered with {status}")));
    Err(RelayError::Refused(refusal))
}
