//! A record's fields as plain values, be it a whole one or what import makes of some properties.

use std::collections::BTreeMap;

use super::super::view::{View, entry_text};
use super::table::{Row, Shape};
use crate::record::{Entry, schema};

/// What fields say, by field or member; two properties that say the same claim the same.
pub(crate) type Claims = BTreeMap<String, String>;

impl View {
    /// The notes; empty where there are none.
    pub(super) fn notes(&self) -> &str {
        self.text(schema::notes(self.kind))
    }

    /// The items of a field of several, those with numbers at their end in the order of the numbers.
    pub(super) fn items(&self, field: &str) -> Vec<(&String, &Entry)> {
        let mut items: Vec<_> = self.entries(field).collect();
        items.sort_by_key(|(key, _)| (key.len(), *key));
        items
    }

    /// The properties that are kept verbatim, and what import said in `unknown`, by their keys.
    pub(crate) fn unknown(&self) -> BTreeMap<String, String> {
        let entries = self.entries("unknown");
        entries.map(|(key, entry)| (key.clone(), entry_text(entry, None))).collect()
    }

    /// What the fields of a property say, and of a property of several items what one of them says, whatever its key.
    pub(crate) fn claims(&self, row: &Row, item: Option<&str>) -> Claims {
        let field = row.fields.first().copied().unwrap_or_default();
        let mut claims = match row.shape {
            Shape::Notes => Claims::from([(field.into(), self.notes().into())]),
            Shape::Words => {
                self.items(field).into_iter().map(|(key, entry)| (key.clone(), entry_text(entry, None))).collect()
            }
            Shape::Item { .. } | Shape::LinkedItem | Shape::Address => {
                let first = || self.entries(field).map(|(_, entry)| entry).next();
                let entry = item.map_or_else(first, |item| self.entry(field, item));
                entry.map(claims_of).unwrap_or_default()
            }
            Shape::Fixed(_) => Claims::new(),
            _ => row.fields.iter().map(|field| ((*field).into(), self.text(field).into())).collect(),
        };
        claims.retain(|_, text| !text.is_empty());
        claims
    }
}

/// Whether an item is the preferred one.
pub(super) fn is_preferred(entry: &Entry) -> bool {
    // Other programs may write it as a word.
    matches!(entry_text(entry, Some("preferred")).as_str(), "yes" | "true")
}

fn claims_of(entry: &Entry) -> Claims {
    let members = entry.members.keys().filter(|name| *name != "preferred");
    let mut claims: Claims = members.map(|name| (name.clone(), entry_text(entry, Some(name)))).collect();
    claims.insert(String::new(), entry_text(entry, None));
    if is_preferred(entry) {
        claims.insert("preferred".into(), "yes".into());
    }
    claims
}
