//! Taking a save back: a further save that puts back what the first replaced, wherever that still stands.
//!
//! Nothing that came after the save is taken back with it. A place goes back only where the value that shows is the very one
//! that the save wrote; notes go back by words, around what others wrote meanwhile; a record that the save made is deleted
//! where nobody has changed it since. Whatever cannot go back is named. An undo is a save like any other: undoing it redoes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::read::{Entry, Scalar, place_of};
use super::schema::{self, Form};
use super::{Edit, Life, genesis, text};
use crate::id::{Actor, ChangeHash, DeviceId};
use crate::time::Timestamp;

/// What takes a save back in one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undo {
    /// What to write.
    pub edits: Vec<Edit>,
    /// The same place by place, for people.
    pub steps: Vec<Step>,
    /// What stays as it is, and why.
    pub left_alone: Vec<LeftAlone>,
}

/// One place that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The field, or `field[item]`, or `field[item].member`; `deleted` for the record itself.
    pub place: String,
    /// What shows now; `None` where nothing does.
    pub now: Option<Scalar>,
    /// What will show again; `None` where nothing will.
    pub then: Option<Scalar>,
}

/// A place that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// The field, or `field[item]`, or `field[item].member`; `deleted` for the record itself.
    pub place: String,
    /// Why.
    pub why: Why,
}

/// Why a place is not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It was written again after the save, or beside it.
    ChangedSince,
    /// Differing values stand there.
    InConflict,
    /// The record has been deleted since.
    Deleted,
    /// What stood there before cannot be written: another program wrote it, or it was undecided.
    Unwritable,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChangedSince => "it was changed since",
            Self::InConflict => "it is in conflict",
            Self::Deleted => "the record was deleted since",
            Self::Unwritable => "what was there before cannot be written",
        })
    }
}

/// The record's history does not hold a change of the save.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record's history does not hold change {0} of the save")]
pub struct NotInHistory(pub ChangeHash);

/// Finds what takes back the changes of one save in `document`.
///
/// # Errors
/// [`NotInHistory`] where the record does not hold one of them.
pub fn undo(document: &Document, save: &[ChangeHash]) -> Result<Undo, NotInHistory> {
    let mut before = BTreeSet::new();
    for hash in save {
        before.extend(document.deps(*hash).ok_or(NotInHistory(*hash))?);
    }
    before.retain(|hash| !save.contains(hash));
    let before: Vec<_> = before.into_iter().collect();
    let past = |heads: &[ChangeHash]| document.as_of(heads).ok_or_else(|| NotInHistory(save[0]));
    if save.is_empty() {
        return Ok(Undo::default());
    }
    let (before, after) = (past(&before)?, past(save)?);
    let taking = Taking { now: document, before, after, trial: document.clone(), undo: Undo::default() };
    let is_creation = save.contains(&genesis::hash(document.kind()));
    Ok(if is_creation { taking.creation() } else { taking.edits() })
}

struct Taking<'a> {
    now: &'a Document,
    before: Document,
    after: Document,
    /// Every edit is tried here first.
    trial: Document,
    undo: Undo,
}

impl Taking<'_> {
    fn creation(mut self) -> Undo {
        match self.now.life() {
            Life::Deleted => {}
            Life::Live if self.nobody_changed_it() => self.life_back(Life::Live, Edit::Delete),
            _ => self.leave(schema::DELETED, Why::ChangedSince),
        }
        self.undo
    }

    fn edits(mut self) -> Undo {
        let (before, after, now) = (self.before.life(), self.after.life(), self.now.life());
        if now == Life::Deleted && after != Life::Deleted {
            if before != now || self.before.content() != self.after.content() {
                self.leave(schema::DELETED, Why::Deleted);
            }
            return self.undo;
        }
        if before != after && now != before {
            let is_untouched = self.is_untouched(schema::DELETED, None);
            match (before, after) {
                _ if !is_untouched => self.leave(schema::DELETED, Why::ChangedSince),
                (_, Life::Deleted) => self.life_back(now, Edit::Restore),
                (Life::Deleted, Life::Live) if self.nobody_changed_it() => {}
                (Life::Deleted, Life::Live) => self.leave(schema::DELETED, Why::ChangedSince),
                _ => self.leave(schema::DELETED, Why::Unwritable),
            }
        }
        for field in schema::fields(self.now.kind()) {
            match field.form {
                Form::Notes => self.notes(field.name),
                Form::Entries(_) => self.entries(field.name),
                _ => self.scalar(field.name),
            }
        }
        if (before, after) == (Life::Deleted, Life::Live) && self.undo.left_alone.is_empty() && now != before {
            self.life_back(now, Edit::Delete);
        }
        self.undo
    }

    /// Deleting the record would take from sight what was written after the save.
    fn nobody_changed_it(&self) -> bool {
        self.now.content() == self.after.content() && self.now.conflicts() == self.after.conflicts()
    }

    fn scalar(&mut self, name: &str) {
        let value = |document: &Document| document.scalar(name).map(|shown| shown.winner.value);
        let (then, did, now) = (value(&self.before), value(&self.after), value(self.now));
        if then == did || now == then {
            return;
        }
        if now != did || !self.is_untouched(name, None) {
            return self.leave(name, Why::ChangedSince);
        }
        let edit = match &then {
            Some(value) => Edit::Set(name.into(), value.clone()),
            None => Edit::Clear(name.into()),
        };
        self.back(name.to_owned(), edit, now, then);
    }

    fn notes(&mut self, name: &str) {
        let (then, did, now) = (self.before.text(name), self.after.text(name), self.now.text(name));
        if then == did || now == then {
            return;
        }
        if self.now.scalar(name).is_some_and(|shown| !shown.others.is_empty()) {
            return self.leave(name, Why::InConflict);
        }
        let merged = text::merge(&did, &then, &now);
        if merged == now {
            return self.leave(name, Why::ChangedSince);
        }
        let edit = Edit::Set(name.into(), merged.clone().into());
        self.back(name.to_owned(), edit, Some(now.into()), Some(merged.into()));
    }

    fn entries(&mut self, field: &str) {
        let [then, did, now] = [&self.before, &self.after, self.now].map(|document| document.entries(field));
        let items: BTreeSet<_> = then.keys().chain(did.keys()).collect();
        for item in items.into_iter().filter(|item| then.get(*item) != did.get(*item)) {
            match (then.get(item), did.get(item), now.get(item)) {
                (then, _, now) if then == now => {}
                (None, Some(did), Some(now)) => self.addition(field, item, did, now),
                (Some(then), None, None) => self.removal(field, item, then),
                (Some(then), Some(did), Some(now)) => self.change(field, item, [then, did, now]),
                _ => self.leave(&place_of(field, item, None), Why::ChangedSince),
            }
        }
    }

    /// The item goes, unless somebody has noted something about it since.
    fn addition(&mut self, field: &str, item: &str, did: &Entry, now: &Entry) {
        let keys = keys(now);
        if now != did || keys.iter().any(|member| !self.is_untouched(field, Some((item, *member)))) {
            return self.leave(&place_of(field, item, None), Why::ChangedSince);
        }
        for member in keys {
            let key = Some((item, member));
            // What was known of an item that was not there shows no more by itself.
            if self.before.writers(field, key) != self.after.writers(field, key) {
                self.forget(field, item, member, value(now, member));
            }
        }
    }

    fn removal(&mut self, field: &str, item: &str, then: &Entry) {
        for member in keys(then) {
            self.put(field, item, member, None, value(then, member));
        }
    }

    fn change(&mut self, field: &str, item: &str, [then, did, now]: [&Entry; 3]) {
        let members: BTreeSet<_> = keys(then).into_iter().chain(keys(did)).collect();
        for member in members {
            let (then, did, now) = (value(then, member), value(did, member), value(now, member));
            if then == did || now == then {
                continue;
            }
            if now != did || !self.is_untouched(field, Some((item, member))) {
                self.leave(&place_of(field, item, member), Why::ChangedSince);
            } else if then.is_some() {
                self.put(field, item, member, now, then);
            } else {
                self.forget(field, item, member, now);
            }
        }
    }

    fn put(&mut self, field: &str, item: &str, member: Option<&str>, now: Option<Scalar>, then: Option<Scalar>) {
        let Some(value) = then.clone() else { return };
        let edit = Edit::Put { field: field.into(), item: item.into(), member: member.map(str::to_owned), value };
        self.back(place_of(field, item, member), edit, now, then);
    }

    fn forget(&mut self, field: &str, item: &str, member: Option<&str>, now: Option<Scalar>) {
        let edit = Edit::Forget { field: field.into(), item: item.into(), member: member.map(str::to_owned) };
        self.back(place_of(field, item, member), edit, now, None);
    }

    /// Whether what stands at a place is what the save left there, by who wrote it and not only by its value.
    fn is_untouched(&self, field: &str, item: Option<(&str, Option<&str>)>) -> bool {
        self.now.writers(field, item) == self.after.writers(field, item)
    }

    fn life_back(&mut self, now: Life, edit: Edit) {
        let then = matches!(edit, Edit::Delete);
        self.back(schema::DELETED.into(), edit, Some(Scalar::Flag(now == Life::Deleted)), Some(Scalar::Flag(then)));
    }

    fn back(&mut self, place: String, edit: Edit, now: Option<Scalar>, then: Option<Scalar>) {
        let nobody = Actor::of_device(DeviceId::from_bytes([0; 16]), [0; 4]);
        if self.trial.edit(std::slice::from_ref(&edit), &nobody, Timestamp(0)).is_err() {
            return self.leave(&place, Why::Unwritable);
        }
        self.undo.edits.push(edit);
        self.undo.steps.push(Step { place, now, then });
    }

    fn leave(&mut self, place: &str, why: Why) {
        self.undo.left_alone.push(LeftAlone { place: place.to_owned(), why });
    }
}

/// The item itself first: what is known of it follows.
fn keys(entry: &Entry) -> Vec<Option<&str>> {
    let members: &BTreeMap<String, Scalar> = &entry.members;
    [None].into_iter().chain(members.keys().map(|name| Some(name.as_str()))).collect()
}

fn value(entry: &Entry, member: Option<&str>) -> Option<Scalar> {
    match member {
        Some(member) => entry.members.get(member).cloned(),
        None => entry.value.clone(),
    }
}
