//! The local API: HTTP and JSON, the one way to a store.
//!
//! The command calls the router in its own process, or, where another process owns the store, over a Unix socket in the
//! store's folder. Both go through [`router`].

mod backup;
mod client;
mod control;
mod disk_hint;
mod doctor;
mod export;
mod finding;
mod import;
mod members;
mod outbox;
mod problem;
mod quarantine;
mod records;
mod relay;
mod sheet;
mod show;
pub mod types;
mod undo;
mod visibility;
mod watch;

pub use axum::http::Method;
pub use client::{Client, Next};

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::engine::Engine;
use crate::store::{Store, StoreError};
use problem::Failure;

/// What the API works on.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The store.
    pub store: Arc<Store>,
    /// The connection to the relay.
    pub engine: Engine,
}

impl Workspace {
    /// The store waits for the disk, so it is asked on a thread that may wait.
    async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        let store = Arc::clone(&self.store);
        let outcome = tokio::task::spawn_blocking(move || work(&store)).await;
        outcome.map_err(|error| Failure::stopped(&error))?.map_err(Failure::from)
    }
}

/// All routes.
pub fn router(workspace: Workspace) -> Router {
    Router::new()
        .route("/v1/records", get(finding::list).post(records::add))
        .route("/v1/search", get(finding::search))
        .route("/v1/records/{key}", get(show::show).patch(records::edit).delete(records::delete))
        .route("/v1/records/{key}/restore", post(records::restore))
        .route("/v1/records/{key}/inspect", get(show::inspect))
        .route("/v1/records/{key}/sheet", sheet::route())
        .route("/v1/sheets/{kind}", sheet::route_of_new())
        .route("/v1/saves", get(undo::list))
        .route("/v1/undo", post(undo::undo))
        .route("/v1/doctor", get(doctor::doctor))
        .route("/v1/import", post(import::import))
        .route("/v1/import/stream", post(import::stream))
        .route("/v1/export", post(export::export))
        .route("/v1/status", get(control::status))
        .route("/v1/sync", post(control::sync))
        .route("/v1/online", post(control::online))
        .route("/v1/offline", post(control::offline))
        .route("/v1/invitations", post(control::invite))
        .route("/v1/invitations/complete", post(members::complete))
        .route("/v1/members", get(members::list))
        .route("/v1/members/remove", post(members::remove))
        .route("/v1/members/role", post(members::role))
        .route("/v1/devices/revoke", post(members::revoke))
        .route("/v1/relay", get(relay::show))
        .route("/v1/relay/token", get(relay::token))
        .route("/v1/relay/move", post(relay::relocate))
        .route("/v1/relay/adopt", post(relay::adopt))
        .route("/v1/outbox", get(outbox::list))
        .route("/v1/outbox/export", post(outbox::export))
        .route("/v1/outbox/import", post(outbox::import))
        .route("/v1/quarantine", get(quarantine::list))
        .route("/v1/quarantine/retry", post(quarantine::retry))
        .route("/v1/quarantine/export", post(quarantine::export))
        .route("/v1/quarantine/{change}", get(quarantine::show))
        .route("/v1/backup", post(backup::backup))
        .route("/v1/check", get(backup::check))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/visibility", get(visibility::visibility))
        .with_state(workspace)
}
