//! What stands in stores that nobody has open, read by the library and not by what the commands say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regard_client::store::Store;
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::wire::Scope;

/// Every record of a store with its whole history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    records: BTreeMap<DocumentId, Record>,
    /// How far the log of records is applied.
    log_seq: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    heads: BTreeSet<ChangeHash>,
    changes: BTreeSet<ChangeHash>,
}

/// Reads a store.
///
/// # Panics
/// Where it cannot be opened or read, or something was set aside in it.
#[must_use]
pub fn held(folder: &Path) -> Held {
    let store = Store::open(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |error| panic!("{}: {error}", folder.display());
    let records = store.ids().unwrap_or_else(read).into_iter().map(|id| {
        let document = store.document(id).unwrap_or_else(|error| panic!("{id}: {error}"));
        let changes = document.changes_since(&[]).into_iter().map(|change| change.hash).collect();
        (id, Record { heads: document.heads().into_iter().collect(), changes })
    });
    let records = records.collect();
    let set_aside = store.quarantined().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    assert_eq!(set_aside, [], "{}: changes were set aside", folder.display());
    let cursor = store.cursor(Scope::Records).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    Held { records, log_seq: cursor.map_or(0, |cursor| cursor.seq) }
}

impl Held {
    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records.len()
    }

    /// How many changes there are. The same bytes in two records are two changes.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.records.values().map(|record| record.changes.len()).sum()
    }

    /// Holds where every change stands in the log once: each device's cursor is then at as many changes as it has.
    ///
    /// # Panics
    /// Where the log is longer or shorter.
    pub fn is_the_log_once(&self) {
        assert_eq!(self.log_seq, self.changes() as u64, "every change stands in the log once");
    }

    /// Holds where `other` has the same records with the same heads.
    ///
    /// # Panics
    /// Where they differ.
    pub fn equals(&self, other: &Self) {
        let (own, others): (BTreeSet<_>, BTreeSet<_>) = (self.records.keys().collect(), other.records.keys().collect());
        let differ: Vec<_> = own.symmetric_difference(&others).collect();
        assert!(
            differ.is_empty(),
            "{} records are in one store only: {:?}",
            differ.len(),
            &differ[..differ.len().min(5)]
        );
        for (id, record) in &self.records {
            let others = &other.records[id];
            assert_eq!(record.heads, others.heads, "record {id} has other heads");
            assert_eq!(record.changes, others.changes, "record {id} has another history");
        }
    }

    /// Holds where everything in `earlier` is still here.
    ///
    /// # Panics
    /// Where a change is missing.
    pub fn lost_nothing_of(&self, earlier: &Self) {
        for (id, record) in &earlier.records {
            let here = self.records.get(id).unwrap_or_else(|| panic!("record {id} is lost"));
            let lost: Vec<_> = record.changes.difference(&here.changes).collect();
            assert!(lost.is_empty(), "record {id} has lost {lost:?}");
        }
    }

    /// Whether there is such a record.
    #[must_use]
    pub fn has_record(&self, id: DocumentId) -> bool {
        self.records.contains_key(&id)
    }

    /// Whether a record has this change.
    #[must_use]
    pub fn has(&self, id: DocumentId, change: ChangeHash) -> bool {
        self.records.get(&id).is_some_and(|record| record.changes.contains(&change))
    }
}
