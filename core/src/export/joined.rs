//! Several calendars as one.

use std::collections::BTreeMap;
use std::fmt::Write;

const BEGIN: &str = "BEGIN:VCALENDAR";
const END: &str = "END:VCALENDAR";
/// Zones that are remembered, so that each is written once; beyond, further ones are written each time, which is legal.
const ZONES_MAX: usize = 1_000;

/// Joins calendars into one, text by text, as long as what they say of themselves is the same; where it differs a further
/// calendar begins, since what stands at the head of a calendar is said of all in it. A time zone that was written already is
/// left out; another one of the same name begins a further calendar, too.
#[derive(Debug, Default)]
pub struct JoinedCalendars {
    /// What stands between the beginning of the calendar that is open and its first component.
    head: Option<String>,
    /// Zones by their names.
    zones: BTreeMap<String, String>,
}

impl JoinedCalendars {
    /// Nothing joined yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be written next for this calendar.
    #[must_use]
    pub fn add(&mut self, calendar: &str) -> String {
        let (head, components) = parts(calendar);
        let mut out = String::new();
        let is_other = |component: &String| {
            zone(component).and_then(|name| self.zones.get(name)).is_some_and(|found| found != component)
        };
        if self.head.as_ref() != Some(&head) || components.iter().any(is_other) {
            if self.head.is_some() {
                let _ = write!(out, "{END}\r\n");
            }
            let _ = write!(out, "{BEGIN}\r\n{head}");
            self.head = Some(head);
            self.zones.clear();
        }
        for component in components {
            let Some(name) = zone(&component) else {
                out.push_str(&component);
                continue;
            };
            if self.zones.contains_key(name) {
                continue;
            }
            out.push_str(&component);
            if self.zones.len() < ZONES_MAX {
                let name = name.to_owned();
                self.zones.insert(name, component);
            }
        }
        out
    }

    /// What closes the last calendar.
    #[must_use]
    pub fn end(self) -> String {
        if self.head.is_some() { format!("{END}\r\n") } else { String::new() }
    }
}

/// The name of a time zone; none for other components.
fn zone(component: &str) -> Option<&str> {
    component.strip_prefix("BEGIN:VTIMEZONE\r\n")?.lines().find(|line| line.starts_with("TZID"))
}

/// What a calendar says of itself, and its components, each whole.
fn parts(calendar: &str) -> (String, Vec<String>) {
    let (mut head, mut components, mut component, mut depth) = (String::new(), Vec::new(), String::new(), 0_usize);
    for line in calendar.lines().filter(|line| !line.is_empty()) {
        if depth == 0 && (line == BEGIN || line == END) {
            continue;
        }
        depth += usize::from(line.starts_with("BEGIN:"));
        let place = if depth == 0 { &mut head } else { &mut component };
        place.push_str(line);
        place.push_str("\r\n");
        if depth > 0 && line.starts_with("END:") {
            depth -= 1;
            if depth == 0 {
                components.push(std::mem::take(&mut component));
            }
        }
    }
    (head, components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendars_are_joined_as_long_as_they_say_the_same_of_themselves() {
        let calendar = |head: &str, uid: &str| {
            format!(
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}BEGIN:VTIMEZONE\r\nTZID:x\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
                 BEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            )
        };
        let mut joined = JoinedCalendars::new();
        let mut text = joined.add(&calendar("", "1"));
        text += &joined.add(&calendar("", "2"));
        text += &joined.add(&calendar("METHOD:REQUEST\r\n", "3"));
        text += &joined.end();
        let second = "BEGIN:VEVENT\r\nUID:2\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let first = calendar("", "1").replace("END:VCALENDAR\r\n", "");
        assert_eq!(text, format!("{first}{second}{}", calendar("METHOD:REQUEST\r\n", "3")));
        assert_eq!(JoinedCalendars::new().end(), "");
    }
}
