//! One event or to-do as a record.

use std::collections::BTreeSet;

use calcard::icalendar::utils::strip_mailto_scheme;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarParameterName,
    ICalendarProperty as Property, ICalendarValue,
};

use super::draft::Draft;
use super::moment::moment;
use super::text::one_line;
use crate::record::Kind;

/// Writes the fields of `component` into `draft`.
pub(super) fn fields(calendar: &ICalendar, component: &ICalendarComponent, draft: &mut Draft, kind: Kind) {
    let mut taken = BTreeSet::new();
    for entry in &component.entries {
        let is_first = taken.insert(&entry.name);
        let is_kept = match entry.name {
            Property::Attendee => attendee(entry, draft),
            Property::Categories => categories(entry, draft),
            Property::Exdate => left_out(entry, draft),
            // When the file was written says nothing about the event, and differs from export to export. An override that
            // has no master stands among the exceptions, too, with its time.
            Property::Dtstamp | Property::RecurrenceId => true,
            _ => is_first && single(entry, draft, kind),
        };
        if !is_kept {
            draft.unknown(entry.name.as_str(), &line(entry));
        }
    }
    for part in component.component_ids.iter().filter_map(|id| calendar.component_by_id(*id)) {
        match part.component_type {
            ICalendarComponentType::VAlarm => reminder(calendar, part, draft),
            // A file without its END lines nests what should follow; the calendar takes those on their own.
            ICalendarComponentType::VEvent | ICalendarComponentType::VTodo => {}
            _ => draft.unknown(part.component_type.as_str(), &text(calendar, part)),
        }
    }
}

/// Notes an instance that differs, by the time that it had in the rule.
pub(super) fn exception(calendar: &ICalendar, component: &ICalendarComponent, draft: &mut Draft) {
    let Some(id) = component.property(&Property::RecurrenceId) else { return };
    let key = moments(id).next().flatten().unwrap_or_else(|| value_text(id));
    // The draft may have cut the key.
    if let Some(key) = draft.item("exceptions", &key, &key) {
        draft.member_block("exceptions", &key, "instance", &text(calendar, component));
    } else {
        // Two files put together, or an instance that was left out and put back: nothing of it is dropped.
        draft.unknown("RECURRENCE-ID", &text(calendar, component));
    }
}

/// A component as content lines, unfolded, with what it contains.
pub(super) fn text(calendar: &ICalendar, component: &ICalendarComponent) -> String {
    const DEPTH_MAX: usize = 8;
    let mut lines = Vec::new();
    write(calendar, component, DEPTH_MAX, &mut lines);
    lines.join("\n")
}

fn write(calendar: &ICalendar, component: &ICalendarComponent, depth: usize, lines: &mut Vec<String>) {
    let name = component.component_type.as_str();
    lines.push(format!("BEGIN:{name}"));
    lines.extend(component.entries.iter().map(line));
    if depth > 0 {
        for part in component.component_ids.iter().filter_map(|id| calendar.component_by_id(*id)) {
            write(calendar, part, depth - 1, lines);
        }
    }
    lines.push(format!("END:{name}"));
}

/// A property as one content line, unfolded.
pub(super) fn line(entry: &ICalendarEntry) -> String {
    let mut folded = String::new();
    // Writing to a string does not fail.
    let _ = entry.write_to(&mut folded);
    folded.replace("\r\n ", "").trim_end_matches(['\r', '\n']).to_owned()
}

/// Whether a property became a field.
fn single(entry: &ICalendarEntry, draft: &mut Draft, kind: Kind) -> bool {
    let is_task = kind == Kind::Task;
    match entry.name {
        Property::Summary => set_line(draft, "summary", entry),
        Property::Status => set_line(draft, "status", entry),
        Property::Location => set_line(draft, "location", entry),
        Property::Uid => set_line(draft, "uid", entry),
        Property::Dtstart => set_moment(draft, "start", entry),
        Property::Dtend if !is_task => set_moment(draft, "end", entry),
        Property::Duration if !is_task => set_line(draft, "duration", entry),
        Property::Due if is_task => set_moment(draft, "due", entry),
        Property::Completed if is_task => set_moment(draft, "completed", entry),
        Property::PercentComplete if is_task => set_whole(draft, "percent", entry),
        Property::Priority if is_task => set_whole(draft, "priority", entry),
        Property::Sequence => set_whole(draft, "sequence", entry),
        Property::Rrule => {
            let rule = line(entry);
            let rule = rule.split_once(':').map_or("", |(_, rule)| rule);
            draft.line("recurrence", rule);
            entry.params.is_empty() && !rule.is_empty()
        }
        Property::Organizer => {
            let (name, address) = (parameter(entry, &ICalendarParameterName::Cn), address(entry));
            let text = if name.is_empty() || name == address { address } else { format!("{name} <{address}>") };
            draft.line("organizer", &text);
            !text.is_empty()
        }
        Property::Description => {
            draft.note(&value_text(entry));
            true
        }
        _ => false,
    }
}

fn set_line(draft: &mut Draft, field: &'static str, entry: &ICalendarEntry) -> bool {
    draft.line(field, &value_text(entry));
    true
}

fn set_moment(draft: &mut Draft, field: &'static str, entry: &ICalendarEntry) -> bool {
    match moments(entry).next().flatten() {
        Some(text) => {
            draft.line(field, &text);
            true
        }
        None => false,
    }
}

fn set_whole(draft: &mut Draft, field: &'static str, entry: &ICalendarEntry) -> bool {
    match entry.values.first().and_then(ICalendarValue::as_integer) {
        Some(number) => {
            draft.whole(field, number);
            true
        }
        None => false,
    }
}

fn attendee(entry: &ICalendarEntry, draft: &mut Draft) -> bool {
    let address = address(entry).to_lowercase();
    let Some(key) = draft.item("attendees", &address, &address) else { return false };
    draft.member("attendees", &key, "name", &parameter(entry, &ICalendarParameterName::Cn));
    draft.member("attendees", &key, "role", &parameter(entry, &ICalendarParameterName::Role));
    draft.member("attendees", &key, "answer", &parameter(entry, &ICalendarParameterName::Partstat));
    true
}

fn categories(entry: &ICalendarEntry, draft: &mut Draft) -> bool {
    for category in entry.values.iter().filter_map(ICalendarValue::as_text) {
        draft.item("categories", category, &one_line(category));
    }
    true
}

fn left_out(entry: &ICalendarEntry, draft: &mut Draft) -> bool {
    let times: Option<Vec<String>> = moments(entry).collect();
    let Some(times) = times else { return false };
    for time in times {
        draft.item("exceptions", &time, &time);
    }
    true
}

fn reminder(calendar: &ICalendar, alarm: &ICalendarComponent, draft: &mut Draft) {
    let Some(trigger) = alarm.property(&Property::Trigger) else {
        draft.unknown("VALARM", &text(calendar, alarm));
        return;
    };
    let mut time = moments(trigger).next().flatten().unwrap_or_else(|| value_text(trigger));
    let related = parameter(trigger, &ICalendarParameterName::Related);
    if related.eq_ignore_ascii_case("END") {
        time.push_str(";RELATED=END");
    }
    let key = draft.numbered("reminders", &time, "#", &time);
    let action = alarm.property(&Property::Action).map(value_text).unwrap_or_default();
    let is_whole = alarm.entries.iter().all(|entry| matches!(entry.name, Property::Trigger | Property::Action));
    if let Some(key) = &key {
        draft.member("reminders", key, "action", &action);
    }
    if key.is_none() || !is_whole {
        draft.unknown("VALARM", &text(calendar, alarm));
    }
}

/// The times of a property, none for each value that is no time.
fn moments(entry: &ICalendarEntry) -> impl Iterator<Item = Option<String>> {
    let zone = parameter(entry, &ICalendarParameterName::Tzid);
    entry.values.iter().map(move |value| moment(value.as_partial_date_time()?, Some(&zone)))
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
fn address(entry: &ICalendarEntry) -> String {
    let value = value_text(entry);
    let address = strip_mailto_scheme(value.trim()).trim();
    let email = parameter(entry, &ICalendarParameterName::Email);
    if email.is_empty() || address.contains('@') { address.to_owned() } else { email }
}

fn parameter(entry: &ICalendarEntry, name: &ICalendarParameterName) -> String {
    entry.parameter(name).and_then(|value| value.as_text()).unwrap_or_default().trim().to_owned()
}
