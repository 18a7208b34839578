//! Times of cards and calendars as [`crate::record::schema::Form::Moment`] has them.

use std::fmt::Write;

use calcard::common::PartialDateTime;

/// A date, a time in UTC (`…Z`), with an offset, with its zone (`…[Europe/Berlin]`) or local; none where there is no such
/// day or time. A date may lack its year (`--05-01`), as birthdays do.
pub(super) fn moment(time: &PartialDateTime, zone: Option<&str>) -> Option<String> {
    let (month, day) = (i8::try_from(time.month?).ok()?, i8::try_from(time.day?).ok()?);
    let Some(year) = time.year else {
        // Year 4 is a leap year: 29 February is somebody's birthday.
        jiff::civil::Date::new(4, month, day).ok()?;
        return Some(format!("--{month:02}-{day:02}"));
    };
    let year = i16::try_from(year).ok()?;
    let Some(hour) = time.hour else {
        return Some(jiff::civil::Date::new(year, month, day).ok()?.to_string());
    };
    let part = |number: Option<u8>| i8::try_from(number.unwrap_or(0)).ok();
    // A leap second is the only sixtieth, and jiff has none.
    let second = part(time.second)?.min(59);
    let local = jiff::civil::DateTime::new(year, month, day, part(Some(hour))?, part(time.minute)?, second, 0);
    let mut text = local.ok()?.to_string();
    match (time.tz_hour, zone) {
        (Some(0), _) if time.tz_minute.unwrap_or(0) == 0 => text.push('Z'),
        (Some(hours), _) => {
            let sign = if time.tz_minus { '-' } else { '+' };
            let _ = write!(text, "{sign}{hours:02}:{:02}", time.tz_minute.unwrap_or(0));
        }
        (None, Some(zone)) if !zone.is_empty() => {
            let _ = write!(text, "[{zone}]");
        }
        (None, _) => {}
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_time_is_written() {
        let day = PartialDateTime { year: Some(2026), month: Some(11), day: Some(22), ..Default::default() };
        let noon = PartialDateTime { hour: Some(12), ..day.clone() };
        let check = |time: &PartialDateTime, zone, expected| assert_eq!(moment(time, zone).as_deref(), expected);
        check(&day, None, Some("2026-11-22"));
        check(&day, Some("Europe/Berlin"), Some("2026-11-22"));
        check(&noon, None, Some("2026-11-22T12:00:00"));
        check(&noon, Some("Europe/Berlin"), Some("2026-11-22T12:00:00[Europe/Berlin]"));
        check(&PartialDateTime { tz_hour: Some(0), ..noon.clone() }, Some("x"), Some("2026-11-22T12:00:00Z"));
        let west = PartialDateTime { tz_hour: Some(3), tz_minute: Some(30), tz_minus: true, ..noon.clone() };
        check(&west, None, Some("2026-11-22T12:00:00-03:30"));
        check(&PartialDateTime { second: Some(60), ..noon.clone() }, None, Some("2026-11-22T12:00:59"));
        check(&PartialDateTime { year: None, month: Some(2), day: Some(29), ..day.clone() }, None, Some("--02-29"));
        check(&PartialDateTime { month: Some(13), ..day.clone() }, None, None);
        check(&PartialDateTime { hour: Some(24), ..day.clone() }, None, None);
        check(&PartialDateTime { month: None, ..day }, None, None);
    }
}
