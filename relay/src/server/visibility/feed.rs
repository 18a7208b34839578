use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use regard_core::error::Refusal;
use regard_core::wire::Cursor;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::super::connection::stopping;
use super::super::rooms::Room;
use super::super::{Served, blocking, stopped};
use super::request::Request;
use super::roster::Roster;
use super::telling::{End, Telling};
use crate::store::{AccessError, Caller};

/// One reader's stream. It follows the log by its own position and makes the next piece only when it is asked for one.
pub(super) struct Feed {
    served: Served,
    caller: Caller,
    room: Arc<Room>,
    telling: Telling,
    head: watch::Receiver<Cursor>,
    directory: watch::Receiver<u64>,
    peers: watch::Receiver<u64>,
    peers_told_at: Instant,
    peers_due: Option<Instant>,
    heartbeat: Interval,
    has_ended: bool,
    _place: OwnedSemaphorePermit,
    _alive: mpsc::Sender<Infallible>,
}

impl Feed {
    pub(super) async fn open(
        served: Served,
        caller: Caller,
        request: Request,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Refusal> {
        let Request { form, query } = request;
        let log = served.relay.logs.log(caller.workspace, query.scope).await.map_err(AccessError::Store);
        let log = log.map_err(|error| error.as_refusal())?;
        let (relay, workspace) = (Arc::clone(&served.relay), caller.workspace);
        let room = blocking(move || relay.rooms.room(workspace, &relay.access)).await;
        let room = room.map_err(|error| error.as_refusal())?;
        // What changes from here on is heard of, and what changed since the token was looked at is looked at again.
        let directory = room.directory_changed.subscribe();
        let roster = Roster::current(&served, &caller, &room).await.map_err(|error| error.as_refusal())?;
        let head = log.follow();
        let mut heartbeat = tokio::time::interval(served.relay.settings.keepalive);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let peers = room.peers_changed.subscribe();
        let telling = Telling::begin(caller.device, Arc::clone(&room), log, roster, form, query)?;
        Ok(Self {
            caller,
            room,
            telling,
            head,
            directory,
            peers,
            peers_told_at: Instant::now(),
            peers_due: None,
            heartbeat,
            has_ended: false,
            _place: place,
            _alive: served.alive.clone(),
            served,
        })
    }

    /// The next piece; none once the stream has ended. Nothing is lost where the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.telling.take() {
                return Some(piece);
            }
            if self.has_ended {
                return None;
            }
            if let Err(end) = self.step().await {
                self.has_ended = true;
                self.telling.end(end);
            }
        }
    }

    /// Waits for one thing to tell, and makes it ready.
    async fn step(&mut self) -> Result<(), End> {
        let is_behind = self.telling.wanted().is_some();
        let peers_at = self.peers_due.unwrap_or(self.peers_told_at);
        tokio::select! {
            biased;
            () = stopped(self.served.stopping.clone()) => return Err(End(stopping())),
            Ok(()) = self.directory.changed() => {
                let roster = Roster::current(&self.served, &self.caller, &self.room).await?;
                self.telling.roster_changed(roster)?;
            }
            () = tokio::time::sleep_until(peers_at), if self.peers_due.is_some() => {
                self.peers_due = None;
                self.peers_told_at = Instant::now();
                self.telling.peers_changed()?;
            }
            Ok(()) = self.peers.changed(), if self.peers_due.is_none() => {
                self.peers_due = Some(self.peers_told_at + self.served.relay.settings.peers_interval);
            }
            _ = self.heartbeat.tick() => self.telling.beat()?,
            () = std::future::ready(()), if is_behind => self.tell_changes().await?,
            () = std::future::ready(()), if self.telling.owes_caught_up() => self.telling.caught_up()?,
            Ok(()) = self.head.changed() => {}
        }
        Ok(())
    }

    async fn tell_changes(&mut self) -> Result<(), End> {
        let Some((view, from)) = self.telling.wanted() else { return Ok(()) };
        let page = self.served.relay.pages.page(&self.served.relay, view, from).await?;
        self.telling.page(&page)
    }
}
