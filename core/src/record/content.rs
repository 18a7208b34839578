use std::collections::BTreeMap;

use super::read::{Entry, Scalar};
use super::schema::{self, Form};
use super::{Document, Life};

/// What a record shows: the winning value of every field that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Fields of one value, and notes; none that is empty.
    pub fields: BTreeMap<&'static str, Scalar>,
    /// Fields of several: item by item; none without items.
    pub entries: BTreeMap<&'static str, BTreeMap<String, Entry>>,
    /// Whether the record is there.
    pub life: Life,
}

impl Document {
    /// What the record shows.
    #[must_use]
    pub fn content(&self) -> Content {
        let mut content = Content { fields: BTreeMap::new(), entries: BTreeMap::new(), life: self.life() };
        for field in schema::fields(self.kind()) {
            if let Form::Entries(_) = field.form {
                let items = self.entries(field.name);
                if !items.is_empty() {
                    content.entries.insert(field.name, items);
                }
            } else if let Some(shown) = self.scalar(field.name)
                && shown.winner.value != Scalar::from("")
            {
                content.fields.insert(field.name, shown.winner.value);
            }
        }
        content
    }
}
