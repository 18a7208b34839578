//! The client's store, by itself: what is durable, what is sent, what is applied, and what damage does.

mod arriving;
mod carrying;
mod copies;
mod damage;
mod damaging;
mod failing;
mod faulty;
mod finding;
mod migrating;
mod rebuilding;
mod reconciling;
mod redoing;
mod remaking;
mod saving;
mod sending;

use std::path::Path;

use regard_client::store::{Identity, Save, SaveOutcome, Store, Work};
use regard_client::system::SystemEntropy;
use regard_core::gate;
use regard_core::id::{DeviceId, DocumentId, EpochId, UnitId};
use regard_core::record::{Document, Edit, Kind, identity};
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Scope, Segment, Unit};
use tempfile::TempDir;

const SCOPE: Scope = Scope::Records;
const EPOCH: EpochId = EpochId::from_bytes([7; 16]);

/// A store in a folder that goes with it.
struct Home {
    folder: TempDir,
    store: Store,
}

impl Home {
    fn ana() -> Self {
        Self::with(Identity::found("Test", "Ana", "laptop", &mut SystemEntropy))
    }

    /// A further device of the same workspace.
    fn ben(ana: &Self) -> Self {
        let identity = ana.store.identity();
        let (workspace, namespace) = (identity.workspace, identity.namespace());
        Self::with(Identity::join(workspace, namespace, "Ben", "laptop", &mut SystemEntropy))
    }

    fn with(identity: Identity) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::create(&folder.path().join("store"), identity).expect("a new store");
        Self { folder, store }
    }

    fn path(&self) -> &Path {
        self.store.folder()
    }

    /// As after a restart of the program.
    fn reopened(self) -> Self {
        self.reopened_after(|_| ())
    }

    /// A copy of the store, as somebody makes it who copies the folder.
    fn copied(self) -> (Self, Self) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copy = folder.path().join("store");
        let home = self.reopened_after(|path| {
            std::fs::create_dir(&copy).expect("a folder");
            std::fs::copy(path.join("store.redb"), copy.join("store.redb")).expect("a copy");
        });
        let store = Store::open(&copy).expect("the copy");
        (home, Self { folder, store })
    }

    fn reopened_after(self, work: impl FnOnce(&Path)) -> Self {
        let path = self.path().to_owned();
        let Self { folder, store } = self;
        drop(store);
        work(&path);
        Self { store: Store::open(&path).expect("the store again"), folder }
    }

    fn add(&self, kind: Kind, edits: Vec<Edit>) -> DocumentId {
        let id = identity::by_hand(&mut SystemEntropy);
        let outcome = self.make(vec![Work::Create { id, kind, notes: String::new(), edits }]);
        assert_eq!(outcome, vec![(id, SaveOutcome::Created)]);
        id
    }

    fn edit(&self, id: DocumentId, field: &str, value: &str) -> SaveOutcome {
        self.make(vec![Work::Edit { id, edits: vec![set(field, value)] }])[0].1
    }

    fn make(&self, works: Vec<Work>) -> Vec<(DocumentId, SaveOutcome)> {
        self.store.save(Save { at: Timestamp(1_000), works }, &mut SystemEntropy).expect("a save").records
    }

    fn text(&self, id: DocumentId, field: &str) -> String {
        self.store.document(id).expect("the record").text(field)
    }

    /// Everything in the outbox, as a relay would get it.
    fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        let mut after = 0;
        loop {
            let read = self.store.read_outbox(SCOPE, after).expect("the outbox");
            let Some(last) = read.last() else { return units };
            after = last.place;
            units.extend(read.into_iter().map(|queued| queued.unit));
        }
    }

    fn receive(&self, log: &Log) {
        for segment in &log.segments {
            self.store.apply(SCOPE, EPOCH, segment, Timestamp(2_000)).expect("a segment");
        }
    }
}

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

/// A relay's log, kept by hand.
struct Log {
    segments: Vec<Vec<u8>>,
    end: Cursor,
}

impl Log {
    fn new(home: &Home) -> Self {
        Self { segments: Vec::new(), end: Cursor::start(home.store.identity().workspace, SCOPE, EPOCH) }
    }

    fn append(&mut self, carrier: DeviceId, units: Vec<Unit>) {
        let (first_seq, before) = (self.end.seq + 1, self.end.hash);
        for unit in &units {
            for change in &unit.changes {
                let hash = gate::check(&change.bytes).expect("an honest change").header.hash;
                self.end.seq += 1;
                self.end.hash = self.end.hash.then(change.document, hash, unit.id, unit.author, carrier);
            }
        }
        let segment = Segment { carrier, visible_at: Timestamp(1_500), first_seq, before, units };
        self.segments.push(segment.pack());
    }

    fn of(home: &Home) -> Self {
        let mut log = Self::new(home);
        log.append(home.store.identity().device, home.units());
        log
    }
}

/// An end of the log that stands at `seq`.
fn head(home: &Home, seq: u64) -> Cursor {
    head_of(&home.store, seq)
}

fn head_of(store: &Store, seq: u64) -> Cursor {
    Cursor { seq, ..Cursor::start(store.identity().workspace, SCOPE, EPOCH) }
}

fn new_unit() -> UnitId {
    UnitId::random(&mut SystemEntropy)
}

fn same(one: &Document, other: &Document) -> bool {
    one.heads() == other.heads() && one.places() == other.places()
}
