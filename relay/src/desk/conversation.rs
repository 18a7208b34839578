use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::{Cause, Refusal};
use regard_core::limits::{BATCH_BYTES_TARGET, CONNECTION_QUEUE_MAX, PUSHES_IN_FLIGHT_MAX};
use regard_core::wire::{self, ClientFrame, Hello, Push, RelayFrame, Scope, UnitOutcome};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};

use super::{Admitted, Begun, Heard, Listener, Next, Order, Outcomes, Speaker};
use super::{acknowledgement, excerpt_frames, inventory_frames, unanswered};
use crate::relay::Inner;
use crate::store::{AccessError, Caller, Log, LoggedFrame, StoreError};

/// What a device gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    /// The frames, in their order.
    pub frames: Vec<RelayFrame>,
    /// Whether the connection has ended with them.
    pub is_over: bool,
}

/// One device's connection, as far as it is not a socket.
pub(super) struct Conversation {
    relay: Arc<Inner>,
    caller: Caller,
    listener: Listener,
    speaker: Speaker,
    /// Ends the connection where the device has another one.
    ended: oneshot::Receiver<Refusal>,
    orders: VecDeque<Order>,
    pushes: VecDeque<Asked>,
    /// What is made and not yet taken: one answer, or one segment of each log.
    ready: VecDeque<RelayFrame>,
    directory: watch::Receiver<u64>,
    peers: watch::Receiver<u64>,
    peers_sent_at: Duration,
    peers_due: Option<Duration>,
}

/// A push that is to be answered.
struct Asked {
    log: Arc<Log>,
    number: u64,
    count: usize,
    outcomes: Outcomes,
}

/// Why a conversation ends: a word for the device, or none.
struct End(Option<Refusal>);

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        AccessError::Store(error).into()
    }
}

impl From<AccessError> for End {
    fn from(error: AccessError) -> Self {
        Self(Some(error.as_refusal()))
    }
}

impl Conversation {
    /// Takes a device's first frame, and answers what it gets at once.
    pub(super) fn begin(relay: &Arc<Inner>, caller: Caller, hello: &Hello) -> Result<(Self, Vec<RelayFrame>), Refusal> {
        let begun = Begun::by(relay, &caller, hello)?;
        let (presence, ended) = begun.room.enter(relay, caller.device);
        let listener = Listener::new(relay, caller, &begun.logs, (Arc::clone(&begun.room), presence));
        let mut speaker = Speaker::new(relay, caller, &begun.logs, Arc::clone(&begun.room));
        let peers = begun.room.peers_changed.subscribe();
        let mut frames = vec![RelayFrame::Welcome(begun.welcome(relay))];
        frames.extend(speaker.peers());
        let conversation = Self {
            relay: Arc::clone(relay),
            caller,
            listener,
            speaker,
            ended,
            orders: VecDeque::new(),
            pushes: VecDeque::new(),
            ready: VecDeque::new(),
            directory: begun.directory_changed,
            peers,
            peers_sent_at: relay.ambient.steady(),
            peers_due: None,
        };
        Ok((conversation, frames))
    }

    pub(super) fn reads(&self) -> bool {
        self.orders.len() < CONNECTION_QUEUE_MAX
    }

    pub(super) fn receive(&mut self, frame: ClientFrame) -> Result<(), Refusal> {
        if !self.reads() {
            let detail =
                format!("{CONNECTION_QUEUE_MAX} frames of this connection wait for the device to take answers");
            return Err(Refusal::new(Cause::Unavailable, detail));
        }
        let heard = self.listener.hear(frame).map_err(|refusal| End(Some(refusal)));
        let order = heard.and_then(|heard| match heard {
            Heard::Push(push) => self.push(push).map(Some),
            Heard::Subscribe(wish) => {
                let is_valid = self.relay.logs.are_valid(&wish.log, &wish.cursors)?;
                Ok(Some(self.listener.follow(&wish, is_valid)))
            }
            Heard::Order(order) => Ok(Some(order)),
            Heard::Nothing => Ok(None),
        });
        match order {
            Ok(order) => {
                self.orders.extend(order);
                Ok(())
            }
            Err(End(word)) => {
                self.orders.push_back(Order::End(word.clone()));
                word.map_or(Ok(()), Err)
            }
        }
    }

    fn push(&self, push: Push) -> Result<Order, End> {
        let Push { scope, number, units } = push;
        let units = Listener::check(self.caller.role, &units).map_err(|refusal| End(Some(refusal)))?;
        let count = units.len();
        let outcomes = match self.listener.admit(scope, units) {
            Admitted::Refused(outcomes) => Outcomes::Known(outcomes),
            Admitted::Asked(push) => match self.relay.logs.push_by_hand(push) {
                Ok(outcomes) => Outcomes::Awaited(outcomes),
                Err(error) => Outcomes::Known(vec![UnitOutcome::Refused(error.as_refusal()); count]),
            },
        };
        Ok(Order::Acknowledge { scope, number, count, outcomes })
    }

    pub(super) fn due(&mut self, frames_max: usize) -> Due {
        let mut due = Due { frames: Vec::new(), is_over: false };
        while due.frames.len() < frames_max {
            match self.next() {
                Ok(Some(frame)) => due.frames.push(frame),
                Ok(None) => break,
                Err(End(word)) => {
                    due.frames.extend(word.map(RelayFrame::Refused));
                    due.is_over = true;
                    break;
                }
            }
        }
        due
    }

    pub(super) fn due_at(&self) -> Option<Duration> {
        self.peers_due
    }

    /// The next frame, in the order in which the server's sender looks for one.
    fn next(&mut self) -> Result<Option<RelayFrame>, End> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            self.check_standing()?;
            if let Some(frame) = self.acknowledged() {
                return Ok(Some(frame));
            }
            let may_obey = self.pushes.len() < PUSHES_IN_FLIGHT_MAX;
            if let Some(order) = self.orders.pop_front_if(|_| may_obey) {
                self.obey(order)?;
                continue;
            }
            if let Some(frame) = self.peers() {
                return Ok(Some(frame));
            }
            if self.directory.has_changed().unwrap_or(false) {
                self.directory.mark_unchanged();
                let directory = self.relay.access.directory(self.caller.workspace)?;
                return Ok(Some(RelayFrame::Directory(directory)));
            }
            self.say_some()?;
            if self.ready.is_empty() {
                return Ok(None);
            }
        }
    }

    fn check_standing(&mut self) -> Result<(), End> {
        if let Some(refusal) = self.relay.logs.standings().lost_now(&self.caller) {
            return Err(End(Some(refusal)));
        }
        match self.ended.try_recv() {
            Ok(refusal) => Err(End(Some(refusal))),
            Err(TryRecvError::Closed) => Err(End(None)),
            Err(TryRecvError::Empty) => Ok(()),
        }
    }

    /// The answer to the oldest push, once its outcomes are known.
    fn acknowledged(&mut self) -> Option<RelayFrame> {
        let Asked { log, number, count, outcomes } = self.pushes.front_mut()?;
        let outcomes = match outcomes {
            Outcomes::Known(outcomes) => std::mem::take(outcomes),
            Outcomes::Awaited(awaited) => match awaited.try_recv() {
                Ok(outcomes) => outcomes,
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Closed) => unanswered(*count),
            },
        };
        let frame = acknowledgement(log, *number, outcomes);
        self.pushes.pop_front();
        Some(frame)
    }

    fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Acknowledge { scope, number, count, outcomes } => {
                self.pushes.push_back(Asked { log: self.speaker.log(scope), number, count, outcomes });
            }
            Order::Follow { scope, after } => self.speaker.follow(scope, after),
            Order::Void { scope } => self.ready.push_back(self.speaker.void(scope)),
            Order::Leave { scope } => self.speaker.leave(scope),
            Order::List { scope } => {
                let (at, entries) = self.relay.logs.inventory(&self.speaker.log(scope))?;
                self.ready.extend(inventory_frames(scope, at, &entries));
            }
            Order::Excerpt { scope, documents } => {
                self.ready.extend(excerpt_frames(&self.relay.logs, &self.speaker.log(scope), documents)?);
            }
            Order::End(word) => return Err(End(word)),
        }
        Ok(())
    }

    fn peers(&mut self) -> Option<RelayFrame> {
        if self.peers.has_changed().unwrap_or(false) {
            self.peers.mark_unchanged();
            self.peers_due.get_or_insert(self.peers_sent_at + self.relay.settings.peers_interval);
        }
        let now = self.relay.ambient.steady();
        self.peers_due.take_if(|due| *due <= now)?;
        self.peers_sent_at = now;
        self.speaker.peers()
    }

    /// One segment of each log that has more, or that it has no more.
    fn say_some(&mut self) -> Result<(), End> {
        for at in 0..Scope::ALL.len() {
            let next = match self.speaker.next(at) {
                Next::Read { log, after } => {
                    let found = self.relay.logs.segments_after(&log, after, BATCH_BYTES_TARGET)?;
                    self.speaker.found(at, after, found)?;
                    self.speaker.next(at)
                }
                next => next,
            };
            match next {
                Next::Frame(frame) => self.ready.push_back(frame),
                Next::Segment(segment) => self.ready.push_back(frame_of(&segment)?),
                // What was found is there the second time.
                Next::Nothing | Next::Read { .. } => {}
            }
        }
        Ok(())
    }
}

/// The frame whose bytes a server sends as they are.
fn frame_of(segment: &LoggedFrame) -> Result<RelayFrame, StoreError> {
    wire::decode(&segment.frame, "segment")
        .map_err(|refusal| StoreError::BadSegment { seq: segment.first_seq, what: refusal.to_string() })
}
