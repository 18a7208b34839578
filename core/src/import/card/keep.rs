//! What the fields cannot hold exactly is kept verbatim in `unknown`, beside the fields.
//!
//! A property that became fields is kept, too, where [`generate`] would not give it back equal: under `original EMAIL
//! ana@x.org`, or `original#2 …` where several properties stand for the same fields. Export writes the kept lines as long as
//! they say what the fields say. Once somebody has changed the fields, the generated property takes their place, with those
//! of their parameters for which there is no field.

use std::collections::{BTreeMap, BTreeSet};

use calcard::vcard::{VCardEntry, VCardParameter, VCardParameterName as Name, VCardValue};

use super::super::draft::{Draft, bounded_key};
use super::super::text::one_line;
use super::super::view::View;
use super::fields::Claims;
use super::generate::{Generated, generate};
use super::label::{KEY, LABEL, Labels, VALUE, is_of_label, labels};
use super::line;
use super::read::{Slot, fields_of};
use super::table::Row;
use super::value::is;
use crate::limits::IMPORT_BINARY_BYTES_MAX;

/// Keeps of these properties those that would not be given back equal.
pub(super) fn keep_originals(draft: &mut Draft, mut read: BTreeMap<Slot, Vec<&VCardEntry>>) {
    for generated in generate(&draft.view()) {
        let Some(entries) = read.remove(&generated.slot()) else { continue };
        let is_given_back = match (entries.as_slice(), &generated.entry) {
            ([one], Some(entry)) => line::same(one, entry),
            _ => false,
        };
        if !is_given_back {
            for (at, entry) in entries.into_iter().enumerate() {
                let key = original_key(&generated.slot(), at + 1);
                keep(draft, entry, |draft, line| drop(draft.item("unknown", &key, &line)));
            }
        }
    }
}

/// Keeps a property that is no field.
pub(super) fn keep_unknown(draft: &mut Draft, entry: &VCardEntry) {
    keep(draft, entry, |draft, line| draft.unknown(entry.name.as_str(), &line));
}

fn keep(draft: &mut Draft, entry: &VCardEntry, put: impl FnOnce(&mut Draft, String)) {
    match entry.values.iter().find_map(VCardValue::as_binary) {
        Some(content) if content.data.len() > IMPORT_BINARY_BYTES_MAX => {
            let media = one_line(content.content_type.as_deref().unwrap_or("data")).into_owned();
            draft.did_not_fit(entry.name.as_str(), &format!("{} bytes of {media} did not fit", content.data.len()));
        }
        _ => put(draft, line::write(entry)),
    }
}

const ORIGINAL: &str = "original";

fn original_key((property, item): &Slot, number: usize) -> String {
    let number = if number == 1 { String::new() } else { format!("#{number}") };
    let item = item.as_ref().map(|item| format!(" {item}")).unwrap_or_default();
    bounded_key(&format!("{ORIGINAL}{number} {property}{item}"))
}

/// What a record keeps verbatim.
pub(crate) struct Kept {
    /// Properties that became fields, by their keys.
    originals: BTreeMap<String, VCardEntry>,
    /// The others.
    others: Vec<VCardEntry>,
    labels: Labels,
}

impl Kept {
    pub(crate) fn of(fields: &View) -> Self {
        let mut originals = BTreeMap::new();
        let mut others = Vec::new();
        for (key, text) in fields.unknown() {
            let Some(entry) = line::parse(&text) else { continue };
            if key.starts_with(ORIGINAL) {
                originals.insert(key, entry);
            } else {
                others.push((natural(&key), entry));
            }
        }
        others.sort_by(|(one, _), (other, _)| one.cmp(other));
        let others: Vec<_> = others.into_iter().map(|(_, entry)| entry).collect();
        let labels = labels(&others);
        Self { originals, others, labels }
    }

    /// All properties of the record's card.
    pub(crate) fn merge(mut self, fields: &View) -> Vec<VCardEntry> {
        let mut written = Vec::new();
        let mut groups = Groups::default();
        for generated in generate(fields) {
            let mut originals = self.take(&generated.slot());
            for original in &mut originals {
                give_key(original, &generated);
            }
            let (row, item) = (generated.row, generated.item.as_deref());
            let says = self.claims(fields, row, &originals);
            let wanted = fields.claims(row, item);
            if !originals.is_empty() && (says == wanted) {
                groups.stay(&originals);
                written.extend(originals);
                continue;
            }
            groups.go(&originals);
            written.extend(replaced(generated, originals.into_iter().next(), &says, &wanted));
        }
        groups.go(&self.originals.into_values().collect::<Vec<_>>());
        written.extend(self.others.into_iter().filter(|entry| !groups.have_left(entry)));
        written
    }

    fn take(&mut self, slot: &Slot) -> Vec<VCardEntry> {
        (1..).map_while(|number| self.originals.remove(&original_key(slot, number))).collect()
    }

    fn claims(&self, fields: &View, row: &'static Row, entries: &[VCardEntry]) -> Claims {
        fields_of(fields.kind, &self.labels, entries).claims(row, None)
    }
}

/// Makes a kept property say the key of its item as the generated one does: items before it may have gone.
fn give_key(original: &mut VCardEntry, generated: &Generated) {
    let is_key = |param: &&VCardParameter| matches!(&param.name, Name::Other(name) if is(name, KEY));
    let key = generated.entry.as_ref().and_then(|entry| entry.params.iter().find(is_key));
    if original.params.iter().find(is_key) != key {
        original.params.retain(|param| !is_key(&param));
        original.params.extend(key.cloned());
    }
}

/// The property in place of the one that the fields were made of, which said something else.
fn replaced(generated: Generated, original: Option<VCardEntry>, says: &Claims, wanted: &Claims) -> Option<VCardEntry> {
    let mut entry = generated.entry?;
    let Some(original) = original else { return Some(entry) };
    let value = |claims: &Claims| {
        let known = claims.iter().filter(|(name, _)| !matches!(name.as_str(), "label" | "preferred"));
        known.map(|(name, text)| (name.clone(), text.clone())).collect::<Claims>()
    };
    if generated.item.is_some() && value(says) == value(wanted) {
        // Only the label differs: the value stays as exact as it was.
        let params = original.params.into_iter().filter(|param| !is_of_label(param));
        let params = entry.params.into_iter().filter(is_of_label).chain(params).collect();
        return Some(VCardEntry { group: None, params, ..original });
    }
    let stay = |param: &VCardParameter| !is_of_label(param) && !is_of_value(param) && !is_of_regard(param);
    entry.params.extend(original.params.into_iter().filter(stay));
    Some(entry)
}

/// Whether a parameter says something of the value that was, and is wrong with another one.
fn is_of_value(param: &VCardParameter) -> bool {
    matches!(
        param.name,
        Name::Value
            | Name::Mediatype
            | Name::SortAs
            | Name::Geo
            | Name::Tz
            | Name::Label
            | Name::Phonetic
            | Name::Script
            | Name::Derived
            | Name::Jscomps
    )
}

fn is_of_regard(param: &VCardParameter) -> bool {
    matches!(&param.name, Name::Other(name) if [LABEL, KEY, VALUE].iter().any(|own| is(name, own)))
}

/// Groups whose property is not as it was. What Apple's address book says of such a property, its label and the form of
/// its address, is in the fields or no longer true.
#[derive(Default)]
struct Groups {
    staying: BTreeSet<String>,
    gone: BTreeSet<String>,
}

impl Groups {
    fn stay(&mut self, entries: &[VCardEntry]) {
        self.staying.extend(entries.iter().filter_map(group));
    }

    fn go(&mut self, entries: &[VCardEntry]) {
        self.gone.extend(entries.iter().filter_map(group));
    }

    fn have_left(&self, entry: &VCardEntry) -> bool {
        let is_apples = entry.name.as_str().get(..4).is_some_and(|start| start.eq_ignore_ascii_case("X-AB"));
        is_apples && group(entry).is_some_and(|group| self.gone.contains(&group) && !self.staying.contains(&group))
    }
}

fn group(entry: &VCardEntry) -> Option<String> {
    entry.group.as_ref().map(|group| group.to_lowercase())
}

/// `X-FOO#10` behind `X-FOO#9`.
fn natural(key: &str) -> (String, u64) {
    let numbered = key.rsplit_once('#').and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)));
    numbered.unwrap_or_else(|| (key.to_owned(), 0))
}
