use super::budget::{Budget, Unreconciled};
use super::effect::{Effect, Queued, Schedule, ScopeStart};
use super::pull::Pull;
use super::push::Outbox;
use super::reconcile::Reconcile;
use crate::error::{Cause, Refusal};
use crate::id::{DocumentId, EpochId};
use crate::sync::Difference;
use crate::time::Timestamp;
use crate::wire::{ClientFrame, Cursor, PollAnswer, Scope, Subscribe, UnitOutcome};

/// One scope's part of a session.
#[derive(Debug)]
pub(super) struct ScopeState {
    scope: Scope,
    /// The life of the log that this connection is about.
    epoch: Option<EpochId>,
    phase: Phase,
    outbox: Outbox,
    pull: Pull,
    budget: Budget,
    unreconciled: Unreconciled,
    schedule: Schedule,
    /// When the schedule wants the scope to be synchronized next; at once in the beginning.
    due_at: Option<Timestamp>,
}

/// What goes on with a scope on this connection.
#[derive(Debug)]
enum Phase {
    /// There is no connection, or the answer to the subscription has not come. Nothing is pushed: where the log has gone
    /// back, what waits may follow changes that it has lost.
    Asked,
    /// The log is followed, and the outbox goes out.
    Following {
        /// Whether the relay was told that everything this device made is there.
        is_complete: bool,
    },
    /// Both sides find out what differs.
    Reconciling(Reconcile),
    /// Both sides have had everything, and the scope's schedule says when they look again.
    Resting,
}

impl ScopeState {
    pub(super) fn new(start: ScopeStart) -> Self {
        let (scope, schedule) = (start.scope, start.schedule);
        let (outbox, pull) = (Outbox::new(scope), Pull::new(start));
        let (budget, unreconciled) = (Budget::default(), Unreconciled::default());
        Self { scope, epoch: None, phase: Phase::Asked, outbox, pull, budget, unreconciled, schedule, due_at: None }
    }

    pub(super) fn is_of(&self, scope: Scope) -> bool {
        self.scope == scope
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Resting) || self.has_everything()
    }

    fn has_everything(&self) -> bool {
        self.is_following() && self.outbox.is_drained() && self.pull.is_caught_up()
    }

    /// Subscribes where the schedule wants it at the beginning of a connection.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<Effect> {
        self.budget.renewed();
        if self.due_at.is_none_or(|due_at| now >= due_at) {
            return Some(self.subscribe());
        }
        self.phase = Phase::Resting;
        None
    }

    /// Subscribes where the schedule wants it, or the person.
    pub(super) fn resume(&mut self, now: Timestamp, is_wanted: bool) -> Option<Effect> {
        let is_due = is_wanted || self.due_at.is_some_and(|due_at| now >= due_at);
        (matches!(self.phase, Phase::Resting) && is_due).then(|| self.subscribe())
    }

    /// When the schedule wants something.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.due_at.filter(|_| matches!(self.phase, Phase::Resting))
    }

    /// Leaves the log, where both sides have everything and the schedule does not want more.
    pub(super) fn rest(&mut self, now: Timestamp) -> Option<Effect> {
        let Schedule::Every(every) = self.schedule else { return None };
        if !self.has_everything() {
            return None;
        }
        self.phase = Phase::Resting;
        self.due_at = Some(now.after(every));
        Some(Effect::Send(ClientFrame::Unsubscribe(self.scope)))
    }

    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.outbox.waits_since()
    }

    /// What a poll asks for; nothing where the scope has a schedule of its own.
    pub(super) fn wish(&self) -> Option<Subscribe> {
        (self.schedule == Schedule::Live).then(|| self.pull.wish())
    }

    pub(super) fn disconnected(&mut self) {
        self.budget.renewed();
        self.outside();
    }

    /// The log is not followed any more.
    fn outside(&mut self) {
        self.phase = Phase::Asked;
        self.outbox.disconnected();
        self.pull.disconnected();
    }

    /// Whether this connection has brought anything of the scope.
    pub(super) fn has_moved(&self) -> bool {
        self.budget.has_moved()
    }

    /// The save whose push was cut off again and again, by its place in the outbox.
    pub(super) fn pushed_in_vain(&self) -> Option<u64> {
        self.outbox.pushed_in_vain()
    }

    /// How far the log is applied.
    pub(super) fn position(&self) -> Option<Cursor> {
        self.pull.position()
    }

    /// Documents that no comparison brings together with the log.
    pub(super) fn stuck(&self) -> impl Iterator<Item = (Scope, DocumentId)> {
        self.unreconciled.stuck().map(|document| (self.scope, document))
    }

    pub(super) fn subscribe(&mut self) -> Effect {
        self.phase = Phase::Asked;
        self.pull.subscribe()
    }

    pub(super) fn welcomed(&mut self, epoch: EpochId) {
        self.epoch = Some(epoch);
    }

    pub(super) fn segment(&mut self, packed: Vec<u8>) -> Vec<Effect> {
        let mut effects = self.follow();
        let (scope, epoch) = (self.scope, self.epoch);
        effects.extend(epoch.map(|epoch| Effect::Apply { scope, epoch, packed }));
        effects
    }

    /// Nothing may stand between what is applied and what this connection brought: the cursor would be moved over it.
    pub(super) fn advanced(&mut self, cursor: Cursor, after: u64) -> Result<Vec<Effect>, Refusal> {
        let applied = self.pull.position().filter(|own| own.epoch == cursor.epoch).map_or(0, |own| own.seq);
        if after > applied {
            let detail = format!("the relay goes on behind change {after} of “{}”, and {applied} are here", self.scope);
            return Err(Refusal::new(Cause::OutOfOrder, detail));
        }
        let mut effects = self.follow();
        effects.push(Effect::Advance { scope: self.scope, cursor: self.pull.furthest(cursor) });
        Ok(effects)
    }

    pub(super) fn caught_up(&mut self, cursor: Cursor) -> Result<Vec<Effect>, Refusal> {
        self.budget.idle(self.scope, cursor.seq)?;
        self.pull.caught_up(cursor);
        Ok(self.follow())
    }

    /// The relay has answered the subscription: the cursor is good, and what waits can go out.
    fn follow(&mut self) -> Vec<Effect> {
        if !matches!(self.phase, Phase::Asked) {
            return Vec::new();
        }
        self.phase = Phase::Following { is_complete: false };
        self.outbox.connected()
    }

    pub(super) fn cursor_void(&mut self, head: Cursor) -> Result<Vec<Effect>, Refusal> {
        self.budget.void(self.scope)?;
        self.outside();
        self.unreconciled.begin();
        self.epoch = Some(head.epoch);
        let reconcile = Reconcile::new(self.scope);
        let ask = reconcile.ask();
        self.phase = Phase::Reconciling(reconcile);
        Ok(vec![ask])
    }

    pub(super) fn inventory(&mut self, at: Cursor, entries: &[u8], last: bool) -> Result<Vec<Effect>, Refusal> {
        let Phase::Reconciling(reconcile) = &mut self.phase else { return Ok(Vec::new()) };
        self.epoch = Some(at.epoch);
        Ok(vec![reconcile.inventory(at, entries, last)?])
    }

    pub(super) fn compared(&mut self, differing: Vec<Difference>, last: bool) -> Vec<Effect> {
        let Phase::Reconciling(reconcile) = &mut self.phase else { return Vec::new() };
        let is_skipped = |difference: &Difference| self.unreconciled.note(difference);
        reconcile.compared(differing, last, is_skipped)
    }

    pub(super) fn excerpt(&mut self, packed: Vec<u8>, last: bool) -> Vec<Effect> {
        let (Phase::Reconciling(_), Some(epoch)) = (&self.phase, self.epoch) else { return Vec::new() };
        vec![Effect::ApplyExcerpt { scope: self.scope, epoch, packed, last }]
    }

    pub(super) fn excerpt_applied(&mut self, changed: bool, last: bool) -> Result<Vec<Effect>, Refusal> {
        let Phase::Reconciling(reconcile) = &mut self.phase else { return Ok(Vec::new()) };
        if changed {
            self.budget.brought();
        } else if !last {
            self.budget.idle(self.scope, reconcile.seq())?;
        }
        Ok(if last { reconcile.fetch_more() } else { Vec::new() })
    }

    /// The store stands at the end of the log that the relay listed, and what the log lacks waits in the outbox.
    pub(super) fn refilled(&mut self, at: Cursor, exceptions: Vec<u64>) -> Vec<Effect> {
        self.pull.move_to(at, exceptions);
        self.unreconciled.end();
        if !matches!(self.phase, Phase::Reconciling(_)) {
            return Vec::new();
        }
        vec![self.subscribe()]
    }

    pub(super) fn polled(&mut self, answer: PollAnswer) -> Vec<Effect> {
        let (scope, epoch) = (self.scope, answer.head.epoch);
        let apply = |packed| Effect::Apply { scope, epoch, packed: Vec::from(packed) };
        if answer.is_valid { answer.segments.into_iter().map(apply).collect() } else { Vec::new() }
    }

    /// Whether a poll found what the connection should have brought.
    pub(super) fn is_stale(&self, answer: &PollAnswer) -> bool {
        self.is_following() && (!answer.is_valid || !answer.segments.is_empty()) && self.pull.is_before(answer.head)
    }

    pub(super) fn applied(&mut self, cursor: Cursor, except: Vec<u64>) -> Result<Vec<Effect>, Refusal> {
        if self.pull.is_before(cursor) {
            self.budget.moved();
        } else {
            self.budget.idle(self.scope, cursor.seq)?;
        }
        let receipt = self.pull.applied(cursor, except);
        Ok(if self.is_following() { vec![Effect::Send(ClientFrame::Applied(receipt))] } else { Vec::new() })
    }

    /// Places that were set aside are applied after all.
    pub(super) fn healed(&mut self, places: &[u64]) -> Vec<Effect> {
        let receipt = self.pull.healed(places).filter(|_| self.is_following());
        receipt.map(|receipt| Effect::Send(ClientFrame::Applied(receipt))).into_iter().collect()
    }

    pub(super) fn saved(&mut self) -> Vec<Effect> {
        let is_following = self.is_following();
        self.outbox.saved(is_following)
    }

    pub(super) fn outbox(&mut self, units: Vec<Queued>, now: Timestamp) -> Vec<Effect> {
        if self.is_following() { self.outbox.on_units(units, now) } else { Vec::new() }
    }

    pub(super) fn pushed(
        &mut self,
        number: u64,
        outcomes: Vec<UnitOutcome>,
        head: Cursor,
    ) -> Result<Vec<Effect>, Refusal> {
        let Some(epoch) = self.epoch.filter(|_| self.is_following()) else { return Ok(Vec::new()) };
        self.pull.witnessed(head);
        if outcomes.iter().any(|outcome| matches!(outcome, UnitOutcome::Visible { .. })) {
            self.budget.moved();
        }
        self.outbox.on_pushed(epoch, number, outcomes, head)
    }

    /// Once everything of this device is in the log: the word that it is.
    pub(super) fn completed(&mut self) -> Option<Effect> {
        let Phase::Following { is_complete } = &mut self.phase else { return None };
        if *is_complete || !self.outbox.is_drained() {
            return None;
        }
        *is_complete = true;
        Some(Effect::Send(ClientFrame::Complete(self.scope)))
    }

    fn is_following(&self) -> bool {
        matches!(self.phase, Phase::Following { .. })
    }
}
