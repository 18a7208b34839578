//! Requests to the relay beside the connection.

use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use regard_core::sync::Event;
use regard_core::wire::Subscribe;
use tokio::task::JoinHandle;

use super::driver::store_failed;
use crate::relay_http;
use crate::store::{RelayAccess, Store, StoreError};
use crate::system::SystemEntropy;

/// The request that is under way; one at a time, and a new one takes the place of the one before.
#[derive(Default)]
pub(super) struct Asking(Option<JoinHandle<Event>>);

impl Asking {
    pub(super) fn begin(&mut self, request: JoinHandle<Event>) {
        if let Some(before) = self.0.replace(request) {
            before.abort();
        }
    }

    /// Waits for ever where nothing is asked.
    pub(super) async fn next(&mut self) -> Event {
        let Some(request) = &mut self.0 else { return std::future::pending().await };
        let answered = request.await;
        self.0 = None;
        answered.unwrap_or_else(|error| closed(Refusal::new(Cause::Unavailable, error.to_string())))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(request) = &self.0 {
            request.abort();
        }
    }
}

/// Asks for what a connection that brings nothing may keep back.
pub(super) async fn poll(store: Arc<Store>, wishes: Vec<Subscribe>) -> Event {
    let asked = async {
        let relay = relay(&store)?;
        relay_http::poll(&relay, store.identity().workspace, &wishes).await
    };
    match asked.await {
        Ok(answers) => Event::Polled { answers },
        Err(refusal) => {
            tracing::info!(%refusal, "the relay did not answer a poll");
            Event::Polled { answers: Vec::new() }
        }
    }
}

/// Makes this store, which is a copy of another one, a device of its own.
pub(super) async fn separate(store: Arc<Store>) -> Event {
    let asked = async {
        let relay = relay(&store)?;
        let identity = store.identity().copied(&mut SystemEntropy);
        let made = relay_http::copy(&relay, identity.workspace, &identity.copy_request()).await?;
        Ok::<_, Refusal>((identity, made))
    };
    let (identity, made) = match asked.await {
        Ok(made) => made,
        Err(refusal) => return closed(refusal),
    };
    tracing::warn!(device = %identity.device, "this store is a copy: it goes on as a device of its own");
    let kept = tokio::task::spawn_blocking(move || {
        store.become_device(identity, &made.token, &made.directory)?;
        Ok::<_, StoreError>(())
    });
    match kept.await {
        Ok(Ok(())) => Event::Separated,
        Ok(Err(error)) => store_failed(&error),
        Err(error) => closed(Refusal::new(Cause::Unavailable, error.to_string())),
    }
}

fn relay(store: &Store) -> Result<RelayAccess, Refusal> {
    let settings = store.settings().map_err(|error| Refusal::new(Cause::Unavailable, error.to_string()))?;
    settings.relay.ok_or_else(|| Refusal::new(Cause::Unknown, "no relay is set for this workspace"))
}

fn closed(reason: Refusal) -> Event {
    Event::Closed { reason }
}
