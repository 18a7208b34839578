//! The index by which records are found and put in order: one table of binary keys, computed from projections alone.
//!
//! A key is `which ‖ …`, as docs/format.md lists it. Keys of an order are `which ‖ group ‖ value ‖ row`: a group is a kind, with its
//! highest bit set for deleted records, so that a list passes over neither other kinds nor deleted records, and a list of all
//! kinds merges their groups. Keys of a value are `which ‖ field ‖ value ‖ 0 ‖ row`. A save touches only keys that it changes.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use redb::ReadableTable;
use regard_core::id::DocumentId;
use regard_core::record::{Kind, Life, Projection};

use super::error::{During, StoreError};
use super::tables::{Row, SETTINGS};
use super::transaction::Writer;
use crate::query::{fold, moment};

/// Bytes of a text in a key: what is longer is found by its beginning and compared in the projection.
const TEXT_BYTES_MAX: usize = 64;
/// How many live records of each kind there are, among the settings.
pub(super) const COUNTS_KEY: &str = "counts";
const DELETED_BIT: u8 = 0x80;

/// The orders in which lists can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// By the time of the last change.
    Changed = 1,
    /// By the title as people compare it.
    Title = 2,
    /// By the record's own date.
    Date = 3,
    /// Those that have no date, as they came.
    Undated = 4,
}

/// The values by which records are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Found {
    Regarding = 0x10,
    Parent = 0x11,
    /// A contact's, lead's or account's own.
    Address = 0x12,
    /// Whoever wrote, got or is invited.
    Correspondent = 0x18,
    MessageId = 0x13,
    Company = 0x14,
    Category = 0x15,
    Undecided = 0x16,
    Conflict = 0x17,
}

/// How many live records there are, by the numbers of their kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(super) struct CountsRow {
    #[n(0)]
    pub(super) live: BTreeMap<u8, u64>,
}

/// Brings the index from what was shown of a record to what is shown now.
pub(super) fn update(
    writer: &mut Writer<'_>,
    row: Row,
    old: Option<&Projection>,
    new: &Projection,
) -> Result<(), StoreError> {
    let before = old.map(|old| keys(row, old)).unwrap_or_default();
    let after = keys(row, new);
    for key in before.difference(&after) {
        writer.index.remove(key.as_slice()).during("remove a row")?;
    }
    for key in after.difference(&before) {
        writer.index.insert(key.as_slice(), ()).during("write a row")?;
    }
    let (was, is) = (old.is_some_and(is_counted), is_counted(new));
    if was == is {
        return Ok(());
    }
    let mut counts: CountsRow = SETTINGS.get(&writer.settings, COUNTS_KEY)?.unwrap_or_default();
    let count = counts.live.entry(new.kind.number()).or_default();
    *count = if is { count.saturating_add(1) } else { count.saturating_sub(1) };
    SETTINGS.put(&mut writer.settings, COUNTS_KEY, &counts)
}

/// Whether a record is among those that are counted.
pub(super) fn is_counted(projection: &Projection) -> bool {
    projection.life != Life::Deleted
}

/// All keys of a record.
pub(super) fn keys(row: Row, shown: &Projection) -> BTreeSet<Vec<u8>> {
    let group = group(shown.kind, shown.life == Life::Deleted);
    let mut keys = BTreeSet::new();
    let mut order = |order: Order, value: &[u8]| {
        keys.insert([&[order as u8, group], value, &row.0.to_be_bytes()].concat());
    };
    order(Order::Changed, &in_order(shown.changed_at.0));
    order(Order::Title, &title_value(&shown.title));
    match shown.moment.as_deref().and_then(moment::as_written) {
        Some(moment) => order(Order::Date, &in_order(moment)),
        None => order(Order::Undated, &[]),
    }
    let mut found = |field: Found, value: &[u8]| {
        keys.insert([found_prefix(field, value).as_slice(), &row.0.to_be_bytes()].concat());
    };
    if let Some(target) = shown.regarding {
        found(Found::Regarding, target.as_bytes());
    }
    if let Some(target) = shown.parent {
        found(Found::Parent, target.as_bytes());
    }
    let addresses = match shown.kind {
        Kind::Contact | Kind::Account | Kind::Lead => Found::Address,
        Kind::Email | Kind::Task | Kind::Appointment => Found::Correspondent,
    };
    for address in &shown.addresses {
        found(addresses, &text_value(address));
    }
    for (field, text) in [(Found::MessageId, &shown.message_id), (Found::Company, &shown.company)] {
        if let Some(text) = text {
            found(field, &text_value(text));
        }
    }
    for category in &shown.categories {
        found(Found::Category, &text_value(category));
    }
    if shown.life == Life::Undecided {
        found(Found::Undecided, &[]);
    }
    if shown.conflicts > 0 {
        found(Found::Conflict, &[]);
    }
    keys
}

/// The group of an order.
pub(super) fn group(kind: Kind, deleted: bool) -> u8 {
    kind.number() | if deleted { DELETED_BIT } else { 0 }
}

/// A number whose bytes are in its order.
pub(super) fn in_order(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// A title as keys have it; the zero behind it keeps shorter ones before longer ones.
pub(super) fn title_value(title: &str) -> Vec<u8> {
    let mut value = text_value(title);
    value.push(0);
    value
}

/// A text as keys have it: whatever the case, cut, and without zeros.
pub(super) fn text_value(text: &str) -> Vec<u8> {
    let mut value = fold(text);
    let mut end = value.len().min(TEXT_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.truncate(end);
    let mut value = value.into_bytes();
    value.retain(|byte| *byte != 0);
    value
}

/// Whether a text in a key may go on.
pub(super) fn may_be_cut(value: &[u8]) -> bool {
    // A character has up to four bytes, and is not cut apart.
    value.len() + 4 > TEXT_BYTES_MAX
}

/// What all keys of records with this value begin with. Ids have a fixed length and may hold zeros.
pub(super) fn found_prefix(field: Found, value: &[u8]) -> Vec<u8> {
    [&[field as u8], value, &[0]].concat()
}

/// The row at the end of a key.
pub(super) fn row_of(key: &[u8]) -> Result<Row, StoreError> {
    let bytes = key.last_chunk::<8>().ok_or_else(|| StoreError::damaged("a key of the index is too short"))?;
    Ok(Row(u64::from_be_bytes(*bytes)))
}

/// The least key that is greater than all that begin so; none where there is none.
pub(super) fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// The rows of all records with a value, at most so many; none where there are more.
pub(super) fn rows_with(
    index: &impl ReadableTable<&'static [u8], ()>,
    prefix: &[u8],
    at_most: usize,
) -> Result<Option<Vec<Row>>, StoreError> {
    let end = behind(prefix).unwrap_or_default();
    let mut rows = Vec::new();
    for entry in index.range(prefix..end.as_slice()).during("read rows")? {
        if rows.len() == at_most {
            return Ok(None);
        }
        let (key, ()) = entry.during("read a row").map(|(key, _)| (key, ()))?;
        rows.push(row_of(key.value())?);
    }
    Ok(Some(rows))
}

/// The prefix of all keys of records that link so to a record.
pub(super) fn link_prefix(field: Found, target: DocumentId) -> Vec<u8> {
    found_prefix(field, target.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_values_do() {
        let numbers = [i64::MIN, -5, -1, 0, 1, 1_790_000_000_000, i64::MAX];
        assert!(numbers.windows(2).all(|pair| in_order(pair[0]) < in_order(pair[1])));
        let titles = ["", "a", "Ab", "ab c", "B", "é"];
        assert!(titles.windows(2).all(|pair| title_value(pair[0]) < title_value(pair[1])));
        assert_eq!(text_value(&"é".repeat(100)).len(), TEXT_BYTES_MAX);
        assert_eq!(text_value(&format!("a{}", "é".repeat(100))).len(), TEXT_BYTES_MAX - 1);
    }

    #[test]
    fn behind_a_prefix_is_the_next_one() {
        assert_eq!(behind(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(behind(&[1, 255]), Some(vec![2]));
        assert_eq!(behind(&[255]), None);
    }
}
