//! Times as a person says them; exact ones are in the JSON.

use std::sync::OnceLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use regard_core::time::Timestamp;

use crate::settings::{DateStyle, Settings};

/// How times are written in this process; a process serves one person.
static STYLE: OnceLock<(Option<TimeZone>, DateStyle)> = OnceLock::new();

/// Writes times as the settings say, from now on.
pub(super) fn write_as(settings: &Settings) {
    let zone = settings.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
    STYLE.get_or_init(|| (zone, settings.date_style));
}

/// `18:40:07`, `yesterday 18:40:07`, `Tuesday 18:40:07`, `3 November 18:40:07`, or with the year; where the settings say so
/// `2026-11-22 18:40:07`.
pub(super) fn ago(time: Timestamp) -> String {
    let style = STYLE.get().map_or(DateStyle::Spoken, |(_, style)| *style);
    say(time, crate::system::now(), &zone(), style)
}

/// The zone in which times are shown: the one that the settings name, or the machine's.
pub(super) fn zone() -> TimeZone {
    STYLE.get().and_then(|(zone, _)| zone.clone()).unwrap_or_else(TimeZone::system)
}

/// A moment of a record where the person is: `2026-11-22`, `2026-11-22 18:30`. One without a zone, and what is no time, as it is.
pub(super) fn moment(text: &str) -> String {
    moment_in(text, &zone())
}

fn moment_in(text: &str, zone: &TimeZone) -> String {
    let zoned = text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
    if let Ok(at) = zoned.or_else(|_| text.parse::<jiff::Timestamp>()) {
        return at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    }
    match (text.contains('T'), text.parse::<DateTime>()) {
        (true, Ok(local)) => local.strftime("%Y-%m-%d %H:%M").to_string(),
        _ => text.to_owned(),
    }
}

fn say(time: Timestamp, now: Timestamp, zone: &TimeZone, style: DateStyle) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(time.0) else { return time.to_string() };
    let Ok(today) = jiff::Timestamp::from_millisecond(now.0) else { return time.to_string() };
    let (at, today) = (at.to_zoned(zone.clone()), today.to_zoned(zone.clone()).date());
    let clock = at.strftime("%H:%M:%S");
    if style == DateStyle::Iso {
        return at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    }
    match days_between(at.date(), today) {
        0 => clock.to_string(),
        1 => format!("yesterday {clock}"),
        2..=6 => format!("{} {clock}", at.strftime("%A")),
        _ if at.year() == today.year() => format!("{} {clock}", at.strftime("%-d %B")),
        _ => format!("{} {clock}", at.strftime("%-d %B %Y")),
    }
}

fn days_between(earlier: Date, later: Date) -> i32 {
    later.since(earlier).map_or(i32::MAX, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_a_person_says_them_or_exactly() {
        let lisbon = TimeZone::fixed(jiff::tz::offset(1));
        let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
        let now = at("2026-11-22T12:00:00Z");
        for (time, spoken, exact) in [
            ("2026-11-22T09:30:01Z", "10:30:01", "2026-11-22 10:30:01"),
            ("2026-11-21T23:30:00Z", "00:30:00", "2026-11-22 00:30:00"),
            ("2026-11-21T09:30:00Z", "yesterday 10:30:00", "2026-11-21 10:30:00"),
            ("2026-11-17T09:30:00Z", "Tuesday 10:30:00", "2026-11-17 10:30:00"),
            ("2026-02-03T09:30:00Z", "3 February 10:30:00", "2026-02-03 10:30:00"),
            ("2025-12-31T22:30:00Z", "31 December 2025 23:30:00", "2025-12-31 23:30:00"),
        ] {
            assert_eq!(say(at(time), now, &lisbon, DateStyle::Spoken), spoken);
            assert_eq!(say(at(time), now, &lisbon, DateStyle::Iso), exact);
        }
    }

    #[test]
    fn moments_are_shown_where_the_person_is() {
        let lisbon = TimeZone::fixed(jiff::tz::offset(1));
        for (text, shown) in [
            ("2026-11-22", "2026-11-22"),
            ("--05-01", "--05-01"),
            ("2026-11-22T18:30:00Z", "2026-11-22 19:30"),
            ("2026-11-22T18:30:00-03:00", "2026-11-22 22:30"),
            ("2026-11-22T18:30:00[Asia/Tokyo]", "2026-11-22 10:30"),
            ("2026-11-22T18:30:00", "2026-11-22 18:30"),
            ("2026-11-22T18:30:00[Nowhere/At All]", "2026-11-22T18:30:00[Nowhere/At All]"),
            ("soon", "soon"),
        ] {
            assert_eq!(moment_in(text, &lisbon), shown, "{text}");
        }
    }
}
