//! Going through records in the order of a list, without looking at others: the groups of the index are merged.

use std::ops::Bound;

use redb::{Range, ReadOnlyTable, ReadTransaction};
use regard_core::record::Projection;

use super::super::documents::next_row;
use super::super::error::{During, StoreError};
use super::super::index::{self, Order, in_order, row_of};
use super::super::tables::{DOCUMENTS, INDEX, Row};
use super::sort::{By, Cursor, Sort};
use crate::query::moment;

/// A place in the order and the record that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) undated: bool,
    pub(super) key: Vec<u8>,
    pub(super) row: Row,
}

impl Place {
    /// Where a record stands.
    pub(super) fn of(sort: Sort, row: Row, shown: &Projection) -> Self {
        let end = row.0.to_be_bytes();
        let (undated, value) = match sort.by {
            By::Added => (false, Vec::new()),
            By::Changed => (false, in_order(shown.changed_at.0).to_vec()),
            By::Title => (false, index::title_value(&shown.title)),
            By::Date => match shown.moment.as_deref().and_then(moment::as_written) {
                Some(moment) => (false, in_order(moment).to_vec()),
                None => (true, Vec::new()),
            },
        };
        Self { undated, key: [value.as_slice(), &end].concat(), row }
    }

    /// Which of two comes first in a list.
    pub(super) fn cmp(&self, other: &Self, sort: Sort) -> std::cmp::Ordering {
        let keys = self.key.cmp(&other.key);
        // Those without a date come last, the newest first, in both directions.
        let keys = if sort.descending || self.undated { keys.reverse() } else { keys };
        self.undated.cmp(&other.undated).then(keys)
    }

    /// Whether it stands behind a place of the same list.
    pub(super) fn is_behind(&self, after: &Cursor) -> bool {
        let place = Self { undated: after.undated, key: after.key.clone(), row: self.row };
        self.cmp(&place, after.sort).is_gt()
    }

    pub(super) fn cursor(self, sort: Sort) -> Cursor {
        Cursor { sort, undated: self.undated, key: self.key }
    }
}

/// Values of the order beyond which nothing is looked for, both included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
}

impl Within {
    pub(super) fn is_bounded(self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

/// Reads the records of some groups in order.
pub(super) struct InOrder<'r> {
    reading: &'r ReadTransaction,
    groups: Vec<u8>,
    sort: Sort,
    /// What is still to be gone through; the last one first.
    parts: Vec<Part>,
    merged: Option<Merged>,
    after: Option<Cursor>,
    within: Within,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Rows,
    Index(Order),
}

impl<'r> InOrder<'r> {
    pub(super) fn new(
        reading: &'r ReadTransaction,
        groups: Vec<u8>,
        sort: Sort,
        after: Option<Cursor>,
        within: Within,
    ) -> Self {
        let parts = match sort.by {
            By::Added => vec![Part::Rows],
            By::Changed => vec![Part::Index(Order::Changed)],
            By::Title => vec![Part::Index(Order::Title)],
            // Whoever asks for dates within bounds asks for records that have one.
            By::Date if within.is_bounded() => vec![Part::Index(Order::Date)],
            By::Date if after.as_ref().is_some_and(|after| after.undated) => vec![Part::Index(Order::Undated)],
            By::Date => vec![Part::Index(Order::Undated), Part::Index(Order::Date)],
        };
        Self { reading, groups, sort, parts, merged: None, after, within }
    }

    pub(super) fn sort(&self) -> Sort {
        self.sort
    }

    /// Whether it goes through all records of its groups.
    pub(super) fn is_whole(&self) -> bool {
        self.after.is_none() && !self.within.is_bounded()
    }

    pub(super) fn next(&mut self) -> Result<Option<Place>, StoreError> {
        loop {
            if let Some(merged) = &mut self.merged {
                if let Some(place) = merged.next()? {
                    return Ok(Some(place));
                }
                self.merged = None;
            }
            let Some(part) = self.parts.pop() else { return Ok(None) };
            self.merged = Some(self.merge(part)?);
        }
    }

    fn merge(&self, part: Part) -> Result<Merged, StoreError> {
        let undated = part == Part::Index(Order::Undated);
        let descending = self.sort.descending || undated;
        let after = self.after.as_ref().filter(|after| after.undated == undated).map(|after| after.key.as_slice());
        let order = match part {
            Part::Rows => {
                let table = self.reading.open_table(DOCUMENTS.definition).during("open a table")?;
                let after = after.map(row_of).transpose()?;
                return Ok(Merged::Rows { table, after, descending });
            }
            Part::Index(order) => order,
        };
        let table: ReadOnlyTable<&'static [u8], ()> = self.reading.open_table(INDEX).during("open a table")?;
        let heads = self.groups.iter().map(|group| {
            let prefix = [order as u8, *group];
            let mut from = Bound::Included([&prefix[..], &self.within.from.map(in_order).unwrap_or_default()].concat());
            if self.within.from.is_none() || undated {
                from = Bound::Included(prefix.to_vec());
            }
            let to = self.within.to.and_then(|to| to.checked_add(1)).filter(|_| !undated);
            let mut to = Bound::Excluded(match to {
                Some(to) => [&prefix[..], &in_order(to)].concat(),
                None => index::behind(&prefix).unwrap_or_default(),
            });
            if let Some(after) = after {
                let after = [&prefix, after].concat();
                let end = if descending { &mut to } else { &mut from };
                let is_tighter = match &*end {
                    Bound::Included(key) | Bound::Excluded(key) if descending => after < *key,
                    Bound::Included(key) | Bound::Excluded(key) => after >= *key,
                    Bound::Unbounded => true,
                };
                if is_tighter {
                    *end = Bound::Excluded(after);
                }
            }
            Group::open(&table, from, to, descending)
        });
        Ok(Merged::Groups { groups: heads.collect::<Result<_, StoreError>>()?, descending, undated })
    }
}

enum Merged {
    /// All documents as they came, whatever their kind.
    Rows {
        table: ReadOnlyTable<u64, &'static [u8]>,
        after: Option<Row>,
        descending: bool,
    },
    Groups {
        groups: Vec<Group>,
        descending: bool,
        undated: bool,
    },
}

impl Merged {
    fn next(&mut self) -> Result<Option<Place>, StoreError> {
        match self {
            Self::Rows { table, after, descending } => {
                let Some(row) = next_row(table, *after, *descending)? else { return Ok(None) };
                *after = Some(row);
                Ok(Some(Place { undated: false, key: row.0.to_be_bytes().to_vec(), row }))
            }
            Self::Groups { groups, descending, undated } => {
                let heads = groups.iter().enumerate().filter_map(|(at, group)| Some((group.head.as_ref()?, at)));
                let first = if *descending { heads.max() } else { heads.min() };
                let Some((_, at)) = first else { return Ok(None) };
                let Some(key) = groups[at].advance()? else { return Ok(None) };
                let row = row_of(&key)?;
                Ok(Some(Place { undated: *undated, key, row }))
            }
        }
    }
}

/// The keys of one group, without what they all begin with.
struct Group {
    /// None where nothing can lie between the ends.
    range: Option<Range<'static, &'static [u8], ()>>,
    head: Option<Vec<u8>>,
    descending: bool,
}

impl Group {
    fn open(
        table: &ReadOnlyTable<&'static [u8], ()>,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        descending: bool,
    ) -> Result<Self, StoreError> {
        let (from, to) = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let is_crossed = match (from, to) {
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
            _ => false,
        };
        let range = (!is_crossed).then(|| table.range::<&[u8]>((from, to)).during("read rows")).transpose()?;
        let mut group = Self { range, head: None, descending };
        group.advance()?;
        Ok(group)
    }

    /// Takes the first key and looks for the next one.
    fn advance(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let range = self.range.as_mut();
        let next = range.and_then(|range| if self.descending { range.next_back() } else { range.next() });
        let next = next.transpose().during("read a row")?;
        let next = next.map(|(key, _)| key.value().get(2..).unwrap_or_default().to_vec());
        Ok(std::mem::replace(&mut self.head, next))
    }
}
