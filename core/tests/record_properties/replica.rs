//! A device with one record, and how changes travel between two of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use regard_core::gate::{self, Checked};
use regard_core::id::{Actor, ChangeHash, DeviceId};
use regard_core::record::schema::{self, Field, Form};
use regard_core::record::{Conflict, Document, Edit, Entry, Kind, Life, Projection, Shown, StoredChange};
use regard_core::time::Timestamp;

/// One device's copy of a record.
pub(crate) struct Replica {
    pub(crate) document: Document,
    pub(crate) actor: Actor,
}

impl Replica {
    pub(crate) fn new(kind: Kind, number: u8) -> Self {
        Self { document: Document::new(kind), actor: actor(number) }
    }

    /// Makes edits as one change; `None` where they changed nothing.
    #[track_caller]
    pub(crate) fn edit(&mut self, edits: &[Edit]) -> Option<StoredChange> {
        let at = Timestamp(1_790_000_000_000);
        self.document.edit(edits, &self.actor, at).unwrap_or_else(|error| panic!("{edits:?}: {error}"))
    }

    /// Takes everything that `other` has.
    pub(crate) fn pull(&mut self, other: &Self) {
        let missing = missing(&other.document, &self.document);
        self.receive(&missing.iter().map(checked).collect::<Vec<_>>());
    }

    /// Takes foreign changes, all of which must be in order.
    pub(crate) fn receive(&mut self, changes: &[Checked]) {
        for (change, verdict) in changes.iter().zip(gate::apply(&mut self.document, changes)) {
            assert!(verdict.is_ok(), "{:?} was refused: {verdict:?}", change.header);
        }
    }
}

pub(crate) fn actor(number: u8) -> Actor {
    Actor::of_device(DeviceId::from_bytes([number; 16]), [number; 4])
}

/// Lets two replicas take each other's changes.
pub(crate) fn exchange(a: &mut Replica, b: &mut Replica) {
    a.pull(b);
    b.pull(a);
}

/// What `from` has and `to` has not.
pub(crate) fn missing(from: &Document, to: &Document) -> Vec<StoredChange> {
    from.changes_since(&[]).into_iter().filter(|change| !to.has(change.hash)).collect()
}

#[track_caller]
pub(crate) fn checked(change: &StoredChange) -> Checked {
    let checked = gate::check(&change.bytes).expect("an honest change passes the gate");
    assert_eq!((checked.header.hash, &checked.bytes), (change.hash, &change.bytes));
    checked
}

/// How changes arrive: which of those that could come next does, how often one comes twice, and how many come at once.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    picks: Vec<prop::sample::Index>,
    batch: usize,
}

impl Arrival {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let picks = prop::collection::vec(any::<prop::sample::Index>(), 1..8);
        (picks, 1..6usize).prop_map(|(picks, batch)| Self { picks, batch })
    }

    /// Delivers `changes` to a replica in an order in which dependencies come first, every third one once more later.
    pub(crate) fn deliver(&self, changes: &[StoredChange], to: &mut Replica) {
        let mut waiting: Vec<_> = changes.iter().map(checked).collect();
        let mut here: BTreeSet<ChangeHash> =
            waiting.iter().flat_map(|change| change.header.deps.clone()).filter(|dep| to.document.has(*dep)).collect();
        let mut order: Vec<Checked> = Vec::new();
        for pick in self.picks.iter().cycle() {
            let ready: Vec<_> =
                (0..waiting.len()).filter(|at| waiting[*at].header.deps.iter().all(|dep| here.contains(dep))).collect();
            if ready.is_empty() {
                break;
            }
            let next = waiting.remove(*pick.get(&ready));
            here.insert(next.header.hash);
            order.push(next);
            if order.len().is_multiple_of(3) {
                order.push(pick.get(&order).clone());
            }
        }
        assert!(waiting.is_empty(), "changes whose dependencies do not arrive");
        order.chunks(self.batch).for_each(|batch| to.receive(batch));
    }
}

/// Everything that can be read of a record.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) heads: Vec<ChangeHash>,
    pub(crate) scalars: BTreeMap<&'static str, Option<Shown>>,
    pub(crate) entries: BTreeMap<&'static str, BTreeMap<String, Entry>>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) life: Life,
    pub(crate) projection: Projection,
}

impl Reading {
    pub(crate) fn of(document: &Document) -> Self {
        let (several, single): (Vec<&Field>, Vec<&Field>) =
            schema::fields(document.kind()).partition(|field| matches!(field.form, Form::Entries(_)));
        Self {
            heads: document.heads(),
            scalars: single.iter().map(|field| (field.name, document.scalar(field.name))).collect(),
            entries: several.iter().map(|field| (field.name, document.entries(field.name))).collect(),
            conflicts: document.conflicts(),
            life: document.life(),
            projection: Projection::of(document),
        }
    }
}
