//! What a record keeps verbatim of the calendar from which it came.

use crate::import::calendar::OF_CALENDAR;
use crate::import::component::{Slot, meaning};
use crate::import::ical::{Line, Tree};
use crate::import::view::{View, entry_text};

/// What is kept verbatim, by its place in the file.
#[derive(Default)]
pub(super) struct Kept {
    /// Properties of the calendar itself.
    pub(super) calendar: Vec<String>,
    /// Definitions of time zones, with the names of these.
    pub(super) zones: Vec<(String, String)>,
    /// Further instances of the event.
    pub(super) instances: Vec<String>,
    /// Properties and parts of the event.
    pub(super) own: Vec<Own>,
}

/// A property or a part of the event itself.
pub(super) struct Own {
    /// As it was written.
    pub(super) text: String,
    /// To which field it belongs.
    pub(super) slot: Slot,
    /// The fields that it would be if it stood alone.
    pub(super) view: View,
}

impl Kept {
    pub(super) fn of(view: &View) -> Self {
        let mut texts: Vec<(&str, u64, String)> = view
            .entries("unknown")
            .map(|(key, entry)| {
                let (name, number) = numbered(key);
                (name, number, entry_text(entry, None))
            })
            .collect();
        texts.sort();
        let mut kept = Self::default();
        for (name, _, text) in texts {
            kept.add(view, name, &text);
        }
        kept
    }

    fn add(&mut self, view: &View, name: &str, text: &str) {
        if text.starts_with("BEGIN:") {
            let Some((name, text)) = whole(text) else { return };
            match name.as_str() {
                "VEVENT" | "VTODO" => self.instances.push(text),
                "VTIMEZONE" => self.zones.push((zone_name(&text), text)),
                _ => self.own(view, text),
            }
            return;
        }
        // No line has a break; one that came in elsewhere must not begin another line.
        let text = text.replace(['\r', '\n'], "");
        let is_line = Line::parse(&text).is_some_and(|line| !matches!(line.name.as_str(), "BEGIN" | "END"));
        // Notes on what did not fit are no lines.
        if !is_line || name.starts_with("truncated ") {
            return;
        }
        // Before the calendar's own properties were kept, its method was, under its bare name.
        if name.starts_with(OF_CALENDAR) || name == "METHOD" {
            self.calendar.push(text);
        } else {
            self.own(view, text);
        }
    }

    fn own(&mut self, view: &View, text: String) {
        let (slot, view) = meaning(view.kind, &text);
        self.own.push(Own { text, slot, view });
    }
}

/// A key apart into the name and its number: `X-FOO`, `X-FOO#2`.
fn numbered(key: &str) -> (&str, u64) {
    let apart = key.rsplit_once('#').and_then(|(name, number)| Some((name, number.parse().ok()?)));
    apart.unwrap_or((key, 1))
}

/// A component that was kept, with its name, made whole where it is not: so that it ends where it should.
pub(super) fn whole(text: &str) -> Option<(String, String)> {
    let tree = Tree::parse(text);
    Some((tree.nodes.first()?.name.clone(), tree.text(0, &|_| true)))
}

fn zone_name(text: &str) -> String {
    let tree = Tree::parse(text);
    let line = tree.nodes.first().and_then(|zone| zone.line("TZID")).and_then(Line::parse);
    line.map(|line| crate::import::ical::unescape(line.value.trim())).unwrap_or_default()
}
