use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use regard_core::error::{Cause, Refusal};
use regard_core::id::DeviceId;
use regard_core::limits::{BATCH_BYTES_MAX, FETCH_DOCUMENTS_MAX, QUARANTINE_MAX};
use regard_core::sync::{CheckedUnit, check_unit};
use regard_core::wire::{
    self, Applied, ClientFrame, Fetch, PeerApplied, Push, Role, Scope, Subscribe, Unit, UnitOutcome,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connection::Logs;
use super::rooms::{Presence, Room};
use super::sender::{Order, Outcomes};
use super::{Served, blocking};
use crate::ambient;
use crate::metering;
use crate::relay::Inner;
use crate::store::{Caller, CheckedPush, Log, StoreError};

/// Compressed bytes of a push from which on checking it is worth a thread of its own: some 50 microseconds.
const LARGE_PUSH_BYTES: usize = 16 << 10;

/// Takes in what a device says.
pub(super) struct Reader {
    relay: Arc<Inner>,
    caller: Caller,
    logs: Logs,
    room: Arc<Room>,
    presence: Presence,
    orders: mpsc::Sender<Order>,
    /// The scopes with a valid cursor: only what is read can have been applied.
    following: [bool; Scope::ALL.len()],
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
    pub(super) fn new(
        served: &Served,
        caller: Caller,
        logs: &Logs,
        (room, presence): (Arc<Room>, Presence),
        orders: mpsc::Sender<Order>,
    ) -> Self {
        let (relay, logs) = (Arc::clone(&served.relay), logs.clone());
        Self { relay, caller, logs, room, presence, orders, following: [false; Scope::ALL.len()] }
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
        match wire::decode(&bytes, "frame")? {
            ClientFrame::Hello(_) => Err(Refusal::new(Cause::Malformed, "a Hello comes once, and first").into()),
            ClientFrame::Push(push) => self.push(push).await,
            ClientFrame::Subscribe(subscribe) => self.subscribe(subscribe).await,
            ClientFrame::Applied(applied) => self.applied(applied),
            ClientFrame::Reconcile(scope) => self.order(Order::List { scope }).await,
            ClientFrame::Fetch(fetch) => self.fetch(fetch).await,
            ClientFrame::Unsubscribe(scope) => {
                self.following[usize::from(scope.number())] = false;
                self.order(Order::Leave { scope }).await
            }
            ClientFrame::Complete(scope) => {
                self.presence.complete(scope);
                Ok(())
            }
        }
    }

    async fn push(&mut self, push: Push) -> Result<(), End> {
        let Push { scope, number, units } = push;
        let may_write = self.caller.role != Role::Reader;
        let units = if units.len() < LARGE_PUSH_BYTES {
            checked_units(&units, may_write)?
        } else {
            let checked = blocking(move || Ok::<_, StoreError>(checked_units(&units, may_write))).await;
            checked??
        };
        let count = units.len();
        metering::push();
        let changes = units.iter().flatten().map(|unit| unit.headers.len()).sum();
        // Whoever sends faster than allowed is read more slowly.
        self.relay.pace.wait(self.caller.workspace, self.caller.device, changes).await;
        let outcomes = if units.iter().all(Result::is_err) {
            let refusals = units.into_iter().filter_map(Result::err).map(|refusal| {
                metering::units_refused(refusal.cause, 1);
                UnitOutcome::Refused(refusal)
            });
            Outcomes::Known(refusals.collect())
        } else {
            let log = Arc::clone(self.log(scope));
            let Caller { device: carrier, standing, .. } = self.caller;
            let complete = self.room.complete_among(scope, others_named(&units, carrier));
            let push = CheckedPush { log, carrier, standing, units, complete };
            match self.relay.logs.push(push).await {
                Ok(outcomes) => Outcomes::Awaited(outcomes),
                Err(error) => Outcomes::Known(vec![UnitOutcome::Refused(error.as_refusal()); count]),
            }
        };
        self.order(Order::Acknowledge { scope, number, count, outcomes }).await
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), End> {
        let log = Arc::clone(self.log(subscribe.scope));
        let from = subscribe.from.unwrap_or_else(|| log.start());
        let (relay, asked) = (Arc::clone(&self.relay), Arc::clone(&log));
        let cursors = std::iter::once(from).chain(subscribe.witness).collect::<Vec<_>>();
        let is_valid = blocking(move || relay.logs.are_valid(&asked, &cursors)).await?;
        self.following[usize::from(subscribe.scope.number())] = is_valid;
        let scope = subscribe.scope;
        self.order(if is_valid { Order::Follow { scope, after: from.seq } } else { Order::Void { scope } }).await
    }

    async fn fetch(&mut self, fetch: Fetch) -> Result<(), End> {
        let Fetch { scope, documents } = fetch;
        if documents.len() > FETCH_DOCUMENTS_MAX {
            let detail = format!("{} records are asked for at once, of at most {FETCH_DOCUMENTS_MAX}", documents.len());
            return Err(Refusal::new(Cause::TooLarge, detail).into());
        }
        self.order(Order::Excerpt { scope, documents }).await
    }

    fn applied(&mut self, applied: Applied) -> Result<(), End> {
        let Applied { scope, cursor, except } = applied;
        let in_order = except.windows(2).all(|pair| pair[0] < pair[1]);
        if except.len() > QUARANTINE_MAX || !in_order || except.last().is_some_and(|last| *last > cursor.seq) {
            return Err(Refusal::new(Cause::Malformed, "a receipt names exceptions that cannot be").into());
        }
        let head = self.log(scope).head();
        // A receipt for another life of the log tells nothing about this one; its device learns of it on subscribing.
        if self.following[usize::from(scope.number())] && cursor.epoch == head.epoch && cursor.seq <= head.seq {
            let applied = PeerApplied { scope, epoch: cursor.epoch, seq: cursor.seq, except, at: ambient::now() };
            self.room.applied(self.caller.device, applied);
        }
        Ok(())
    }

    fn log(&self, scope: Scope) -> &Arc<Log> {
        &self.logs[usize::from(scope.number())]
    }

    async fn order(&self, order: Order) -> Result<(), End> {
        self.orders.send(order).await.map_err(|_| End(None))
    }
}

/// The devices in whose names units or changes are, but the one that brings them: mostly none.
fn others_named(units: &[Result<CheckedUnit, Refusal>], carrier: DeviceId) -> HashSet<DeviceId> {
    let named = |checked: &CheckedUnit| {
        let actors = checked.headers.iter().filter_map(|header| header.actor.device());
        actors.chain(checked.unit.author).filter(|device| *device != carrier).collect::<Vec<_>>()
    };
    units.iter().flatten().flat_map(named).collect()
}

/// Unpacks a push and looks at each unit's bytes, before anybody waits for it.
fn checked_units(packed: &[u8], may_write: bool) -> Result<Vec<Result<CheckedUnit, Refusal>>, Refusal> {
    let units: Vec<Unit> = wire::decode_batch(packed, "push")?;
    let mut bytes = 0;
    let checked = units.into_iter().map(|unit| {
        if !may_write {
            return Err(Refusal::new(Cause::NotAllowed, "a reader changes nothing"));
        }
        if bytes > BATCH_BYTES_MAX {
            // Deflated changes can grow beyond what the push itself may have.
            let detail = format!("the push unpacks to more than the {BATCH_BYTES_MAX} bytes that are allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        let unit = check_unit(unit)?;
        bytes += unit.bytes();
        Ok(unit)
    });
    Ok(checked.collect())
}
