//! What a device is due to be sent.

use std::collections::VecDeque;
use std::sync::Arc;

use regard_core::error::Refusal;
use regard_core::id::DocumentId;
use regard_core::wire::{Cursor, RelayFrame, Scope, UnitOutcome};
use tokio::sync::{oneshot, watch};

use super::opening::Logs;
use crate::relay::Inner;
use crate::server::Room;
use crate::store::{Caller, Log, LoggedFrame, StoreError};

/// What the listening side of a conversation asks the speaking side to do.
pub(crate) enum Order {
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
pub(crate) enum Outcomes {
    Known(Vec<UnitOutcome>),
    /// They come when they are durable.
    Awaited(oneshot::Receiver<Vec<UnitOutcome>>),
}

/// Knows what one device is due. It follows each log by its own position, so that a slow reader costs nobody anything.
pub(crate) struct Speaker {
    relay: Arc<Inner>,
    caller: Caller,
    logs: Logs,
    room: Arc<Room>,
    pub(crate) following: [Option<Following>; Scope::ALL.len()],
    /// The first place of each log that this very connection brought: what it brought itself, it need not get.
    own_since: [Option<u64>; Scope::ALL.len()],
    peers_sent: Option<u64>,
}

/// How far a log has been sent.
pub(crate) struct Following {
    log: Arc<Log>,
    pub(crate) head: watch::Receiver<Cursor>,
    /// The last place sent.
    position: u64,
    /// Whether the device waits to hear that everything has been sent.
    announces: bool,
    /// Segments that one reading of the disk brought.
    ahead: VecDeque<Arc<LoggedFrame>>,
}

/// The next of a log.
pub(crate) enum Next {
    /// The device has all of it, and knows.
    Nothing,
    /// This frame.
    Frame(RelayFrame),
    /// This segment, as it is.
    Segment(Arc<LoggedFrame>),
    /// The log must be read from the disk behind this place; what is found is for [`Speaker::found`].
    Read { log: Arc<Log>, after: u64 },
}

impl Speaker {
    pub(crate) fn new(relay: &Arc<Inner>, caller: Caller, logs: &Logs, room: Arc<Room>) -> Self {
        let (relay, logs, following) = (Arc::clone(relay), logs.clone(), [None, None]);
        Self { relay, caller, logs, room, following, own_since: [None, None], peers_sent: None }
    }

    pub(crate) fn log(&self, scope: Scope) -> Arc<Log> {
        Arc::clone(&self.logs[usize::from(scope.number())])
    }

    /// Follows a log from the change after this place.
    pub(crate) fn follow(&mut self, scope: Scope, after: u64) {
        self.following[usize::from(scope.number())] = Some(Following::new(self.log(scope), after));
    }

    /// Follows a log no more.
    pub(crate) fn leave(&mut self, scope: Scope) {
        self.following[usize::from(scope.number())] = None;
    }

    /// Follows a log no more, since the device's cursor is void; answers what to say.
    pub(crate) fn void(&mut self, scope: Scope) -> RelayFrame {
        self.leave(scope);
        RelayFrame::CursorVoid { scope, head: self.log(scope).head() }
    }

    /// Whether there is something to say of a log.
    pub(crate) fn is_behind(&mut self) -> bool {
        self.following.iter_mut().flatten().any(Following::is_behind)
    }

    /// One segment of the log of the scope with this number, or that there is no more.
    pub(crate) fn next(&mut self, at: usize) -> Next {
        let Some(following) = &mut self.following[at] else { return Next::Nothing };
        let (head, scope) = (*following.head.borrow_and_update(), following.log.scope);
        if following.position >= head.seq {
            let announces = std::mem::take(&mut following.announces);
            return if announces { Next::Frame(RelayFrame::CaughtUp { scope, cursor: head }) } else { Next::Nothing };
        }
        let (log, after) = (&following.log, following.position);
        let known = following.ahead.pop_front().or_else(|| self.relay.logs.recent(log, after + 1));
        let Some(segment) = known else { return Next::Read { log: Arc::clone(log), after } };
        following.position = segment.last_seq;
        if self.is_own(at, &segment) {
            let cursor = Cursor { epoch: head.epoch, seq: segment.last_seq, hash: segment.after };
            return Next::Frame(RelayFrame::Advanced { scope, cursor, after: segment.first_seq.saturating_sub(1) });
        }
        Next::Segment(segment)
    }

    /// Whether this connection brought the segment. That its device did says too little: a copy of a store connects as the
    /// same device, and what the original had sent just before is logged a moment later.
    fn is_own(&mut self, at: usize, segment: &LoggedFrame) -> bool {
        match segment.brought_by {
            Some(standing) if standing == self.caller.standing => {
                self.own_since[at].get_or_insert(segment.first_seq);
                true
            }
            Some(_) => false,
            // Pushes are logged in the order of their coming: behind its own first one there is none of an older connection.
            None => {
                let is_behind = self.own_since[at].is_some_and(|first| segment.first_seq > first);
                is_behind && segment.carrier == self.caller.device
            }
        }
    }

    /// Takes in what a reading of the disk brought.
    pub(crate) fn found(&mut self, at: usize, after: u64, segments: Vec<LoggedFrame>) -> Result<(), StoreError> {
        if segments.is_empty() {
            return Err(StoreError::Gap { seq: after + 1 });
        }
        if let Some(following) = &mut self.following[at] {
            following.ahead = segments.into_iter().map(Arc::new).collect();
        }
        Ok(())
    }

    /// Where the others are, as far as the device has not been told. The first notice is made even where there is nobody:
    /// it tells that this is the whole.
    pub(crate) fn peers(&mut self) -> Option<RelayFrame> {
        let is_first = self.peers_sent.is_none();
        let (peers, number) = self.room.others_changed_after(self.caller.device, self.peers_sent);
        self.peers_sent = Some(number);
        (is_first || !peers.is_empty()).then_some(RelayFrame::Peers(peers))
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

/// The answer to a push.
pub(crate) fn acknowledgement(log: &Log, number: u64, outcomes: Vec<UnitOutcome>) -> RelayFrame {
    // The end is taken after the outcomes: it is at or behind them.
    RelayFrame::Pushed { scope: log.scope, number, outcomes, head: log.head() }
}

/// The outcomes of so many units that the writer took in and did not answer.
pub(crate) fn unanswered(count: usize) -> Vec<UnitOutcome> {
    vec![UnitOutcome::Refused(StoreError::Closed.as_refusal()); count]
}
