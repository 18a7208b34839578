//! Times as a person says them; exact ones are in the JSON.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use regard_core::time::Timestamp;

/// `18:40`, `yesterday 18:40`, `Tuesday 18:40`, `3 November 18:40`, or with the year.
pub(super) fn ago(time: Timestamp) -> String {
    let zone = TimeZone::system();
    let Ok(at) = jiff::Timestamp::from_millisecond(time.0) else { return time.to_string() };
    let (at, today) = (at.to_zoned(zone.clone()), crate::system::now());
    let Ok(today) = jiff::Timestamp::from_millisecond(today.0) else { return time.to_string() };
    let today = today.to_zoned(zone).date();
    let clock = at.strftime("%H:%M:%S");
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
