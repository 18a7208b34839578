use std::collections::VecDeque;

use super::effect::{Effect, Queued};
use crate::error::{Cause, Refusal};
use crate::id::EpochId;
use crate::limits::{PUSHED_IN_VAIN_MAX, PUSHES_IN_FLIGHT_MAX};
use crate::time::Timestamp;
use crate::wire::{ClientFrame, Cursor, Push, Scope, Unit, UnitOutcome, encode_batch};

/// Drains a scope's outbox in order, with a few pushes on the way at a time. What is not acknowledged when the connection
/// ends is read and sent again by the next one; the relay knows it by its hash.
#[derive(Debug)]
pub(super) struct Outbox {
    scope: Scope,
    /// Everything up to here has been sent on this connection.
    sent: u64,
    /// There may be more behind `sent`.
    more: bool,
    reading: bool,
    in_flight: VecDeque<InFlight>,
    next_number: u64,
    /// The first place of the push that was the next to be answered when the connection ended, and on how many
    /// connections in a row it was.
    cut_off: Option<(u64, u32)>,
}

#[derive(Debug)]
struct InFlight {
    number: u64,
    places: Vec<u64>,
    sent_at: Timestamp,
}

impl Outbox {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, sent: 0, more: true, reading: false, in_flight: VecDeque::new(), next_number: 1, cut_off: None }
    }

    pub(super) fn is_drained(&self) -> bool {
        !self.more && !self.reading && self.in_flight.is_empty()
    }

    pub(super) fn disconnected(&mut self) {
        (self.sent, self.more, self.reading) = (0, true, false);
        if let Some(place) = self.in_flight.front().and_then(|push| push.places.first().copied()) {
            let before = self.cut_off.filter(|(before, _)| *before == place).map_or(0, |(_, count)| count);
            self.cut_off = Some((place, before.saturating_add(1)));
        }
        self.in_flight.clear();
    }

    /// The place whose push was cut off on so many connections in a row that it may be what ends them.
    pub(super) fn pushed_in_vain(&self) -> Option<u64> {
        self.cut_off.filter(|(_, count)| *count >= PUSHED_IN_VAIN_MAX).map(|(place, _)| place)
    }

    pub(super) fn connected(&mut self) -> Vec<Effect> {
        self.disconnected();
        self.pump()
    }

    pub(super) fn saved(&mut self, live: bool) -> Vec<Effect> {
        self.more = true;
        if live { self.pump() } else { Vec::new() }
    }

    /// Since when the oldest push waits for its answer.
    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.in_flight.front().map(|push| push.sent_at)
    }

    pub(super) fn on_units(&mut self, queued: Vec<Queued>, now: Timestamp) -> Vec<Effect> {
        if !std::mem::take(&mut self.reading) {
            return Vec::new();
        }
        let Some(last) = queued.last() else {
            // A save that came while the outbox was read has set `more` again by its own event.
            return self.pump();
        };
        (self.sent, self.more) = (last.place, true);
        let (places, units): (Vec<u64>, Vec<Unit>) =
            queued.into_iter().map(|queued| (queued.place, queued.unit)).unzip();
        let number = self.next_number;
        self.next_number += 1;
        self.in_flight.push_back(InFlight { number, places, sent_at: now });
        let push = Push { scope: self.scope, number, units: encode_batch(&units) };
        let mut effects = vec![Effect::Send(ClientFrame::Push(push))];
        effects.extend(self.pump());
        effects
    }

    /// The relay answers pushes in their order. What can be tried again later stays in the outbox.
    pub(super) fn on_pushed(
        &mut self,
        epoch: EpochId,
        number: u64,
        outcomes: Vec<UnitOutcome>,
        head: Cursor,
    ) -> Result<Vec<Effect>, Refusal> {
        let unexpected =
            || Refusal::new(Cause::Malformed, format!("the relay answers push {number}, which was not sent"));
        let sent = self.in_flight.pop_front().ok_or_else(unexpected)?;
        if sent.number != number || sent.places.len() != outcomes.len() {
            return Err(unexpected());
        }
        self.cut_off = None;
        // What follows a save that may pass later is refused for want of it, and may pass then too.
        let mut is_behind = false;
        let settled = sent.places.into_iter().zip(outcomes).filter(|(_, outcome)| match outcome {
            UnitOutcome::Visible { .. } => true,
            UnitOutcome::Refused(refusal) => {
                is_behind |= refusal.cause.may_pass_later();
                !is_behind
            }
        });
        let outcomes: Vec<_> = settled.collect();
        let mut effects = Vec::new();
        if !outcomes.is_empty() {
            effects.push(Effect::Settle { scope: self.scope, epoch, outcomes, head });
        }
        effects.extend(self.pump());
        Ok(effects)
    }

    fn pump(&mut self) -> Vec<Effect> {
        if self.reading || !self.more || self.in_flight.len() >= PUSHES_IN_FLIGHT_MAX {
            return Vec::new();
        }
        (self.reading, self.more) = (true, false);
        vec![Effect::ReadOutbox { scope: self.scope, after: self.sent }]
    }
}
