//! The events and to-dos of an iCalendar file as appointment and task records.

use std::collections::BTreeMap;

use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Type, ICalendarProperty as Property, ICalendarValue,
};
use calcard::{Entry, Parser};

use super::draft::{Draft, content_identity};
use super::text::{cut, decode, one_line};
use super::{Outcome, Skipped, component};
use crate::limits::IMPORT_ITEM_BYTES_MAX;
use crate::record::Kind;
use crate::record::document::guarded;
use crate::record::identity::Identity;

/// Reads every event and to-do of a file, which may hold several calendars.
///
/// A component that changes one instance of a recurring event belongs to the record of that event, as one of its exceptions.
#[must_use]
pub fn calendar(bytes: &[u8]) -> Vec<Outcome> {
    let what = "the calendar";
    if bytes.len() > IMPORT_ITEM_BYTES_MAX {
        let said = format!("it has {} bytes, and at most {IMPORT_ITEM_BYTES_MAX} are read", bytes.len());
        return vec![Outcome::Skipped(Skipped::new(what, said))];
    }
    let text = decode(bytes);
    match guarded(|| read(&text)) {
        Ok(outcomes) if outcomes.is_empty() => {
            vec![Outcome::Skipped(Skipped::new(what, "it has no event and no to-do"))]
        }
        Ok(outcomes) => outcomes,
        Err(panic) => vec![Outcome::Skipped(Skipped::new(what, format!("it cannot be read ({panic})")))],
    }
}

fn read(text: &str) -> Vec<Outcome> {
    let mut parser = Parser::new(text);
    let mut calendars = Vec::new();
    let mut outcomes = Vec::new();
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => calendars.push(calendar),
            Entry::VCard(_) => outcomes.push(Outcome::Skipped(Skipped::new("a vCard", "it stands in a calendar file"))),
            Entry::TooManyComponents => {
                outcomes.push(Outcome::Skipped(Skipped::new("the rest of the calendar", "it has too many components")));
                break;
            }
            Entry::Eof => break,
            // Lines outside of any component.
            _ => {}
        }
    }
    let (groups, skipped) = sort(&calendars);
    outcomes.extend(groups.into_iter().flat_map(records));
    outcomes.extend(skipped);
    outcomes
}

/// One component with the calendar that it stands in.
#[derive(Clone, Copy)]
struct Found<'a> {
    calendar: &'a ICalendar,
    component: &'a ICalendarComponent,
    kind: Kind,
}

/// What belongs to one record: components of one kind and UID, in the order of the file.
type Group<'a> = Vec<Found<'a>>;

fn sort(calendars: &[ICalendar]) -> (Vec<Group<'_>>, Vec<Outcome>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut skipped = Vec::new();
    let mut by_uid: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for calendar in calendars {
        for (component, is_top) in with_place(calendar) {
            let kind = match &component.component_type {
                Type::VEvent => Kind::Appointment,
                Type::VTodo => Kind::Task,
                Type::VCalendar | Type::VTimezone | Type::Standard | Type::Daylight | Type::VAlarm => continue,
                _ if !is_top => continue,
                other => {
                    skipped.push(Outcome::Skipped(not_kept(other, component)));
                    continue;
                }
            };
            let found = Found { calendar, component, kind };
            let uid = uid(component);
            if uid.is_empty() {
                groups.push(vec![found]);
                continue;
            }
            let group = *by_uid.entry((kind, uid)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push(found);
        }
    }
    (groups, skipped)
}

/// All components in the order of the file, and whether each stands in the calendar itself and not in another component.
fn with_place(calendar: &ICalendar) -> impl Iterator<Item = (&ICalendarComponent, bool)> {
    let mut is_top = vec![false; calendar.components.len()];
    if let Some(root) = calendar.components.first() {
        is_top[0] = root.component_type != Type::VCalendar;
        let parts = root.component_ids.iter().filter_map(|id| usize::try_from(*id).ok());
        parts.filter(|_| !is_top[0]).collect::<Vec<_>>().into_iter().for_each(|id| is_top[id] = true);
    }
    calendar.components.iter().zip(is_top)
}

fn uid(component: &ICalendarComponent) -> String {
    one_line(&component.property(&Property::Uid).map(component::value_text).unwrap_or_default()).into_owned()
}

/// The record of a group, and what of it is no part of that record.
fn records(group: Group<'_>) -> Vec<Outcome> {
    let (overrides, masters): (Group<'_>, Group<'_>) =
        group.into_iter().partition(|found| found.component.has_property(&Property::RecurrenceId));
    let newest = masters.iter().map(|found| revision(found.component)).max();
    let newest = masters.iter().rposition(|found| Some(revision(found.component)) == newest);
    let base = newest.map(|at| masters[at]).or_else(|| overrides.first().copied());
    let Some(base) = base else { return Vec::new() };
    let mut outcomes = vec![record(base, &overrides)];
    for (at, found) in masters.iter().enumerate() {
        if Some(at) != newest {
            outcomes.push(Outcome::Skipped(Skipped::new(
                described(&found.component.component_type, found.component),
                "the file has another one with the same UID that is newer or stands behind it",
            )));
        }
    }
    outcomes
}

fn record(base: Found<'_>, overrides: &[Found<'_>]) -> Outcome {
    let Found { calendar, component, kind } = base;
    let mut draft = Draft::new(kind);
    component::fields(calendar, component, &mut draft, kind);
    for other in overrides {
        component::exception(other.calendar, other.component, &mut draft);
    }
    if let Some(method) = calendar.components.first().and_then(|root| root.property(&Property::Method)) {
        draft.unknown("METHOD", &component::line(method));
    }
    let uid = uid(component);
    draft.finish(if uid.is_empty() {
        content_identity(kind, [canonical(calendar, component).as_str()])
    } else {
        Identity::Uid(uid)
    })
}

/// The component without what changes from export to export.
fn canonical(calendar: &ICalendar, component: &ICalendarComponent) -> String {
    let mut component = component.clone();
    component.entries.retain(|entry| !matches!(entry.name, Property::Dtstamp | Property::LastModified));
    let mut lines: Vec<String> = component.entries.iter().map(component::line).collect();
    lines.sort_unstable();
    component.entries.clear();
    lines.push(component::text(calendar, &component));
    lines.join("\n")
}

fn revision(component: &ICalendarComponent) -> i64 {
    let sequence = component.property(&Property::Sequence);
    sequence.and_then(|entry| entry.values.first()).and_then(ICalendarValue::as_integer).unwrap_or(0)
}

fn not_kept(name: &Type, component: &ICalendarComponent) -> Skipped {
    let reason = match name {
        Type::VJournal => "Regard keeps no journals",
        Type::VFreebusy => "free and busy times are no event",
        Type::VAvailability => "times of availability are no event",
        _ => "Regard keeps events and to-dos only",
    };
    Skipped::new(described(name, component), reason)
}

fn described(name: &Type, component: &ICalendarComponent) -> String {
    const CALLED_BYTES_MAX: usize = 80;
    let summary = component.property(&Property::Summary).map(component::value_text).unwrap_or_default();
    let called = if summary.is_empty() { uid(component) } else { one_line(&summary).into_owned() };
    let name = one_line(name.as_str()).into_owned();
    let name = cut(&name, CALLED_BYTES_MAX);
    if called.is_empty() { format!("a {name}") } else { format!("the {name} “{}”", cut(&called, CALLED_BYTES_MAX)) }
}
