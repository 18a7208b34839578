//! One event or to-do as a record: which fields it has, and what of it is kept verbatim beside them.

use std::collections::{BTreeMap, BTreeSet};

use calcard::icalendar::utils::strip_mailto_scheme;
use calcard::icalendar::{ICalendarEntry, ICalendarValue};
use calcard::{Entry, Parser};

use super::draft::Draft;
use super::ical::{Form, Line, Row, Tree, normal, row, split_list, unescape};
use super::moment::moment;
use super::text::one_line;
use super::view::View;
use crate::export;
use crate::record::Kind;
use crate::record::document::guarded;

/// To which field a property or a part of a component belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// To none.
    Unknown,
    /// To a field of one value.
    One(&'static str),
    /// To one entry of a field: all that belong to this one say the same text.
    Entry(&'static str, String),
    /// To any number of entries of a field.
    List(&'static str),
}

/// What a property or a part that was kept verbatim says: where it belongs, and the fields that it would be if it stood alone.
pub(crate) fn meaning(kind: Kind, text: &str) -> (Slot, View) {
    let mut draft = Draft::new(kind);
    let slot = read(text, true, &mut draft, kind);
    (slot, draft.view())
}

/// Writes the fields of a component into `draft`, and into `unknown` what these fields do not give back.
pub(super) fn fields(tree: &Tree<'_>, at: usize, draft: &mut Draft, kind: Kind) {
    let Some(node) = tree.nodes.get(at) else { return };
    let lines = node.lines.iter().map(|line| line.clone().into_owned());
    // A file without its END lines nests what should follow; the calendar takes those on their own.
    let parts = tree.parts(at).filter(|part| !is_record(&tree.nodes[*part].name));
    let elements: Vec<String> =
        lines.filter(|line| is_kept(line)).chain(parts.map(|part| own_text(tree, part))).collect();
    let mut seen = BTreeSet::new();
    let slots: Vec<Slot> = elements
        .iter()
        .map(|text| {
            let is_first = seen.insert(name(text));
            read(text, is_first, draft, kind)
        })
        .collect();
    keep(&elements, &slots, draft, kind);
}

/// Notes an instance that differs, by the time that it had in the rule.
pub(super) fn exception(tree: &Tree<'_>, at: usize, draft: &mut Draft) {
    let Some(node) = tree.nodes.get(at) else { return };
    let Some(id) = node.line("RECURRENCE-ID").and_then(parsed) else { return };
    let key = moments(&id).next().flatten().unwrap_or_else(|| value_text(&id.entry));
    // The draft may have cut the key.
    if let Some(key) = draft.item("exceptions", &key, &key) {
        draft.member_block("exceptions", &key, "instance", &own_text(tree, at));
    } else {
        // Two files put together, or an instance that was left out and put back: nothing of it is dropped.
        draft.unknown(&node.name, &own_text(tree, at));
    }
}

/// A component as it is kept verbatim.
pub(super) fn own_text(tree: &Tree<'_>, at: usize) -> String {
    tree.text(at, &|line| is_kept(line) && !line.strip_prefix("BEGIN:").is_some_and(is_record))
}

/// Whether components of this name are records of their own.
pub(super) fn is_record(name: &str) -> bool {
    matches!(name, "VEVENT" | "VTODO")
}

/// When the file was written says nothing about the event, and differs from export to export.
fn is_kept(line: &str) -> bool {
    name(line) != "DTSTAMP"
}

/// The name of a property, or `BEGIN` for a part.
fn name(text: &str) -> String {
    text.split([':', ';']).next().unwrap_or_default().trim().to_ascii_uppercase()
}

/// Keeps verbatim what the fields alone do not give back equal. Of several that belong to one field or entry all are kept where one
/// is, so that the first of them is known as the one that the field stands for.
fn keep(elements: &[String], slots: &[Slot], draft: &mut Draft, kind: Kind) {
    let mut made: BTreeMap<Line, usize> = BTreeMap::new();
    for line in export::made(&draft.view()).iter().flat_map(|text| normal(kind, text)) {
        *made.entry(line).or_default() += 1;
    }
    let mut is_lost = |text: &str| {
        let wanted = normal(kind, text);
        let is_lost = wanted.is_empty() || wanted.iter().any(|line| made.get(line).is_none_or(|count| *count == 0));
        if !is_lost {
            for line in wanted {
                made.entry(line).and_modify(|count| *count = count.saturating_sub(1));
            }
        }
        is_lost
    };
    let lost: Vec<bool> = elements.iter().map(|text| is_lost(text)).collect();
    let kept_whole: Vec<&Slot> = slots.iter().zip(&lost).filter_map(|(slot, lost)| lost.then_some(slot)).collect();
    let kept_whole: BTreeSet<&str> = kept_whole.into_iter().filter_map(label).collect();
    for ((text, slot), lost) in elements.iter().zip(slots).zip(lost) {
        if lost || label(slot).is_some_and(|label| kept_whole.contains(label)) {
            let part = text.strip_prefix("BEGIN:").and_then(|rest| rest.lines().next());
            // What is no property is kept for people to read: no file can give it back.
            let name = if part.is_some() || Line::parse(text).is_some() { name(text) } else { "no property".into() };
            draft.unknown(part.unwrap_or(&name), text);
        }
    }
}

/// What those have in common that belong to one field or entry.
fn label(slot: &Slot) -> Option<&str> {
    match slot {
        Slot::One(field) => Some(field),
        Slot::Entry(_, said) => Some(said),
        Slot::List(_) | Slot::Unknown => None,
    }
}

/// A property, taken apart in both ways: calcard reads the values, [`Line`] the parameters.
struct Parsed {
    entry: ICalendarEntry,
    line: Line,
}

/// Writes into `draft` what a property or a part says, and answers where it belongs. Of several that belong to a field of one
/// value only the first is read.
fn read(text: &str, is_first: bool, draft: &mut Draft, kind: Kind) -> Slot {
    if text.starts_with("BEGIN:") {
        return if text.starts_with("BEGIN:VALARM\n") { reminder(text, draft) } else { Slot::Unknown };
    }
    let Some(row) = row(kind, &name(text)) else { return Slot::Unknown };
    let Some(parsed) = parsed(text) else { return Slot::Unknown };
    match row.form {
        Form::Attendee => attendee(&parsed, draft),
        Form::Categories => categories(&parsed, draft),
        Form::LeftOut => left_out(&parsed, draft),
        _ => {
            if is_first {
                single(row, &parsed, draft);
            }
            Slot::One(row.field)
        }
    }
}

impl Parsed {
    /// The value as text.
    fn text(&self) -> String {
        self.text_in_charset().unwrap_or_else(|| plain(&self.line.value))
    }

    /// The value as text where it is written as version 1.0 of the format did.
    fn text_in_charset(&self) -> Option<String> {
        let is_encoded = !self.line.param("ENCODING").is_empty() || !self.line.param("CHARSET").is_empty();
        is_encoded.then(|| value_text(&self.entry))
    }
}

/// The text that a value means. Quotes and colons need no escape, and many programs give them one.
fn plain(value: &str) -> String {
    unescape(&value.replace("\\\"", "\"").replace("\\:", ":"))
}

fn parsed(text: &str) -> Option<Parsed> {
    const OF_VALUE: [&str; 3] = ["VALUE", "ENCODING", "CHARSET"];
    let line = Line::parse(text)?;
    // calcard takes a backslash in a quoted parameter for an escape: it is shown those only that say how to read the value.
    let params = line.params.iter().filter(|param| OF_VALUE.contains(&param.name.as_str())).cloned().collect();
    let entry = entry(&Line { params, ..line.clone() }.text())?;
    Some(Parsed { entry, line })
}

/// A property as calcard reads it.
pub(super) fn entry(text: &str) -> Option<ICalendarEntry> {
    // The empty line ends a soft break of quoted-printable that has nothing behind it.
    let file = format!("BEGIN:VEVENT\n{text}\n\nEND:VEVENT\n");
    match guarded(|| Parser::new(&file).entry()).ok()? {
        Entry::ICalendar(calendar) => calendar.components.into_iter().next()?.entries.into_iter().next(),
        _ => None,
    }
}

/// A property as calcard writes it on one line.
pub(super) fn written(entry: &ICalendarEntry) -> String {
    let mut folded = String::new();
    // Writing to a string does not fail.
    let _ = entry.write_to(&mut folded);
    folded.replace("\r\n ", "").trim_end_matches(['\r', '\n']).to_owned()
}

fn single(row: &Row, parsed: &Parsed, draft: &mut Draft) {
    let Parsed { entry, line } = parsed;
    match row.form {
        Form::Moment => {
            if let Some(text) = moments(parsed).next().flatten() {
                draft.line(row.field, &text);
            }
        }
        Form::Whole => {
            if let Some(number) = entry.values.first().and_then(ICalendarValue::as_integer) {
                draft.whole(row.field, number);
            }
        }
        Form::Plain => draft.line(row.field, &line.value),
        Form::Organizer => {
            let (name, address) = (line.param("CN"), address(parsed));
            let text = if name.is_empty() || name == address { address } else { format!("{name} <{address}>") };
            draft.line(row.field, &text);
        }
        Form::Description => draft.note(&parsed.text()),
        Form::Text => draft.line(row.field, &parsed.text()),
        _ => draft.line(row.field, &value_text(entry)),
    }
}

fn attendee(parsed: &Parsed, draft: &mut Draft) -> Slot {
    let address = address(parsed).to_lowercase();
    if address.is_empty() {
        return Slot::Unknown;
    }
    if let Some(key) = draft.item("attendees", &address, &address) {
        for (member, param) in ATTENDEE_PARAMS {
            draft.member("attendees", &key, member, &capitals(member, parsed.line.param(param)));
        }
    }
    Slot::Entry("attendees", address)
}

/// What is known of an attendee, with the parameters that say it.
pub(crate) const ATTENDEE_PARAMS: [(&str, &str); 3] = [("name", "CN"), ("role", "ROLE"), ("answer", "PARTSTAT")];

/// Roles and answers are words in which capitals mean nothing; names are not.
fn capitals(member: &str, text: &str) -> String {
    if member == "name" { text.to_owned() } else { text.to_ascii_uppercase() }
}

fn categories(parsed: &Parsed, draft: &mut Draft) -> Slot {
    let whole = parsed.text_in_charset();
    let values = whole.as_ref().map_or_else(|| split_list(&parsed.line.value), |whole| whole.split(',').collect());
    for category in values {
        let category = if whole.is_some() { category.to_owned() } else { plain(category) };
        draft.item("categories", &category, &one_line(&category));
    }
    Slot::List("categories")
}

fn left_out(parsed: &Parsed, draft: &mut Draft) -> Slot {
    let times: Option<Vec<String>> = moments(parsed).collect();
    for time in times.unwrap_or_default() {
        draft.item("exceptions", &time, &time);
    }
    Slot::List("exceptions")
}

fn reminder(text: &str, draft: &mut Draft) -> Slot {
    let tree = Tree::parse(text);
    let Some(alarm) = tree.nodes.first() else { return Slot::Unknown };
    let Some(trigger) = alarm.line("TRIGGER").and_then(parsed) else { return Slot::Unknown };
    let mut time = moments(&trigger).next().flatten().unwrap_or_else(|| value_text(&trigger.entry));
    if time.is_empty() {
        return Slot::Unknown;
    }
    if trigger.line.param("RELATED").eq_ignore_ascii_case("END") {
        time.push_str(";RELATED=END");
    }
    let action = alarm.line("ACTION").and_then(parsed).map(|action| value_text(&action.entry)).unwrap_or_default();
    if let Some(key) = draft.numbered("reminders", &time, "#", &time) {
        draft.member("reminders", &key, "action", &action);
    }
    Slot::Entry("reminders", time)
}

/// The times of a property, none for each value that is no time.
fn moments(parsed: &Parsed) -> impl Iterator<Item = Option<String>> {
    let zone = parsed.line.param("TZID");
    parsed.entry.values.iter().map(move |value| moment(value.as_partial_date_time()?, Some(zone)))
}

/// The value as text, unescaped.
pub(super) fn value_text(entry: &ICalendarEntry) -> String {
    let texts = entry.values.iter().filter_map(|value| match value {
        ICalendarValue::Binary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        value => value.clone().into_text().map(std::borrow::Cow::into_owned),
    });
    texts.collect::<Vec<_>>().join(",")
}

/// The address that a calendar user is known by: the mail address where there is one.
fn address(parsed: &Parsed) -> String {
    let value = value_text(&parsed.entry);
    let address = strip_mailto_scheme(value.trim()).trim();
    let email = parsed.line.param("EMAIL");
    if email.is_empty() || address.contains('@') { address.to_owned() } else { email.to_owned() }
}
