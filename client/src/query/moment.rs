//! Dates and times as records have them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// How far [`as_written`] can lie from the real time: no zone is further from UTC.
pub const AS_WRITTEN_OFF_BY_MS: i64 = 15 * 3_600_000;

/// The time as it is written, as milliseconds since 1970: exact where it has an offset, else as if the place were in UTC. It is the
/// same on every machine, so lists are sorted by it.
#[must_use]
pub fn as_written(text: &str) -> Option<i64> {
    resolve(text, |_| Some(TimeZone::UTC))
}

/// The time that is meant, read by somebody in `zone`. A day begins where the reader is.
#[must_use]
pub fn begins(text: &str, zone: &TimeZone) -> Option<i64> {
    resolve(text, |named| match named {
        Some(name) => TimeZone::get(name).ok().or_else(|| Some(zone.clone())),
        None => Some(zone.clone()),
    })
}

fn resolve(text: &str, zone: impl Fn(Option<&str>) -> Option<TimeZone>) -> Option<i64> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return super::when::begins(date, &zone(None)?);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let (local, name) = match text.split_once('[') {
        Some((local, name)) => (local, Some(name.trim_end_matches(']'))),
        None => (text, None),
    };
    let time: DateTime = local.parse().ok()?;
    let time = zone(name)?.to_ambiguous_zoned(time).compatible().ok()?;
    Some(time.timestamp().as_millisecond())
}
