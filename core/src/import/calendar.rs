//! The events and to-dos of an iCalendar file as appointment and task records.

use std::collections::{BTreeMap, BTreeSet};

use calcard::icalendar::ICalendarValue;

use super::draft::{Draft, content_identity};
use super::ical::{Line, Tree};
use super::text::{cut, decode, one_line};
use super::{Outcome, Skipped, component};
use crate::limits::{IMPORT_ITEM_BYTES_MAX, IMPORT_REPEATED_BYTES_MAX};
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
    let tree = Tree::parse(text);
    let mut outcomes = Vec::new();
    for _ in tree.roots.iter().filter(|root| tree.nodes[**root].name == "VCARD") {
        outcomes.push(Outcome::Skipped(Skipped::new("a vCard", "it stands in a calendar file")));
    }
    let (groups, skipped) = sort(&tree);
    let mut repeated = Repeated::of(&tree);
    outcomes.extend(groups.into_iter().flat_map(|group| records(&tree, group, &mut repeated)));
    outcomes.extend(skipped);
    if tree.is_cut {
        outcomes.push(Outcome::Skipped(Skipped::new("the rest of the calendar", "it has too many components")));
    }
    outcomes
}

/// One component that belongs to a record.
#[derive(Clone, Copy)]
struct Found {
    at: usize,
    kind: Kind,
}

/// What belongs to one record: components of one kind and UID, in the order of the file.
type Group = Vec<Found>;

fn sort(tree: &Tree<'_>) -> (Vec<Group>, Vec<Outcome>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut skipped = Vec::new();
    let mut by_uid: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    for (at, node) in tree.nodes.iter().enumerate() {
        let root = &tree.nodes[node.root];
        let kind = match node.name.as_str() {
            _ if root.name == "VCARD" => continue,
            "VEVENT" => Kind::Appointment,
            "VTODO" => Kind::Task,
            "VCALENDAR" | "VTIMEZONE" | "STANDARD" | "DAYLIGHT" | "VALARM" => continue,
            // What stands in another component belongs to that one.
            _ if node.parent.is_some_and(|parent| parent != node.root || root.name != "VCALENDAR") => continue,
            _ => {
                skipped.push(Outcome::Skipped(not_kept(tree, at)));
                continue;
            }
        };
        let found = Found { at, kind };
        let uid = uid(tree, at);
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
    (groups, skipped)
}

/// The first value of a property, unescaped; empty where there is none.
fn value(tree: &Tree<'_>, at: usize, name: &str) -> String {
    let found = tree.nodes.get(at).and_then(|node| node.line(name)).and_then(component::entry);
    one_line(&found.map(|entry| component::value_text(&entry)).unwrap_or_default()).into_owned()
}

fn uid(tree: &Tree<'_>, at: usize) -> String {
    value(tree, at, "UID")
}

/// The record of a group, and what of it is no part of that record.
fn records(tree: &Tree<'_>, group: Group, repeated: &mut Repeated) -> Vec<Outcome> {
    let (overrides, masters): (Group, Group) =
        group.into_iter().partition(|found| tree.nodes[found.at].line("RECURRENCE-ID").is_some());
    let newest = masters.iter().map(|found| revision(tree, found.at)).max();
    let newest = masters.iter().rposition(|found| Some(revision(tree, found.at)) == newest);
    // Without the recurring event itself, the first of its instances is the record, and says which one it is.
    let (base, overrides) = match (newest, overrides.split_first()) {
        (Some(at), _) => (masters[at], overrides.as_slice()),
        (None, Some((first, others))) => (*first, others),
        (None, None) => return Vec::new(),
    };
    let mut outcomes = vec![record(tree, base, overrides, repeated)];
    for (at, found) in masters.iter().enumerate() {
        if Some(at) != newest {
            outcomes.push(Outcome::Skipped(Skipped::new(
                described(tree, found.at),
                "the file has another one with the same UID that is newer or stands behind it",
            )));
        }
    }
    outcomes
}

fn record(tree: &Tree<'_>, base: Found, overrides: &[Found], repeated: &mut Repeated) -> Outcome {
    let Found { at, kind } = base;
    let mut draft = Draft::new(kind);
    component::fields(tree, at, &mut draft, kind);
    let mut zones = BTreeSet::new();
    zones_used(tree, at, &mut zones);
    for other in overrides {
        component::exception(tree, other.at, &mut draft);
        zones_used(tree, other.at, &mut zones);
    }
    repeated.keep(tree, at, &zones, &mut draft);
    let uid = uid(tree, at);
    draft.finish(if uid.is_empty() {
        content_identity(kind, [canonical(tree, at).as_str()])
    } else {
        Identity::Uid(uid)
    })
}

/// The names of the time zones that a component and its parts refer to.
fn zones_used(tree: &Tree<'_>, at: usize, zones: &mut BTreeSet<String>) {
    let own_parts = tree.parts(at).filter(|part| !component::is_record(&tree.nodes[*part].name));
    for node in std::iter::once(at).chain(own_parts).filter_map(|at| tree.nodes.get(at)) {
        let lines = node.lines.iter().filter_map(|line| Line::parse(line));
        zones.extend(lines.map(|line| line.param("TZID").to_owned()).filter(|zone| !zone.is_empty()));
    }
}

/// What belongs to a whole calendar, and is kept with each of its records.
struct Repeated {
    /// The first definition of each time zone, by calendar and name.
    zones: BTreeMap<(usize, String), usize>,
    /// How much more the records of the file may hold of it altogether.
    room: usize,
}

impl Repeated {
    fn of(tree: &Tree<'_>) -> Self {
        let mut zones = BTreeMap::new();
        for (at, node) in tree.nodes.iter().enumerate().filter(|(_, node)| node.name == "VTIMEZONE") {
            zones.entry((node.root, value(tree, at, "TZID"))).or_insert(at);
        }
        Self { zones, room: IMPORT_REPEATED_BYTES_MAX }
    }

    /// Keeps the properties of the calendar itself, and the definitions of the time zones that the record refers to.
    fn keep(&mut self, tree: &Tree<'_>, at: usize, zones: &BTreeSet<String>, draft: &mut Draft) {
        let Some(root) = tree.nodes.get(at).map(|node| node.root) else { return };
        let calendar = tree.nodes.get(root).filter(|calendar| calendar.name == "VCALENDAR");
        for line in calendar.into_iter().flat_map(|calendar| &calendar.lines) {
            let Some(name) = Line::parse(line).map(|line| line.name) else { continue };
            // Which program wrote the file, and in which version of the format, is true of that file only.
            if !matches!(name.as_str(), "VERSION" | "PRODID") && !self.put(&format!("{OF_CALENDAR}{name}"), line, draft)
            {
                return;
            }
        }
        for zone in zones {
            let Some(definition) = self.zones.get(&(root, zone.clone())) else { continue };
            // An event in a time zone is a record of its own, and would be exported with each that refers to the zone.
            let is_of_zone = |line: &str| !line.strip_prefix("BEGIN:").is_some_and(component::is_record);
            if !self.put("VTIMEZONE", &tree.text(*definition, &is_of_zone), draft) {
                return;
            }
        }
    }

    /// Answers whether there was room.
    fn put(&mut self, name: &str, text: &str, draft: &mut Draft) -> bool {
        if let Some(room) = self.room.checked_sub(text.len()) {
            self.room = room;
            draft.unknown(name, text);
            return true;
        }
        // Full for good: no later record goes through all of it again.
        self.room = 0;
        draft.leave_out("unknown");
        false
    }
}

/// What stands before the name of a property that belongs to the whole calendar, among what is kept verbatim.
pub(crate) const OF_CALENDAR: &str = "VCALENDAR.";

/// The component without what changes from export to export. Part of the format, as [`content_identity`] is.
fn canonical(tree: &Tree<'_>, at: usize) -> String {
    const DEPTH_MAX: usize = 8;
    let mut lines = written(tree, at);
    lines.retain(|line| !["DTSTAMP", "LAST-MODIFIED"].contains(&line.split([':', ';']).next().unwrap_or_default()));
    lines.sort_unstable();
    write(tree, at, &[], DEPTH_MAX, &mut lines);
    lines.join("\n")
}

fn written(tree: &Tree<'_>, at: usize) -> Vec<String> {
    let lines = tree.nodes.get(at).into_iter().flat_map(|node| &node.lines);
    lines.filter_map(|line| component::entry(line)).map(|entry| component::written(&entry)).collect()
}

fn write(tree: &Tree<'_>, at: usize, own: &[String], depth: usize, lines: &mut Vec<String>) {
    let Some(node) = tree.nodes.get(at) else { return };
    lines.push(format!("BEGIN:{}", node.name));
    lines.extend_from_slice(own);
    if depth > 0 {
        for part in &node.parts {
            write(tree, *part, &written(tree, *part), depth - 1, lines);
        }
    }
    lines.push(format!("END:{}", node.name));
}

fn revision(tree: &Tree<'_>, at: usize) -> i64 {
    let sequence = tree.nodes.get(at).and_then(|node| node.line("SEQUENCE")).and_then(component::entry);
    sequence.and_then(|entry| entry.values.first().and_then(ICalendarValue::as_integer)).unwrap_or(0)
}

fn not_kept(tree: &Tree<'_>, at: usize) -> Skipped {
    let reason = match tree.nodes[at].name.as_str() {
        "VJOURNAL" => "Regard keeps no journals",
        "VFREEBUSY" => "free and busy times are no event",
        "VAVAILABILITY" => "times of availability are no event",
        _ => "Regard keeps events and to-dos only",
    };
    Skipped::new(described(tree, at), reason)
}

fn described(tree: &Tree<'_>, at: usize) -> String {
    const CALLED_BYTES_MAX: usize = 80;
    let summary = value(tree, at, "SUMMARY");
    let called = if summary.is_empty() { uid(tree, at) } else { summary };
    let name = one_line(&tree.nodes[at].name).into_owned();
    let name = cut(&name, CALLED_BYTES_MAX);
    if called.is_empty() { format!("a {name}") } else { format!("the {name} “{}”", cut(&called, CALLED_BYTES_MAX)) }
}
