use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use regard_core::error::{Cause, Refusal};
use regard_core::visibility::{Begin, CaughtUp, Filter, Reset, ResumePoint, StreamEvent, StreamId};
use regard_core::wire::Cursor;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::super::connection::stopping;
use super::super::rooms::Room;
use super::super::{Served, blocking, stopped};
use super::pages::View;
use super::peers::Told;
use super::request::{Form, Request};
use super::roster::Roster;
use crate::store::{AccessError, Caller, Log, StoreError};

/// One reader's stream. It follows the log by its own position and makes the next piece only when it is asked for one.
pub(super) struct Feed {
    served: Served,
    caller: Caller,
    room: Arc<Room>,
    log: Arc<Log>,
    form: Form,
    filter: Filter,
    roster: Arc<Roster>,
    head: watch::Receiver<Cursor>,
    directory: watch::Receiver<u64>,
    peers: watch::Receiver<u64>,
    /// What is made and not yet taken: the opening, or one piece.
    ready: VecDeque<Bytes>,
    resume: ResumePoint,
    is_caught_up: bool,
    told: Told,
    peers_told: u64,
    peers_told_at: Instant,
    peers_due: Option<Instant>,
    heartbeat: Interval,
    has_ended: bool,
    _place: OwnedSemaphorePermit,
    _alive: mpsc::Sender<Infallible>,
}

/// Why a stream ends.
struct End(Refusal);

impl From<AccessError> for End {
    fn from(error: AccessError) -> Self {
        Self(error.as_refusal())
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        AccessError::Store(error).into()
    }
}

impl From<serde_json::Error> for End {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "an event could not be written");
        Self(Refusal::new(Cause::Unavailable, "the relay could not write an event"))
    }
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
        roster.admits(caller.device)?;
        let head = log.follow();
        let mut heartbeat = tokio::time::interval(served.relay.settings.keepalive);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let peers = room.peers_changed.subscribe();
        let mut feed = Self {
            caller,
            room,
            form,
            filter: query.filter,
            roster,
            head,
            directory,
            peers,
            ready: VecDeque::new(),
            resume: ResumePoint::new(0),
            is_caught_up: false,
            told: Told::default(),
            peers_told: 0,
            peers_told_at: Instant::now(),
            peers_due: None,
            heartbeat,
            has_ended: false,
            _place: place,
            _alive: served.alive.clone(),
            log,
            served,
        };
        let head = feed.id(feed.log.head().seq);
        feed.begin(query.since.begin(head), head).map_err(|End(refusal)| refusal)?;
        Ok(feed)
    }

    /// The next piece; none once the stream has ended. Nothing is lost where the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.has_ended {
                return None;
            }
            if let Err(End(refusal)) = self.step().await {
                self.has_ended = true;
                // A word that cannot be written is none: the stream ends all the same.
                let _ = self.tell([(None, StreamEvent::Ended(refusal))]);
            }
        }
    }

    /// The opening: that the reader's place is not one of this log, where so, and where all devices are.
    fn begin(&mut self, begin: Begin, head: StreamId) -> Result<(), End> {
        match begin {
            Begin::After(place) => self.resume = ResumePoint::new(place),
            Begin::Reset(reason) => {
                self.tell([(None, StreamEvent::Reset(Reset { epoch: head.epoch, head, reason }))])?;
            }
        }
        self.tell_peers(None)
    }

    /// Waits for one thing to tell, and makes it ready.
    async fn step(&mut self) -> Result<(), End> {
        let is_behind = self.resume.place() < self.head.borrow().seq;
        let peers_at = self.peers_due.unwrap_or(self.peers_told_at);
        tokio::select! {
            biased;
            () = stopped(self.served.stopping.clone()) => return Err(End(stopping())),
            Ok(()) = self.directory.changed() => self.read_roster().await?,
            () = tokio::time::sleep_until(peers_at), if self.peers_due.is_some() => {
                self.peers_due = None;
                self.peers_told_at = Instant::now();
                self.tell_peers(Some(self.peers_told))?;
            }
            Ok(()) = self.peers.changed(), if self.peers_due.is_none() => {
                self.peers_due = Some(self.peers_told_at + self.served.relay.settings.peers_interval);
            }
            _ = self.heartbeat.tick() => self.beat()?,
            () = std::future::ready(()), if is_behind => self.tell_changes().await?,
            () = std::future::ready(()), if !self.is_caught_up => {
                self.is_caught_up = true;
                let head = self.id(self.resume.place());
                self.tell_position(StreamEvent::CaughtUp(CaughtUp { head }))?;
            }
            Ok(()) = self.head.changed() => {}
        }
        Ok(())
    }

    async fn tell_changes(&mut self) -> Result<(), End> {
        let relay = &self.served.relay;
        let view = View { log: &self.log, form: self.form, roster: &self.roster };
        let page = relay.pages.page(relay, view, self.resume.place() + 1).await?;
        let (text, last) = page.passing(&self.filter);
        if let Some(last) = last {
            self.ready.push_back(text);
            self.resume.told(last);
        }
        self.resume.passed(page.last_seq());
        if self.resume.is_due() {
            self.tell_position(StreamEvent::Position)?;
        }
        Ok(())
    }

    fn beat(&mut self) -> Result<(), End> {
        if self.resume.is_owed() {
            return self.tell_position(StreamEvent::Position);
        }
        self.ready.push_back(self.form.heartbeat());
        Ok(())
    }

    fn tell_peers(&mut self, after: Option<u64>) -> Result<(), End> {
        let (peers, number) = self.room.changed_after(after);
        self.peers_told = number;
        let news = self.told.news(peers, self.log.scope, &self.roster);
        self.tell(news.into_iter().map(|event| (None, event)))
    }

    async fn read_roster(&mut self) -> Result<(), End> {
        self.roster = Roster::current(&self.served, &self.caller, &self.room).await?;
        self.roster.admits(self.caller.device).map_err(End)
    }

    /// Tells an event behind which the reader may go on, since nothing before it is owed.
    fn tell_position(&mut self, event: StreamEvent) -> Result<(), End> {
        let place = self.resume.place();
        self.resume.told(place);
        self.tell([(Some(self.id(place)), event)])
    }

    fn tell(&mut self, events: impl IntoIterator<Item = (Option<StreamId>, StreamEvent)>) -> Result<(), End> {
        let mut text = Vec::new();
        for (id, event) in events {
            self.form.write(&mut text, id, event)?;
        }
        if !text.is_empty() {
            self.ready.push_back(text.into());
        }
        Ok(())
    }

    fn id(&self, seq: u64) -> StreamId {
        StreamId { epoch: self.log.head().epoch, seq }
    }
}
