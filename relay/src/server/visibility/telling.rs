use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use regard_core::error::{Cause, Refusal};
use regard_core::id::DeviceId;
use regard_core::visibility::{Begin, CaughtUp, Filter, Query, Reset, ResumePoint, StreamEvent, StreamId};

use super::super::rooms::Room;
use super::pages::{Page, View};
use super::peers::Told;
use super::request::Form;
use super::roster::Roster;
use crate::store::{AccessError, Log, StoreError};

/// What one reader has been told, and what to tell next. It knows no clock, and reads no disk: pages are brought to it.
pub(crate) struct Telling {
    device: DeviceId,
    room: Arc<Room>,
    log: Arc<Log>,
    form: Form,
    filter: Filter,
    roster: Arc<Roster>,
    /// What is made and not yet taken: the opening, or one piece.
    ready: VecDeque<Bytes>,
    resume: ResumePoint,
    is_caught_up: bool,
    told: Told,
    peers_told: u64,
}

/// Why a stream ends.
pub(crate) struct End(pub(crate) Refusal);

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

impl Telling {
    /// Begins, with the opening: that the reader's place is not one of this log, where so, and where all devices are.
    pub(crate) fn begin(
        device: DeviceId,
        room: Arc<Room>,
        log: Arc<Log>,
        roster: Arc<Roster>,
        form: Form,
        query: Query,
    ) -> Result<Self, Refusal> {
        roster.admits(device)?;
        let mut telling = Self {
            device,
            room,
            log,
            form,
            filter: query.filter,
            roster,
            ready: VecDeque::new(),
            resume: ResumePoint::new(0),
            is_caught_up: false,
            told: Told::default(),
            peers_told: 0,
        };
        let head = telling.id(telling.log.head().seq);
        let begun = match query.since.begin(head) {
            Begin::After(place) => {
                telling.resume = ResumePoint::new(place);
                Ok(())
            }
            Begin::Reset(reason) => {
                telling.tell([(None, StreamEvent::Reset(Reset { epoch: head.epoch, head, reason }))])
            }
        };
        begun.and_then(|()| telling.peers(None)).map_err(|End(refusal)| refusal)?;
        Ok(telling)
    }

    /// The next piece that is made.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        self.ready.pop_front()
    }

    /// Where the page begins that is wanted now; none where everything of the log has been told.
    pub(crate) fn wanted(&self) -> Option<(View<'_>, u64)> {
        let place = self.resume.place();
        let view = View { log: &self.log, form: self.form, roster: &self.roster };
        (place < self.log.head().seq).then_some((view, place + 1))
    }

    /// Tells what of the page that was wanted is for the reader.
    pub(crate) fn page(&mut self, page: &Page) -> Result<(), End> {
        let (text, last) = page.passing(&self.filter);
        if let Some(last) = last {
            self.ready.push_back(text);
            self.resume.told(last);
        }
        self.resume.passed(page.last_seq());
        if self.resume.is_due() {
            self.position(StreamEvent::Position)?;
        }
        Ok(())
    }

    /// Whether the reader does not know yet that it has everything.
    pub(crate) fn owes_caught_up(&self) -> bool {
        !self.is_caught_up
    }

    /// Tells that everything has been told.
    pub(crate) fn caught_up(&mut self) -> Result<(), End> {
        self.is_caught_up = true;
        let head = self.id(self.resume.place());
        self.position(StreamEvent::CaughtUp(CaughtUp { head }))
    }

    /// Tells that the relay is there.
    pub(crate) fn beat(&mut self) -> Result<(), End> {
        if self.resume.is_owed() {
            return self.position(StreamEvent::Position);
        }
        self.ready.push_back(self.form.heartbeat());
        Ok(())
    }

    /// Tells what changed of the devices since the last time.
    pub(crate) fn peers_changed(&mut self) -> Result<(), End> {
        self.peers(Some(self.peers_told))
    }

    /// Goes on by another version of the directory.
    pub(crate) fn roster_changed(&mut self, roster: Arc<Roster>) -> Result<(), End> {
        self.roster = roster;
        self.roster.admits(self.device).map_err(End)
    }

    /// Tells why there is no more.
    pub(crate) fn end(&mut self, End(refusal): End) {
        // A word that cannot be written is none: the stream ends all the same.
        let _ = self.tell([(None, StreamEvent::Ended(refusal))]);
    }

    fn peers(&mut self, after: Option<u64>) -> Result<(), End> {
        let (peers, number) = self.room.changed_after(after);
        self.peers_told = number;
        let news = self.told.news(peers, self.log.scope, &self.roster);
        self.tell(news.into_iter().map(|event| (None, event)))
    }

    /// Tells an event behind which the reader may go on, since nothing before it is owed.
    fn position(&mut self, event: StreamEvent) -> Result<(), End> {
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
