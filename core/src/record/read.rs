//! Reading a record: every value with the concurrent ones that it won against.
//!
//! JavaScript clients write `Text` on plain assignment, so every string is read in both forms.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value, ValueRef};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::document::own;
use super::schema::{self, Form};
use super::{Document, Life, genesis};
use crate::id::{Actor, ChangeHash};

/// A value of one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
#[serde(untagged)]
pub enum Scalar {
    /// A whole number.
    #[n(0)]
    Whole(#[n(0)] i64),
    /// Yes or no.
    #[n(1)]
    Flag(#[n(0)] bool),
    /// Text of any length.
    #[n(2)]
    Text(#[n(0)] String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Self::Text(text) => f.pad(text),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// One of the values that stand at the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The value.
    pub value: Scalar,
    /// The change that wrote it.
    pub change: ChangeHash,
    /// Who numbered that change.
    pub actor: Actor,
}

/// The value that shows at a place, and those that were written concurrently and differ from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What shows: on every device the same.
    pub winner: Alternative,
    /// Differing concurrent values, each once.
    pub others: Vec<Alternative>,
}

/// A place where concurrent writers left differing values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The field, or `field[item]`, or `field[item].member`.
    pub place: String,
    /// What shows and what else was written.
    pub shown: Shown,
}

/// What is known of one item of a field of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The item's own value.
    pub value: Option<Scalar>,
    /// Its members by name.
    pub members: BTreeMap<String, Scalar>,
}

impl Document {
    /// The value of a field of one value, or of notes.
    #[must_use]
    pub fn scalar(&self, name: &str) -> Option<Shown> {
        if name == schema::notes(self.kind()) { self.shown_notes() } else { self.shown(&ROOT, name) }
    }

    /// The value of a field as text, for fields of one value and for notes; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.winner(&ROOT, name).map(|value| value.to_string()).unwrap_or_default()
    }

    /// The items of a field of several, by their keys.
    #[must_use]
    pub fn entries(&self, name: &str) -> BTreeMap<String, Entry> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let Some(map) = self.container(name) else { return entries };
        for key in self.automerge.keys(&map) {
            let Some(value) = self.winner(&map, &key) else { continue };
            let (item, member) = split_key(&key);
            let entry = entries.entry(item).or_default();
            match member {
                Some(member) => drop(entry.members.insert(member, value)),
                None => entry.value = Some(value),
            }
        }
        // A member whose item was removed at the same time elsewhere is kept in the document but belongs to nothing shown.
        entries.retain(|_, entry| entry.value.is_some());
        entries
    }

    /// The keys of the items of a field of several, in the order in which they are held.
    pub(super) fn items(&self, name: &str) -> impl Iterator<Item = String> {
        let map = self.container(name);
        let keys = map.into_iter().flat_map(|map| {
            let is_shown = |value: &ValueRef<'_>| match value {
                ValueRef::Object(kind) => *kind == ObjType::Text,
                ValueRef::Scalar(_) => true,
            };
            let items = self.automerge.map_range(&map, ..).filter(|item| is_shown(&item.value));
            items.map(|item| split_key(&item.key)).collect::<Vec<_>>()
        });
        keys.filter_map(|(item, member)| member.is_none().then_some(item))
    }

    /// Every place that holds something, with its values: fields and notes, items, and what is known of items.
    #[must_use]
    pub fn places(&self) -> Vec<(String, Shown)> {
        let mut places = Vec::new();
        for field in schema::fields(self.kind()) {
            match (field.form, self.container(field.name)) {
                (Form::Entries(_), Some(map)) => {
                    let keys = self.automerge.keys(&map);
                    places.extend(keys.filter_map(|key| Some((place(field.name, &key), self.shown(&map, &key)?))));
                }
                _ => places.extend(self.scalar(field.name).map(|shown| (field.name.to_owned(), shown))),
            }
        }
        places.extend(self.scalar(schema::DELETED).map(|shown| (schema::DELETED.to_owned(), shown)));
        places.retain(|(_, shown)| shown.winner.value != Scalar::Text(String::new()) || !shown.others.is_empty());
        places
    }

    /// Every place with differing concurrent values.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        let notes = schema::notes(self.kind());
        let (mut conflicts, mut maps, mut notes_are_plain) = (Vec::new(), Vec::new(), false);
        // This runs with every save: the root is gone through once, and what holds no conflict is not read.
        for item in self.automerge.map_range(ROOT, ..) {
            if item.key == notes {
                notes_are_plain = !item.conflict && item.id() == *genesis::notes(self.kind());
            } else if item.conflict {
                conflicts.extend(self.conflict_at(&ROOT, &item.key, item.key.to_string()));
            }
            if item.value == ValueRef::Object(ObjType::Map) {
                maps.push((item.key.to_string(), item.id()));
            }
        }
        if !notes_are_plain {
            let contested = self.shown_notes().filter(|shown| !shown.others.is_empty());
            conflicts.extend(contested.map(|shown| Conflict { place: notes.to_owned(), shown }));
        }
        for field in schema::fields(self.kind()).filter(|field| matches!(field.form, Form::Entries(_))) {
            let Some((_, map)) = maps.iter().find(|(name, _)| name == field.name) else { continue };
            for item in self.automerge.map_range(map, ..).filter(|item| item.conflict) {
                conflicts.extend(self.conflict_at(map, &item.key, place(field.name, &item.key)));
            }
        }
        conflicts
    }

    /// Whether the record is there, deleted, or waiting for somebody to decide between a deletion and a concurrent edit.
    #[must_use]
    pub fn life(&self) -> Life {
        let Some(shown) = self.scalar(schema::DELETED) else { return Life::Live };
        if !shown.others.is_empty() {
            return Life::Undecided;
        }
        match shown.winner.value {
            Scalar::Flag(true) if self.edited_beside_deletion() => Life::Undecided,
            Scalar::Flag(true) => Life::Deleted,
            _ => Life::Live,
        }
    }

    fn edited_beside_deletion(&self) -> bool {
        let values = self.automerge.get_all(ROOT, schema::DELETED).unwrap_or_default();
        let deletions: Vec<_> = values.iter().filter_map(|(_, id)| self.automerge.hash_for_opid(id)).collect();
        let mut after: std::collections::HashSet<_> = deletions.iter().copied().collect();
        self.automerge.get_changes_meta(&deletions).into_iter().any(|change| {
            let follows = change.deps.iter().any(|dep| after.contains(dep));
            if follows {
                after.insert(change.hash);
            }
            !follows
        })
    }

    pub(super) fn container(&self, name: &str) -> Option<ObjId> {
        match self.automerge.get(ROOT, name) {
            Ok(Some((Value::Object(ObjType::Map), id))) => Some(id),
            _ => None,
        }
    }

    /// The changes whose values stand at a field of one value, or at an item or a member of it.
    pub(crate) fn writers(&self, field: &str, item: Option<(&str, Option<&str>)>) -> BTreeSet<ChangeHash> {
        let values = match item {
            None => self.automerge.get_all(ROOT, field),
            Some((item, member)) => match self.container(field) {
                Some(map) => self.automerge.get_all(&map, join_key(item, member)),
                None => return BTreeSet::new(),
            },
        };
        let values = values.unwrap_or_default();
        values.iter().filter_map(|(_, id)| self.automerge.hash_for_opid(id).map(own)).collect()
    }

    fn conflict_at(&self, object: &ObjId, key: &str, place: String) -> Option<Conflict> {
        let shown = self.shown(object, key).filter(|shown| !shown.others.is_empty())?;
        Some(Conflict { place, shown })
    }

    /// The value that shows, without asking who wrote it and what else was written: lists and saves need no more.
    fn winner(&self, object: &ObjId, key: &str) -> Option<Scalar> {
        let (value, id) = self.automerge.get(object, key).ok()??;
        // Where the last value is of no readable type, the one before it shows.
        read_value(&self.automerge, &value, &id).or_else(|| self.shown(object, key).map(|shown| shown.winner.value))
    }

    pub(super) fn shown(&self, object: &ObjId, key: &str) -> Option<Shown> {
        let values = self.automerge.get_all(object, key).unwrap_or_default();
        let mut alternatives = values.into_iter().filter_map(|(value, id)| self.alternative(&value, &id)).rev();
        let winner = alternatives.next()?;
        let mut seen = BTreeSet::from([winner.value.clone()]);
        let others = alternatives.filter(|other| seen.insert(other.value.clone())).collect();
        Some(Shown { winner, others })
    }

    fn alternative(&self, value: &Value<'_>, id: &ObjId) -> Option<Alternative> {
        let value = read_value(&self.automerge, value, id)?;
        let change = self.automerge.hash_for_opid(id)?;
        let ObjId::Id(_, actor, _) = id else { return None };
        Some(Alternative { value, change: own(change), actor: Actor::from_bytes(actor.to_bytes()).ok()? })
    }
}

/// Reads a string in both its forms, and the other scalars; `None` for what Regard has no reading of.
pub(super) fn read_value(from: &impl ReadDoc, value: &Value<'_>, id: &ObjId) -> Option<Scalar> {
    match value {
        Value::Object(ObjType::Text) => from.text(id).ok().map(Scalar::Text),
        Value::Object(_) => None,
        Value::Scalar(scalar) => read_scalar(scalar),
    }
}

fn read_scalar(scalar: &ScalarValue) -> Option<Scalar> {
    Some(match scalar {
        ScalarValue::Str(text) => Scalar::Text(text.to_string()),
        ScalarValue::Int(number) | ScalarValue::Timestamp(number) => Scalar::Whole(*number),
        ScalarValue::Uint(number) => i64::try_from(*number).map_or_else(|_| number.to_string().into(), Scalar::Whole),
        ScalarValue::F64(number) => number.to_string().into(),
        ScalarValue::Counter(counter) => Scalar::Whole(i64::from(counter)),
        ScalarValue::Boolean(flag) => Scalar::Flag(*flag),
        ScalarValue::Bytes(_) | ScalarValue::Unknown { .. } | ScalarValue::Null => return None,
    })
}

fn place(field: &str, key: &str) -> String {
    let (item, member) = split_key(key);
    place_of(field, &item, member.as_deref())
}

/// How a place below a keyed map is written for people: `emails[ana@x.org].label`.
pub(super) fn place_of(field: &str, item: &str, member: Option<&str>) -> String {
    match member {
        Some(member) => format!("{field}[{item}].{member}"),
        None => format!("{field}[{item}]"),
    }
}

/// The key of an item, or of one of its members: `item` or `item/member`, `%` and `/` of the item escaped.
pub(super) fn join_key(item: &str, member: Option<&str>) -> String {
    let mut key = item.replace('%', "%25").replace('/', "%2F");
    if let Some(member) = member {
        key.push('/');
        key.push_str(member);
    }
    key
}

fn split_key(key: &str) -> (String, Option<String>) {
    let (item, member) = key.rsplit_once('/').map_or((key, None), |(item, member)| (item, Some(member.to_owned())));
    (item.replace("%2F", "/").replace("%25", "%"), member)
}
