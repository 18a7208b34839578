//! vCards as contact and account records.

use calcard::common::IanaString;
use calcard::vcard::{VCard, VCardEntry, VCardKind, VCardParameterName, VCardProperty as Property, VCardValue};
use calcard::{Entry, Parser};

use super::draft::{Draft, content_identity};
use super::moment::moment;
use super::text::{cut, decode, one_line};
use super::{Outcome, Skipped};
use crate::limits::IMPORT_ITEM_BYTES_MAX;
use crate::record::document::guarded;
use crate::record::identity::Identity;
use crate::record::{Kind, Scalar};

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
        CardKind::Organization => Kind::Account,
        CardKind::Person => Kind::Contact,
    };
    let mut draft = Draft::new(kind);
    draft.line(if kind == Kind::Account { "name" } else { "full_name" }, &called);
    let mut taken = Vec::new();
    for entry in &card.entries {
        let is_first = !taken.contains(&&entry.name);
        if is_first {
            taken.push(&entry.name);
        }
        let is_kept = several(card, entry, &mut draft)
            || is_first
                && if kind == Kind::Account { of_account(entry, &mut draft) } else { of_contact(entry, &mut draft) };
        if !is_kept {
            draft.unknown(entry.name.as_str(), &kept(entry));
        }
    }
    let uid = card.property(&Property::Uid).map(text).unwrap_or_default();
    let uid = one_line(&uid).into_owned();
    draft.finish(if uid.is_empty() { content_identity(kind, &[&canonical(card)]) } else { Identity::Uid(uid) })
}

enum CardKind {
    Person,
    Organization,
    Group,
}

/// Cards before version 4 have no KIND; Apple's address book says it in its own words.
fn kind_of(card: &VCard) -> CardKind {
    let said = card.entries.iter().find_map(|entry| match &entry.name {
        Property::Kind => match entry.values.first() {
            Some(VCardValue::Kind(kind)) => Some(kind.as_str().to_owned()),
            _ => Some(text(entry)),
        },
        Property::Other(name) if name.eq_ignore_ascii_case("X-ADDRESSBOOKSERVER-KIND") => Some(text(entry)),
        Property::Other(name) if name.eq_ignore_ascii_case("X-ABShowAs") && is(&text(entry), "COMPANY") => {
            Some(VCardKind::Org.as_str().to_owned())
        }
        _ => None,
    });
    match said {
        Some(said) if is(&said, "group") => CardKind::Group,
        Some(said) if is(&said, "org") => CardKind::Organization,
        _ => CardKind::Person,
    }
}

fn is(text: &str, wanted: &str) -> bool {
    text.trim().eq_ignore_ascii_case(wanted)
}

/// The name as it is written; without one, the name's parts, the organization or the first address.
fn full_name(card: &VCard) -> String {
    let written = |property: &Property| {
        let entries = card.properties(property).map(|entry| one_line(&text(entry)).into_owned());
        entries.into_iter().find(|text| !text.is_empty())
    };
    let parts = card.property(&Property::N).map(|entry| {
        let order = [3, 1, 2, 0, 4].map(|at| part(entry, at, " "));
        order.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let organization = || card.property(&Property::Org).map(|entry| part(entry, 0, ", "));
    let is_there = |text: &String| !text.is_empty();
    written(&Property::Fn)
        .or(parts.filter(is_there))
        .or_else(|| organization().filter(is_there))
        .or_else(|| written(&Property::Email))
        .unwrap_or_default()
}

fn of_contact(entry: &VCardEntry, draft: &mut Draft) -> bool {
    match entry.name {
        Property::N => {
            for (at, field) in
                ["family_name", "given_name", "middle_name", "name_prefix", "name_suffix"].iter().enumerate()
            {
                draft.line(field, &part(entry, at, ", "));
            }
            entry.values.len() <= 5
        }
        Property::Nickname => set(draft, "nickname", &text(entry)),
        Property::Title => set(draft, "job_title", &text(entry)),
        Property::Org => {
            draft.line("company", &part(entry, 0, ", "));
            let units: Vec<String> = (1..entry.values.len()).map(|at| part(entry, at, ", ")).collect();
            set(draft, "department", &units.into_iter().filter(|unit| !unit.is_empty()).collect::<Vec<_>>().join(", "))
        }
        Property::Bday => {
            let time = entry.values.first().and_then(VCardValue::as_partial_date_time);
            time.and_then(|time| moment(time, None)).is_some_and(|birthday| set(draft, "birthday", &birthday))
        }
        Property::Fn | Property::Version | Property::Begin | Property::End => true,
        Property::Uid => set(draft, "uid", &text(entry)),
        _ => false,
    }
}

fn of_account(entry: &VCardEntry, draft: &mut Draft) -> bool {
    match entry.name {
        Property::Fn | Property::Version | Property::Begin | Property::End | Property::Kind => true,
        Property::Uid => set(draft, "uid", &text(entry)),
        _ => false,
    }
}

fn set(draft: &mut Draft, field: &'static str, text: &str) -> bool {
    draft.line(field, text);
    true
}

/// Whether a property that may stand several times became an entry.
fn several(card: &VCard, entry: &VCardEntry, draft: &mut Draft) -> bool {
    let value = text(entry);
    let value = one_line(&value);
    match entry.name {
        Property::Email => {
            let address = value.strip_prefix("mailto:").unwrap_or(&value).trim();
            labelled(card, entry, draft, "emails", &address.to_lowercase(), address)
        }
        Property::Tel => {
            let number = value.strip_prefix("tel:").unwrap_or(&value).trim();
            labelled(card, entry, draft, "phones", number, number)
        }
        Property::Url => labelled(card, entry, draft, "websites", &value, &value),
        Property::Adr => address(card, entry, draft),
        Property::Note => {
            draft.note(&text(entry));
            true
        }
        Property::Categories => {
            for category in entry.values.iter().filter_map(VCardValue::as_text) {
                draft.item("categories", category, &one_line(category));
            }
            true
        }
        _ => false,
    }
}

fn labelled(card: &VCard, entry: &VCardEntry, draft: &mut Draft, field: &'static str, key: &str, value: &str) -> bool {
    if value.is_empty() {
        return true;
    }
    let Some(key) = draft.item(field, key, value) else { return false };
    let (label, is_preferred) = label(card, entry);
    draft.member(field, &key, "label", &label);
    if is_preferred && field != "websites" {
        draft.member_value(field, &key, "preferred", Scalar::Flag(true));
    }
    true
}

fn address(card: &VCard, entry: &VCardEntry, draft: &mut Draft) -> bool {
    let parts: Vec<String> = (0..7).map(|at| part(entry, at, ", ")).collect();
    let join = |parts: &[String]| {
        parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let whole = join(&parts);
    if whole.is_empty() {
        return true;
    }
    let (label, is_preferred) = label(card, entry);
    let short = ["work", "home"].into_iter().find(|name| label.split(", ").any(|word| word == *name)).unwrap_or(&label);
    let numbered = (1..1000).map(|number| match (short.is_empty(), number) {
        (true, _) => number.to_string(),
        (false, 1) => short.to_owned(),
        (false, _) => format!("{short} {number}"),
    });
    let key = numbered.into_iter().find_map(|key| draft.item("addresses", &key, &whole));
    let Some(key) = key else { return false };
    draft.member("addresses", &key, "label", &label);
    draft.member("addresses", &key, "street", &join(&parts[..3]));
    for (at, member) in [(3, "locality"), (4, "region"), (5, "postal_code"), (6, "country")] {
        draft.member("addresses", &key, member, &parts[at]);
    }
    if is_preferred {
        draft.member_value("addresses", &key, "preferred", Scalar::Flag(true));
    }
    true
}

/// The words that say what an address or number is for, and whether it is the preferred one. Apple's address book gives a
/// property a group and writes the label as another property of that group.
fn label(card: &VCard, entry: &VCardEntry) -> (String, bool) {
    let mut is_preferred = entry.params.iter().any(|param| param.name == VCardParameterName::Pref);
    let mut words: Vec<String> = Vec::new();
    for word in entry.parameters(&VCardParameterName::Type).filter_map(|value| value.as_text()) {
        for word in word.split(',').map(|word| word.trim().to_lowercase()) {
            match word.as_str() {
                "pref" => is_preferred = true,
                "" | "internet" => {}
                _ if words.contains(&word) => {}
                _ => words.push(word),
            }
        }
    }
    if let Some(group) = &entry.group {
        let own = card.entries.iter().find(|other| {
            let is_label = matches!(&other.name, Property::Other(name) if name.eq_ignore_ascii_case("X-ABLabel"));
            is_label && other.group.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(group))
        });
        let text = own.map(text).unwrap_or_default();
        let text = text.trim_start_matches("_$!<").trim_end_matches(">!$_").to_lowercase();
        if !text.is_empty() && !words.contains(&text) {
            words.push(text);
        }
    }
    (words.join(", "), is_preferred)
}

/// The property verbatim, or how large a picture or sound is: such content is not kept in records.
fn kept(entry: &VCardEntry) -> String {
    let data = entry.values.iter().find_map(VCardValue::as_binary);
    match data {
        Some(data) => {
            let media = data.content_type.as_deref().unwrap_or("data");
            format!("{} bytes of {}, not kept", data.data.len(), one_line(media))
        }
        None => line(entry),
    }
}

/// A property as one content line, unfolded.
fn line(entry: &VCardEntry) -> String {
    let mut folded = String::new();
    // Writing to a string does not fail.
    let _ = entry.write_to(&mut folded, true);
    folded.replace("\r\n ", "").trim_end_matches(['\r', '\n']).to_owned()
}

/// The card without what changes from export to export, in an order of its own.
fn canonical(card: &VCard) -> String {
    let volatile = |entry: &&VCardEntry| {
        !matches!(entry.name, Property::Rev | Property::Prodid | Property::Version | Property::Begin | Property::End)
    };
    let mut lines: Vec<String> = card.entries.iter().filter(volatile).map(line).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The whole value as text.
fn text(entry: &VCardEntry) -> String {
    entry.values.iter().map(|value| value_text(value, ", ")).collect::<Vec<_>>().join(", ")
}

/// One component of a structured value.
fn part(entry: &VCardEntry, at: usize, separator: &str) -> String {
    entry.values.get(at).map(|value| one_line(&value_text(value, separator)).into_owned()).unwrap_or_default()
}

fn value_text(value: &VCardValue, separator: &str) -> String {
    match value {
        VCardValue::Component(parts) => parts.join(separator),
        // Old cards in a character set that they do not name.
        VCardValue::Binary(data) => decode(&data.data).into_owned(),
        value => value.clone().into_text().map(std::borrow::Cow::into_owned).unwrap_or_default(),
    }
}
