//! Finding the few records that a filter can be about, where the index knows them.

use std::collections::BTreeSet;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use super::super::error::{During, StoreError};
use super::super::index::{self, Found, behind, found_prefix, in_order, link_prefix, rows_with, text_value};
use super::super::tables::{INDEX, OUTBOX, OutboxRow, Row};
use super::wanted::{Check, Is, Times, Wanted, is_always_shown};
use crate::query::{State, moment};

/// Candidates beyond which the list is read in its order instead: so many of them are so common that a page is soon full.
const CANDIDATES_MAX: usize = 4_096;
/// Different companies or addresses that are looked through for a part of one: 30 ms.
const VALUES_MAX: usize = 10_000;

type Index = ReadOnlyTable<&'static [u8], ()>;

/// The rows of all records for which the filter can hold, where one of its parts tells them; none where too many could be.
pub(super) fn candidates(
    reading: &ReadTransaction,
    wanted: &Wanted,
    groups: &[u8],
) -> Result<Option<BTreeSet<Row>>, StoreError> {
    let index: Index = reading.open_table(INDEX).during("open a table")?;
    let mut best: Option<BTreeSet<Row>> = None;
    for check in wanted.positive() {
        let found = match check {
            Check::State(State::Unsent) => Some(wanted.unsent.iter().copied().collect()),
            other => rows(&index, other, groups)?,
        };
        let Some(found) = found else { continue };
        let found: BTreeSet<Row> = found.into_iter().collect();
        if best.as_ref().is_none_or(|best| found.len() < best.len()) {
            best = Some(found);
        }
    }
    // Of the rows of the outbox some may be beyond what is worth it.
    Ok(best.filter(|best| best.len() <= CANDIDATES_MAX))
}

fn rows(index: &Index, check: &Check, groups: &[u8]) -> Result<Option<Vec<Row>>, StoreError> {
    let with = |field: Found, value: &[u8]| rows_with(index, &found_prefix(field, value), CANDIDATES_MAX);
    match check {
        Check::Link("regarding", Some(target)) => {
            rows_with(index, &link_prefix(Found::Regarding, *target), CANDIDATES_MAX)
        }
        Check::Link("parent", Some(target)) => rows_with(index, &link_prefix(Found::Parent, *target), CANDIDATES_MAX),
        Check::Address(Is::Exactly(address)) if !address.is_empty() => {
            let value = text_value(address);
            both(with(Found::Address, &value)?, || with(Found::Correspondent, &value))
        }
        Check::Line("message_id", Is::Exactly(id)) if !id.is_empty() => with(Found::MessageId, &text_value(id)),
        Check::Line("company", Is::Exactly(name)) if !name.is_empty() => with(Found::Company, &text_value(name)),
        Check::Line("company", Is::Holds(part)) => holding(index, Found::Company, part),
        Check::Address(Is::Holds(part)) => {
            both(holding(index, Found::Address, part)?, || holding(index, Found::Correspondent, part))
        }
        Check::Tag(tag) if !tag.is_empty() => with(Found::Category, &text_value(tag)),
        Check::State(State::Undecided) => with(Found::Undecided, &[]),
        Check::State(State::Conflict) => with(Found::Conflict, &[]),
        Check::Changed(Times::Within { from, before }) => {
            between(index, index::Order::Changed, groups, *from, before.map(|before| before.saturating_sub(1)))
        }
        Check::Moment(name, _) if !is_always_shown(name) => Ok(None),
        Check::Date(Times::Within { from, before }) | Check::Moment(_, Times::Within { from, before }) => {
            let (from, to) = widened(*from, *before);
            between(index, index::Order::Date, groups, from, to)
        }
        _ => Ok(None),
    }
}

fn both(
    one: Option<Vec<Row>>,
    other: impl FnOnce() -> Result<Option<Vec<Row>>, StoreError>,
) -> Result<Option<Vec<Row>>, StoreError> {
    let Some(one) = one else { return Ok(None) };
    Ok(other()?.map(|other| [one, other].concat()))
}

/// The index has dates as they are written, and who asks means them where the person is.
pub(super) fn widened(from: Option<i64>, before: Option<i64>) -> (Option<i64>, Option<i64>) {
    let by = moment::AS_WRITTEN_OFF_BY_MS;
    (from.map(|from| from.saturating_sub(by)), before.map(|before| before.saturating_add(by)))
}

/// The rows of all records one of whose values holds a part. Equal values are looked at once.
fn holding(index: &Index, field: Found, part: &str) -> Result<Option<Vec<Row>>, StoreError> {
    let part = String::from_utf8(text_value(part)).unwrap_or_default();
    let end = behind(&[field as u8]).unwrap_or_default();
    let mut from = vec![field as u8];
    let mut rows = Vec::new();
    for _ in 0..VALUES_MAX {
        let next = index.range(from.as_slice()..end.as_slice()).during("read rows")?.next();
        let Some((key, _)) = next.transpose().during("read a row")? else { return Ok(Some(rows)) };
        let key = key.value();
        // The field before, and a zero and the row behind.
        let value = key.get(1..key.len().saturating_sub(9)).unwrap_or_default();
        let prefix = found_prefix(field, value);
        // A cut value may go on with what is looked for.
        let holds = std::str::from_utf8(value).is_ok_and(|text| text.contains(&part)) || index::may_be_cut(value);
        if holds {
            match rows_with(index, &prefix, CANDIDATES_MAX - rows.len())? {
                Some(more) => rows.extend(more),
                None => return Ok(None),
            }
        }
        from = behind(&prefix).unwrap_or_default();
    }
    Ok(None)
}

fn between(
    index: &Index,
    order: index::Order,
    groups: &[u8],
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Option<Vec<Row>>, StoreError> {
    let mut rows = Vec::new();
    for group in groups {
        let prefix = [order as u8, *group];
        let from = from.map_or_else(|| prefix.to_vec(), |from| [&prefix[..], &in_order(from)].concat());
        let to = to.and_then(|to| to.checked_add(1)).map(|to| [&prefix[..], &in_order(to)].concat());
        let to = to.or_else(|| behind(&prefix)).unwrap_or_default();
        if from >= to {
            continue;
        }
        for entry in index.range(from.as_slice()..to.as_slice()).during("read rows")? {
            if rows.len() == CANDIDATES_MAX {
                return Ok(None);
            }
            rows.push(index::row_of(entry.during("read a row")?.0.value())?);
        }
    }
    Ok(Some(rows))
}

/// The records that saves of the outbox change.
pub(super) fn unsent(reading: &ReadTransaction) -> Result<BTreeSet<Row>, StoreError> {
    let outbox = reading.open_table(OUTBOX.definition).during("open a table")?;
    let mut rows = BTreeSet::new();
    for entry in outbox.iter().during("read rows")? {
        let (key, value) = entry.during("read a row")?;
        let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
        rows.extend(row.changes.iter().map(|change| change.row));
    }
    Ok(rows)
}
