//! What the session wants of the store.

use std::time::Duration;

use regard_core::id::{Entropy, UnitId};
use regard_core::sync::{Effect, Event, Schedule, ScopeStart};
use regard_core::time::Timestamp;
use regard_core::wire::{Role, Scope};

use super::Notice;
use crate::names::Names;
use crate::store::{PeerState, Store, StoreError};

/// The answer for the session, where it waits for one, and what people may want to know.
pub type InStore = (Option<Event>, Vec<Notice>);

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
            (Some(Event::ExcerptApplied { scope, last }), vec![Notice::Arrived { records, set_aside: 0 }])
        }
        Effect::Refill { scope, at, differing } => {
            let may_write = Names::read(store)?.own_role() != Role::Reader;
            store.refill(scope, at, &differing, may_write, now, &mut || UnitId::random(entropy))?;
            (Some(Event::Refilled { scope, at }), Vec::new())
        }
        Effect::Directory(directory) => {
            store.keep_directory(&directory)?;
            (None, Vec::new())
        }
        Effect::Peers(peers) => {
            let names = Names::read(store)?;
            let notice = |peer: PeerState| Notice::Peer {
                device: peer.device,
                name: names.device(peer.device),
                online: peer.online,
            };
            (None, store.keep_peers(&peers)?.into_iter().map(notice).collect())
        }
        Effect::Connect
        | Effect::Close
        | Effect::Send(_)
        | Effect::Wake(_)
        | Effect::Announce(_)
        | Effect::Poll { .. }
        | Effect::Separate => (None, Vec::new()),
    })
}
