//! From fields to properties.

use std::collections::BTreeMap;

use calcard::common::PartialDateTime;
use calcard::vcard::{
    VCard, VCardEntry, VCardKind, VCardParameter, VCardProperty as Property, VCardValue, VCardValueType,
};

use super::super::moment::moment;
use super::super::view::{View, entry_text};
use super::fields::is_preferred;
use super::label::{KEY, VALUE, parameter, parameters};
use super::read::{Slot, key_of, separator, short_name};
use super::table::{Row, Shape, rows};
use super::value::join;
use super::{full_name, line};
use crate::record::Entry;

/// One property that a card of the record has.
pub(crate) struct Generated {
    pub(crate) row: &'static Row,
    /// The item that it stands for.
    pub(crate) item: Option<String>,
    /// None where the fields are empty.
    pub(crate) entry: Option<VCardEntry>,
}

impl Generated {
    pub(crate) fn slot(&self) -> Slot {
        (self.row.property, self.item.clone())
    }
}

/// The properties of a record's fields, in the order in which a card has them.
pub(crate) fn generate(fields: &View) -> Vec<Generated> {
    let mut generated = Vec::new();
    for row in rows(fields.kind) {
        let field = row.fields.first().copied().unwrap_or_default();
        let mut names = Names::new();
        let items = |shape: fn(&'static Row, &str, &Entry, &mut Names) -> VCardEntry, names: &mut Names| {
            let one = |(key, entry): (&String, &Entry)| {
                let property = shape(row, key, entry, names);
                Generated { row, item: Some(key.clone()), entry: Some(property) }
            };
            fields.items(field).into_iter().map(one).collect::<Vec<_>>()
        };
        match row.shape {
            Shape::Item { .. } | Shape::LinkedItem => generated.extend(items(item, &mut names)),
            Shape::Address => generated.extend(items(address, &mut names)),
            _ => generated.push(Generated { row, item: None, entry: of_one_value(row, fields) }),
        }
    }
    name(&mut generated);
    generated
}

/// How often a name was given to a postal address.
type Names = BTreeMap<String, usize>;

/// A card must have a name. Where the record has none it is made as import makes it.
fn name(generated: &mut [Generated]) {
    let entries = generated.iter().filter_map(|one| one.entry.clone()).collect();
    let called = full_name(&VCard { entries });
    for one in generated.iter_mut().filter(|one| one.row.shape == Shape::Name && one.entry.is_none()) {
        one.entry = Some(property(one.row, vec![called.clone().into()]));
    }
}

fn of_one_value(row: &'static Row, fields: &View) -> Option<VCardEntry> {
    let text = fields.text(row.fields.first().copied().unwrap_or_default());
    let values = match row.shape {
        Shape::Fixed("org") => vec![VCardValue::Kind(VCardKind::Org)],
        Shape::Fixed(word) => vec![word.to_owned().into()],
        Shape::List => several(text),
        Shape::Moment => return time(row, text),
        Shape::Components => row.fields.iter().map(|field| component(fields.text(field))).collect(),
        Shape::Organization => {
            let units = row.fields.get(1).map(|field| fields.text(field)).unwrap_or_default();
            let units = if units.is_empty() { Vec::new() } else { several(units) };
            [text.to_owned().into()].into_iter().chain(units).collect()
        }
        Shape::Words => {
            fields.items("categories").into_iter().map(|(_, entry)| entry_text(entry, None).into()).collect()
        }
        Shape::Notes => vec![fields.notes().to_owned().into()],
        _ => vec![text.to_owned().into()],
    };
    let is_empty = values.iter().all(|value| value.as_text() == Some(""));
    (!is_empty).then(|| property(row, values))
}

fn item(row: &'static Row, key: &str, entry: &Entry, _: &mut Names) -> VCardEntry {
    let value = entry_text(entry, None);
    let mut params = parameters(&entry_text(entry, Some("label")), is_preferred(entry));
    if key_of(row.fields.first().copied().unwrap_or_default(), &value) != key {
        params.push(parameter(KEY, key));
    }
    property(row, vec![value.into()]).with_params(params)
}

fn address(row: &'static Row, key: &str, entry: &Entry, names: &mut Names) -> VCardEntry {
    let label = entry_text(entry, Some("label"));
    let mut parts =
        ["street", "locality", "region", "postal_code", "country"].map(|name| entry_text(entry, Some(name)));
    let value = entry_text(entry, None);
    if parts.iter().all(String::is_empty) {
        parts[0].clone_from(&value);
    }
    let mut params = parameters(&label, is_preferred(entry));
    if join(&parts) != value {
        params.push(parameter(VALUE, &value));
    }
    let short = short_name(&label);
    let count = names.get(short).copied().unwrap_or(0) + 1;
    let numbered =
        if count == 1 && !short.is_empty() { short.to_owned() } else { format!("{short}{}{count}", separator(short)) };
    if numbered == key {
        names.insert(short.to_owned(), count);
    } else {
        params.push(parameter(KEY, key));
    }
    let values = [String::new(), String::new()].into_iter().chain(parts).map(VCardValue::Text).collect();
    property(row, values).with_params(params)
}

fn property(row: &Row, values: Vec<VCardValue>) -> VCardEntry {
    // Every name of the table is a property's name.
    let name = line::parse(&format!("{}:", row.property)).map(|entry| entry.name);
    VCardEntry::new(name.unwrap_or_else(|| Property::Other(row.property.into()))).with_values(values)
}

/// The texts that are joined in a field, or the whole where joining them would not give the field again.
fn several(text: &str) -> Vec<VCardValue> {
    let parts: Vec<&str> = text.split(", ").collect();
    let is_plain = parts.iter().all(|part| !part.is_empty() && part.trim() == *part);
    let parts = if is_plain { parts } else { vec![text] };
    parts.into_iter().map(|part| part.to_owned().into()).collect()
}

fn component(text: &str) -> VCardValue {
    let mut texts = several(text);
    match texts.len() {
        1 => texts.remove(0),
        _ => VCardValue::Component(texts.into_iter().filter_map(|text| text.as_text().map(str::to_owned)).collect()),
    }
}

/// A date or time; as text where vCard has no form for it, such as one with its zone.
fn time(row: &Row, text: &str) -> Option<VCardEntry> {
    if text.is_empty() {
        return None;
    }
    let time = partial(text).filter(|time| moment(time, None).as_deref() == Some(text));
    Some(match time {
        Some(time) => property(row, vec![VCardValue::PartialDateTime(time)]),
        None => property(row, vec![text.to_owned().into()]).with_param(VCardParameter::value(VCardValueType::Text)),
    })
}

fn partial(text: &str) -> Option<PartialDateTime> {
    let number = |from: usize| text.get(from..from + 2)?.parse().ok();
    if text.starts_with("--") {
        return Some(PartialDateTime { month: number(2), day: number(5), ..Default::default() });
    }
    let year = text.get(..4)?.parse().ok();
    let mut time = PartialDateTime { year, month: number(5), day: number(8), ..Default::default() };
    if text.len() > 10 {
        (time.hour, time.minute, time.second) = (number(11), number(14), number(17));
    }
    match text.get(19..20) {
        Some("Z") => (time.tz_hour, time.tz_minute) = (Some(0), Some(0)),
        Some(sign) => {
            (time.tz_hour, time.tz_minute, time.tz_minus) = (number(20), number(23), sign == "-");
        }
        None => {}
    }
    Some(time)
}
