use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{FuturesOrdered, SplitSink};
use futures_util::{FutureExt, SinkExt, StreamExt};
use regard_core::error::Refusal;
use regard_core::id::DocumentId;
use regard_core::limits::{BATCH_BYTES_TARGET, PUSHES_IN_FLIGHT_MAX};
use regard_core::wire::{self, Cursor, RelayFrame, Scope, UnitOutcome, Welcome};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::connection::{Logs, stopping};
use super::rooms::Room;
use super::{Served, blocking, stopped};
use crate::metering;
use crate::store::{AccessError, Caller, Log, LoggedFrame, StoreError};

/// What the reading side of a connection asks the sending side to do.
pub(super) enum Order {
    /// Answer a push of so many units once its outcomes are known.
    Acknowledge { scope: Scope, number: u64, count: usize, outcomes: Outcomes },
    /// Send a log from the change after this place, and go on with what comes.
    Follow { scope: Scope, after: u64 },
    /// Say that a cursor is void, and send nothing more of that log.
    Void { scope: Scope },
    /// Send nothing more of a log.
    Leave { scope: Scope },
    /// Send the list of all documents of a log.
    List { scope: Scope },
    /// Send all changes of some documents.
    Excerpt { scope: Scope, documents: Vec<DocumentId> },
    /// End the connection, with a word where there is somebody to hear it.
    End(Option<Refusal>),
}

/// The outcomes of a push.
pub(super) enum Outcomes {
    Known(Vec<UnitOutcome>),
    /// They come when they are durable.
    Awaited(oneshot::Receiver<Vec<UnitOutcome>>),
}

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

/// Sends a device what it is due. It follows each log by its own position, so that a slow reader costs nobody anything.
pub(super) struct Sender {
    pub(super) served: Served,
    caller: Caller,
    logs: Logs,
    room: Arc<Room>,
    pub(super) outlet: Outlet,
    orders: mpsc::Receiver<Order>,
    following: [Option<Following>; Scope::ALL.len()],
    /// The ends of the logs when the device connected: what it brought itself after that, it need not get.
    connected_at: [u64; Scope::ALL.len()],
    pushes: FuturesOrdered<futures_util::future::BoxFuture<'static, RelayFrame>>,
    peers_sent: u64,
}

/// How far a log has been sent.
struct Following {
    log: Arc<Log>,
    head: watch::Receiver<Cursor>,
    /// The last place sent.
    position: u64,
    /// Whether the device waits to hear that everything has been sent.
    announces: bool,
    /// Segments that one reading of the disk brought.
    ahead: VecDeque<Arc<LoggedFrame>>,
}

/// Why sending ends: a word for the device, or none.
pub(super) enum End {
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
        logs: &Logs,
        room: Arc<Room>,
        outlet: Outlet,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        Self {
            served: served.clone(),
            caller,
            logs: logs.clone(),
            room,
            outlet,
            orders,
            following: [None, None],
            connected_at: [logs[0].head().seq, logs[1].head().seq],
            pushes: FuturesOrdered::new(),
            peers_sent: 0,
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
        let mut directory = self.room.directory_changed.subscribe();
        let mut peers = self.room.peers_changed.subscribe();
        self.send_peers(None).await?;
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
            let is_behind = self.following.iter_mut().flatten().any(Following::is_behind);
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
                    self.send_peers(Some(self.peers_sent)).await?;
                }
                Ok(()) = peers.changed(), if peers_due.is_none() => peers_due = Some(peers_sent_at + interval),
                Ok(()) = directory.changed() => self.send_directory().await?,
                _ = probe.tick() => self.outlet.message(Message::Ping(Bytes::new())).await?,
                () = std::future::ready(()), if is_behind => self.send_some().await?,
                () = grown(&mut self.following) => {}
            }
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Acknowledge { scope, number, count, outcomes } => {
                let log = self.log(scope);
                self.pushes.push_back(acknowledgement(log, number, count, outcomes).boxed());
            }
            Order::Follow { scope, after } => {
                let at = usize::from(scope.number());
                self.following[at] = Some(Following::new(Arc::clone(&self.logs[at]), after));
            }
            Order::Void { scope } => {
                let at = usize::from(scope.number());
                self.following[at] = None;
                let head = self.logs[at].head();
                self.outlet.frame(&RelayFrame::CursorVoid { scope, head }).await?;
            }
            Order::Leave { scope } => self.following[usize::from(scope.number())] = None,
            Order::List { scope } => self.send_inventory(scope).await?,
            Order::Excerpt { scope, documents } => self.send_excerpt(scope, documents).await?,
            Order::End(refusal) => return Err(refusal.map_or(End::Gone, End::Refused)),
        }
        Ok(())
    }

    pub(super) fn log(&self, scope: Scope) -> Arc<Log> {
        Arc::clone(&self.logs[usize::from(scope.number())])
    }

    /// Sends one segment of each log that has more, or that it has no more.
    async fn send_some(&mut self) -> Result<(), End> {
        for at in 0..self.following.len() {
            let Some(following) = &mut self.following[at] else { continue };
            let head = *following.head.borrow_and_update();
            if following.position >= head.seq {
                if std::mem::take(&mut following.announces) {
                    let caught_up = RelayFrame::CaughtUp { scope: following.log.scope, cursor: head };
                    self.outlet.frame(&caught_up).await?;
                }
                continue;
            }
            let segment = next_segment(following, &self.served).await?;
            following.position = segment.last_seq;
            let is_own = segment.carrier == self.caller.device && segment.first_seq > self.connected_at[at];
            if is_own {
                let cursor = Cursor { epoch: head.epoch, seq: segment.last_seq, hash: segment.after };
                self.outlet.frame(&RelayFrame::Advanced { scope: following.log.scope, cursor }).await?;
            } else {
                self.outlet.message(Message::Binary(Bytes::from_owner(Shared(segment)))).await?;
                metering::segment_sent();
            }
        }
        Ok(())
    }

    async fn send_peers(&mut self, after: Option<u64>) -> Result<(), End> {
        let (peers, number) = self.room.others_changed_after(self.caller.device, after);
        self.peers_sent = number;
        // The first notice is sent even where there is nobody: it tells that this is the whole.
        if after.is_none() || !peers.is_empty() {
            self.outlet.frame(&RelayFrame::Peers(peers)).await?;
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
                let log = self.log(scope);
                self.pushes.push_back(acknowledgement(log, number, count, outcomes).boxed());
            }
        }
        while let Some(frame) = self.pushes.next().await {
            if self.outlet.frame(&frame).await.is_err() {
                return;
            }
        }
    }
}

impl Following {
    fn new(log: Arc<Log>, after: u64) -> Self {
        let head = log.follow();
        Self { log, head, position: after, announces: true, ahead: VecDeque::new() }
    }

    fn is_behind(&mut self) -> bool {
        self.announces || self.position < self.head.borrow_and_update().seq
    }
}

/// The segment after the position: from memory, or from the disk with some that follow it.
async fn next_segment(following: &mut Following, served: &Served) -> Result<Arc<LoggedFrame>, StoreError> {
    if let Some(segment) = following.ahead.pop_front() {
        return Ok(segment);
    }
    let after = following.position;
    if let Some(segment) = served.relay.logs.recent(&following.log, after + 1) {
        return Ok(segment);
    }
    let (relay, log) = (Arc::clone(&served.relay), Arc::clone(&following.log));
    let found = blocking(move || relay.logs.segments_after(&log, after, BATCH_BYTES_TARGET)).await?;
    following.ahead = found.into_iter().map(Arc::new).collect();
    following.ahead.pop_front().ok_or(StoreError::Gap { seq: after + 1 })
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

async fn acknowledgement(log: Arc<Log>, number: u64, count: usize, outcomes: Outcomes) -> RelayFrame {
    let outcomes = match outcomes {
        Outcomes::Known(outcomes) => outcomes,
        Outcomes::Awaited(outcomes) => {
            outcomes.await.unwrap_or_else(|_| vec![UnitOutcome::Refused(StoreError::Closed.as_refusal()); count])
        }
    };
    // The end is taken after the outcomes: it is at or behind them.
    RelayFrame::Pushed { scope: log.scope, number, outcomes, head: log.head() }
}

/// Lends a segment's bytes to the socket without copying them.
struct Shared(Arc<LoggedFrame>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.frame
    }
}
