//! vCards as contact, account and lead records.

pub(crate) mod fields;
mod generate;
pub(crate) mod keep;
mod label;
pub(crate) mod line;
mod read;
mod table;
mod value;

use std::collections::BTreeMap;

use calcard::vcard::{
    VCard, VCardEntry, VCardParameter, VCardParameterName, VCardParameterValue, VCardProperty as Property,
};
use calcard::{Entry, Parser};

use self::keep::{keep_originals, keep_unknown};
use self::label::labels;
use self::read::{Reader, Slot};
use self::value::{is, line_of, part, text};
use super::draft::{Draft, content_identity};
use super::text::{cut, decode, one_line};
use super::{Outcome, Skipped};
use crate::limits::IMPORT_ITEM_BYTES_MAX;
use crate::record::document::guarded;
use crate::record::identity::Identity;
use crate::record::{Kind, schema};

/// Reads every card of a file.
#[must_use]
pub fn cards(bytes: &[u8]) -> Vec<Outcome> {
    let what = "the card file";
    if bytes.len() > IMPORT_ITEM_BYTES_MAX {
        let said = format!("it has {} bytes, and at most {IMPORT_ITEM_BYTES_MAX} are read", bytes.len());
        return vec![Outcome::Skipped(Skipped::new(what, said))];
    }
    let text = decode(bytes);
    let outcomes: Vec<Outcome> = split(&text).iter().map(|card| one(card)).collect();
    if outcomes.is_empty() { vec![Outcome::Skipped(Skipped::new(what, "it has no card"))] } else { outcomes }
}

/// The text of each card. The parser takes a BEGIN line for the end of the card before it and then misses the card that
/// begins, so each card gets a parser of its own; that also confines what a broken card does.
fn split(text: &str) -> Vec<String> {
    let is = |line: &str, wanted: &str| line.trim().eq_ignore_ascii_case(wanted);
    let mut cards: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.split_inclusive('\n') {
        if is(line.trim_start_matches('\u{feff}'), "BEGIN:VCARD") {
            cards.push(String::new());
            is_open = true;
        }
        if is_open && let Some(card) = cards.last_mut() {
            card.push_str(line);
        }
        is_open &= !is(line, "END:VCARD");
    }
    cards
}

fn one(text: &str) -> Outcome {
    let read = guarded(|| match Parser::new(text).entry() {
        Entry::VCard(card) => record(&card),
        _ => Outcome::Skipped(Skipped::new("a card", "it is not written as a vCard")),
    });
    read.unwrap_or_else(|panic| Outcome::Skipped(Skipped::new("a card", format!("it cannot be read ({panic})"))))
}

fn record(card: &VCard) -> Outcome {
    let called = full_name(card);
    let kind = match kind_of(card) {
        CardKind::Group => {
            let what = format!("the group “{}”", cut(&called, 80));
            return Outcome::Skipped(Skipped::new(what, "Regard keeps no groups of contacts"));
        }
        CardKind::Record(kind) => kind,
    };
    let entries: Vec<_> =
        card.entries.iter().filter(|entry| !is_frame(entry)).map(|entry| in_version_4(kind, entry)).collect();
    let mut draft = Draft::new(kind);
    if written(card, &Property::Fn).is_none() {
        draft.line(schema::title(kind), &called);
    }
    let labels = labels(&entries);
    let mut read: BTreeMap<Slot, Vec<&VCardEntry>> = BTreeMap::new();
    let mut others = Vec::new();
    let mut reader = Reader::new(kind, &labels, &mut draft);
    for entry in &entries {
        match reader.read(entry) {
            Some(slot) => read.entry(slot).or_default().push(entry),
            None => others.push(entry),
        }
    }
    keep_originals(&mut draft, read);
    for entry in others {
        keep_unknown(&mut draft, entry);
    }
    let uid = card.property(&Property::Uid).map(text).unwrap_or_default();
    let uid = one_line(&uid).into_owned();
    draft.finish(if uid.is_empty() { content_identity(kind, [canonical(card).as_str()]) } else { Identity::Uid(uid) })
}

/// Whether a property says nothing of whom the card is about. A name must be there, and programs write an empty one.
fn is_frame(entry: &VCardEntry) -> bool {
    let is_bare = || entry.params.is_empty() && entry.group.is_none();
    match entry.name {
        Property::Version | Property::Begin | Property::End => true,
        Property::Fn => is_bare() && line_of(entry).is_empty(),
        _ => false,
    }
}

/// The property as version 4 has it: names have no spaces and the like, parameters without a name are types, and texts are
/// UTF-8.
fn in_version_4(kind: Kind, entry: &VCardEntry) -> VCardEntry {
    let mut entry = entry.clone();
    if let Property::Other(name) = &mut entry.name {
        *name = line::name(name);
    }
    entry.group = entry.group.as_deref().map(line::name);
    entry
        .params
        .retain(|param| !["7BIT", "8BIT"].iter().any(|encoding| is_bare(param) && is(param.name.as_str(), encoding)));
    for param in entry.params.iter_mut().filter(|param| is_bare(param)) {
        match &param.name {
            VCardParameterName::Pref => param.value = VCardParameterValue::Integer(1),
            VCardParameterName::Other(word) => *param = VCardParameter::typ(word.clone()),
            _ => {}
        }
    }
    let is_text = entry.name != Property::Url && table::row(kind, entry.name.as_str()).is_some();
    for value in entry.values.iter_mut().filter(|_| is_text) {
        if let Some(data) = value.as_binary() {
            *value = decode(&data.data).into_owned().into();
        }
    }
    entry
}

fn is_bare(param: &VCardParameter) -> bool {
    param.value == VCardParameterValue::Null
}

enum CardKind {
    Record(Kind),
    Group,
}

/// Cards before version 4 have no KIND; Apple's address book says it in its own words, and so does Regard for leads.
fn kind_of(card: &VCard) -> CardKind {
    let is_lead = |entry: &VCardEntry| is(entry.name.as_str(), table::KIND) && is(&text(entry), "lead");
    if card.entries.iter().any(is_lead) {
        return CardKind::Record(Kind::Lead);
    }
    let said = card.entries.iter().find_map(|entry| match &entry.name {
        Property::Kind => Some(text(entry)),
        Property::Other(name) if is(name, "X-ADDRESSBOOKSERVER-KIND") => Some(text(entry)),
        Property::Other(name) if is(name, "X-ABShowAs") && is(&text(entry), "COMPANY") => Some("org".to_owned()),
        _ => None,
    });
    match said {
        Some(said) if is(&said, "group") => CardKind::Group,
        Some(said) if is(&said, "org") => CardKind::Record(Kind::Account),
        _ => CardKind::Record(Kind::Contact),
    }
}

/// The name as it is written; without one, the name's parts, the organization or the first address.
fn full_name(card: &VCard) -> String {
    let parts = card.property(&Property::N).map(|entry| {
        let order = [3, 1, 2, 0, 4].map(|at| part(entry, at, " "));
        order.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let organization = || card.property(&Property::Org).map(|entry| part(entry, 0, ", "));
    let is_there = |text: &String| !text.is_empty();
    written(card, &Property::Fn)
        .or(parts.filter(is_there))
        .or_else(|| organization().filter(is_there))
        .or_else(|| written(card, &Property::Email))
        .unwrap_or_default()
}

fn written(card: &VCard, property: &Property) -> Option<String> {
    card.properties(property).map(line_of).find(|text| !text.is_empty())
}

/// The card without what changes from export to export, in an order of its own.
fn canonical(card: &VCard) -> String {
    let volatile = |entry: &&VCardEntry| {
        !matches!(entry.name, Property::Rev | Property::Prodid | Property::Version | Property::Begin | Property::End)
    };
    let mut lines: Vec<String> = card.entries.iter().filter(volatile).map(line::unfolded).collect();
    lines.sort_unstable();
    lines.join("\n")
}
