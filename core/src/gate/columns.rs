//! What the columns of a change claim, without decoding an operation: a run of a million equal rows takes four bytes.

use super::bytes::Bytes;
use crate::error::{Cause, Refusal};
use crate::limits::{CHANGE_BYTES_MAX, CHANGE_OPS_BEYOND_BYTES_MAX, CHANGE_OPS_MAX, CHANGE_TEXT_BYTES_MAX};

const DEFLATE_BIT: u64 = 0x08;

// What Automerge 0.12 writes into a change. It drops any other column, and the change would come back with another hash.
const ACTION: u64 = 0x42;
const VALUE_FORM: u64 = 0x56;
const VALUE: u64 = 0x57;
const PREDECESSORS: u64 = 0x70;
const PREDECESSOR_ACTOR: u64 = 0x71;
const PREDECESSOR_COUNTER: u64 = 0x73;
/// Object, key and element, whether it inserts, whether a mark expands, and the mark's name.
const OTHERS: [u64; 8] = [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x94, 0xa5];

// Values of the column of actions.
const DELETE: u64 = 3;
const MARK: u64 = 7;
const ACTION_MAX: u64 = 7;

/// Reads the columns, which stand at the end of a change of `change_bytes`, and answers the number of operations.
pub(super) fn count_operations(bytes: &mut Bytes<'_>, columns_max: usize, change_bytes: usize) -> Result<u64, Refusal> {
    let mut found = Found::default();
    for (specification, length) in specifications(bytes, columns_max)? {
        found.read(specification, bytes.take(length, "columns")?)?;
    }
    found.agree()?;
    let (ops, written) = (found.ops, (change_bytes as u64).saturating_add(CHANGE_OPS_BEYOND_BYTES_MAX));
    if ops - found.deletions > written {
        let detail = format!("the change has {change_bytes} bytes and {ops} operations, more than anybody writes");
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    Ok(ops)
}

fn specifications(bytes: &mut Bytes<'_>, columns_max: usize) -> Result<Vec<(u64, usize)>, Refusal> {
    let count = bytes.bounded(columns_max, "number of columns")?;
    let mut columns: Vec<(u64, usize)> = Vec::with_capacity(count);
    for _ in 0..count {
        let specification = bytes.unsigned("column's type")?;
        let length = bytes.bounded(CHANGE_BYTES_MAX, "column's length")?;
        if specification & DEFLATE_BIT != 0 {
            return Err(malformed("a change has a deflated column"));
        }
        if columns.last().is_some_and(|(before, _)| *before >= specification) {
            return Err(malformed("the columns are not in their order"));
        }
        columns.push((specification, length));
    }
    Ok(columns)
}

/// What the columns say so far.
#[derive(Default)]
struct Found {
    ops: u64,
    deletions: u64,
    /// The greatest number of rows of a column that has one a row of an operation.
    rows_max: u64,
    /// Bytes that the values should have together, and have.
    value_bytes: (u64, u64),
    /// How many predecessors the operations should have together, and the rows of the two columns that name them.
    predecessors: (u64, u64, u64),
}

impl Found {
    fn read(&mut self, specification: u64, data: &[u8]) -> Result<(), Refusal> {
        if specification == VALUE {
            self.value_bytes.1 = data.len() as u64;
            return Ok(());
        }
        let mut rows = 0;
        // Every number below is a run's length times a value: 2^17 times 2^60 at most.
        let mut sum = 0_u64;
        runs(specification, data, |length, value| {
            rows += length;
            match specification {
                ACTION if value.is_none_or(|action| action > ACTION_MAX) => {
                    return Err(malformed("an operation is none that Automerge knows"));
                }
                ACTION if value == Some(DELETE) => self.deletions += length,
                // Automerge takes a mark that ends before it begins, saves it, and does not load what it saved.
                ACTION if value == Some(MARK) => {
                    return Err(malformed("an operation sets a mark, and records have none"));
                }
                PREDECESSORS => sum = sum.saturating_add(length.saturating_mul(value.unwrap_or(0))),
                // The lower four bits are the value's type.
                VALUE_FORM => sum = sum.saturating_add(length.saturating_mul(value.unwrap_or(0) >> 4)),
                _ => {}
            }
            Ok(())
        })?;
        match specification {
            ACTION => self.ops = rows,
            PREDECESSOR_ACTOR => self.predecessors.1 = rows,
            PREDECESSOR_COUNTER => self.predecessors.2 = rows,
            PREDECESSORS => self.predecessors.0 = sum,
            VALUE_FORM => self.value_bytes.0 = sum,
            _ if OTHERS.contains(&specification) => {}
            _ => return Err(malformed(format!("column {specification:#x} is none that Automerge knows"))),
        }
        if ![PREDECESSOR_ACTOR, PREDECESSOR_COUNTER].contains(&specification) {
            self.rows_max = self.rows_max.max(rows);
        }
        Ok(())
    }

    /// Whether the columns can be those of the same operations. Automerge stops where one ends and drops what is left of the
    /// others, and the change would come back with another hash.
    fn agree(&self) -> Result<(), Refusal> {
        if self.rows_max > self.ops {
            return Err(malformed("a column goes on behind the last operation"));
        }
        if self.value_bytes.0 != self.value_bytes.1 {
            let (claimed, there) = self.value_bytes;
            return Err(malformed(format!("its values should have {claimed} bytes and have {there}")));
        }
        let (claimed, actors, counters) = self.predecessors;
        if claimed != actors || claimed != counters {
            return Err(malformed(format!("its operations should follow {claimed} others and name {actors}")));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Cell {
    Unsigned,
    Signed,
    Text,
}

/// Goes through a column's runs: how many rows, and their value where it is a number without a sign.
fn runs(
    specification: u64,
    data: &[u8],
    mut each: impl FnMut(u64, Option<u64>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let cell = match specification & 0x07 {
        3 => Cell::Signed,
        4 => return booleans(data, each),
        5 => Cell::Text,
        _ => Cell::Unsigned,
    };
    let mut bytes = Bytes::new(data);
    let (mut rows, mut text_bytes) = (0_u64, 0_u64);
    while !bytes.is_empty() {
        // A positive length is followed by one value that repeats, a negative one by as many values, zero by a number of nulls.
        let length = bytes.signed("run")?;
        let run = if length == 0 { bytes.unsigned("run of nulls")? } else { length.unsigned_abs() };
        rows = within_bound(rows, run)?;
        if length == 0 {
            each(run, None)?;
            continue;
        }
        let (cells, repeats) = if length > 0 { (1, run) } else { (run, 1) };
        for _ in 0..cells {
            let (value, text) = value(&mut bytes, cell)?;
            text_bytes += text as u64 * repeats;
            each(repeats, value)?;
        }
        if text_bytes > CHANGE_TEXT_BYTES_MAX {
            let detail = format!("the change repeats its keys to more than {CHANGE_TEXT_BYTES_MAX} bytes");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
    }
    Ok(())
}

/// Runs of no and yes, by turns; only the first may be empty.
fn booleans(data: &[u8], mut each: impl FnMut(u64, Option<u64>) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let mut bytes = Bytes::new(data);
    let mut rows = 0;
    let mut is_first = true;
    while !bytes.is_empty() {
        let run = bytes.unsigned("run")?;
        if !is_first || run > 0 {
            rows = within_bound(rows, run)?;
            each(run, None)?;
        }
        is_first = false;
    }
    Ok(())
}

/// The rows so far with another run. One of no rows is nothing that Automerge writes, and four million of them would take time.
fn within_bound(rows: u64, run: u64) -> Result<u64, Refusal> {
    if run == 0 {
        return Err(malformed("a column has a run of nothing"));
    }
    rows.checked_add(run)
        .filter(|rows| *rows <= CHANGE_OPS_MAX)
        .ok_or_else(|| Refusal::new(Cause::TooLarge, format!("the change has more than {CHANGE_OPS_MAX} operations")))
}

/// Reads one value, and answers it where it is a number without a sign, and how many bytes of text it is.
fn value(bytes: &mut Bytes<'_>, cell: Cell) -> Result<(Option<u64>, usize), Refusal> {
    match cell {
        Cell::Unsigned => bytes.unsigned("column").map(|value| (Some(value), 0)),
        Cell::Signed => bytes.signed("column").map(|_| (None, 0)),
        Cell::Text => {
            let length = bytes.bounded(CHANGE_BYTES_MAX, "key's length")?;
            bytes.take(length, "key").map(|text| (None, text.len()))
        }
    }
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Cause::Malformed, detail)
}
