//! The fields of a record, whether they were just read from a file or stand in a document.

use std::collections::BTreeMap;

use super::text::cut;
use crate::limits::NOTES_BYTES_MAX;
use crate::record::schema::{self, Form};
use crate::record::{Document, Edit, Entry, Kind, Scalar};

/// Fields by their names. What is empty is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) kind: Kind,
    scalars: BTreeMap<String, Scalar>,
    entries: BTreeMap<String, BTreeMap<String, Entry>>,
}

impl View {
    /// The fields of a record.
    pub(crate) fn of(record: &Document) -> Self {
        let kind = record.kind();
        let mut view = Self { kind, scalars: BTreeMap::new(), entries: BTreeMap::new() };
        for field in schema::fields(kind) {
            if let Form::Entries(_) = field.form {
                view.entries.insert(field.name.to_owned(), record.entries(field.name));
            } else if let Some(shown) = record.scalar(field.name) {
                view.set(field.name, shown.winner.value);
            }
        }
        view
    }

    /// The fields that edits of a new record and its first notes will make.
    pub(crate) fn planned(kind: Kind, edits: &[Edit], notes: &str) -> Self {
        let mut view = Self { kind, scalars: BTreeMap::new(), entries: BTreeMap::new() };
        for edit in edits {
            match edit {
                Edit::Set(field, value) => view.set(field, value.clone()),
                Edit::Put { field, item, member, value } => {
                    let entry = view.entries.entry(field.clone()).or_default().entry(item.clone()).or_default();
                    match member {
                        Some(member) => drop(entry.members.insert(member.clone(), value.clone())),
                        None => entry.value = Some(value.clone()),
                    }
                }
                // Import makes no others.
                Edit::Clear(_) | Edit::Remove { .. } | Edit::Forget { .. } | Edit::Delete | Edit::Restore => {}
            }
        }
        view.set(schema::notes(kind), cut(notes, NOTES_BYTES_MAX).into());
        view
    }

    fn set(&mut self, field: &str, value: Scalar) {
        if value != Scalar::Text(String::new()) {
            self.scalars.insert(field.to_owned(), value);
        }
    }

    /// The value of a field of one value.
    pub(crate) fn scalar(&self, field: &str) -> Option<&Scalar> {
        self.scalars.get(field)
    }

    /// The same as text; empty where there is none.
    pub(crate) fn text(&self, field: &str) -> &str {
        match self.scalars.get(field) {
            Some(Scalar::Text(text)) => text,
            _ => "",
        }
    }

    /// The entries of a field of several.
    pub(crate) fn entries(&self, field: &str) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.get(field).into_iter().flatten()
    }

    /// One entry.
    pub(crate) fn entry(&self, field: &str, key: &str) -> Option<&Entry> {
        self.entries.get(field)?.get(key)
    }
}

/// What an entry is, or what is known of it, as text; empty where there is nothing.
pub(crate) fn entry_text(entry: &Entry, member: Option<&str>) -> String {
    let value = member.map_or(entry.value.as_ref(), |member| entry.members.get(member));
    value.map(ToString::to_string).unwrap_or_default()
}
