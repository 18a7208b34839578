//! Properties and reminders as fields make them.

use crate::import::component::ATTENDEE_PARAMS;
use crate::import::ical::{Form, Line, Row, escape, rows};
use crate::import::view::{View, entry_text};
use crate::record::{Entry, Scalar};

/// Everything that the fields say, each property and each reminder as text.
pub(crate) fn made(view: &View) -> Vec<String> {
    let mut made = Vec::new();
    for row in rows(view.kind) {
        let entries = view.entries(row.field);
        match row.form {
            Form::Attendee => made.extend(entries.map(|(_, entry)| attendee(entry).text())),
            Form::Categories | Form::LeftOut => {
                made.extend(list(row, &entries.map(|(_, entry)| entry).collect::<Vec<_>>()).iter().map(Line::text));
            }
            _ => made.extend(one(row, view).map(|line| line.text())),
        }
    }
    made.extend(view.entries("reminders").filter_map(|(_, entry)| reminder(entry, view)));
    made
}

/// The property of a field of one value; none where the field is empty, or says what the property cannot.
pub(super) fn one(row: &Row, view: &View) -> Option<Line> {
    let text = view.scalar(row.field)?.to_string();
    match row.form {
        Form::Moment => moment(row.property, &text),
        Form::Organizer => Some(organizer(&text)),
        // An event has an end or a duration, not both; whoever sets the end of one that had a duration means the end.
        Form::Plain if row.field == "duration" && view.scalar("end").is_some() => None,
        Form::Plain => Some(Line::new(row.property, text)),
        _ => Some(Line::new(row.property, escape(&text))),
    }
}

/// `Ana <ana@example.org>`, or an address alone.
fn organizer(text: &str) -> Line {
    match text.strip_suffix('>').and_then(|text| text.rsplit_once(" <")) {
        Some((name, address)) => Line::new("ORGANIZER", user(address)).with("CN", name),
        None => Line::new("ORGANIZER", user(text)),
    }
}

/// A mail address as the standard writes it; what names its scheme, or is none, as it is.
fn user(address: &str) -> String {
    if address.contains('@') && !address.contains(':') { format!("mailto:{address}") } else { address.to_owned() }
}

pub(super) fn attendee(entry: &Entry) -> Line {
    let mut line = Line::new("ATTENDEE", user(&entry_text(entry, None)));
    for (member, param) in ATTENDEE_PARAMS {
        let text = entry_text(entry, Some(member));
        if !text.is_empty() {
            line = line.with(param, &text);
        }
    }
    line
}

/// The lines of a list: categories on one, instances that are left out on one for each way of writing a time.
pub(super) fn list(row: &Row, entries: &[&Entry]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for entry in entries {
        let text = entry_text(entry, None);
        let line = match row.form {
            // An instance that differs stands in the file with all that it is.
            Form::LeftOut if entry.members.contains_key("instance") => None,
            Form::LeftOut => moment(row.property, &text),
            _ => Some(Line::new(row.property, escape(&text))),
        };
        let Some(line) = line else { continue };
        match lines.iter_mut().find(|other| other.params == line.params) {
            Some(other) => {
                other.value.push(',');
                other.value.push_str(&line.value);
            }
            None => lines.push(line),
        }
    }
    lines
}

/// A reminder as a component; none where its time is no time.
pub(super) fn reminder(entry: &Entry, view: &View) -> Option<String> {
    let text = entry_text(entry, None);
    let (time, is_of_end) = text.strip_suffix(";RELATED=END").map_or((text.as_str(), false), |time| (time, true));
    let trigger = if time.starts_with(['P', '+', '-']) {
        Line::new("TRIGGER", time)
    } else {
        let line = moment("TRIGGER", time)?;
        if line.param("VALUE").is_empty() { line.with("VALUE", "DATE-TIME") } else { line }
    };
    let trigger = if is_of_end { trigger.with("RELATED", "END") } else { trigger };
    let action = Some(entry_text(entry, Some("action"))).filter(|action| !action.is_empty());
    let action = action.unwrap_or_else(|| "DISPLAY".into());
    let mut lines = vec!["BEGIN:VALARM".to_owned(), trigger.text(), Line::new("ACTION", escape(&action)).text()];
    if action == "DISPLAY" {
        // The standard asks for what is shown.
        let said = view.scalar("summary").map_or_else(|| "Reminder".to_owned(), Scalar::to_string);
        lines.push(Line::new("DESCRIPTION", escape(&said)).text());
    }
    lines.push("END:VALARM".to_owned());
    Some(lines.join("\n"))
}

/// A date or a time as a property; none for what is neither, and for a birthday without a year. A time with an offset is written in
/// UTC.
pub(super) fn moment(property: &str, text: &str) -> Option<Line> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && !text.contains(['T', 't', ' ', '['])
    {
        return Some(Line::new(property, day(date)?).with("VALUE", "DATE"));
    }
    if let Some((local, zone)) = text.split_once('[') {
        let value = time(local.parse().ok()?)?;
        return Some(Line::new(property, value).with("TZID", zone.strip_suffix(']')?));
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Line::new(property, utc(at)?));
    }
    Some(Line::new(property, time(text.parse().ok()?)?))
}

/// A time in UTC as the standard writes it; none beyond the year 9999.
pub(super) fn utc(at: jiff::Timestamp) -> Option<String> {
    Some(format!("{}Z", time(jiff::tz::Offset::UTC.to_datetime(at))?))
}

fn time(at: jiff::civil::DateTime) -> Option<String> {
    Some(format!("{}T{:02}{:02}{:02}", day(at.date())?, at.hour(), at.minute(), at.second()))
}

fn day(date: jiff::civil::Date) -> Option<String> {
    (date.year() >= 0).then(|| format!("{:04}{:02}{:02}", date.year(), date.month(), date.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_moment_is_written() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(moment("A", text).map(|line| line.text()).as_deref(), expected, "{text}");
        };
        check("2026-11-22", Some("A;VALUE=DATE:20261122"));
        check("2026-11-22T18:30:05", Some("A:20261122T183005"));
        check("2026-11-22T18:30", Some("A:20261122T183000"));
        check("2026-11-22T17:30:00Z", Some("A:20261122T173000Z"));
        check("2026-11-22T00:30:00+01:00", Some("A:20261121T233000Z"));
        check("2026-11-22T18:30:00[Europe/Berlin]", Some("A;TZID=Europe/Berlin:20261122T183000"));
        check("2026-11-22T18:30:00[(UTC+01:00) a]", Some("A;TZID=\"(UTC+01:00) a\":20261122T183000"));
        for text in ["--03-14", "soon", "", "2026-11-22T18:30:00[x", "-000001-01-01", "2026-13-01"] {
            check(text, None);
        }
    }
}
