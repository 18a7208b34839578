use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{FuturesOrdered, SplitSink};
use futures_util::{FutureExt, SinkExt, StreamExt};
use regard_core::error::Refusal;
use regard_core::id::DocumentId;
use regard_core::limits::{BATCH_BYTES_TARGET, PUSHES_IN_FLIGHT_MAX};
use regard_core::wire::{self, RelayFrame, Scope, Welcome};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::connection::stopping;
use super::rooms::Room;
use super::{Served, blocking, stopped};
use crate::desk::{Begun, Following, Next, Order, Outcomes, Speaker};
use crate::desk::{acknowledgement, excerpt_frames, inventory_frames, unanswered};
use crate::metering;
use crate::store::{AccessError, Caller, LoggedFrame, StoreError};

/// The device takes nothing any more, or not fast enough.
pub(super) struct Gone;

/// The socket's sending half, with the patience that a peer is due.
pub(super) struct Outlet {
    sink: SplitSink<WebSocket, Message>,
    patience: Duration,
}

impl Outlet {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>, patience: Duration) -> Self {
        Self { sink, patience }
    }

    pub(super) async fn frame(&mut self, frame: &RelayFrame) -> Result<(), Gone> {
        self.message(Message::Binary(wire::encode(frame).into())).await
    }

    pub(super) async fn close(&mut self) {
        // Whoever has gone needs no farewell.
        let _ = self.message(Message::Close(None)).await;
    }

    async fn message(&mut self, message: Message) -> Result<(), Gone> {
        let bytes = match &message {
            Message::Binary(frame) => frame.len(),
            _ => 0,
        };
        match timeout(self.patience, self.sink.send(message)).await {
            Ok(Ok(())) => {
                metering::sent(bytes);
                Ok(())
            }
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                metering::slow_consumer();
                Err(Gone)
            }
        }
    }
}

/// Sends a device what it is due.
pub(super) struct Sender {
    served: Served,
    caller: Caller,
    room: Arc<Room>,
    directory_changed: watch::Receiver<u64>,
    speaker: Speaker,
    outlet: Outlet,
    orders: mpsc::Receiver<Order>,
    pushes: FuturesOrdered<futures_util::future::BoxFuture<'static, RelayFrame>>,
}

/// Why sending ends: a word for the device, or none.
enum End {
    Refused(Refusal),
    Stopping,
    Gone,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        AccessError::Store(error).into()
    }
}

impl From<AccessError> for End {
    fn from(error: AccessError) -> Self {
        Self::Refused(error.as_refusal())
    }
}

impl Sender {
    pub(super) fn new(
        served: &Served,
        caller: Caller,
        begun: &Begun,
        outlet: Outlet,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let room = Arc::clone(&begun.room);
        Self {
            served: served.clone(),
            caller,
            directory_changed: begun.directory_changed.clone(),
            speaker: Speaker::new(&served.relay, caller, &begun.logs, Arc::clone(&room)),
            room,
            outlet,
            orders,
            pushes: FuturesOrdered::new(),
        }
    }

    /// Sends until the connection ends, and says why where there is somebody to hear it.
    pub(super) async fn run(&mut self, welcome: Welcome, ended: oneshot::Receiver<Refusal>) {
        let Err(end) = self.send_all(welcome, ended).await;
        let word = match end {
            End::Gone => return,
            End::Refused(refusal) => refusal,
            End::Stopping => {
                let patience = self.served.relay.settings.shutdown_patience / 2;
                let _ = timeout(patience, self.acknowledge_the_rest()).await;
                stopping()
            }
        };
        if self.outlet.frame(&RelayFrame::Refused(word)).await.is_ok() {
            self.outlet.close().await;
        }
    }

    async fn send_all(
        &mut self,
        welcome: Welcome,
        mut ended: oneshot::Receiver<Refusal>,
    ) -> Result<std::convert::Infallible, End> {
        self.outlet.frame(&RelayFrame::Welcome(welcome)).await?;
        let mut directory = self.directory_changed.clone();
        let mut peers = self.room.peers_changed.subscribe();
        self.send_peers().await?;
        let interval = self.served.relay.settings.peers_interval;
        let mut peers_due: Option<Instant> = None;
        let mut peers_sent_at = Instant::now();
        let mut probe = tokio::time::interval(self.served.relay.settings.keepalive);
        probe.reset();
        let stopped = stopped(self.served.stopping.clone());
        let (standings, caller) = (Arc::clone(self.served.relay.logs.standings()), self.caller);
        let lost = async move { standings.lost(&caller).await };
        tokio::pin!(stopped, lost);
        loop {
            let is_behind = self.speaker.is_behind();
            let peers_at = peers_due.unwrap_or(peers_sent_at);
            tokio::select! {
                biased;
                refusal = &mut lost => return Err(End::Refused(refusal)),
                refusal = &mut ended => return Err(refusal.map_or(End::Gone, End::Refused)),
                () = &mut stopped => return Err(End::Stopping),
                Some(frame) = self.pushes.next() => self.outlet.frame(&frame).await?,
                order = self.orders.recv(), if self.pushes.len() < PUSHES_IN_FLIGHT_MAX => {
                    self.obey(order.unwrap_or(Order::End(None))).await?;
                }
                () = tokio::time::sleep_until(peers_at), if peers_due.is_some() => {
                    peers_due = None;
                    peers_sent_at = Instant::now();
                    self.send_peers().await?;
                }
                Ok(()) = peers.changed(), if peers_due.is_none() => peers_due = Some(peers_sent_at + interval),
                Ok(()) = directory.changed() => self.send_directory().await?,
                _ = probe.tick() => self.outlet.message(Message::Ping(Bytes::new())).await?,
                () = std::future::ready(()), if is_behind => self.send_some().await?,
                () = grown(&mut self.speaker.following) => {}
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Acknowledge { scope, number, count, outcomes } => {
                self.await_outcomes(scope, number, count, outcomes);
            }
            Order::Follow { scope, after } => self.speaker.follow(scope, after),
            Order::Void { scope } => {
                let frame = self.speaker.void(scope);
                self.outlet.frame(&frame).await?;
            }
            Order::Leave { scope } => self.speaker.leave(scope),
            Order::List { scope } => self.send_inventory(scope).await?,
            Order::Excerpt { scope, documents } => self.send_excerpt(scope, documents).await?,
            Order::End(refusal) => return Err(refusal.map_or(End::Gone, End::Refused)),
        }
        Ok(())
    }

    fn await_outcomes(&mut self, scope: Scope, number: u64, count: usize, outcomes: Outcomes) {
        let log = self.speaker.log(scope);
        let answer = async move {
            let outcomes = match outcomes {
                Outcomes::Known(outcomes) => outcomes,
                Outcomes::Awaited(outcomes) => outcomes.await.unwrap_or_else(|_| unanswered(count)),
            };
            acknowledgement(&log, number, outcomes)
        };
        self.pushes.push_back(answer.boxed());
    }

    /// Sends one segment of each log that has more, or that it has no more.
    async fn send_some(&mut self) -> Result<(), End> {
        for at in 0..Scope::ALL.len() {
            let next = match self.speaker.next(at) {
                Next::Read { log, after } => {
                    let relay = Arc::clone(&self.served.relay);
                    let found = blocking(move || relay.logs.segments_after(&log, after, BATCH_BYTES_TARGET)).await?;
                    self.speaker.found(at, after, found)?;
                    self.speaker.next(at)
                }
                next => next,
            };
            match next {
                Next::Frame(frame) => self.outlet.frame(&frame).await?,
                Next::Segment(segment) => {
                    self.outlet.message(Message::Binary(Bytes::from_owner(Shared(segment)))).await?;
                    metering::segment_sent();
                }
                // What was found is there the second time.
                Next::Nothing | Next::Read { .. } => {}
            }
        }
        Ok(())
    }

    async fn send_peers(&mut self) -> Result<(), End> {
        if let Some(frame) = self.speaker.peers() {
            self.outlet.frame(&frame).await?;
        }
        Ok(())
    }

    async fn send_inventory(&mut self, scope: Scope) -> Result<(), End> {
        let (relay, log) = (Arc::clone(&self.served.relay), self.speaker.log(scope));
        // A closed semaphore would only mean that nobody bounds this any more; it never is closed.
        let turn = Arc::clone(&relay.inventories).acquire_owned().await;
        let (at, entries) = blocking(move || relay.logs.inventory(&log)).await?;
        drop(turn);
        for frame in inventory_frames(scope, at, &entries) {
            self.outlet.frame(&frame).await?;
        }
        Ok(())
    }

    async fn send_excerpt(&mut self, scope: Scope, documents: Vec<DocumentId>) -> Result<(), End> {
        let (relay, log) = (Arc::clone(&self.served.relay), self.speaker.log(scope));
        for frame in blocking(move || excerpt_frames(&relay.logs, &log, documents)).await? {
            self.outlet.frame(&frame).await?;
        }
        Ok(())
    }

    async fn send_directory(&mut self) -> Result<(), End> {
        let (relay, workspace) = (Arc::clone(&self.served.relay), self.caller.workspace);
        let directory = blocking(move || relay.access.directory(workspace)).await?;
        Ok(self.outlet.frame(&RelayFrame::Directory(directory)).await?)
    }

    /// What was handed to the writer is answered before the last word.
    async fn acknowledge_the_rest(&mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Acknowledge { scope, number, count, outcomes } = order {
                self.await_outcomes(scope, number, count, outcomes);
            }
        }
        while let Some(frame) = self.pushes.next().await {
            if self.outlet.frame(&frame).await.is_err() {
                return;
            }
        }
    }
}

/// Completes when a log that is followed grows.
async fn grown(following: &mut [Option<Following>]) {
    let changes = following.iter_mut().flatten().map(|following| following.head.changed().boxed());
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    let _ = futures_util::future::select_all(changes).await;
}

/// Lends a segment's bytes to the socket without copying them.
struct Shared(Arc<LoggedFrame>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.frame
    }
}
