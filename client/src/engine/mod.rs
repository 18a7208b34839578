//! The engine: keeps the connection to the relay, feeds it from the outbox and drains it into the store.
//!
//! All decisions are those of [`regard_core::sync::Session`]; here are its socket, its clock and its hands. [`scopes`], [`redo`],
//! [`in_store`] and [`answer_complaints`] are what the session wants of the store, for whoever drives it by hand.

mod asking;
mod driver;
mod notice;
mod renew;
mod socket;
mod storing;

pub use notice::Notice;
pub use storing::{InStore, answer_complaints, in_store, redo, scopes};

use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::limits::{ADDRESS_BOOK_EVERY, FRESHNESS_BOUND};
use regard_core::sync::{Event, Link, Stuck};
use regard_core::time::Timestamp;
use regard_core::wire::Scope;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use self::driver::Driver;
use crate::store::{Store, StoreError};

/// Notices that a slow listener may be behind before it misses some and is told so.
const NOTICES_MAX: usize = 1024;
/// Commands waiting for the engine: saves come faster than they are sent only for a moment.
const COMMANDS_MAX: usize = 256;

/// When what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSchedule {
    /// How old what is shown may be while the relay can be reached by whatever way.
    pub freshness_bound: Duration,
    /// How often the address book is synchronized.
    pub address_book_every: Duration,
}

impl Default for EngineSchedule {
    fn default() -> Self {
        Self { freshness_bound: FRESHNESS_BOUND, address_book_every: ADDRESS_BOOK_EVERY }
    }
}

/// How the engine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// The connection.
    pub link: Link,
    /// Whether everything that was here is at the relay, and everything that was there is here.
    pub settled: bool,
    /// When something was last heard from the relay.
    pub heard_at: Option<Timestamp>,
    /// What it gets no further with.
    pub stuck: Stuck,
}

/// A running engine. Dropping the last handle ends it.
#[derive(Debug, Clone)]
pub struct Engine {
    commands: mpsc::Sender<Event>,
    status: watch::Receiver<EngineStatus>,
    notices: broadcast::Sender<Notice>,
}

impl Engine {
    /// Starts an engine that is offline until it is told otherwise.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn start(store: Arc<Store>, schedule: EngineSchedule) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (notices, _) = broadcast::channel(NOTICES_MAX);
        let (driver, status) = Driver::new(store, inbox, notices.clone(), schedule)?;
        let task = tokio::spawn(driver.run());
        Ok((Self { commands, status, notices }, task))
    }

    /// Connects, or tries again at once.
    pub async fn go_online(&self) {
        self.tell(Event::GoOnline).await;
    }

    /// Disconnects and stays so.
    pub async fn go_offline(&self) {
        self.tell(Event::GoOffline).await;
    }

    /// Tells that a save is durable and waits in the outbox.
    pub async fn saved(&self, scope: Scope, notice: Notice) {
        self.announce(notice);
        self.tell(Event::Saved { scope }).await;
    }

    /// Tells everybody who listens.
    pub fn announce(&self, notice: Notice) {
        // Nobody listening is no error.
        let _ = self.notices.send(notice);
    }

    /// How the engine stands now.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        self.status.borrow().clone()
    }

    /// What happens from now on.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Goes online and waits until both sides have everything.
    ///
    /// # Errors
    /// Why the relay was not reached, or the connection lost.
    pub async fn settle(&self) -> Result<(), Refusal> {
        let mut status = self.status.clone();
        let before = status.borrow_and_update().clone();
        self.go_online().await;
        loop {
            let current = status.borrow_and_update().clone();
            match current.link {
                Link::Waiting { ref reason, .. } | Link::Ended { ref reason, .. } if current.link != before.link => {
                    return Err(reason.clone());
                }
                Link::Live { .. } if current.settled => return Ok(()),
                _ => {}
            }
            if status.changed().await.is_err() {
                return Err(Refusal::new(Cause::Unavailable, "the engine has ended"));
            }
        }
    }

    async fn tell(&self, event: Event) {
        if self.commands.send(event).await.is_err() {
            tracing::debug!("the engine has ended");
        }
    }
}
