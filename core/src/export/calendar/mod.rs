//! Appointments and tasks as iCalendar (RFC 5545, RFC 7986).
//!
//! Where a property was kept verbatim and still says what the fields say, it is written as it was; where a field was changed since, the
//! field is written, with those parameters of the old line that no field has. What belongs to an entry that was removed goes with
//! it. Everything else that was kept is written as it was.

mod component;
mod kept;
mod made;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::import::ical::{Line, is_named};
use crate::import::syntax::folded;
use crate::import::view::View;
use crate::record::{Document, Kind, Projection};
use kept::Kept;

pub(crate) use made::made;

/// The record as one iCalendar file with lines ended by CR LF; none for kinds that no calendar holds.
///
/// A record without a `uid` is written without one: see [`calendar_with_uid`].
#[must_use]
pub fn calendar(record: &Document) -> Option<String> {
    calendar_with_uid(record, "")
}

/// The same with an id for a record that has no `uid` of its own, since many calendars read no event without one. The record's id is
/// a good one.
#[must_use]
pub fn calendar_with_uid(record: &Document, uid: &str) -> Option<String> {
    let name = match record.kind() {
        Kind::Appointment => "VEVENT",
        Kind::Task => "VTODO",
        Kind::Email | Kind::Contact | Kind::Account | Kind::Lead => return None,
    };
    let view = View::of(record);
    let kept = Kept::of(&view);
    let mut own = component::elements(&view, &kept);
    if view.scalar("uid").is_none() && !uid.is_empty() {
        own.insert(0, Line::new("UID", uid).text());
    }
    let mut components = vec![format!("BEGIN:{name}\n{}\nEND:{name}", own.join("\n"))];
    components.extend(instances(&view));
    components.extend(kept.instances);
    let used: BTreeSet<String> = components.iter().flat_map(|text| zones_used(text)).collect();

    let stamp = Line::new("DTSTAMP", stamp(record)).text();
    let mut out = String::new();
    // Control characters, which no line may have, would end it.
    let plain = |line: &str| line.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>();
    let mut write = |line: &str| {
        let written = plain(line);
        // A line that begins or ends a component only without them is none of this export's own.
        let is_forged = written != line && (is_named(&written, "BEGIN") || is_named(&written, "END"));
        if !is_forged {
            out.push_str(&folded(&written));
        }
    };
    write("BEGIN:VCALENDAR");
    write("VERSION:2.0");
    write("PRODID:-//Regard//Regard//EN");
    kept.calendar.iter().for_each(|line| write(line));
    let zones = kept.zones.iter().filter(|(name, _)| used.contains(name));
    zones.flat_map(|(_, text)| text.lines()).for_each(&mut write);
    for text in &components {
        for (at, line) in text.lines().filter(|line| !line.is_empty()).enumerate() {
            write(line);
            if at == 0 {
                write(&stamp);
            }
        }
    }
    write("END:VCALENDAR");
    Some(out)
}

/// The instances that differ, as they were written.
fn instances(view: &View) -> Vec<String> {
    let texts = view.entries("exceptions").filter_map(|(_, entry)| entry.members.get("instance"));
    let wholes = texts.filter_map(|text| kept::whole(&text.to_string()));
    wholes.filter(|(name, _)| matches!(name.as_str(), "VEVENT" | "VTODO")).map(|(_, text)| text).collect()
}

fn zones_used(text: &str) -> Vec<String> {
    text.lines().filter_map(Line::parse).map(|line| line.param("TZID").to_owned()).collect()
}

/// When what is known of the event was last changed, as its newest changes claim.
fn stamp(record: &Document) -> String {
    let at = jiff::Timestamp::from_millisecond(Projection::of(record).changed_at.0);
    at.ok().and_then(made::utc).unwrap_or_else(|| "19700101T000000Z".into())
}
