//! The event or to-do itself: what its fields make, and what is kept verbatim where it still says the same.

use std::collections::{BTreeMap, BTreeSet};

use super::kept::{Kept, Own};
use super::made;
use crate::import::component::{ATTENDEE_PARAMS, Slot, meaning};
use crate::import::ical::{Form, Line, Row, Tree, rows, split_list};
use crate::import::view::{View, entry_text};
use crate::record::Entry;

/// The properties and parts of the component, without BEGIN and END.
pub(super) fn elements(view: &View, kept: &Kept) -> Vec<String> {
    let mut out = Vec::new();
    for row in rows(view.kind) {
        match row.form {
            Form::Attendee => attendees(view, kept, &mut out),
            Form::Categories | Form::LeftOut => list(row, view, kept, &mut out),
            _ => one(row, view, kept, &mut out),
        }
    }
    reminders(view, kept, &mut out);
    out.extend(kept.own.iter().filter(|own| own.slot == Slot::Unknown).map(|own| own.text.clone()));
    // Parts stand behind the properties.
    out.sort_by_key(|text| text.starts_with("BEGIN:"));
    out
}

/// A field of one value. The first line kept is the one that the field came from; further ones no field has.
fn one(row: &Row, view: &View, kept: &Kept, out: &mut Vec<String>) {
    let mut own = kept.own.iter().filter(|own| own.slot == Slot::One(row.field));
    match own.next() {
        Some(first) if first.view.scalar(row.field) == view.scalar(row.field) => out.push(first.text.clone()),
        Some(first) => out.extend(made::one(row, view).map(|line| merged(line, first, row).text())),
        None => out.extend(made::one(row, view).map(|line| line.text())),
    }
    out.extend(own.map(|own| own.text.clone()));
}

/// Parameters that say how a value is written: they go with it.
const OF_VALUE: [&str; 6] = ["VALUE", "TZID", "ENCODING", "CHARSET", "CN", "EMAIL"];

/// What the field says now, with the parameters of the line that it came from which no field has.
fn merged(mut line: Line, before: &Own, row: &Row) -> Line {
    let Some(old) = Line::parse(&before.text) else { return line };
    // Who speaks for an organizer does not speak for the next one.
    let is_other_user = row.form == Form::Organizer && !old.value.eq_ignore_ascii_case(&line.value);
    if !is_other_user {
        line.params.extend(old.params.into_iter().filter(|param| !OF_VALUE.contains(&param.name.as_str())));
    }
    line
}

fn attendees(view: &View, kept: &Kept, out: &mut Vec<String>) {
    let mut written = BTreeSet::new();
    for own in kept.own.iter().filter(|own| matches!(own.slot, Slot::Entry("attendees", _))) {
        let Some((key, before)) = own.view.entries("attendees").next() else { continue };
        // Whoever is invited no longer goes with all that was said of them.
        let Some(now) = view.entry("attendees", key) else { continue };
        let is_further = !written.insert(key);
        out.push(if is_further || before == now { own.text.clone() } else { answered(own, now) });
    }
    let others = view.entries("attendees").filter(|(key, _)| !written.contains(key));
    out.extend(others.map(|(_, entry)| made::attendee(entry).text()));
}

/// The line of an attendee of whom something else is known now.
fn answered(before: &Own, now: &Entry) -> String {
    let made = made::attendee(now);
    let Some(mut line) = Line::parse(&before.text) else { return made.text() };
    line.params.retain(|param| ATTENDEE_PARAMS.iter().all(|(_, name)| param.name != *name));
    line.params.extend(made.params);
    line.text()
}

/// A field whose entries stand on lines together.
fn list(row: &Row, view: &View, kept: &Kept, out: &mut Vec<String>) {
    let stands = |key: &str| view.entry(row.field, key).filter(|entry| !entry.members.contains_key("instance"));
    let mut written = BTreeSet::new();
    for own in kept.own.iter().filter(|own| own.slot == Slot::List(row.field)) {
        let keys: Vec<&String> = own.view.entries(row.field).map(|(key, _)| key).collect();
        if keys.iter().all(|key| stands(key).is_some()) {
            out.push(own.text.clone());
        } else {
            out.extend(without(row, view, own, &|key| stands(key).is_some()));
        }
        written.extend(keys.into_iter().cloned());
    }
    let others: Vec<&Entry> =
        view.entries(row.field).filter(|(key, _)| !written.contains(*key)).map(|(_, entry)| entry).collect();
    out.extend(made::list(row, &others).iter().map(Line::text));
}

/// The line without the values whose entries were removed; none where that are all.
fn without(row: &Row, view: &View, own: &Own, stands: &dyn Fn(&str) -> bool) -> Option<String> {
    let line = Line::parse(&own.text)?;
    let is_there = |value: &&str| {
        let alone = Line { value: (*value).to_owned(), ..line.clone() };
        meaning(view.kind, &alone.text()).1.entries(row.field).any(|(key, _)| stands(key))
    };
    let values: Vec<&str> = split_list(&line.value).into_iter().filter(is_there).collect();
    (!values.is_empty()).then(|| Line { value: values.join(","), ..line.clone() }.text())
}

/// Reminders of the same time are known by their order.
fn reminders(view: &View, kept: &Kept, out: &mut Vec<String>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut written = BTreeSet::new();
    for own in &kept.own {
        let Slot::Entry("reminders", time) = &own.slot else { continue };
        let Some((first_key, before)) = own.view.entries("reminders").next() else { continue };
        let count = counts.entry(time).or_default();
        *count += 1;
        let key = if *count == 1 { first_key.clone() } else { format!("{first_key}#{count}") };
        if let Some(now) = view.entry("reminders", &key) {
            let is_same = before.members == now.members;
            out.push(if is_same { own.text.clone() } else { acted(&own.text, &entry_text(now, Some("action"))) });
        }
        written.insert(key);
    }
    let others = view.entries("reminders").filter(|(key, _)| !written.contains(*key));
    out.extend(others.filter_map(|(_, entry)| made::reminder(entry, view)));
}

/// The reminder with another action.
fn acted(text: &str, action: &str) -> String {
    let mut tree = Tree::parse(text);
    if let Some(alarm) = tree.nodes.first_mut() {
        alarm.lines.retain(|line| Line::parse(line).is_none_or(|line| line.name != "ACTION"));
        if !action.is_empty() {
            alarm.lines.push(Line::new("ACTION", crate::import::ical::escape(action)).text().into());
        }
    }
    tree.text(0, &|_| true)
}
