//! What the session wants of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regard_core::id::{Entropy, UnitId};
use regard_core::sync::{Effect, Event, Schedule, ScopeStart};
use regard_core::time::Timestamp;
use regard_core::wire::{Peer, Role, Scope};

use super::Notice;
use crate::names::Names;
use crate::store::{Answer, Complaint, PeerState, Store, StoreError};

/// What the session is to know, its answer first where it waits for one, and what people may want to know.
pub type InStore = (Vec<Event>, Vec<Notice>);

/// What a session over this store begins with.
///
/// # Errors
/// As the disk has it.
pub fn scopes(store: &Store, address_book_every: Duration) -> Result<Vec<ScopeStart>, StoreError> {
    let start = |scope| {
        let (cursor, witness, exceptions) = (store.cursor(scope)?, store.witness(scope)?, store.exceptions(scope)?);
        let schedule = match scope {
            Scope::Records => Schedule::Live,
            Scope::AddressBook => Schedule::Every(address_book_every),
        };
        Ok(ScopeStart { scope, cursor, witness, exceptions, schedule })
    };
    Scope::ALL.into_iter().map(start).collect()
}

/// Makes again what a crash kept from being made again, before a session connects.
///
/// # Errors
/// As the disk has it.
pub fn redo(store: &Store, now: Timestamp, entropy: &mut dyn Entropy) -> Result<Vec<Event>, StoreError> {
    let redone = Scope::ALL.into_iter().filter_map(|scope| {
        let healed = store.redo(scope, now, entropy).transpose()?;
        Some(healed.map(|healed| Event::Redone { scope, healed }))
    });
    redone.collect()
}

/// Performs an effect on the store, where it is one of those. Waits for the disk. `now` is what the machine's clock says.
///
/// # Errors
/// As the disk has it, or where what the relay sent cannot be.
pub fn in_store(
    store: &Store,
    effect: Effect,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> Result<InStore, StoreError> {
    let (answer, notices) = answered(store, effect, now, entropy)?;
    Ok((answer.into_iter().chain(healed(store)).collect(), notices))
}

/// Makes again what others could not apply, where it is time for that. To be asked for whenever the session's timer is due.
///
/// # Errors
/// As the disk has it.
pub fn answer_complaints(store: &Store, now: Timestamp, entropy: &mut dyn Entropy) -> Result<InStore, StoreError> {
    if Names::read(store)?.own_role() == Role::Reader {
        return Ok((Vec::new(), Vec::new()));
    }
    let answered = store.answer_complaints(now, entropy)?;
    let scopes: BTreeSet<Scope> = answered.iter().map(|one| one.scope).collect();
    let notice = |one: Complaint| {
        let again = match one.answer {
            Answer::MadeAgain { save, .. } => Some(save),
            Answer::Waits | Answer::Left { .. } => None,
        };
        Notice::MadeAgain { save: one.save, again }
    };
    let events = scopes.into_iter().map(|scope| Event::Saved { scope });
    Ok((events.collect(), answered.into_iter().map(notice).collect()))
}

/// What was set aside and has been applied meanwhile, by this effect or by a save before it.
fn healed(store: &Store) -> impl Iterator<Item = Event> {
    let mut places: BTreeMap<Scope, Vec<u64>> = BTreeMap::new();
    for (scope, seq) in store.take_healed() {
        places.entry(scope).or_default().push(seq);
    }
    places.into_iter().map(|(scope, places)| Event::Healed { scope, places })
}

fn answered(
    store: &Store,
    effect: Effect,
    now: Timestamp,
    entropy: &mut dyn Entropy,
) -> Result<(Option<Event>, Vec<Notice>), StoreError> {
    Ok(match effect {
        Effect::ReadOutbox { scope, after } => {
            (Some(Event::Outbox { scope, units: store.read_outbox(scope, after)? }), Vec::new())
        }
        Effect::Settle { scope, epoch, outcomes, head } => {
            let settled = store.settle(scope, epoch, &outcomes, head)?;
            let redone = if settled.iter().any(|(_, refusal)| refusal.is_some()) {
                store.redo(scope, now, entropy)?
            } else {
                None
            };
            let is_redone = redone.is_some();
            let notice = |(save, refused)| match refused {
                None => Some(Notice::Visible { save }),
                // It is on its way again; where that fails for good, it is told then.
                Some(_) if is_redone => None,
                Some(reason) => Some(Notice::Refused { save, reason }),
            };
            let notices = settled.into_iter().filter_map(notice).collect();
            (redone.map(|healed| Event::Redone { scope, healed }), notices)
        }
        Effect::Apply { scope, epoch, packed } => {
            let arrived = store.apply(scope, epoch, &packed, now)?;
            let set_aside = arrived.except.len();
            let notice = Notice::Arrived { records: arrived.records, set_aside };
            (Some(Event::Applied { scope, cursor: arrived.cursor, except: arrived.except }), vec![notice])
        }
        Effect::Advance { scope, cursor } => {
            store.advance(scope, cursor)?;
            (Some(Event::Applied { scope, cursor, except: Vec::new() }), Vec::new())
        }
        Effect::Compare { scope, after, entries, last } => {
            let differing = store.compare(scope, after, &entries, last)?;
            (Some(Event::Compared { scope, differing, last }), Vec::new())
        }
        Effect::ApplyExcerpt { scope, epoch, packed, last } => {
            let records = store.apply_excerpt(scope, epoch, &packed, now)?;
            let changed = !records.is_empty();
            let notice = Notice::Arrived { records, set_aside: 0 };
            (Some(Event::ExcerptApplied { scope, changed, last }), vec![notice])
        }
        Effect::Refill { scope, at, differing } => {
            let may_write = Names::read(store)?.own_role() != Role::Reader;
            store.refill(scope, at, &differing, may_write, now, &mut || UnitId::random(entropy))?;
            (Some(Event::Refilled { scope, at, exceptions: store.exceptions(scope)? }), Vec::new())
        }
        Effect::Directory(directory) => {
            store.keep_directory(&directory)?;
            (None, Vec::new())
        }
        Effect::Peers(peers) => (None, keep_peers(store, &peers, now)?),
        Effect::Connect
        | Effect::Close
        | Effect::Send(_)
        | Effect::Wake(_)
        | Effect::Announce(_)
        | Effect::Poll { .. }
        | Effect::Separate => (None, Vec::new()),
    })
}

fn keep_peers(store: &Store, peers: &[Peer], now: Timestamp) -> Result<Vec<Notice>, StoreError> {
    let names = Names::read(store)?;
    let notice =
        |peer: PeerState| Notice::Peer { device: peer.device, name: names.device(peer.device), online: peer.online };
    // Before what they tell is kept: what is new in it is told.
    let complaints = store.hear_complaints(peers, now)?;
    let complaints =
        complaints.into_iter().map(|one| Notice::SetAside { save: one.save, name: names.device(one.device) });
    Ok(store.keep_peers(peers)?.into_iter().map(notice).chain(complaints).collect())
}
