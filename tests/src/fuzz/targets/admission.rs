use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Checked, Header};
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::record::{Document, Kind};
use regard_core::sync::{Admission, CheckedUnit, DocumentIndex, IndexSource, Place, Placed, check_unit};
use regard_core::wire::{self, Unit};

use super::records::{begun, document, edited, following, unit};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "admission",
    promise: "a refused save leaves a relay's indexes as they were, an accepted one has the next places, in whatever order it comes \
              again it has its first places, indexes read back as they were stored, and no device refuses for its order what a \
              relay accepted",
    form: Form::Cbor,
    words: &[b"\x50\x01\x01\x01\x01", b"\x85\x6f\x4a\x83", b"\xf6"],
    seeds,
    run,
    short_run: 800,
};

/// Saves of one input; each is judged twice.
const UNITS_MAX: usize = 24;
/// Saves of one commit.
const COMMIT_UNITS: usize = 3;

/// What a relay has stored.
#[derive(Default)]
struct Stored {
    indexes: HashMap<DocumentId, Vec<u8>>,
    spilled: HashMap<(DocumentId, ChangeHash), Place>,
    head: u64,
}

impl IndexSource for Stored {
    type Error = Infallible;

    fn load(&mut self, document: DocumentId) -> Result<DocumentIndex, Infallible> {
        let stored = self.indexes.get(&document);
        Ok(stored
            .map_or_else(DocumentIndex::default, |bytes| DocumentIndex::decode(bytes).expect("what was stored reads")))
    }

    fn spilled(&self, document: DocumentId, hash: ChangeHash) -> Result<Option<Place>, Infallible> {
        Ok(self.spilled.get(&(document, hash)).copied())
    }
}

fn run(input: &[u8]) -> String {
    let units: Vec<Unit> = match wire::decode(input, "units") {
        Ok(units) => units,
        Err(refusal) => return refusal.detail,
    };
    let mut ways = Vec::new();
    let mut checked = Vec::new();
    for unit in units.into_iter().take(UNITS_MAX) {
        match check_unit(unit) {
            Ok(unit) => checked.push(unit),
            Err(refusal) => ways.push(format!("{:?} {}", refusal.cause, refusal.detail)),
        }
    }
    let mut stored = Stored::default();
    let mut accepted: Vec<(&CheckedUnit, Vec<u64>)> = Vec::new();
    for units in checked.chunks(COMMIT_UNITS) {
        let outcomes = commit(&mut stored, units);
        for (unit, outcome) in units.iter().zip(outcomes) {
            match outcome {
                Ok(placed) => accepted.push((unit, placed.iter().map(|placed| placed.seq()).collect())),
                Err(refusal) => ways.push(format!("{:?} {}", refusal.cause, refusal.detail)),
            }
        }
    }
    known_again(&mut stored, &accepted);
    applicable(&accepted, &mut ways);
    ways.sort();
    ways.dedup();
    format!("{} {}", accepted.len().min(4), ways.join("; "))
}

/// Admits saves in one commit, as a relay does.
fn commit(stored: &mut Stored, units: &[CheckedUnit]) -> Vec<Result<Vec<Placed>, Refusal>> {
    let mut admission = Admission::new(stored.head);
    let outcomes = units.iter().map(|unit| {
        let before = admission.head();
        let Ok(outcome) = admission.admit(&headers(unit), &|_| Ok(()), |_| Ok(()), stored);
        let new: Vec<u64> = outcome
            .iter()
            .flatten()
            .filter_map(|placed| match placed {
                Placed::New(seq) => Some(*seq),
                Placed::Duplicate(_) => None,
            })
            .collect();
        assert_eq!(new, (before + 1..=admission.head()).collect::<Vec<_>>(), "places follow each other");
        outcome
    });
    let outcomes: Vec<_> = outcomes.collect();
    stored.head = admission.head();
    let admitted = admission.into_indexes();
    for (document, index) in &admitted.read {
        assert_eq!(stored.load(*document).as_ref(), Ok(index), "what was only asked about or refused is as it was");
    }
    for (document, index) in admitted.grown {
        let bytes = index.encode();
        assert_eq!(DocumentIndex::decode(&bytes), Ok(index), "an index reads back");
        stored.indexes.insert(document, bytes);
    }
    stored.spilled.extend(admitted.spilled);
    outcomes
}

fn headers(unit: &CheckedUnit) -> Vec<(DocumentId, &Header)> {
    unit.unit.changes.iter().zip(&unit.headers).map(|(change, header)| (change.document, header)).collect()
}

/// Devices that lost an answer ask again, in any order.
fn known_again(stored: &mut Stored, accepted: &[(&CheckedUnit, Vec<u64>)]) {
    let mut admission = Admission::new(stored.head);
    for (unit, seqs) in accepted.iter().rev() {
        let Ok(again) = admission.admit(&headers(unit), &|_| Ok(()), |_| Ok(()), stored);
        let expected: Vec<_> = seqs.iter().map(|seq| Placed::Duplicate(*seq)).collect();
        assert_eq!(again, Ok(expected), "the same answer as the first time");
    }
    assert_eq!(admission.head(), stored.head, "nothing was logged twice");
    assert!(admission.into_indexes().grown.is_empty(), "nothing has grown");
}

/// Devices apply the log in its order. What Automerge itself does not take, no relay can see.
fn applicable(accepted: &[(&CheckedUnit, Vec<u64>)], ways: &mut Vec<String>) {
    let mut log = BTreeMap::new();
    for (unit, seqs) in accepted {
        for ((change, header), seq) in unit.unit.changes.iter().zip(&unit.headers).zip(seqs) {
            log.insert(*seq, (change.document, Checked { header: header.clone(), bytes: change.bytes.clone() }));
        }
    }
    let mut records: HashMap<DocumentId, Document> = HashMap::new();
    let mut is_set_aside = false;
    for (id, change) in log.into_values() {
        let Some(record) = records.get_mut(&id) else {
            records.insert(id, gate::begin(&change).expect("a log's first change of a record begins it"));
            continue;
        };
        match gate::apply(record, std::slice::from_ref(&change)).pop() {
            Some(Ok(_)) => {}
            Some(Err(refusal)) if refusal.cause == Cause::NotApplicable => {
                is_set_aside = true;
                ways.push(format!("set aside: {}", refusal.detail));
            }
            // What follows a change that was set aside lacks it.
            Some(Err(refusal)) => assert!(is_set_aside, "a relay accepted it, and a device says: {refusal}"),
            None => unreachable!("each change has a verdict"),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let (task, first) = begun(Kind::Task, document(1), 1);
    let (contact, second) = begun(Kind::Contact, document(2), 2);
    let single = |n: u8, id: u8, record: &Document| {
        let changes = following(record).into_iter().map(move |change| unit(n, vec![(document(id), change.bytes)]));
        changes.collect::<Vec<_>>()
    };
    let mut both = [first.clone(), second.clone()].to_vec();
    both.extend(single(3, 1, &task));
    both.extend(single(4, 2, &contact));
    let merged = unit(
        5,
        following(&task)
            .into_iter()
            .map(|c| (document(1), c.bytes))
            .chain(following(&contact).into_iter().map(|c| (document(2), c.bytes)))
            .collect(),
    );
    let mut long = contact.clone();
    let mut many = vec![second.clone()];
    // Beyond what an index keeps in its own row.
    for device in 30..100 {
        let changes = edited(&mut long, device).into_iter().map(|change| (document(2), change.bytes)).collect();
        many.push(unit(device, changes));
    }
    many.truncate(UNITS_MAX - 1);
    many.push(second.clone());
    let elsewhere = unit(6, first.changes.iter().map(|change| (document(3), change.bytes.clone())).collect());
    [vec![first.clone()], both, vec![first.clone(), second, merged, first.clone()], many, vec![first, elsewhere]]
        .iter()
        .map(wire::encode)
        .collect()
}
