//! From properties to fields.

use std::collections::BTreeSet;

use calcard::vcard::{VCardEntry, VCardParameterName as Name, VCardValue};

use super::super::draft::Draft;
use super::super::moment::moment;
use super::super::text::one_line;
use super::super::view::View;
use super::label::{KEY, Labels, VALUE, label, own_parameter};
use super::table::{Row, Shape, row};
use super::value::{is, join, line_of, part, text};
use crate::id::DocumentId;
use crate::record::assignment::is_moment;
use crate::record::{Kind, Scalar, schema};

/// The place of a property among a record's fields: the property and, where it stands for one item, its key.
pub(crate) type Slot = (&'static str, Option<String>);

/// Reads the properties of one card into a draft.
pub(super) struct Reader<'a> {
    kind: Kind,
    labels: &'a Labels,
    draft: &'a mut Draft,
    /// Properties of one value that have their fields: a second one is none.
    taken: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(kind: Kind, labels: &'a Labels, draft: &'a mut Draft) -> Self {
        Self { kind, labels, draft, taken: BTreeSet::new() }
    }

    /// Makes a property fields, and answers which; none where Regard has no field for it or not for such a value.
    pub(super) fn read(&mut self, entry: &VCardEntry) -> Option<Slot> {
        let row = row(self.kind, entry.name.as_str())?;
        let field = row.fields.first().copied().unwrap_or_default();
        let item = match row.shape {
            Shape::Item { scheme } => Some(self.item(entry, field, scheme)?),
            Shape::LinkedItem => Some(self.linked(entry, field)?),
            Shape::Address => Some(self.address(entry, field)?),
            Shape::Words => {
                for word in entry.values.iter().filter_map(VCardValue::as_text) {
                    self.draft.item(field, word, &one_line(word));
                }
                None
            }
            Shape::Notes => {
                self.draft.note(&text(entry));
                None
            }
            _ => return self.one_value(row, entry),
        };
        Some((row.property, item))
    }

    fn one_value(&mut self, row: &'static Row, entry: &VCardEntry) -> Option<Slot> {
        if self.taken.contains(row.property) {
            return None;
        }
        let values = values(row, entry)?;
        if values.iter().any(|value| !value.is_empty()) || matches!(row.shape, Shape::Fixed(_)) {
            self.taken.insert(row.property);
        }
        for (field, value) in row.fields.iter().zip(values) {
            self.draft.line(field, &value);
        }
        Some((row.property, None))
    }

    fn item(&mut self, entry: &VCardEntry, field: &'static str, scheme: &str) -> Option<String> {
        let written = line_of(entry);
        let value = written.strip_prefix(scheme).unwrap_or(&written).trim();
        if value.is_empty() {
            return None;
        }
        let (label, is_preferred) = label(self.labels, entry);
        let key = own_parameter(entry, KEY).unwrap_or_else(|| key_of(field, value));
        if let Some(key) = self.draft.found(field, &key) {
            return Some(key);
        }
        let key = self.draft.item(field, &key, value)?;
        self.known_of(field, &key, &label, is_preferred);
        Some(key)
    }

    fn linked(&mut self, entry: &VCardEntry, field: &'static str) -> Option<String> {
        let id = Some(line_of(entry)).filter(|text| text.parse::<DocumentId>().is_ok())?;
        if let Some(key) = self.draft.found(field, &id) {
            return Some(key);
        }
        let key = self.draft.item(field, &id, &id)?;
        self.known_of(field, &key, &label(self.labels, entry).0, false);
        Some(key)
    }

    fn address(&mut self, entry: &VCardEntry, field: &'static str) -> Option<String> {
        let parts: Vec<String> = (0..7).map(|at| part(entry, at, ", ")).collect();
        let whole = own_parameter(entry, VALUE).unwrap_or_else(|| join(&parts));
        if whole.is_empty() {
            return None;
        }
        let (label, is_preferred) = label(self.labels, entry);
        let key = match own_parameter(entry, KEY) {
            Some(key) => self.draft.item(field, &key, &whole),
            None => {
                let short = short_name(&label);
                self.draft.numbered(field, short, separator(short), &whole)
            }
        };
        let key = key?;
        self.known_of(field, &key, &label, is_preferred);
        self.draft.member(field, &key, "street", &join(&parts[..3]));
        for (at, member) in [(3, "locality"), (4, "region"), (5, "postal_code"), (6, "country")] {
            self.draft.member(field, &key, member, &parts[at]);
        }
        Some(key)
    }

    fn known_of(&mut self, field: &'static str, key: &str, label: &str, is_preferred: bool) {
        self.draft.member(field, key, "label", label);
        let form = schema::find(self.kind, field).map(|field| field.form);
        let can_be_preferred = matches!(form, Some(schema::Form::Entries(members)) if members.contains(&"preferred"));
        if is_preferred && can_be_preferred {
            self.draft.member_value(field, key, "preferred", Scalar::Flag(true));
        }
    }
}

/// The fields that a record has of these properties alone.
pub(crate) fn fields_of(kind: Kind, labels: &Labels, entries: &[VCardEntry]) -> View {
    let mut draft = Draft::new(kind);
    let mut reader = Reader::new(kind, labels, &mut draft);
    for entry in entries {
        reader.read(entry);
    }
    draft.view()
}

/// The key that an address or a number gets.
pub(super) fn key_of(field: &str, value: &str) -> String {
    if field == "emails" { value.to_lowercase() } else { value.to_owned() }
}

/// What a postal address with this label is called, before it is numbered.
pub(super) fn short_name(label: &str) -> &str {
    ["work", "home"].into_iter().find(|name| label.split(", ").any(|word| word == *name)).unwrap_or(label)
}

/// What stands between such a name and its number.
pub(super) fn separator(short_name: &str) -> &'static str {
    if short_name.is_empty() { "" } else { " " }
}

/// The values of the fields of a property that stands once.
fn values(row: &Row, entry: &VCardEntry) -> Option<Vec<String>> {
    Some(match row.shape {
        Shape::Fixed(word) => return is(&text(entry), word).then(Vec::new),
        Shape::Components => (0..row.fields.len()).map(|at| part(entry, at, ", ")).collect(),
        Shape::Organization => {
            let units: Vec<String> = (1..entry.values.len()).map(|at| part(entry, at, ", ")).collect();
            vec![part(entry, 0, ", "), join(&units)]
        }
        Shape::Moment => vec![time(entry)?],
        Shape::Link => vec![Some(line_of(entry)).filter(|text| text.parse::<DocumentId>().is_ok())?],
        _ => vec![line_of(entry)],
    })
}

fn time(entry: &VCardEntry) -> Option<String> {
    let is_text = entry.parameters(&Name::Value).any(|value| value.as_text().is_some_and(|text| is(text, "text")));
    match entry.values.first()? {
        VCardValue::PartialDateTime(time) => moment(time, None),
        VCardValue::Text(text) if is_text && is_moment(text) => Some(text.clone()),
        VCardValue::Text(text) if text.trim().is_empty() => Some(String::new()),
        _ => None,
    }
}
