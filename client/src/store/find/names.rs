//! Which record people mean: by the beginning of its id, its title, or an address.

use std::collections::BTreeSet;

use redb::ReadTransaction;
use regard_core::record::{Kind, Life, Projection};

use super::super::Store;
use super::super::error::{During, StoreError};
use super::super::index::{self, Found as Field, Order, behind, found_prefix, group, row_of, text_value};
use super::super::tables::{IDS, INDEX, PROJECTIONS, Row};
use super::search::Words;
use super::{Found, listed, projection};
use crate::query::fold;

/// How many of several matches are told.
const MATCHES_TOLD_MAX: usize = 10;
/// Keys that a name looks at in each group of titles: equal and alike ones beyond are told as several anyway.
const NAMES_LOOKED_AT_MAX: usize = 256;

impl Store {
    /// The record that a text names.
    ///
    /// It may be the beginning of an id, an exact title or e-mail address, or the beginning of a title or of words of one, whatever the case; of
    /// names the first of these that is anybody's counts, and one that is live before those that are deleted. Where an id begins so and
    /// another record has exactly this name, both are meant. Beginnings of titles count beside ids where the text has no digit and
    /// could be a word.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn find(&self, text: &str) -> Result<Found, StoreError> {
        self.find_among(text, None)
    }

    /// The same, where names are those of one kind; ids are of any.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn find_among(&self, text: &str, kind: Option<Kind>) -> Result<Found, StoreError> {
        let text = text.trim();
        self.read(|reading| {
            let digits: String = text.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
            let ids = by_id(reading, &digits)?;
            if digits.len() == DIGITS && ids.len() == 1 {
                return told(reading, ids);
            }
            let names = Names { reading, text, kind };
            let exact = preferred(names.exact()?);
            // What has a digit and begins an id is an id.
            let may_begin = ids.is_empty() || !digits.contains(|c: char| c.is_ascii_digit());
            let named = if exact.is_empty() && may_begin { preferred(names.beginning()?) } else { exact };
            told(reading, ids.union(&named).copied().collect())
        })
    }
}

/// Hexadecimal digits of an id.
const DIGITS: usize = 32;

fn told(reading: &ReadTransaction, rows: BTreeSet<Row>) -> Result<Found, StoreError> {
    let listed = rows.into_iter().take(MATCHES_TOLD_MAX).map(|row| listed(reading, row));
    let mut listed = listed.collect::<Result<Vec<_>, _>>()?;
    Ok(match listed.len() {
        0 => Found::None,
        1 => listed.pop().map_or(Found::None, |listed| Found::One(listed.id)),
        _ => Found::Several(listed),
    })
}

fn by_id(reading: &ReadTransaction, digits: &str) -> Result<BTreeSet<Row>, StoreError> {
    if digits.is_empty() || digits.len() > DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(BTreeSet::new());
    }
    let bound = |fill: char| {
        let padded: String = digits.chars().chain(std::iter::repeat(fill)).take(DIGITS).collect();
        regard_core::id::parse_hex(&padded).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
    };
    let (Some(low), Some(high)) = (bound('0'), bound('f')) else { return Ok(BTreeSet::new()) };
    let ids = reading.open_table(IDS).during("open a table")?;
    let rows = ids.range(low..=high).during("read rows")?.take(MATCHES_TOLD_MAX);
    rows.map(|entry| entry.during("read a row").map(|(_, row)| Row(row.value()))).collect()
}

struct Names<'a> {
    reading: &'a ReadTransaction,
    text: &'a str,
    kind: Option<Kind>,
}

impl Names<'_> {
    /// Records that have exactly this title or address.
    fn exact(&self) -> Result<Vec<(Row, Projection)>, StoreError> {
        if self.text.is_empty() {
            return Ok(Vec::new());
        }
        let mut value = text_value(self.text);
        value.push(0);
        let name = fold(self.text);
        let mut found = self.titled(&value, |shown| fold(&shown.title) == name)?;
        let table = self.reading.open_table(INDEX).during("open a table")?;
        let prefix = found_prefix(Field::Address, &text_value(self.text));
        let rows = index::rows_with(&table, &prefix, NAMES_LOOKED_AT_MAX)?.unwrap_or_default();
        let projections = self.reading.open_table(PROJECTIONS.definition).during("open a table")?;
        for row in rows {
            let shown = projection(&projections, row)?;
            if shown.addresses.contains(&name) && self.is_of_kind(&shown) {
                found.push((row, shown));
            }
        }
        Ok(found)
    }

    /// Records whose title begins so; where there is none, those with words that do.
    fn beginning(&self) -> Result<Vec<(Row, Projection)>, StoreError> {
        if self.text.is_empty() {
            return Ok(Vec::new());
        }
        let name = fold(self.text);
        let found = self.titled(&text_value(self.text), |shown| fold(&shown.title).starts_with(&name))?;
        if !found.is_empty() {
            return Ok(found);
        }
        let words = Words::of(self.text);
        let (mut live, mut deleted) = (Vec::new(), Vec::new());
        words.scan(self.reading, |row, shown| {
            if !words.begin_words_of(&shown.title) || !self.is_of_kind(&shown) {
                return;
            }
            let among = if shown.life == Life::Deleted { &mut deleted } else { &mut live };
            if among.len() < MATCHES_TOLD_MAX {
                among.push((row, shown));
            }
        })?;
        live.append(&mut deleted);
        Ok(live)
    }

    /// Records whose title's key begins so.
    fn titled(
        &self,
        value: &[u8],
        is_named: impl Fn(&Projection) -> bool,
    ) -> Result<Vec<(Row, Projection)>, StoreError> {
        let table = self.reading.open_table(INDEX).during("open a table")?;
        let projections = self.reading.open_table(PROJECTIONS.definition).during("open a table")?;
        let mut found = Vec::new();
        let groups = Kind::ALL.into_iter().flat_map(|kind| [group(kind, false), group(kind, true)]);
        for group in groups {
            let prefix = [&[Order::Title as u8, group], value].concat();
            let end = behind(&prefix).unwrap_or_default();
            let keys = table.range(prefix.as_slice()..end.as_slice()).during("read rows")?;
            for key in keys.take(NAMES_LOOKED_AT_MAX) {
                let row = row_of(key.during("read a row")?.0.value())?;
                let shown = projection(&projections, row)?;
                if is_named(&shown) && self.is_of_kind(&shown) {
                    found.push((row, shown));
                }
            }
        }
        Ok(found)
    }

    fn is_of_kind(&self, shown: &Projection) -> bool {
        self.kind.is_none_or(|kind| kind == shown.kind)
    }
}

/// The live ones of them; the deleted ones where none is live.
fn preferred(found: Vec<(Row, Projection)>) -> BTreeSet<Row> {
    let any_live = found.iter().any(|(_, shown)| shown.life != Life::Deleted);
    let kept = found.into_iter().filter(|(_, shown)| !any_live || shown.life != Life::Deleted);
    kept.map(|(row, _)| row).collect()
}
