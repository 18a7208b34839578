use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::sync::{Effect, Event, Link, Session, Start};
use regard_core::time::Timestamp;
use regard_core::wire::ClientFrame;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use super::asking::{self, Asking};
use super::socket::{Incoming, Socket};
use super::storing::InStore;
use super::{EngineSchedule, EngineStatus, Notice, renew, storing};
use crate::store::{ShutOut, Store, StoreError};
use crate::system::{SteadyClock, SystemEntropy, now};

/// Performs what the session says.
pub(super) struct Driver {
    store: Arc<Store>,
    /// How often the store's file had been opened when the session began with what it says.
    openings: u64,
    schedule: EngineSchedule,
    session: Session,
    commands: mpsc::Receiver<Event>,
    connection: Connection,
    asking: Asking,
    /// Whether what a crash kept from being made again has been.
    is_redone: bool,
    clock: SteadyClock,
    wake: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    status: watch::Sender<EngineStatus>,
    notices: broadcast::Sender<Notice>,
}

enum Connection {
    None,
    Opening(JoinHandle<Result<(Socket, u64), Refusal>>),
    Open(Box<Socket>),
}

impl Driver {
    pub(super) fn new(
        store: Arc<Store>,
        commands: mpsc::Receiver<Event>,
        notices: broadcast::Sender<Notice>,
        schedule: EngineSchedule,
    ) -> Result<(Self, watch::Receiver<EngineStatus>), StoreError> {
        let clock = SteadyClock::start();
        let openings = store.openings();
        let session = Session::new(start_of(&store, schedule)?, clock.now());
        let heard_at = store.contact()?;
        let first = EngineStatus { link: session.link().clone(), settled: false, heard_at, stuck: session.stuck() };
        let (status, receiver) = watch::channel(first);
        let driver = Self {
            store,
            openings,
            schedule,
            session,
            commands,
            connection: Connection::None,
            asking: Asking::default(),
            is_redone: false,
            clock,
            wake: None,
            heard_at,
            status,
            notices,
        };
        Ok((driver, receiver))
    }

    pub(super) async fn run(mut self) {
        while let Some(event) = self.next_event().await {
            if matches!(event, Event::Timer) && self.session.link().is_live() {
                let answered = |store: &Store| storing::answer_complaints(store, now(), &mut SystemEntropy);
                for event in self.work_in_store(answered).await {
                    self.handle(event).await;
                }
            }
            self.handle(event).await;
            if self.store.openings() != self.openings {
                self.begin_anew().await;
            }
            self.publish();
        }
        self.disconnect().await;
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "what the relay told last was not kept, and will be asked for again");
            }
            Err(error) => tracing::warn!(%error, "the store could not be closed in order"),
        }
    }

    async fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let effects = self.session.handle(event, self.clock.now());
            for effect in effects {
                events.extend(self.perform(effect).await);
            }
        }
    }

    /// The store's disk has failed meanwhile: what was written lazily is lost, and the session is further than the store. It goes on
    /// with a session that begins where the store is.
    async fn begin_anew(&mut self) {
        let openings = self.store.openings();
        let (store, schedule) = (Arc::clone(&self.store), self.schedule);
        let start = match tokio::task::spawn_blocking(move || start_of(&store, schedule)).await {
            Ok(Ok(start)) => start,
            // It is tried again with the next event, and until then nothing is applied behind a gap: the store refuses that.
            Ok(Err(error)) => return tracing::error!(%error, "the store cannot be read, and the session waits for it"),
            Err(error) => return tracing::error!(%error, "the store could not be read, and the session waits for it"),
        };
        let is_online = !matches!(self.session.link(), Link::Offline { .. } | Link::Ended { .. });
        self.disconnect().await;
        self.asking = Asking::default();
        (self.wake, self.is_redone) = (None, false);
        self.session = Session::new(start, self.clock.now());
        self.openings = openings;
        if is_online {
            self.handle(Event::GoOnline).await;
        }
    }

    /// `None` when nobody holds the engine any more.
    async fn next_event(&mut self) -> Option<Event> {
        let wake = self.wake.map(|at| at.since(self.clock.now()));
        tokio::select! {
            command = self.commands.recv() => command,
            () = sleep(wake) => {
                self.wake = None;
                Some(Event::Timer)
            }
            event = self.asking.next() => Some(event),
            event = self.connection.next() => {
                if !matches!(event, Event::Closed { .. }) {
                    self.heard_at = Some(now());
                }
                Some(event)
            }
        }
    }

    fn publish(&self) {
        let status = EngineStatus {
            link: self.session.link().clone(),
            settled: self.session.is_settled(),
            heard_at: self.heard_at,
            stuck: self.session.stuck(),
        };
        self.status.send_if_modified(|current| {
            let modified = *current != status;
            *current = status;
            modified
        });
    }

    async fn perform(&mut self, effect: Effect) -> Vec<Event> {
        let mut events = Vec::new();
        if matches!(effect, Effect::Connect) && !self.is_redone {
            // Not when the engine starts: most commands send nothing, and the outbox may be long.
            match self.redo().await {
                Ok(redone) => events.extend(redone),
                Err(failed) => return vec![failed],
            }
        }
        events.extend(self.perform_one(effect).await);
        events
    }

    async fn redo(&mut self) -> Result<Vec<Event>, Event> {
        let store = Arc::clone(&self.store);
        let redo = move || storing::redo(&store, now(), &mut SystemEntropy);
        let redone = tokio::task::spawn_blocking(redo).await;
        let unavailable = |error: tokio::task::JoinError| Event::Failed {
            reason: Refusal::new(Cause::Unavailable, error.to_string()),
        };
        let redone = redone.map_err(unavailable)?.map_err(|error| store_failed(&error))?;
        self.is_redone = true;
        Ok(redone)
    }

    async fn perform_one(&mut self, effect: Effect) -> Vec<Event> {
        let event = match effect {
            Effect::Connect => self.connect(),
            Effect::Close => {
                self.disconnect().await;
                None
            }
            Effect::Send(frame) => self.send(&frame).await,
            Effect::Wake(at) => {
                self.wake = Some(at);
                None
            }
            Effect::Poll { wishes } => self.ask(|store| asking::poll(store, wishes)),
            Effect::Separate => self.ask(asking::separate),
            Effect::Announce(link) => {
                tracing::info!(?link, "the connection changed");
                let failed = self.keep_standing(&link).await;
                self.announce(Notice::Link { link });
                failed
            }
            Effect::ReadOutbox { .. }
            | Effect::Settle { .. }
            | Effect::Apply { .. }
            | Effect::Advance { .. }
            | Effect::Compare { .. }
            | Effect::ApplyExcerpt { .. }
            | Effect::Refill { .. }
            | Effect::Directory(_)
            | Effect::Peers(_) => return self.store_effect(effect).await,
        };
        event.into_iter().collect()
    }

    fn connect(&mut self) -> Option<Event> {
        let access = match self.store.settings() {
            Ok(settings) => settings.relay,
            Err(error) => return Some(store_failed(&error)),
        };
        let Some(access) = access else {
            let detail = "no relay is set for this workspace";
            return Some(Event::Closed { reason: Refusal::new(Cause::Unknown, detail) });
        };
        let store = Arc::clone(&self.store);
        self.connection = Connection::Opening(tokio::spawn(renew::open(store, access)));
        None
    }

    fn ask<F: Future<Output = Event> + Send + 'static>(&mut self, ask: impl FnOnce(Arc<Store>) -> F) -> Option<Event> {
        self.asking.begin(tokio::spawn(ask(Arc::clone(&self.store))));
        None
    }

    async fn disconnect(&mut self) {
        match std::mem::replace(&mut self.connection, Connection::None) {
            Connection::None => {}
            Connection::Opening(task) => task.abort(),
            Connection::Open(socket) => socket.close().await,
        }
        self.keep_contact().await;
    }

    /// Whether the device is shut out is said also after a restart, and offline.
    async fn keep_standing(&self, link: &Link) -> Option<Event> {
        let shut_out = match link {
            Link::Ended { reason, .. } => Some(ShutOut { heard_at: now(), reason: reason.clone() }),
            Link::Live { .. } => None,
            _ => return None,
        };
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || store.keep_shut_out(shut_out.as_ref())).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(store_failed(&error)),
            Err(error) => Some(Event::Failed { reason: Refusal::new(Cause::Unavailable, error.to_string()) }),
        }
    }

    async fn keep_contact(&self) {
        let (store, Some(heard_at)) = (Arc::clone(&self.store), self.heard_at) else { return };
        match tokio::task::spawn_blocking(move || store.keep_contact(heard_at)).await {
            Ok(Ok(())) => {}
            // It is for people only, and the next contact is kept again.
            Ok(Err(error)) => tracing::warn!(%error, "when the relay was last heard of could not be kept"),
            Err(error) => tracing::warn!(%error, "when the relay was last heard of could not be kept"),
        }
    }

    async fn send(&mut self, frame: &ClientFrame) -> Option<Event> {
        let Connection::Open(socket) = &self.connection else { return None };
        socket.send(frame).await.err().map(|reason| Event::Closed { reason })
    }

    /// The store waits for the disk, so it is asked on a thread that may wait.
    async fn store_effect(&mut self, effect: Effect) -> Vec<Event> {
        self.work_in_store(move |store| storing::in_store(store, effect, now(), &mut SystemEntropy)).await
    }

    async fn work_in_store(
        &mut self,
        work: impl FnOnce(&Store) -> Result<InStore, StoreError> + Send + 'static,
    ) -> Vec<Event> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(Ok((events, notices))) => {
                for notice in notices {
                    self.announce(notice);
                }
                events
            }
            Ok(Err(error)) => vec![store_failed(&error)],
            Err(error) => vec![Event::Failed { reason: Refusal::new(Cause::Unavailable, error.to_string()) }],
        }
    }

    fn announce(&self, notice: Notice) {
        // Nobody listening is no error.
        let _ = self.notices.send(notice);
    }
}

impl Connection {
    /// Waits for ever where there is none.
    async fn next(&mut self) -> Event {
        match self {
            Self::None => std::future::pending().await,
            Self::Opening(task) => {
                let opened =
                    task.await.unwrap_or_else(|error| Err(Refusal::new(Cause::Unavailable, error.to_string())));
                match opened {
                    Ok((socket, instance)) => {
                        *self = Self::Open(Box::new(socket));
                        Event::Connected { instance }
                    }
                    Err(reason) => {
                        *self = Self::None;
                        Event::Closed { reason }
                    }
                }
            }
            Self::Open(socket) => match socket.next().await {
                Incoming::Frame(frame) => Event::Frame(frame),
                Incoming::Sign => Event::Heard,
                Incoming::Closed(reason) => {
                    *self = Self::None;
                    Event::Closed { reason }
                }
            },
        }
    }
}

/// Where a session begins: with what the store says.
fn start_of(store: &Store, schedule: EngineSchedule) -> Result<Start, StoreError> {
    Ok(Start {
        program: concat!("regard ", env!("CARGO_PKG_VERSION")).to_owned(),
        scopes: storing::scopes(store, schedule.address_book_every)?,
        freshness_bound: schedule.freshness_bound,
        seed: u64::from_be_bytes(random()),
    })
}

pub(super) fn store_failed(error: &StoreError) -> Event {
    tracing::error!(%error, "the store failed");
    let detail = match error {
        StoreError::Refused(refusal) => refusal.to_string(),
        other => other.to_string(),
    };
    Event::Failed { reason: Refusal::new(Cause::Unavailable, detail) }
}

fn random<const N: usize>() -> [u8; N] {
    use regard_core::id::Entropy;
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
