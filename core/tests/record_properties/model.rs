//! What merging must come to, told by the history alone: at each place those values show that no later write has seen.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use regard_core::id::ChangeHash;
use regard_core::record::{Document, Life, Scalar, StoredChange};

use super::replica::checked;

/// A field, or `field[item]`, or `field[item].member`, as conflicts name it.
pub(crate) type Place = String;
/// What stands at each place, and which change wrote it.
pub(crate) type Raw = BTreeMap<Place, Vec<(ChangeHash, Scalar)>>;

/// Reads a record past Regard, with Automerge alone.
pub(crate) fn raw(document: &Document) -> Raw {
    raw_of(&Automerge::load(&document.save()).expect("what was just saved"))
}

fn raw_of(document: &Automerge) -> Raw {
    let mut raw = Raw::new();
    for name in document.keys(ROOT) {
        match document.get(ROOT, &name).expect("a key that was just listed") {
            Some((Value::Object(ObjType::Map), map)) => {
                for key in document.keys(&map) {
                    raw.insert(place(&name, &key), values(document, &map, &key));
                }
            }
            Some((Value::Scalar(_), _)) => drop(raw.insert(name.clone(), values(document, &ROOT, &name))),
            _ => {}
        }
    }
    raw
}

fn values(document: &Automerge, object: &ObjId, key: &str) -> Vec<(ChangeHash, Scalar)> {
    let all = document.get_all(object, key).expect("a key that was just listed");
    let with_change = |(value, id): (Value<'_>, ObjId)| {
        let value = match value.into_scalar() {
            Ok(ScalarValue::Str(text)) => Scalar::Text(text.to_string()),
            Ok(ScalarValue::Int(number)) => Scalar::Whole(number),
            Ok(ScalarValue::Boolean(flag)) => Scalar::Flag(flag),
            other => panic!("an edit wrote {other:?} to {key}"),
        };
        (ChangeHash(document.hash_for_opid(&id).expect("a committed change").0), value)
    };
    all.into_iter().map(with_change).collect()
}

fn place(field: &str, key: &str) -> Place {
    let plain = |item: &str| item.replace("%2F", "/").replace("%25", "%");
    match key.rsplit_once('/') {
        Some((item, member)) => format!("{field}[{}].{member}", plain(item)),
        None => format!("{field}[{}]", plain(key)),
    }
}

/// What stood at each place right after `change`.
pub(crate) fn raw_at(document: &Document, change: ChangeHash) -> Raw {
    let whole = Automerge::load(&document.save()).expect("what was just saved");
    raw_of(&whole.fork_at(&[automerge::ChangeHash(change.0)]).expect("a change of the history"))
}

/// Every write of every replica.
#[derive(Default)]
pub(crate) struct Model {
    /// The changes with all that they follow, themselves included.
    past: BTreeMap<ChangeHash, BTreeSet<ChangeHash>>,
    /// By place, who wrote what; `None` emptied it.
    writes: BTreeMap<Place, Vec<(ChangeHash, Option<Scalar>)>>,
}

impl Model {
    /// Notes a change, from what its author's record held before and after it.
    pub(crate) fn note(&mut self, change: &StoredChange, before: &Raw, after: &Raw) {
        let mut past = BTreeSet::from([change.hash]);
        for dep in checked(change).header.deps {
            past.extend(self.past.get(&dep).into_iter().flatten().copied());
        }
        self.past.insert(change.hash, past);
        for (place, values) in after {
            if let Some((_, value)) = values.iter().find(|(written, _)| *written == change.hash) {
                self.writes.entry(place.clone()).or_default().push((change.hash, Some(value.clone())));
            }
        }
        for place in before.keys().filter(|place| !after.contains_key(*place)) {
            self.writes.entry(place.clone()).or_default().push((change.hash, None));
        }
    }

    /// The differing values that must show at each place.
    pub(crate) fn expected(&self) -> BTreeMap<Place, BTreeSet<Scalar>> {
        let mut expected = BTreeMap::new();
        for (place, writes) in &self.writes {
            let values: BTreeSet<_> = self.last(writes).filter_map(|(_, value)| value.clone()).collect();
            if !values.is_empty() {
                expected.insert(place.clone(), values);
            }
        }
        expected
    }

    /// Whether the record must be there.
    pub(crate) fn expected_life(&self) -> Life {
        let writes = self.writes.get("deleted").map_or(&[][..], Vec::as_slice);
        let last: Vec<_> = self.last(writes).collect();
        let is = |flag| last.iter().any(|(_, value)| *value == Some(Scalar::Flag(flag)));
        let beside = || {
            self.past.iter().any(|(change, past)| {
                last.iter().all(|(deletion, _)| !past.contains(deletion) && !self.past[deletion].contains(change))
            })
        };
        match (is(true), is(false)) {
            (true, true) => Life::Undecided,
            (true, false) if beside() => Life::Undecided,
            (true, false) => Life::Deleted,
            (false, _) => Life::Live,
        }
    }

    /// The writes of a place that no other write of it has seen.
    fn last<'a>(
        &'a self,
        writes: &'a [(ChangeHash, Option<Scalar>)],
    ) -> impl Iterator<Item = &'a (ChangeHash, Option<Scalar>)> {
        writes.iter().filter(move |(change, _)| {
            writes.iter().all(|(other, _)| other == change || !self.past[other].contains(change))
        })
    }
}
