//! How many rows the columns of a change have, without decoding a value: a run of a million equal rows takes four bytes.

use super::bytes::Bytes;
use crate::error::{Cause, Refusal};
use crate::limits::{CHANGE_BYTES_MAX, CHANGE_OPS_MAX, CHANGE_TEXT_BYTES_MAX};

/// The column of what each operation does; it has a row for every operation.
const ACTION: u64 = 0x42;
const DEFLATE_BIT: u64 = 0x08;

/// Reads the columns and answers the number of operations.
pub(super) fn count_operations(bytes: &mut Bytes<'_>, columns_max: usize) -> Result<u64, Refusal> {
    let count = bytes.bounded(columns_max, "number of columns")?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let specification = bytes.unsigned("column's type")?;
        let length = bytes.bounded(CHANGE_BYTES_MAX, "column's length")?;
        if specification & DEFLATE_BIT != 0 {
            return Err(Refusal::new(Cause::Malformed, "a change has a deflated column"));
        }
        columns.push((specification, length));
    }
    let mut ops = 0;
    for (specification, length) in columns {
        let rows = rows(specification, bytes.take(length, "columns")?)?;
        if rows > CHANGE_OPS_MAX {
            let detail = format!("the change has more than {CHANGE_OPS_MAX} operations");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        if specification == ACTION {
            ops = rows;
        }
    }
    Ok(ops)
}

#[derive(Clone, Copy)]
enum Cell {
    Unsigned,
    Signed,
    Text,
}

fn rows(specification: u64, data: &[u8]) -> Result<u64, Refusal> {
    match specification & 0x07 {
        0 | 1 | 2 | 6 => run_lengths(data, Cell::Unsigned),
        3 => run_lengths(data, Cell::Signed),
        4 => booleans(data),
        5 => run_lengths(data, Cell::Text),
        // Raw values have no rows of their own: their lengths stand in the column before.
        _ => Ok(0),
    }
}

/// A positive length is followed by one value that repeats, a negative one by as many values, zero by a number of nulls.
fn run_lengths(data: &[u8], cell: Cell) -> Result<u64, Refusal> {
    let mut bytes = Bytes::new(data);
    let mut rows = 0u64;
    let mut text_bytes = 0u64;
    while !bytes.is_empty() && rows <= CHANGE_OPS_MAX {
        let length = bytes.signed("run")?;
        let (run, cells, repeats) = match length {
            0 => (bytes.unsigned("run of nulls")?, 0, 1),
            1.. => (length.unsigned_abs(), 1, length.unsigned_abs()),
            _ => (length.unsigned_abs(), length.unsigned_abs(), 1),
        };
        rows = rows.saturating_add(run);
        if rows > CHANGE_OPS_MAX {
            break;
        }
        for _ in 0..cells {
            text_bytes += skip(&mut bytes, cell)? as u64 * repeats;
        }
        if text_bytes > CHANGE_TEXT_BYTES_MAX {
            let detail = format!("the change repeats its keys to more than {CHANGE_TEXT_BYTES_MAX} bytes");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
    }
    Ok(rows)
}

/// Reads over one value and answers how many bytes of text it is.
fn skip(bytes: &mut Bytes<'_>, cell: Cell) -> Result<usize, Refusal> {
    match cell {
        Cell::Unsigned => bytes.unsigned("column").map(|_| 0),
        Cell::Signed => bytes.signed("column").map(|_| 0),
        Cell::Text => {
            let length = bytes.bounded(CHANGE_BYTES_MAX, "key's length")?;
            bytes.take(length, "key").map(<[u8]>::len)
        }
    }
}

fn booleans(data: &[u8]) -> Result<u64, Refusal> {
    let mut bytes = Bytes::new(data);
    let mut rows = 0u64;
    while !bytes.is_empty() && rows <= CHANGE_OPS_MAX {
        rows = rows.saturating_add(bytes.unsigned("run")?);
    }
    Ok(rows)
}
