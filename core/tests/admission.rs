//! What a relay admits, by headers alone.

use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;
use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Header};
use regard_core::id::{Actor, ChangeHash, DeviceId, DocumentId, UnitId};
use regard_core::limits::{INDEX_RECENT_HASHES_MAX, UNIT_CHANGES_MAX};
use regard_core::record::{Document, Edit, Kind, Scalar, genesis};
use regard_core::sync::{Admission, DocumentIndex, IndexSource, Place, Placed, check_unit};
use regard_core::time::Timestamp;
use regard_core::wire::{Unit, UnitChange};

const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
const OTHER: DocumentId = DocumentId::from_bytes([2; 16]);

/// Indexes as a relay stores them: as bytes, with what was spilled beside them.
#[derive(Default)]
struct Stored {
    head: u64,
    indexes: HashMap<DocumentId, Vec<u8>>,
    spilled: HashMap<(DocumentId, ChangeHash), Place>,
}

impl IndexSource for Stored {
    type Error = Infallible;

    fn load(&mut self, document: DocumentId) -> Result<DocumentIndex, Infallible> {
        let stored = self.indexes.get(&document);
        Ok(stored.map_or_else(DocumentIndex::default, |bytes| DocumentIndex::decode(bytes).expect("own bytes")))
    }

    fn spilled(&self, document: DocumentId, hash: ChangeHash) -> Result<Option<Place>, Infallible> {
        Ok(self.spilled.get(&(document, hash)).copied())
    }
}

impl Stored {
    /// Admits units in one commit, and stores it.
    fn commit(&mut self, units: &[Vec<(DocumentId, &Header)>]) -> Vec<Result<Vec<Placed>, Cause>> {
        let mut admission = Admission::new(self.head);
        let mut outcomes = Vec::new();
        for unit in units {
            let Ok(outcome) = admission.admit(unit, &|_| Ok(()), |_| Ok(()), self);
            outcomes.push(outcome.map_err(|refusal| refusal.cause));
        }
        self.head = admission.head();
        let admitted = admission.into_indexes();
        for (document, index) in admitted.grown {
            self.indexes.insert(document, index.encode());
        }
        self.spilled.extend(admitted.spilled);
        outcomes
    }

    fn commit_one(&mut self, unit: &[(DocumentId, &Header)]) -> Result<Vec<Placed>, Cause> {
        self.commit(&[unit.to_vec()]).remove(0)
    }
}

fn actor(number: u8) -> Actor {
    Actor::of_device(DeviceId::from_bytes([number; 16]), [number; 4])
}

fn header(bytes: &[u8]) -> Header {
    gate::check(bytes).expect("an honest change").header
}

fn genesis(kind: Kind) -> Header {
    header(genesis::bytes(kind))
}

fn edit(document: &mut Document, by: u8, value: &str) -> Header {
    let edits = [Edit::Set("full_name".into(), Scalar::Text(value.into()))];
    let change = document.edit(&edits, &actor(by), Timestamp(0)).expect("an edit").expect("a change");
    header(&change.bytes)
}

/// A contact with `count` changes of one actor after its first one.
fn history(count: usize) -> (Document, Vec<Header>) {
    let mut document = Document::new(Kind::Contact);
    let mut headers = vec![genesis(Kind::Contact)];
    headers.extend((0..count).map(|number| edit(&mut document, 1, &format!("name {number}"))));
    (document, headers)
}

fn one_by_one(headers: &[Header]) -> Vec<Vec<(DocumentId, &Header)>> {
    headers.iter().map(|header| vec![(DOCUMENT, header)]).collect()
}

#[test]
fn a_refused_unit_leaves_nothing_behind_and_takes_no_place() {
    let (_, headers) = history(3);
    let task = genesis(Kind::Task);
    let missing = [(OTHER, &task), (DOCUMENT, &headers[1]), (DOCUMENT, &headers[3])];
    let mut stored = Stored::default();
    assert_eq!(stored.commit_one(&[(DOCUMENT, &headers[0])]), Ok(vec![Placed::New(1)]));
    let outcomes = stored.commit(&[missing.to_vec(), vec![(DOCUMENT, &headers[1])], vec![(OTHER, &task)]]);
    let expected = [Err(Cause::MissingDependency), Ok(vec![Placed::New(2)]), Ok(vec![Placed::New(3)])];
    assert_eq!(outcomes, expected);
}

#[test]
fn each_way_to_be_wrong_is_refused_with_its_cause() {
    let (mut document, headers) = history(2);
    let next = edit(&mut document, 1, "next");
    let mut fork = Document::new(Kind::Contact);
    let forked = edit(&mut fork, 1, "another first change");
    let gap = Header { seq: 4, ..next.clone() };
    let low = Header { start_op: headers[2].max_op(), ..next.clone() };
    let rootless = Header { deps: Vec::new(), ..next.clone() };
    let invented = Header { hash: ChangeHash([9; 32]), seq: 2, ..genesis(Kind::Contact) };
    for (wrong, cause) in [
        (&forked, Cause::SequenceTaken),
        (&gap, Cause::OutOfOrder),
        (&low, Cause::OutOfOrder),
        (&rootless, Cause::NotARecord),
        (&invented, Cause::NotARecord),
        (&genesis(Kind::Lead), Cause::NotARecord),
    ] {
        let mut stored = Stored::default();
        stored.commit(&one_by_one(&headers));
        assert_eq!(stored.commit_one(&[(DOCUMENT, wrong)]), Err(cause), "{wrong:?}");
        assert_eq!(stored.commit_one(&[(DOCUMENT, &next)]), Ok(vec![Placed::New(4)]), "after {cause}");
    }
    assert_eq!(Stored::default().commit_one(&[(DOCUMENT, &next)]), Err(Cause::MissingDependency));
    assert_eq!(Stored::default().commit_one(&[(DOCUMENT, &rootless)]), Err(Cause::NotARecord));
}

#[test]
fn a_change_that_left_the_index_is_known_for_ever() {
    let (mut document, headers) = history(INDEX_RECENT_HASHES_MAX * 2);
    let mut stored = Stored::default();
    for unit in one_by_one(&headers) {
        stored.commit_one(&unit).expect("honest changes");
    }
    assert!(!stored.spilled.is_empty());
    for (seq, unit) in (1..).zip(one_by_one(&headers)) {
        assert_eq!(stored.commit_one(&unit), Ok(vec![Placed::Duplicate(seq)]));
    }
    // A change that follows only what is long spilled.
    let mut behind = Document::new(Kind::Contact);
    let late = edit(&mut behind, 2, "late");
    assert_eq!(stored.commit_one(&[(DOCUMENT, &late)]), Ok(vec![Placed::New(headers.len() as u64 + 1)]));
    let next = edit(&mut document, 1, "next");
    assert_eq!(stored.commit_one(&[(DOCUMENT, &next)]), Ok(vec![Placed::New(headers.len() as u64 + 2)]));
}

#[test]
fn within_one_unit_a_change_may_follow_another_and_stand_twice() {
    let (_, headers) = history(2);
    let twice: Vec<_> = headers.iter().chain(&headers[1..2]).map(|header| (DOCUMENT, header)).collect();
    let placed = Stored::default().commit_one(&twice);
    assert_eq!(placed, Ok(vec![Placed::New(1), Placed::New(2), Placed::New(3), Placed::Duplicate(2)]));
}

#[test]
fn a_unit_is_bounded_and_each_of_its_changes_is_looked_at() {
    let change = |bytes: &[u8]| UnitChange { document: DOCUMENT, bytes: bytes.to_vec() };
    let unit = |changes: Vec<UnitChange>| Unit {
        id: UnitId::from_bytes([1; 16]),
        author: None,
        saved_at: Timestamp(0),
        changes,
        signature: None,
    };
    let good = change(genesis::bytes(Kind::Task));
    let mut damaged = good.clone();
    damaged.bytes[20] ^= 1;
    for (changes, expected) in [
        (Vec::new(), Err(Cause::Malformed)),
        (vec![good.clone(); UNIT_CHANGES_MAX + 1], Err(Cause::TooLarge)),
        (vec![good.clone(), damaged], Err(Cause::Damaged)),
        (vec![good.clone(), change(b"hello")], Err(Cause::Malformed)),
        (vec![good.clone(); UNIT_CHANGES_MAX], Ok(UNIT_CHANGES_MAX)),
    ] {
        let found = check_unit(unit(changes)).map(|checked| checked.headers.len()).map_err(|refusal| refusal.cause);
        assert_eq!(found, expected);
    }
}

/// Three replicas that edit, take over from each other, and sometimes send what was sent before.
#[derive(Debug, Clone)]
enum Step {
    Edit(usize),
    Take { to: usize, from: usize },
    SendAgain(usize),
    ForkOf(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..3usize).prop_map(Step::Edit),
        2 => (0..3usize, 0..3usize).prop_map(|(to, from)| Step::Take { to, from }),
        1 => any::<proptest::sample::Index>().prop_map(|index| Step::SendAgain(index.index(1000))),
        1 => (0..1000usize).prop_map(Step::ForkOf),
    ];
    prop::collection::vec(step, 1..220)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn honest_changes_are_admitted_in_causal_order_duplicates_are_known_and_forks_refused(steps in steps()) {
        let mut replicas = [(); 3].map(|()| Document::new(Kind::Contact));
        let mut stored = Stored::default();
        let mut log = vec![genesis(Kind::Contact)];
        prop_assert_eq!(stored.commit_one(&[(DOCUMENT, &log[0])]), Ok(vec![Placed::New(1)]));
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Edit(by) => {
                    let made = edit(&mut replicas[by], u8::try_from(by + 1).expect("small"), &format!("name {number}"));
                    let seq = log.len() as u64 + 1;
                    prop_assert_eq!(stored.commit_one(&[(DOCUMENT, &made)]), Ok(vec![Placed::New(seq)]));
                    log.push(made);
                }
                Step::Take { to, from } => {
                    let known = replicas[to].heads();
                    let missing: Vec<_> = replicas[from].changes_since(&known);
                    let missing: Vec<_> = missing.iter().map(|c| gate::check(&c.bytes).expect("honest")).collect();
                    gate::apply(&mut replicas[to], &missing);
                }
                Step::SendAgain(which) => {
                    let which = which % log.len();
                    let again = stored.commit_one(&[(DOCUMENT, &log[which])]);
                    prop_assert_eq!(again, Ok(vec![Placed::Duplicate(which as u64 + 1)]));
                }
                Step::ForkOf(which) => {
                    let which = which % log.len();
                    let fork = Header { hash: ChangeHash([7; 32]), ..log[which].clone() };
                    let expected = if which == 0 { Cause::NotARecord } else { Cause::SequenceTaken };
                    prop_assert_eq!(stored.commit_one(&[(DOCUMENT, &fork)]), Err(expected));
                }
            }
        }
        prop_assert_eq!(stored.head, log.len() as u64);
    }
}

/// What a device may not bring is refused only where it is new: what the log has already, anybody may name.
#[test]
fn a_change_that_may_not_be_brought_is_refused_unless_it_is_there() {
    let (_, headers) = history(2);
    let mut stored = Stored::default();
    stored.commit(&one_by_one(&headers[..2]));
    let not_by_one = |header: &Header| match header.actor.device() {
        Some(device) if device == DeviceId::from_bytes([1; 16]) => {
            Err(Refusal::new(Cause::ForeignActor, "it brings its own"))
        }
        _ => Ok(()),
    };
    let mut admission = Admission::new(stored.head);
    let Ok(known) = admission.admit(&[(DOCUMENT, &headers[1])], &not_by_one, |_| Ok(()), &mut stored);
    assert_eq!(known, Ok(vec![Placed::Duplicate(2)]));
    let unit = [(OTHER, &headers[0]), (DOCUMENT, &headers[2])];
    let Ok(refused) = admission.admit(&unit, &not_by_one, |_| Ok(()), &mut stored);
    assert_eq!(refused.map_err(|refusal| refusal.cause), Err(Cause::ForeignActor));
    assert_eq!(admission.head(), stored.head, "it took no place");
}
