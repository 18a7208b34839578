//! What a device says, judged before anything of it is written.

use std::collections::HashSet;
use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use regard_core::id::DeviceId;
use regard_core::limits::{BATCH_BYTES_MAX, FETCH_DOCUMENTS_MAX, QUARANTINE_MAX};
use regard_core::sync::{CheckedUnit, check_unit};
use regard_core::wire::{
    self, Applied, ClientFrame, Cursor, Fetch, PeerApplied, Push, Role, Scope, Subscribe, Unit, UnitOutcome,
};

use super::opening::Logs;
use super::speaking::Order;
use crate::metering;
use crate::relay::Inner;
use crate::server::{Presence, Room};
use crate::store::{Caller, CheckedPush, Log};

/// Takes in what one device says. What needs the disk or time is handed back to whoever has them.
pub(crate) struct Listener {
    relay: Arc<Inner>,
    caller: Caller,
    logs: Logs,
    room: Arc<Room>,
    presence: Presence,
    /// The scopes with a valid cursor: only what is read can have been applied.
    following: [bool; Scope::ALL.len()],
}

/// What is to be done about a frame.
pub(crate) enum Heard {
    /// Look at the units with [`Listener::check`], and let the writer have what [`Listener::admit`] makes of them.
    Push(Push),
    /// Look whether the cursors are places of the log, and go on with [`Listener::follow`].
    Subscribe(Wish),
    /// Let the sending side do this.
    Order(Order),
    /// Nothing more.
    Nothing,
}

/// What a device wants to follow.
pub(crate) struct Wish {
    pub(crate) log: Arc<Log>,
    /// What must be places of the log.
    pub(crate) cursors: Vec<Cursor>,
    after: u64,
}

/// Units that were looked at, each alone.
pub(crate) type CheckedUnits = Vec<Result<CheckedUnit, Refusal>>;

/// What becomes of a push.
pub(crate) enum Admitted {
    /// None of its units is worth asking the writer.
    Refused(Vec<UnitOutcome>),
    /// The writer judges it.
    Asked(CheckedPush),
}

impl Listener {
    pub(crate) fn new(relay: &Arc<Inner>, caller: Caller, logs: &Logs, place: (Arc<Room>, Presence)) -> Self {
        let (room, presence) = place;
        let (relay, logs) = (Arc::clone(relay), logs.clone());
        Self { relay, caller, logs, room, presence, following: [false; Scope::ALL.len()] }
    }

    /// Takes a frame in. The error ends the connection, with this word.
    pub(crate) fn hear(&mut self, frame: ClientFrame) -> Result<Heard, Refusal> {
        Ok(match frame {
            ClientFrame::Hello(_) => return Err(Refusal::new(Cause::Malformed, "a Hello comes once, and first")),
            ClientFrame::Push(push) => Heard::Push(push),
            ClientFrame::Subscribe(Subscribe { scope, from, witness }) => {
                let log = Arc::clone(self.log(scope));
                let from = from.unwrap_or_else(|| log.start());
                Heard::Subscribe(Wish { log, cursors: [from].into_iter().chain(witness).collect(), after: from.seq })
            }
            ClientFrame::Applied(applied) => {
                self.applied(applied)?;
                Heard::Nothing
            }
            ClientFrame::Reconcile(scope) => Heard::Order(Order::List { scope }),
            ClientFrame::Fetch(Fetch { scope, documents }) if documents.len() <= FETCH_DOCUMENTS_MAX => {
                Heard::Order(Order::Excerpt { scope, documents })
            }
            ClientFrame::Fetch(Fetch { documents, .. }) => {
                let asked = documents.len();
                let detail = format!("{asked} records are asked for at once, of at most {FETCH_DOCUMENTS_MAX}");
                return Err(Refusal::new(Cause::TooLarge, detail));
            }
            ClientFrame::Unsubscribe(scope) => {
                self.following[usize::from(scope.number())] = false;
                Heard::Order(Order::Leave { scope })
            }
            ClientFrame::Complete(scope) => {
                self.presence.complete(scope);
                Heard::Nothing
            }
        })
    }

    /// Unpacks a push and looks at each unit's bytes, before anybody waits for it.
    pub(crate) fn check(role: Role, packed: &[u8]) -> Result<CheckedUnits, Refusal> {
        let units: Vec<Unit> = wire::decode_batch(packed, "push")?;
        let mut bytes = 0;
        let checked = units.into_iter().map(|unit| {
            if role == Role::Reader {
                return Err(Refusal::new(Cause::NotAllowed, "a reader changes nothing"));
            }
            if bytes > BATCH_BYTES_MAX {
                // Deflated changes can grow beyond what the push itself may have.
                let detail = format!("the push unpacks to more than the {BATCH_BYTES_MAX} bytes that are allowed");
                return Err(Refusal::new(Cause::TooLarge, detail));
            }
            let unit = check_unit(unit)?;
            bytes += unit.bytes();
            Ok(unit)
        });
        Ok(checked.collect())
    }

    /// Makes a push of units that were looked at.
    pub(crate) fn admit(&self, scope: Scope, units: CheckedUnits) -> Admitted {
        if units.iter().all(Result::is_err) {
            let refusals = units.into_iter().filter_map(Result::err).map(|refusal| {
                metering::units_refused(refusal.cause, 1);
                UnitOutcome::Refused(refusal)
            });
            return Admitted::Refused(refusals.collect());
        }
        let log = Arc::clone(self.log(scope));
        let Caller { device: carrier, standing, .. } = self.caller;
        let complete = self.room.complete_among(scope, others_named(&units, carrier));
        Admitted::Asked(CheckedPush { log, carrier, standing, units, complete })
    }

    /// What to do about a subscription, once it is known whether all its cursors are places of the log.
    pub(crate) fn follow(&mut self, wish: &Wish, is_valid: bool) -> Order {
        let scope = wish.log.scope;
        self.following[usize::from(scope.number())] = is_valid;
        if is_valid { Order::Follow { scope, after: wish.after } } else { Order::Void { scope } }
    }

    fn applied(&self, applied: Applied) -> Result<(), Refusal> {
        let Applied { scope, cursor, except } = applied;
        let in_order = except.windows(2).all(|pair| pair[0] < pair[1]);
        if except.len() > QUARANTINE_MAX || !in_order || except.last().is_some_and(|last| *last > cursor.seq) {
            return Err(Refusal::new(Cause::Malformed, "a receipt names exceptions that cannot be"));
        }
        let head = self.log(scope).head();
        // A receipt for another life of the log tells nothing about this one; its device learns of it on subscribing.
        if self.following[usize::from(scope.number())] && cursor.epoch == head.epoch && cursor.seq <= head.seq {
            let at = self.relay.ambient.now();
            let applied = PeerApplied { scope, epoch: cursor.epoch, seq: cursor.seq, except, at };
            self.room.applied(self.caller.device, applied);
        }
        Ok(())
    }

    fn log(&self, scope: Scope) -> &Arc<Log> {
        &self.logs[usize::from(scope.number())]
    }
}

/// The devices in whose names units or changes are, but the one that brings them: mostly none.
fn others_named(units: &[Result<CheckedUnit, Refusal>], carrier: DeviceId) -> HashSet<DeviceId> {
    let named = |checked: &CheckedUnit| {
        let actors = checked.headers.iter().filter_map(|header| header.actor.device());
        actors.chain(checked.unit.author).filter(|device| *device != carrier).collect::<Vec<_>>()
    };
    units.iter().flatten().flat_map(named).collect()
}
