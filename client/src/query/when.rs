use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use regard_core::time::Timestamp;

/// A date or time as people say it. What it means depends on now and on where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A whole year.
    Year(i16),
    /// A whole month.
    Month(i16, i8),
    /// A day.
    Day(Date),
    /// A minute, or a second where seconds are given, of the local clock.
    Local(DateTime),
    /// The same in UTC.
    Utc(DateTime),
    /// This very moment.
    Now,
    /// A day relative to today.
    Today(i8),
    /// A day of the week.
    Weekday(Weekday),
    /// So many units from now; of days and longer ones the whole day.
    Offset(i32, Unit),
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `h`
    Hours,
    /// `d`
    Days,
    /// `w`
    Weeks,
    /// `m`
    Months,
    /// `y`
    Years,
}

/// What a day of the week means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weekdays {
    /// The next one, today where today is one.
    Coming,
    /// The last one, today where today is one.
    Past,
}

/// When and where the person is.
#[derive(Debug, Clone)]
pub struct Now {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub zone: TimeZone,
}

/// A time from its first millisecond to before its last one, in UTC since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first millisecond.
    pub start: i64,
    /// The first millisecond behind it.
    pub end: i64,
}

const UNITS: &[(char, Unit)] =
    &[('h', Unit::Hours), ('d', Unit::Days), ('w', Unit::Weeks), ('m', Unit::Months), ('y', Unit::Years)];
const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const DAYS: &[(&str, i8)] = &[("yesterday", -1), ("today", 0), ("tomorrow", 1)];
/// Greatest number of a relative time: nobody looks further than ten thousand days by counting.
const OFFSET_MAX: i32 = 9_999;

impl When {
    /// Reads a date or time; none where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let word = text.to_ascii_lowercase();
        if word == "now" {
            return Some(Self::Now);
        }
        if let Some((_, days)) = DAYS.iter().find(|(name, _)| *name == word) {
            return Some(Self::Today(*days));
        }
        if let Some((_, day)) = WEEKDAYS.iter().find(|(name, _)| *name == word || name[..3] == word) {
            return Some(Self::Weekday(*day));
        }
        if word.starts_with(['+', '-']) {
            return offset(&word);
        }
        let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
        match text.split('-').collect::<Vec<_>>().as_slice() {
            [year] if digits(year, 4) => year.parse().ok().map(Self::Year),
            [year, month] if digits(year, 4) && digits(month, 2) => {
                let (year, month) = (year.parse().ok()?, month.parse().ok()?);
                Date::new(year, month, 1).ok().map(|_| Self::Month(year, month))
            }
            [year, month, day] if digits(year, 4) && digits(month, 2) => {
                if digits(day, 2) {
                    return text.parse().ok().map(Self::Day);
                }
                let whole = |time: DateTime| (time.subsec_nanosecond() == 0 && time.year() >= 0).then_some(time);
                match text.strip_suffix(['Z', 'z']) {
                    Some(local) => local.parse().ok().and_then(whole).map(Self::Utc),
                    None => text.parse().ok().and_then(whole).map(Self::Local),
                }
            }
            _ => None,
        }
    }

    /// The time that is meant; none where no calendar reaches so far.
    #[must_use]
    pub fn span(self, now: &Now, weekdays: Weekdays) -> Option<Span> {
        let here = jiff::Timestamp::from_millisecond(now.at.0).ok()?.to_zoned(now.zone.clone());
        let today = here.date();
        let from_day =
            |from: Date, to: Date| Some(Span { start: begins(from, &now.zone)?, end: begins(to, &now.zone)? });
        let day = |date: Date| from_day(date, date.checked_add(1.day()).ok()?);
        match self {
            Self::Year(year) => from_day(Date::new(year, 1, 1).ok()?, Date::new(year.checked_add(1)?, 1, 1).ok()?),
            Self::Month(year, month) => {
                let first = Date::new(year, month, 1).ok()?;
                from_day(first, first.checked_add(1.month()).ok()?)
            }
            Self::Day(date) => day(date),
            Self::Local(time) => moment_span(&time.to_zoned(now.zone.clone()).ok()?),
            Self::Utc(time) => moment_span(&time.to_zoned(TimeZone::UTC).ok()?),
            Self::Now => Some(Span { start: now.at.0, end: now.at.0.checked_add(1)? }),
            Self::Today(days) => day(today.checked_add(i64::from(days).days()).ok()?),
            Self::Weekday(wanted) => {
                let away = match weekdays {
                    Weekdays::Coming => i64::from(today.weekday().until(wanted)),
                    Weekdays::Past => -i64::from(today.weekday().since(wanted)),
                };
                day(today.checked_add(away.days()).ok()?)
            }
            Self::Offset(count, unit) => {
                let count = i64::from(count);
                match unit {
                    Unit::Hours => {
                        let start = here.checked_add(count.hours()).ok()?.timestamp().as_millisecond();
                        Some(Span { start, end: start.checked_add(1)? })
                    }
                    Unit::Days => day(today.checked_add(count.days()).ok()?),
                    Unit::Weeks => day(today.checked_add(count.weeks()).ok()?),
                    Unit::Months => day(today.checked_add(count.months()).ok()?),
                    Unit::Years => day(today.checked_add(count.years()).ok()?),
                }
            }
        }
    }
}

fn offset(word: &str) -> Option<When> {
    let unit = word.chars().next_back()?;
    let (_, unit) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
    let digits = word.get(1..word.len() - 1)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: i32 = digits.parse().ok().filter(|count| is_number && *count <= OFFSET_MAX)?;
    Some(When::Offset(if word.starts_with('-') { -count } else { count }, *unit))
}

/// The first millisecond of a day. In some zones no day begins at midnight.
pub(super) fn begins(date: Date, zone: &TimeZone) -> Option<i64> {
    Some(
        zone.to_ambiguous_zoned(date.to_datetime(jiff::civil::Time::midnight()))
            .compatible()
            .ok()?
            .timestamp()
            .as_millisecond(),
    )
}

fn moment_span(time: &Zoned) -> Option<Span> {
    let start = time.timestamp().as_millisecond();
    let length = if time.second() == 0 { 60_000 } else { 1_000 };
    Some(Span { start, end: start.checked_add(length)? })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Day(date) => date.fmt(f),
            Self::Local(time) => time.fmt(f),
            Self::Utc(time) => write!(f, "{time}Z"),
            Self::Now => f.write_str("now"),
            Self::Today(days) => {
                f.write_str(DAYS.iter().find(|(_, known)| known == days).map_or("today", |(name, _)| name))
            }
            Self::Weekday(day) => {
                f.write_str(WEEKDAYS.iter().find(|(_, known)| known == day).map_or("monday", |(name, _)| name))
            }
            Self::Offset(count, unit) => {
                let letter = UNITS.iter().find(|(_, known)| known == unit).map_or('d', |(letter, _)| *letter);
                write!(f, "{}{}{letter}", if *count < 0 { '-' } else { '+' }, count.unsigned_abs())
            }
        }
    }
}
