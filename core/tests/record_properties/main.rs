//! Records merge: whatever is edited where and in whatever order it arrives, all replicas come to the same reading, and
//! nothing that somebody wrote is lost.

// Forks draw a random actor, which only reading them does not use.
#![allow(clippy::disallowed_methods, reason = "the model reads the past on forks")]

mod edits;
mod foreign;
mod model;
mod replica;
mod sheet;
mod stories;
mod undo;

use std::collections::{BTreeMap, BTreeSet};

use edits::Wish;
use model::{Model, raw, raw_at};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use regard_core::id::ChangeHash;
use regard_core::record::{Document, Kind, Scalar};
use replica::{Arrival, Reading, Replica, missing};

/// One step of a story with three replicas.
#[derive(Debug, Clone)]
enum Step {
    /// A replica makes these edits as one change.
    Edit(usize, Vec<Wish>),
    /// The first takes what the second has.
    Deliver(usize, usize, Arrival),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = (0..3usize, prop::collection::vec(Wish::any(), 1..4)).prop_map(|(at, wishes)| Step::Edit(at, wishes));
    let deliver = (0..3usize, 1..3usize, Arrival::any())
        .prop_map(|(at, other, arrival)| Step::Deliver(at, (at + other) % 3, arrival));
    prop::collection::vec(prop_oneof![3 => edit, 1 => deliver], 1..30)
}

/// Failing cases are kept beside this file, with their seeds, and run first from then on.
fn config(cases: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(persistence)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn every_interleaving_converges_and_loses_nothing(
        kind in prop::sample::select(&Kind::ALL[..]),
        steps in steps(),
        last in Arrival::any(),
    ) {
        let mut replicas = [1, 2, 3].map(|number| Replica::new(kind, number));
        let mut model = Model::default();
        let mut written = BTreeMap::new();
        for step in &steps {
            match step {
                Step::Edit(at, wishes) => edit(&mut replicas[*at], wishes, &mut model, &mut written)?,
                Step::Deliver(at, from, arrival) => deliver(&mut replicas, *from, *at, arrival),
            }
        }
        for (from, to) in [(0, 1), (1, 2), (2, 0), (2, 1), (1, 0)] {
            deliver(&mut replicas, from, to, &last);
        }
        let [first, second, third] = &replicas;
        let reading = Reading::of(&first.document);
        prop_assert_eq!(&reading, &Reading::of(&second.document));
        prop_assert_eq!(&reading, &Reading::of(&third.document));

        let mut newcomer = Replica::new(kind, 9);
        last.deliver(&missing(&first.document, &newcomer.document), &mut newcomer);
        prop_assert_eq!(&reading, &Reading::of(&newcomer.document));
        let loaded = Document::load(&first.document.save()).expect("what was just saved");
        prop_assert_eq!(&reading, &Reading::of(&loaded));

        prop_assert_eq!(reading.life, model.expected_life());
        shows_what_no_later_write_has_seen(&reading, &first.document, &model)?;
        for (change, then) in &written {
            prop_assert_eq!(&raw_at(&first.document, *change), then, "what {} wrote is found in the history", change);
        }
    }
}

fn edit(
    replica: &mut Replica,
    wishes: &[Wish],
    model: &mut Model,
    written: &mut BTreeMap<ChangeHash, model::Raw>,
) -> Result<(), TestCaseError> {
    let edits: Vec<_> = wishes.iter().map(|wish| wish.edit(&replica.document)).collect();
    let (before, heads) = (raw(&replica.document), replica.document.heads());
    if let Some(change) = replica.edit(&edits) {
        let after = raw(&replica.document);
        model.note(&change, &before, &after);
        written.insert(change.hash, after);
        prop_assert_eq!(replica.document.heads(), [change.hash]);
    } else {
        prop_assert_eq!(replica.document.heads(), heads, "edits that change nothing write nothing");
        prop_assert_eq!(raw(&replica.document), before);
    }
    // One edit made once more changes nothing. (Of several, the later ones may undo the earlier ones.)
    if let [again] = &edits[..] {
        prop_assert_eq!(replica.edit(std::slice::from_ref(again)), None, "{:?} is already so", again);
    }
    Ok(())
}

fn deliver(replicas: &mut [Replica; 3], from: usize, to: usize, arrival: &Arrival) {
    let missing = missing(&replicas[from].document, &replicas[to].document);
    arrival.deliver(&missing, &mut replicas[to]);
}

fn shows_what_no_later_write_has_seen(
    reading: &Reading,
    document: &Document,
    model: &Model,
) -> Result<(), TestCaseError> {
    let expected = model.expected();
    let values =
        |values: &[(ChangeHash, Scalar)]| values.iter().map(|(_, value)| value.clone()).collect::<BTreeSet<_>>();
    let found: BTreeMap<_, _> = raw(document).iter().map(|(place, found)| (place.clone(), values(found))).collect();
    prop_assert_eq!(&found, &expected, "the document holds what the history says");

    let shown = |shown: &regard_core::record::Shown| {
        shown.others.iter().chain([&shown.winner]).map(|one| one.value.clone()).collect::<BTreeSet<_>>()
    };
    for (name, found) in &reading.scalars {
        if let (Some(found), Some(expected)) = (found, expected.get(*name)) {
            prop_assert_eq!(&shown(found), expected, "{} shows every concurrent value", name);
        }
        let is_notes = regard_core::record::schema::notes(document.kind()) == *name;
        prop_assert_eq!(found.is_some(), is_notes || expected.contains_key(*name));
    }
    for (field, entries) in &reading.entries {
        let items = expected.keys().filter(|place| place.starts_with(&format!("{field}[")) && place.ends_with(']'));
        let entries: BTreeSet<_> = entries.keys().map(|item| format!("{field}[{item}]")).collect();
        prop_assert_eq!(items.cloned().collect::<BTreeSet<_>>(), entries, "{} has every item", field);
    }
    let conflicts: BTreeMap<_, _> =
        reading.conflicts.iter().map(|one| (one.place.clone(), shown(&one.shown))).collect();
    let several: BTreeMap<_, _> = expected.into_iter().filter(|(_, values)| values.len() > 1).collect();
    prop_assert_eq!(conflicts, several, "differing values are conflicts, equal ones are none");
    Ok(())
}
