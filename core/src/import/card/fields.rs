//! A record's fields as plain values, be it a whole one or what import makes of some properties.

use std::collections::BTreeMap;

use super::table::{Row, Shape};
use crate::record::schema::{self, Form};
use crate::record::{Document, Edit, Entry, Kind, Scalar};

/// The fields of one record.
pub(crate) struct Fields {
    pub(crate) kind: Kind,
    lines: BTreeMap<String, String>,
    entries: BTreeMap<String, BTreeMap<String, Entry>>,
    notes: String,
}

/// What fields say, by field or member; two properties that say the same claim the same.
pub(crate) type Claims = BTreeMap<String, String>;

impl Fields {
    pub(crate) fn of_record(record: &Document) -> Self {
        let mut fields = Self::empty(record.kind());
        for field in schema::fields(fields.kind) {
            match field.form {
                Form::Entries(_) => drop(fields.entries.insert(field.name.into(), record.entries(field.name))),
                Form::Notes => fields.notes = record.text(field.name),
                _ => drop(fields.lines.insert(field.name.into(), record.text(field.name))),
            }
        }
        fields
    }

    /// The fields that a new record has after these edits.
    pub(in crate::import) fn of_edits(kind: Kind, edits: &[Edit], notes: &str) -> Self {
        let mut fields = Self { notes: notes.into(), ..Self::empty(kind) };
        for edit in edits {
            match edit {
                Edit::Set(field, value) => drop(fields.lines.insert(field.clone(), value.to_string())),
                Edit::Put { field, item, member, value } => {
                    let items = fields.entries.entry(field.clone()).or_default();
                    let entry = items.entry(item.clone()).or_default();
                    match member {
                        Some(member) => drop(entry.members.insert(member.clone(), value.clone())),
                        None => entry.value = Some(value.clone()),
                    }
                }
                // Import makes no others.
                Edit::Clear(_) | Edit::Remove { .. } | Edit::Delete | Edit::Restore => {}
            }
        }
        fields
    }

    fn empty(kind: Kind) -> Self {
        Self { kind, lines: BTreeMap::new(), entries: BTreeMap::new(), notes: String::new() }
    }

    /// A field of one value; empty where there is none.
    pub(super) fn line(&self, field: &str) -> &str {
        self.lines.get(field).map_or("", String::as_str)
    }

    pub(super) fn notes(&self) -> &str {
        &self.notes
    }

    /// The items of a field of several, those with numbers at their end in the order of the numbers.
    pub(super) fn items(&self, field: &str) -> Vec<(&String, &Entry)> {
        let mut items: Vec<_> = self.entries.get(field).into_iter().flatten().collect();
        items.sort_by_key(|(key, _)| (key.len(), *key));
        items
    }

    /// The properties that are kept verbatim, and what import said in `unknown`, by their keys.
    pub(crate) fn unknown(&self) -> BTreeMap<String, String> {
        let entries = self.entries.get("unknown").into_iter().flatten();
        entries.map(|(key, entry)| (key.clone(), text_of(entry))).collect()
    }

    /// What the fields of a property say, and of a property of several items what one of them says, whatever its key.
    pub(crate) fn claims(&self, row: &Row, item: Option<&str>) -> Claims {
        let field = row.fields.first().copied().unwrap_or_default();
        let mut claims = match row.shape {
            Shape::Notes => Claims::from([(field.into(), self.notes.clone())]),
            Shape::Words => self.items(field).into_iter().map(|(key, entry)| (key.clone(), text_of(entry))).collect(),
            Shape::Item { .. } | Shape::LinkedItem | Shape::Address => {
                let items = self.entries.get(field);
                let entry = items.and_then(|items| item.map_or_else(|| items.values().next(), |item| items.get(item)));
                entry.map(claims_of).unwrap_or_default()
            }
            Shape::Fixed(_) => Claims::new(),
            _ => row.fields.iter().map(|field| ((*field).into(), self.line(field).into())).collect(),
        };
        claims.retain(|_, text| !text.is_empty());
        claims
    }
}

/// An item as it is written.
pub(super) fn text_of(entry: &Entry) -> String {
    entry.value.as_ref().map(Scalar::to_string).unwrap_or_default()
}

/// What is known of an item, as text.
pub(super) fn member(entry: &Entry, name: &str) -> String {
    entry.members.get(name).map(Scalar::to_string).unwrap_or_default()
}

/// Whether an item is the preferred one.
pub(super) fn is_preferred(entry: &Entry) -> bool {
    // Other programs may write it as a word.
    matches!(member(entry, "preferred").as_str(), "yes" | "true")
}

fn claims_of(entry: &Entry) -> Claims {
    let members = entry.members.keys().filter(|name| *name != "preferred");
    let mut claims: Claims = members.map(|name| (name.clone(), member(entry, name))).collect();
    claims.insert(String::new(), text_of(entry));
    if is_preferred(entry) {
        claims.insert("preferred".into(), "yes".into());
    }
    claims
}
