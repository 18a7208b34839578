use std::sync::Arc;

use regard_core::error::{Cause, Refusal};

use super::socket::Socket;
use crate::relay_http;
use crate::store::{RelayAccess, Store, StoreError};

/// Connects. Where the relay does not know the device's token, as after a loss of its access file, the device proves itself
/// by its key and connects with the new token: once in each attempt, so that the wait between attempts holds for both.
pub(super) async fn open(store: Arc<Store>, access: RelayAccess) -> Result<(Socket, u64), Refusal> {
    let workspace = store.identity().workspace;
    let counting = Arc::clone(&store);
    let instance = tokio::task::spawn_blocking(move || counting.next_instance()).await;
    let unavailable = |detail: String| Refusal::new(Cause::Unavailable, detail);
    let instance = instance.map_err(|error| unavailable(error.to_string()))?;
    let instance = instance.map_err(|error| unavailable(error.to_string()))?;
    let socket = match Socket::open(access.clone(), workspace).await {
        Err(refusal) if refusal.cause == Cause::NotAllowed => {
            tracing::info!(%refusal, "the relay does not know this device's token; proving the device by its key");
            let access = renew(store, access).await?;
            Socket::open(access, workspace).await?
        }
        outcome => outcome?,
    };
    Ok((socket, instance))
}

async fn renew(store: Arc<Store>, access: RelayAccess) -> Result<RelayAccess, Refusal> {
    let answer = relay_http::access::renew_token(&access, &store.identity()).await?;
    let renewed = RelayAccess { token: answer.token, ..access };
    let kept = renewed.clone();
    let keeping = tokio::task::spawn_blocking(move || {
        store.keep_directory(&answer.directory)?;
        store.change_settings(|settings| {
            // Another address may have been set meanwhile; its token is another one.
            if let Some(relay) = settings.relay.as_mut().filter(|relay| relay.address == kept.address) {
                relay.token = kept.token;
            }
        })
    });
    let failed = |error: StoreError| Refusal::new(Cause::Unavailable, format!("the new token is not kept: {error}"));
    let kept = keeping.await.map_err(|error| Refusal::new(Cause::Unavailable, error.to_string()))?;
    kept.map(|()| renewed).map_err(failed)
}
