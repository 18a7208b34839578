use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use regard_core::error::{Cause, Refusal};
use regard_core::wire::{self, Push, UnitOutcome};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Served, blocking};
use crate::desk::{Admitted, Heard, Listener, Order, Outcomes, Wish};
use crate::metering;
use crate::relay::Inner;
use crate::store::{Caller, StoreError};

/// Compressed bytes of a push from which on checking it is worth a thread of its own: some 50 microseconds.
const LARGE_PUSH_BYTES: usize = 16 << 10;

/// Takes in what a device says.
pub(super) struct Reader {
    relay: Arc<Inner>,
    caller: Caller,
    listener: Listener,
    orders: mpsc::Sender<Order>,
}

/// Why reading ends: a word for the device, or none where it has gone.
struct End(Option<Refusal>);

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self(Some(refusal))
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a connection ends, since the store failed");
        Self(Some(error.as_refusal()))
    }
}

impl Reader {
    pub(super) fn new(served: &Served, caller: Caller, listener: Listener, orders: mpsc::Sender<Order>) -> Self {
        Self { relay: Arc::clone(&served.relay), caller, listener, orders }
    }

    /// Reads until the device has gone or said something impossible. Then the sender is told to end, and this waits for it.
    pub(super) async fn run(&mut self, stream: &mut SplitStream<WebSocket>) {
        let End(refusal) = loop {
            if let Err(end) = self.one(stream).await {
                break end;
            }
        };
        if self.orders.send(Order::End(refusal)).await.is_ok() {
            std::future::pending::<()>().await;
        }
    }

    async fn one(&mut self, stream: &mut SplitStream<WebSocket>) -> Result<(), End> {
        let settings = &self.relay.settings;
        // Whoever is probed answers, so silence for longer means that nobody is there.
        let message = timeout(settings.keepalive + settings.peer_patience, stream.next()).await;
        let bytes = match message {
            Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => return Ok(()),
            Ok(Some(Ok(Message::Text(_)))) => {
                return Err(Refusal::new(Cause::Malformed, "a frame is a binary message, and this is text").into());
            }
            Ok(Some(Err(error))) => {
                return Err(Refusal::new(Cause::Malformed, format!("a message cannot be read: {error}")).into());
            }
            Ok(Some(Ok(Message::Close(_))) | None) | Err(_) => return Err(End(None)),
        };
        metering::received(bytes.len());
        match self.listener.hear(wire::decode(&bytes, "frame")?)? {
            Heard::Push(push) => self.push(push).await,
            Heard::Subscribe(wish) => self.subscribe(wish).await,
            Heard::Order(order) => self.order(order).await,
            Heard::Nothing => Ok(()),
        }
    }

    async fn push(&mut self, push: Push) -> Result<(), End> {
        let Push { scope, number, units } = push;
        let role = self.caller.role;
        let units = if units.len() < LARGE_PUSH_BYTES {
            Listener::check(role, &units)?
        } else {
            let checked = blocking(move || Ok::<_, StoreError>(Listener::check(role, &units))).await;
            checked??
        };
        let count = units.len();
        metering::push();
        let changes = units.iter().flatten().map(|unit| unit.headers.len()).sum();
        // Whoever sends faster than allowed is read more slowly.
        self.relay.pace.wait(self.caller.workspace, self.caller.device, changes).await;
        let outcomes = match self.listener.admit(scope, units) {
            Admitted::Refused(outcomes) => Outcomes::Known(outcomes),
            Admitted::Asked(push) => match self.relay.logs.push(push).await {
                Ok(outcomes) => Outcomes::Awaited(outcomes),
                Err(error) => Outcomes::Known(vec![UnitOutcome::Refused(error.as_refusal()); count]),
            },
        };
        self.order(Order::Acknowledge { scope, number, count, outcomes }).await
    }

    async fn subscribe(&mut self, wish: Wish) -> Result<(), End> {
        let relay = Arc::clone(&self.relay);
        let (log, cursors) = (Arc::clone(&wish.log), wish.cursors.clone());
        let is_valid = blocking(move || relay.logs.are_valid(&log, &cursors)).await?;
        let order = self.listener.follow(&wish, is_valid);
        self.order(order).await
    }

    async fn order(&self, order: Order) -> Result<(), End> {
        self.orders.send(order).await.map_err(|_| End(None))
    }
}
