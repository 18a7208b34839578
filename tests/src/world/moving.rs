//! What moves between devices and the relay.

use regard_core::error::{Cause, Refusal};
use regard_core::id::MemberId;
use regard_core::sync::{Event, Link};
use regard_core::wire::access::Secret;
use regard_core::wire::{ClientFrame, RelayFrame, Subscribe, decode, encode};

use super::World;
use super::device::Wish;
use super::wire::{Asked, FRAMES_ON_THE_WAY_MAX, Stage};

impl World {
    /// Gives a device an event, and does what it wishes.
    pub(super) fn tell(&mut self, at: usize, event: Event) {
        let wishes = self.devices[at].handle(event, self.steady);
        if let Some(Link::Waiting { reason, .. } | Link::Ended { reason, .. }) =
            self.devices[at].session().map(regard_core::sync::Session::link)
            && wishes.iter().any(|wish| matches!(wish, Wish::Close))
        {
            let reason = reason.to_string();
            self.notes(format!("{} ms, device {at} left: {reason}", self.steady));
        }
        self.fulfil(at, wishes);
    }

    pub(super) fn fulfil(&mut self, at: usize, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Connect => self.reset(at, Stage::Asked),
                Wish::Close => self.reset(at, Stage::Closed),
                Wish::Send(frame) => {
                    let wire = &mut self.wires[at];
                    if matches!(wire.stage, Stage::Open | Stage::Greeted(_) | Stage::Forsaken) {
                        wire.up.push_back(frame);
                    }
                }
                Wish::Poll(wishes) => self.wires[at].asked = Some(Asked::Poll(wishes)),
                Wish::Separate => self.wires[at].asked = Some(Asked::Separate),
            }
        }
    }

    fn reset(&mut self, at: usize, stage: Stage) {
        let gone = self.wires[at].reset(stage);
        if let (Some(connection), Some(desk)) = (gone, self.relay.desk()) {
            desk.disconnect(connection);
        }
    }

    /// Cuts a connection; both sides hear of it.
    pub(super) fn cut(&mut self, at: usize, why: &str) {
        self.reset(at, Stage::Closed);
        self.tell(at, Event::Closed { reason: Refusal::new(Cause::Unavailable, why) });
    }

    /// Moves one thing on a wire; false where nothing can move.
    pub(super) fn step(&mut self, at: usize) -> bool {
        if self.wires[at].is_parted || !self.devices[at].runs() {
            return false;
        }
        if let Some(asked) = self.wires[at].asked.take() {
            self.answer(at, asked);
            return true;
        }
        match self.wires[at].stage {
            Stage::Closed => false,
            Stage::Asked => {
                if self.relay.runs() {
                    if let Err(reason) = self.proves_itself(at) {
                        self.reset(at, Stage::Closed);
                        self.tell(at, Event::Closed { reason });
                        return true;
                    }
                    self.reset(at, Stage::Open);
                    let wishes = self.devices[at].connected(self.steady);
                    self.fulfil(at, wishes);
                } else {
                    self.cut(at, "the relay does not answer");
                }
                true
            }
            Stage::Open | Stage::Greeted(_) | Stage::Forsaken if !self.relay.runs() => {
                self.cut(at, "the relay has gone");
                true
            }
            Stage::Forsaken if self.wires[at].down.is_empty() => {
                self.cut(at, "the connection was reset");
                true
            }
            Stage::Forsaken => self.fall(at),
            Stage::Open | Stage::Greeted(_) => self.exchange(at),
        }
    }

    /// A relay that was restored may not know a device's token: then the device proves itself by its key, as the engine does.
    fn proves_itself(&mut self, at: usize) -> Result<(), Refusal> {
        let unavailable = |why: String| Refusal::new(Cause::Unavailable, why);
        let (workspace, token) = (self.workspace, self.token_of(at));
        let token = token.ok_or_else(|| unavailable("the store cannot be read".into()))?;
        let (Some(desk), Some(store)) = (self.relay.desk(), self.devices[at].store()) else { return Ok(()) };
        let identity = store.identity();
        let renewed = match desk.poll(workspace, &token, &[]) {
            Err(refusal) if refusal.cause == Cause::NotAllowed => {
                let challenge = desk.challenge(workspace)?;
                desk.renew(workspace, &identity.token_request(challenge.nonce)).map(|renewed| renewed.token)
            }
            known => return known.map(drop),
        };
        let token = match renewed {
            // The relay's copy is older than the device: somebody invites it again, by hand.
            Err(refusal) if refusal.cause != Cause::Unavailable => {
                let (invitation, is_known) = match self.invite(Some(identity.member)) {
                    Ok(invitation) => (invitation, true),
                    Err(_) => (self.invite(None).map_err(unavailable)?, false),
                };
                let (Some(desk), Some(store)) = (self.relay.desk(), self.devices[at].store()) else { return Ok(()) };
                let mut request = store.identity().join_request(&invitation, false);
                if !is_known {
                    request.member = MemberId::random(&mut self.seed);
                }
                desk.join(workspace, &request)?.token
            }
            renewed => renewed?,
        };
        let Some(store) = self.devices[at].store() else { return Ok(()) };
        let kept = store.change_settings(|settings| {
            if let Some(relay) = &mut settings.relay {
                relay.token = token;
            }
        });
        kept.map_err(|error| unavailable(error.to_string()))
    }

    /// Moves a frame one way or the other.
    fn exchange(&mut self, at: usize) -> bool {
        let ways = [Self::rise, Self::fall];
        let first = self.seed.below(2);
        ways[first](self, at) || ways[1 - first](self, at)
    }

    /// A frame reaches the relay.
    fn rise(&mut self, at: usize) -> bool {
        let wire = &mut self.wires[at];
        if let (Stage::Greeted(connection), Some(desk)) = (wire.stage, self.relay.desk())
            && !desk.reads(connection)
        {
            return false;
        }
        if wire.up.is_empty() {
            return false;
        }
        let (taken, happened) = wire.mischief.take(&mut wire.up, &mut self.seed);
        wire.is_tampered_with |= happened;
        let Some(bytes) = taken else { return true };
        let stage = wire.stage;
        match decode::<ClientFrame>(&bytes, "frame").map(|frame| self.said(frame)) {
            Err(refusal) => self.say_farewell(at, refusal),
            Ok(ClientFrame::Hello(hello)) if stage == Stage::Open => {
                let (workspace, token) = (self.workspace, self.token_of(at));
                let Some((token, desk)) = token.zip(self.relay.desk()) else { return true };
                match desk.connect(workspace, &token, &hello) {
                    Ok((connection, frames)) => {
                        self.wires[at].stage = Stage::Greeted(connection);
                        self.send_down(at, frames);
                    }
                    Err(refusal) => self.say_farewell(at, refusal),
                }
            }
            Ok(frame) => match (stage, self.relay.desk()) {
                (Stage::Greeted(connection), Some(desk)) => {
                    // The word is among what is due.
                    let _ = desk.receive(connection, frame);
                }
                _ => self.say_farewell(at, Refusal::new(Cause::Malformed, "the first frame is no Hello")),
            },
        }
        true
    }

    /// What the relay hears, with the bug where one is planted.
    fn said(&mut self, frame: ClientFrame) -> ClientFrame {
        let Some(planted) = self.planted else { return frame };
        self.frames += 1;
        let (workspace, number, desk) = (self.workspace, self.frames, self.relay.desk());
        planted.said(frame, number, |subscribe| {
            let head = desk?.head(workspace, subscribe.scope).ok()?;
            // A place that the log still has may be of the other history; the end is one that it has.
            Some(head)
        })
    }

    /// A frame reaches the device, or the relay puts more on the way.
    fn fall(&mut self, at: usize) -> bool {
        let wire = &mut self.wires[at];
        if !wire.down.is_empty() {
            let (taken, happened) = wire.mischief.take(&mut wire.down, &mut self.seed);
            wire.is_tampered_with |= happened;
            let Some(bytes) = taken else { return true };
            match decode::<RelayFrame>(&bytes, "frame") {
                Ok(frame) => {
                    self.notes_frame(at, &frame);
                    self.tell(at, Event::Frame(frame));
                }
                Err(refusal) => self.cut(at, &refusal.to_string()),
            }
            return true;
        }
        let (Stage::Greeted(connection), Some(desk)) = (wire.stage, self.relay.desk()) else { return false };
        // Several pushes share a commit, as they do in a busy relay.
        let committed = self.seed.chance(3, 4) && desk.commit();
        let due = desk.due(connection, FRAMES_ON_THE_WAY_MAX);
        let moved = !due.frames.is_empty();
        self.send_down(at, due.frames);
        if due.is_over {
            self.wires[at].stage = Stage::Forsaken;
        }
        committed || moved || due.is_over
    }

    fn send_down(&mut self, at: usize, frames: Vec<RelayFrame>) {
        for frame in frames {
            self.relay.tells(&frame);
            self.wires[at].down.push_back(encode(&frame));
        }
    }

    /// What the relay says of saves is worth a line.
    fn notes_frame(&mut self, at: usize, frame: &RelayFrame) {
        let what = match frame {
            RelayFrame::Pushed { outcomes, head, .. } => format!("pushed, the log ends at {}: {outcomes:?}", head.seq),
            RelayFrame::Advanced { cursor, .. } => format!("advanced to {}", cursor.seq),
            RelayFrame::CaughtUp { cursor, .. } => format!("caught up at {}", cursor.seq),
            RelayFrame::CursorVoid { head, .. } => format!("the cursor is void, the log ends at {}", head.seq),
            _ => return,
        };
        self.notes(format!("{} ms, device {at} hears: {what}", self.steady));
    }

    /// The relay's last word on a connection.
    fn say_farewell(&mut self, at: usize, refusal: Refusal) {
        self.wires[at].up.clear();
        self.send_down(at, vec![RelayFrame::Refused(refusal)]);
        if let (Stage::Greeted(connection), Some(desk)) = (self.wires[at].stage, self.relay.desk()) {
            desk.disconnect(connection);
        }
        self.wires[at].stage = Stage::Forsaken;
    }

    fn answer(&mut self, at: usize, asked: Asked) {
        let event = match asked {
            Asked::Poll(wishes) => self.polled(at, &wishes),
            Asked::Separate => self.separated(at),
        };
        self.tell(at, event);
    }

    fn polled(&mut self, at: usize, wishes: &[Subscribe]) -> Event {
        let (workspace, token) = (self.workspace, self.token_of(at));
        let answers = token.zip(self.relay.desk()).and_then(|(token, desk)| desk.poll(workspace, &token, wishes).ok());
        Event::Polled { answers: answers.unwrap_or_default() }
    }

    fn separated(&mut self, at: usize) -> Event {
        let (workspace, token) = (self.workspace, self.token_of(at));
        let unavailable = |why: String| Event::Closed { reason: Refusal::new(Cause::Unavailable, why) };
        let Some(store) = self.devices[at].store() else { return unavailable("nothing runs".into()) };
        let identity = store.identity().copied(&mut self.seed);
        let Some((token, desk)) = token.zip(self.relay.desk()) else { return unavailable("no relay".into()) };
        match desk.copy(workspace, &token, &identity.copy_request()) {
            Err(reason) => Event::Closed { reason },
            Ok(made) => match store.become_device(identity, &made.token, &made.directory) {
                Ok(()) => Event::Separated,
                Err(error) => unavailable(error.to_string()),
            },
        }
    }

    /// The token that a device holds.
    pub(super) fn token_of(&self, at: usize) -> Option<Secret> {
        let settings = self.devices[at].store()?.settings().ok()?;
        settings.relay?.token.parse().ok()
    }
}
