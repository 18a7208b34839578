use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, Response};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::types::{Problem, ProblemCode};
use super::{Workspace, router};
use crate::engine::{Engine, EngineSchedule};
use crate::store::{Store, StoreError};
use crate::unix;

/// Bytes of an answer that is not a stream of lines: a list of ten thousand rows has a few megabytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Bytes of one line of a stream.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How long a command waits for another short one that has the store open.
const IN_USE_PATIENCE: Duration = Duration::from_secs(10);
const IN_USE_PAUSE: Duration = Duration::from_millis(20);

/// The way to a store: in this process, or through the one that owns it.
pub struct Client {
    way: Way,
}

enum Way {
    Here { router: Router, workspace: Workspace, engine: JoinHandle<()>, serving: Option<JoinHandle<()>> },
    Socket(std::path::PathBuf),
}

impl Client {
    /// Reaches the process that owns the store in `folder`, or opens the store here, on the usual schedule.
    ///
    /// # Errors
    /// As [`Client::open_with`].
    pub async fn open(folder: &Path) -> Result<Self, Problem> {
        Self::open_with(folder, EngineSchedule::default()).await
    }

    /// Reaches the process that owns the store in `folder`, or opens the store here and keeps what it shows no older than
    /// `freshness_bound`.
    ///
    /// # Errors
    /// [`Problem`] where there is no store, or it cannot be opened.
    pub async fn open_with(folder: &Path, schedule: EngineSchedule) -> Result<Self, Problem> {
        let started = Instant::now();
        loop {
            if let Some(_stream) = unix::connect(folder).await.map_err(|error| no_socket(folder, &error))? {
                return Ok(Self { way: Way::Socket(folder.to_owned()) });
            }
            match Store::open(folder) {
                Ok(store) => return Self::over(Arc::new(store), schedule),
                Err(StoreError::InUse { .. }) if started.elapsed() < IN_USE_PATIENCE => {
                    tokio::time::sleep(IN_USE_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Works on a store that this process has opened.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn over(store: Arc<Store>, schedule: EngineSchedule) -> Result<Self, Problem> {
        let (engine_handle, engine) = Engine::start(Arc::clone(&store), schedule)?;
        let workspace = Workspace { store, engine: engine_handle };
        let router = router(workspace.clone());
        Ok(Self { way: Way::Here { router, workspace, engine, serving: None } })
    }

    /// The store and the engine, where they are in this process.
    #[must_use]
    pub fn workspace(&self) -> Option<&Workspace> {
        match &self.way {
            Way::Here { workspace, .. } => Some(workspace),
            Way::Socket(_) => None,
        }
    }

    /// Lets other commands in through the socket while this process owns the store.
    ///
    /// # Errors
    /// Where the socket cannot be made.
    pub fn serve(&mut self) -> Result<(), Problem> {
        let Way::Here { router, workspace, serving, .. } = &mut self.way else { return Ok(()) };
        let folder = workspace.store.folder();
        let listener = unix::listen(folder).map_err(|error| no_socket(folder, &error))?;
        let router = router.clone();
        *serving = Some(tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the local API ended");
            }
        }));
        Ok(())
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The API's problem, or that it was not reached.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Problem> {
        let response = self.request(method, path, body).await?;
        let is_success = response.status().is_success();
        let bytes =
            Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| self.cut(&e))?.to_bytes();
        if is_success {
            return serde_json::from_slice(&bytes).map_err(|error| broken(&error));
        }
        Err(serde_json::from_slice(&bytes).unwrap_or_else(|_| broken(&String::from_utf8_lossy(&bytes))))
    }

    /// Asks for a stream of lines of JSON and hands each on, until it ends or `each` says enough.
    ///
    /// # Errors
    /// The API's problem, that it was not reached, or what `each` answers.
    pub async fn lines<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
        each: impl FnMut(T) -> Result<Next, Problem>,
    ) -> Result<(), Problem> {
        let response = self.request(method, path, body).await?;
        self.each_line(response, each).await
    }

    /// Sends `pieces` as the body while the answer is read, as [`Client::lines`] reads it.
    ///
    /// # Errors
    /// As [`Client::lines`]; and where a piece is an error.
    pub async fn stream_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        pieces: impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static,
        each: impl FnMut(T) -> Result<Next, Problem>,
    ) -> Result<(), Problem> {
        let response = self.send(Method::POST, path, Body::from_stream(pieces)).await?;
        self.each_line(response, each).await
    }

    async fn each_line<T: DeserializeOwned>(
        &self,
        response: Response<Body>,
        mut each: impl FnMut(T) -> Result<Next, Problem>,
    ) -> Result<(), Problem> {
        if !response.status().is_success() {
            let bytes =
                Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| self.cut(&e))?;
            return Err(serde_json::from_slice(&bytes.to_bytes()).unwrap_or_else(|error| broken(&error)));
        }
        let mut chunks = response.into_body().into_data_stream();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(chunk) = chunks.next().await {
            rest.extend_from_slice(&chunk.map_err(|error| self.cut(&error))?);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                if each(serde_json::from_slice(&line).map_err(|error| broken(&error))?)? == Next::Stop {
                    return Ok(());
                }
            }
            if rest.len() > LINE_BYTES_MAX {
                return Err(broken(&"a line is too long"));
            }
        }
        Ok(())
    }

    /// Ends what runs in this process; what was sent goes out first.
    pub async fn close(self) {
        if let Way::Here { router, workspace, engine, serving } = self.way {
            if let Some(serving) = serving {
                serving.abort();
                let _ = serving.await;
            }
            workspace.engine.go_offline().await;
            drop((router, workspace));
            let _ = tokio::time::timeout(regard_core::limits::SHUTDOWN_PATIENCE, engine).await;
        }
    }

    /// An answer that was cut off: over the socket, since the other process has ended.
    fn cut(&self, error: &dyn std::fmt::Display) -> Problem {
        match self.way {
            Way::Here { .. } => broken(error),
            Way::Socket(_) => owner_ended(error),
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Response<Body>, Problem> {
        let json = body.map(serde_json::to_vec).transpose().map_err(|error| broken(&error))?;
        self.send(method, path, json.map_or_else(Body::empty, Body::from)).await
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> Result<Response<Body>, Problem> {
        let request = Request::builder().method(method).uri(path).header(HOST, "regard");
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.body(body).map_err(|error| broken(&error))?;
        match &self.way {
            Way::Here { router, .. } => match router.clone().oneshot(request).await {
                Ok(response) => Ok(response),
                Err(never) => match never {},
            },
            Way::Socket(folder) => over_socket(folder, request).await,
        }
    }
}

/// Whether a listener wants more lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More.
    Go,
    /// Enough.
    Stop,
}

async fn over_socket(folder: &Path, request: Request<Body>) -> Result<Response<Body>, Problem> {
    let stream = unix::connect(folder).await.map_err(|error| no_socket(folder, &error))?;
    let stream = stream.ok_or_else(|| {
        Problem::new(ProblemCode::Failed, "the process that had the store open has just ended")
            .hint("Nothing was done. Try again.")
    })?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| owner_ended(&error))?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| owner_ended(&error))?;
    Ok(response.map(Body::new))
}

/// Whoever asks cannot know how far the other process has come.
fn owner_ended(error: &dyn std::fmt::Display) -> Problem {
    let message = "the process that has the store open, such as `regard up`, ended before it had answered";
    let problem = Problem::new(ProblemCode::Failed, message);
    Problem { causes: vec![error.to_string()], ..problem }
        .hint("It may have done what was asked or not: look first, then try again. Importing again is always safe.")
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::Failed, format!("the local API did not answer as expected: {error}"))
        .hint("If `regard up` runs another version of Regard, start it again.")
}

fn no_socket(folder: &Path, error: &std::io::Error) -> Problem {
    let message = format!("the socket in {} cannot be used: {error}", folder.display());
    Problem::new(ProblemCode::Failed, message)
        .hint("Choose a folder with a shorter path, or one of your own, with --store.")
}
