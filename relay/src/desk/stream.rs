use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::Refusal;
use regard_core::visibility::{Query, StreamLine};
use tokio::sync::watch;

use super::told;
use crate::relay::Inner;
use crate::server::{Form, Room, Roster, StreamEnd, Telling};
use crate::store::{AccessError, Caller};

/// One reader of a [`super::Desk`]'s visibility stream. It gets what a reader over HTTP gets in the form of lines.
pub struct Stream {
    caller: Caller,
    room: Arc<Room>,
    telling: Telling,
    directory: watch::Receiver<u64>,
    peers: watch::Receiver<u64>,
    peers_told_at: Duration,
    peers_due: Option<Duration>,
    /// What is made and not yet taken.
    lines: VecDeque<StreamLine>,
    has_ended: bool,
}

impl Stream {
    pub(super) fn begin(relay: &Arc<Inner>, caller: Caller, query: Query) -> Result<Self, Refusal> {
        let workspace = caller.workspace;
        let log = told(relay.logs.log_blocking(workspace, query.scope).map_err(AccessError::Store))?;
        let room = told(relay.rooms.room(workspace, &relay.access))?;
        // What changes from here on is heard of, and what changed since the token was looked at is looked at again.
        let directory = room.directory_changed.subscribe();
        let roster = told(roster(relay, &caller, &room))?;
        let peers = room.peers_changed.subscribe();
        let telling = Telling::begin(caller.device, Arc::clone(&room), log, roster, Form::Lines, query)?;
        Ok(Self {
            caller,
            room,
            telling,
            directory,
            peers,
            peers_told_at: relay.ambient.steady(),
            peers_due: None,
            lines: VecDeque::new(),
            has_ended: false,
        })
    }

    pub(super) fn read(&mut self, relay: &Arc<Inner>, lines_max: usize) -> Vec<StreamLine> {
        let mut taken = Vec::new();
        while taken.len() < lines_max {
            if let Some(line) = self.lines.pop_front() {
                taken.push(line);
                continue;
            }
            match self.fill(relay) {
                Ok(true) => {}
                Ok(false) => break,
                Err(end) => {
                    self.has_ended = true;
                    self.telling.end(end);
                }
            }
        }
        taken
    }

    /// Makes the next piece, in the order in which the server looks for one; false where there is none.
    fn fill(&mut self, relay: &Arc<Inner>) -> Result<bool, StreamEnd> {
        if let Some(piece) = self.telling.take() {
            // The lines are the relay's own: where they are none, the stream is as little worth as a damaged one.
            for line in piece.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.lines.push_back(serde_json::from_slice(line)?);
            }
            return Ok(true);
        }
        if self.has_ended {
            return Ok(false);
        }
        if self.directory.has_changed().unwrap_or(false) {
            self.directory.mark_unchanged();
            self.telling.roster_changed(roster(relay, &self.caller, &self.room)?)?;
            return Ok(true);
        }
        if self.are_peers_due(relay) {
            self.telling.peers_changed()?;
            return Ok(true);
        }
        if let Some((view, from)) = self.telling.wanted() {
            let page = relay.pages.page_blocking(relay, view, from)?;
            self.telling.page(&page)?;
            return Ok(true);
        }
        if self.telling.owes_caught_up() {
            self.telling.caught_up()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn are_peers_due(&mut self, relay: &Inner) -> bool {
        if self.peers.has_changed().unwrap_or(false) {
            self.peers.mark_unchanged();
            self.peers_due.get_or_insert(self.peers_told_at + relay.settings.peers_interval);
        }
        let now = relay.ambient.steady();
        let is_due = self.peers_due.take_if(|due| *due <= now).is_some();
        if is_due {
            self.peers_told_at = now;
        }
        is_due
    }
}

fn roster(relay: &Inner, caller: &Caller, room: &Room) -> Result<Arc<Roster>, AccessError> {
    // Taken before the directory is read: what changes meanwhile has a later number, and it is read again.
    let version = *room.directory_changed.borrow();
    Roster::read(relay, caller.workspace, version)
}
