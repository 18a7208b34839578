//! Keeping where devices are: now and then, never while somebody waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{blocking, stopped};
use crate::relay::Inner;

/// What a crash may forget. It is latest state, and devices tell it again.
const SAVED_EVERY: Duration = Duration::from_secs(30);

/// Saves whenever a device has gone, and regularly, until the relay stops.
pub(super) async fn save_now_and_then(relay: Arc<Inner>, stopping: watch::Receiver<bool>) {
    let stopped = stopped(stopping);
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = relay.rooms.unsaved.notified() => {}
            () = tokio::time::sleep(SAVED_EVERY) => {}
        }
        save(&relay).await;
    }
}

/// Saves what has changed.
pub(super) async fn save(relay: &Arc<Inner>) {
    let unsaved = relay.rooms.take_unsaved();
    let relay = Arc::clone(relay);
    if let Err(error) = blocking(move || relay.access.save_peers(unsaved)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "where the devices are could not be kept");
    }
}
