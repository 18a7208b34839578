//! What devices talk to: HTTP for joining, a WebSocket for everything else.

mod accept;
mod body;
mod challenges;
mod connection;
pub(crate) mod denied;
mod doors;
mod http;
mod keys;
mod operations;
mod pace;
mod patient;
mod peers;
mod poll;
mod reader;
pub(crate) mod rights;
mod rooms;
mod sender;
mod visibility;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use regard_core::limits::HTTP_BODY_BYTES_MAX;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

pub(crate) use pace::Pace;
pub(crate) use rooms::{Presence, Room, Rooms};
pub(crate) use visibility::{End as StreamEnd, Form, Pages, Roster, Telling};

use accept::Acceptor;

use crate::error::RelayError;
use crate::relay::{Inner, Relay};
use crate::store::{AccessError, StoreError};
use crate::tls::Tls;

/// What every request can reach.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) relay: Arc<Inner>,
    /// True once the relay is told to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Held by every connection: the relay has stopped when all are dropped.
    pub(crate) alive: mpsc::Sender<Infallible>,
    /// Bounds the connections.
    pub(crate) places: Arc<Semaphore>,
}

impl Relay {
    /// Answers devices until `shutdown` is there; then ends their connections, with a word, and the commit in flight.
    /// Nothing is encrypted.
    ///
    /// # Errors
    /// [`RelayError::Serving`] where the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RelayError> {
        self.serve_on(listener, None, shutdown).await
    }

    /// As [`Relay::serve`], encrypted.
    ///
    /// # Errors
    /// As [`Relay::serve`].
    pub async fn serve_tls(
        self,
        listener: TcpListener,
        tls: &Tls,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RelayError> {
        self.serve_on(listener, Some(tls), shutdown).await
    }

    async fn serve_on(
        self,
        listener: TcpListener,
        tls: Option<&Tls>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), RelayError> {
        let (stop, stop_signal) = watch::channel(false);
        let (alive, mut all_gone) = mpsc::channel(1);
        let places = Arc::new(Semaphore::new(self.inner.settings.connections_max));
        let served = Served { relay: Arc::clone(&self.inner), stopping: stop_signal.clone(), alive, places };
        let saver = tokio::spawn(peers::save_now_and_then(Arc::clone(&self.inner), stop_signal.clone()));
        let mut accepting = tokio::spawn(Acceptor::new(listener, tls, served).run());
        let early = tokio::select! {
            ended = &mut accepting => Some(ended),
            () = shutdown => None,
        };
        stop.send_replace(true);
        let patience = self.inner.settings.shutdown_patience;
        let ending = async {
            let ended = match early {
                Some(ended) => ended,
                None => (&mut accepting).await,
            };
            all_gone.recv().await;
            ended
        };
        let ended = tokio::time::timeout(patience, ending).await;
        accepting.abort();
        let _ = saver.await;
        peers::save(&self.inner).await;
        match ended {
            Ok(Err(panicked)) => Err(RelayError::Serving(std::io::Error::other(panicked))),
            Ok(Ok(())) => Ok(()),
            Err(_) => {
                tracing::warn!("some connections did not end in time and were dropped");
                Ok(())
            }
        }
    }
}

/// Completes when the relay is told to stop, or whoever could tell it is gone.
pub(crate) async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Runs work that reads or writes files where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "work on the relay's files ended in a panic");
            Err(StoreError::Closed.into())
        }
    }
}

fn router(served: Served) -> Router {
    Router::new()
        .route(operations::HEALTHZ, get(async || "ok"))
        .route(operations::READYZ, get(operations::readyz))
        .route(operations::METRICS, get(operations::metrics))
        .route("/v1/workspaces/{id}/devices", post(http::join))
        .route("/v1/workspaces/{id}/devices/{device}", delete(rights::shut_out))
        .route("/v1/workspaces/{id}/members/{member}", delete(rights::remove).patch(rights::role))
        .route("/v1/workspaces/{id}/challenges", post(keys::challenge))
        .route("/v1/workspaces/{id}/tokens", post(keys::token))
        .route("/v1/workspaces/{id}/adoption", post(keys::adopt))
        .route("/v1/workspaces/{id}/invitations", post(http::invite))
        .route("/v1/workspaces/{id}/directory", get(http::directory))
        .route("/v1/workspaces/{id}/copies", post(http::copy))
        .route("/v1/workspaces/{id}/poll", post(poll::poll))
        .route("/v1/workspaces/{id}/sync", get(connection::upgrade))
        .route("/v1/workspaces/{id}/visibility", get(visibility::stream))
        .fallback(http::nothing_here)
        .layer(axum::middleware::from_fn(operations::note))
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .with_state(served)
}

impl AccessError {
    /// What the caller is told; the particulars of a failure are for the relay's own log.
    pub(crate) fn as_refusal(&self) -> regard_core::error::Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::Store(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "the access file failed");
                error.as_refusal()
            }
        }
    }
}
