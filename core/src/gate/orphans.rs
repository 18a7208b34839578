//! Changes that came before what they follow. They wait here, outside of any document: Automerge would keep them in the
//! document itself, without a bound, and in everything that is stored of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;

use super::Checked;
use crate::id::{ChangeHash, DocumentId};
use crate::limits::{CHANGE_BYTES_MAX, ORPHAN_AGE_MAX, ORPHANS_BYTES_MAX, ORPHANS_MAX, ORPHANS_OF_DOCUMENT_MAX};
use crate::time::Timestamp;

// Otherwise one change could push out all others and itself.
const _: () = assert!(CHANGE_BYTES_MAX < ORPHANS_BYTES_MAX);

/// Changes whose dependencies are not here, bounded by [`ORPHANS_MAX`], [`ORPHANS_OF_DOCUMENT_MAX`], [`ORPHANS_BYTES_MAX`] and
/// [`ORPHAN_AGE_MAX`]. What goes for that comes back as [`Leaving`]: whoever holds the queue sets it aside, and nothing is
/// dropped in silence.
#[derive(Debug, Default)]
pub struct Orphans {
    /// In the order in which they came; the key is the place in that order.
    held: BTreeMap<u64, Held>,
    next: u64,
    bytes: usize,
    of_document: HashMap<DocumentId, BTreeSet<u64>>,
    /// Who waits for a change. Each orphan waits for one at a time, so that a thousand dependencies cost one look each.
    waiting: HashMap<(DocumentId, ChangeHash), BTreeSet<u64>>,
    hashes: HashSet<(DocumentId, ChangeHash)>,
}

#[derive(Debug)]
struct Held {
    orphan: Orphan,
    /// Which of its dependencies it waits for; all before that one have been there.
    awaits: usize,
}

/// A change that lacks what it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The record that it belongs to.
    pub document: DocumentId,
    /// The change.
    pub change: Checked,
    /// When it came.
    pub since: Timestamp,
}

/// Why a change is not held, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It lacks nothing and can be applied.
    Ready,
    /// It waited for longer than [`ORPHAN_AGE_MAX`].
    TooOld,
    /// It was the oldest where there was no room for another, of its document or of all.
    NoRoom,
}

impl Orphans {
    /// Nothing waits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no change waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The bytes that the waiting changes take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether this change waits.
    #[must_use]
    pub fn holds(&self, document: DocumentId, hash: ChangeHash) -> bool {
        self.hashes.contains(&(document, hash))
    }

    /// Holds a change until all that it follows is there, and answers what is not held any more, with the reason. `has` says
    /// what the document has.
    pub fn hold(
        &mut self,
        document: DocumentId,
        change: Checked,
        now: Timestamp,
        has: impl Fn(ChangeHash) -> bool,
    ) -> Vec<(Orphan, Leaving)> {
        let mut gone = self.expire(now);
        if self.holds(document, change.header.hash) {
            return gone;
        }
        let orphan = Orphan { document, change, since: now };
        let Some(awaits) = orphan.change.header.deps.iter().position(|dep| !has(*dep)) else {
            gone.push((orphan, Leaving::Ready));
            return gone;
        };
        let place = self.next;
        self.next += 1;
        self.bytes += orphan.size();
        self.hashes.insert((document, orphan.change.header.hash));
        let held = Held { orphan, awaits };
        self.waiting.entry(held.awaited()).or_default().insert(place);
        self.held.insert(place, held);
        let of_document = self.of_document.entry(document).or_default();
        of_document.insert(place);
        if of_document.len() > ORPHANS_OF_DOCUMENT_MAX {
            let oldest = of_document.first().copied();
            gone.extend(oldest.and_then(|oldest| self.take(oldest)).map(|orphan| (orphan, Leaving::NoRoom)));
        }
        while self.held.len() > ORPHANS_MAX || self.bytes > ORPHANS_BYTES_MAX {
            let Some(oldest) = self.held.first_key_value().map(|(place, _)| *place) else { break };
            gone.extend(self.take(oldest).map(|orphan| (orphan, Leaving::NoRoom)));
        }
        gone
    }

    /// Takes out the changes that lack nothing now that `arrived` are there, and those that lacked only these, in an order in
    /// which they can be applied. `has` says what the document has, `arrived` included.
    ///
    /// One that the gate refuses then is refused like any other; what follows it lacks a dependency, and whoever applies it
    /// holds it again or sets it aside.
    pub fn release(
        &mut self,
        document: DocumentId,
        arrived: &[ChangeHash],
        has: impl Fn(ChangeHash) -> bool,
    ) -> Vec<Checked> {
        let mut released: Vec<Checked> = Vec::new();
        let mut with_released: HashSet<ChangeHash> = HashSet::new();
        let mut arrivals: VecDeque<ChangeHash> = arrived.iter().copied().collect();
        while let Some(arrival) = arrivals.pop_front() {
            for place in self.waiting.remove(&(document, arrival)).unwrap_or_default() {
                let Some(held) = self.held.get_mut(&place) else { continue };
                let later = &held.orphan.change.header.deps[held.awaits..];
                if let Some(step) = later.iter().position(|dep| !with_released.contains(dep) && !has(*dep)) {
                    held.awaits += step;
                    self.waiting.entry(held.awaited()).or_default().insert(place);
                } else if let Some(orphan) = self.take(place) {
                    let hash = orphan.change.header.hash;
                    with_released.insert(hash);
                    arrivals.push_back(hash);
                    released.push(orphan.change);
                }
            }
        }
        released
    }

    /// Takes out what has waited for too long.
    pub fn expire(&mut self, now: Timestamp) -> Vec<(Orphan, Leaving)> {
        let mut gone = Vec::new();
        while let Some(mut oldest) = self.held.first_entry() {
            let since = &mut oldest.get_mut().orphan.since;
            // Where the clock was ahead and has been set back, the time begins anew: nothing waits for years.
            *since = now.min(*since);
            if now.since(*since) <= ORPHAN_AGE_MAX {
                break;
            }
            let place = *oldest.key();
            gone.extend(self.take(place).map(|orphan| (orphan, Leaving::TooOld)));
        }
        gone
    }

    fn take(&mut self, place: u64) -> Option<Orphan> {
        let held = self.held.remove(&place)?;
        let awaited = held.awaited();
        remove_from(&mut self.waiting, &awaited, place);
        remove_from(&mut self.of_document, &held.orphan.document, place);
        self.hashes.remove(&(held.orphan.document, held.orphan.change.header.hash));
        self.bytes -= held.orphan.size();
        Some(held.orphan)
    }
}

fn remove_from<K: Eq + Hash>(places: &mut HashMap<K, BTreeSet<u64>>, key: &K, place: u64) {
    if let Some(of_key) = places.get_mut(key) {
        of_key.remove(&place);
        if of_key.is_empty() {
            places.remove(key);
        }
    }
}

impl Held {
    fn awaited(&self) -> (DocumentId, ChangeHash) {
        (self.orphan.document, self.orphan.change.header.deps[self.awaits])
    }
}

impl Orphan {
    /// What it takes: its bytes, and its header read.
    fn size(&self) -> usize {
        let header = &self.change.header;
        let read = size_of::<Held>() + size_of_val(header.deps.as_slice());
        self.change.bytes.len() + read + header.actor.as_bytes().len() + header.message.as_ref().map_or(0, String::len)
    }
}
