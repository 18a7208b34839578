use std::fmt;
use std::str::FromStr;

use regard_core::id::{parse_hex, to_hex};

/// How a list is put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: By,
    /// Greatest first. Records that have no date come last in both directions.
    pub descending: bool,
}

/// What a list is put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// When it was last changed, as its changes claim.
    Changed,
    /// The title's first 64 bytes, whatever the case.
    Title,
    /// The record's own date, as it is written.
    Date,
    /// When it came to this device.
    Added,
}

impl Default for Sort {
    fn default() -> Self {
        Self { by: By::Changed, descending: true }
    }
}

const NAMES: &[(&str, By)] = &[
    ("changed", By::Changed),
    ("title", By::Title),
    ("date", By::Date),
    ("added", By::Added),
    ("modified", By::Changed),
    ("name", By::Title),
    ("due", By::Date),
    ("start", By::Date),
];

/// Why a text is no order of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lists cannot be sorted by “{0}”")]
pub struct BadSort(String);

impl FromStr for Sort {
    type Err = BadSort;

    /// Reads `due`, or `-changed` for the greatest first.
    fn from_str(text: &str) -> Result<Self, BadSort> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let by = known.map(|(_, by)| *by).ok_or_else(|| BadSort(text.chars().take(40).collect()))?;
        Ok(Self { by, descending })
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, by)| *by == self.by).map_or("changed", |(name, _)| name);
        write!(f, "{}{name}", if self.descending { "-" } else { "" })
    }
}

/// A place in a list: behind the record whose key this is. It stays good while records come and change; a record that moves is
/// listed where it then is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The order of the list.
    pub(super) sort: Sort,
    /// Whether it stands among the records that have no value to be sorted by.
    pub(super) undated: bool,
    /// The key behind its group.
    pub(super) key: Vec<u8>,
}

impl Cursor {
    /// The order of the list in which it is a place.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.sort
    }
}

/// Why a text is no place in a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no place in a list")]
pub struct BadCursor(String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}{}", self.sort, if self.undated { "n" } else { "" }, to_hex(&self.key))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        /// A key behind its group: a text and a row.
        const KEY_BYTES_MAX: usize = 128;
        let bad = || BadCursor(text.chars().take(80).collect());
        let (sort, key) = text.split_once('.').ok_or_else(bad)?;
        let sort = sort.parse().map_err(|_| bad())?;
        let (undated, key) = key.strip_prefix('n').map_or((false, key), |key| (true, key));
        let key = parse_hex(key).filter(|key| (8..=KEY_BYTES_MAX).contains(&key.len())).ok_or_else(bad)?;
        Ok(Self { sort, undated, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_places_read_as_they_are_written() {
        for (_, by) in NAMES {
            for descending in [false, true] {
                let sort = Sort { by: *by, descending };
                assert_eq!(sort.to_string().parse(), Ok(sort));
                for undated in [false, true] {
                    let cursor = Cursor { sort, undated, key: vec![7; 16] };
                    assert_eq!(cursor.to_string().parse(), Ok(cursor));
                }
            }
        }
        assert_eq!("-due".parse(), Ok(Sort { by: By::Date, descending: true }));
        assert!("size".parse::<Sort>().is_err());
        for bad in
            ["", "changed", "changed.", "changed.00", "size.0000000000000000", &format!("title.{}", "00".repeat(500))]
        {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
