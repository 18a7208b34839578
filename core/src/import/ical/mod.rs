//! What import and export of calendars share: content lines, components, and the table of properties and fields.

mod line;
mod normal;
mod table;
mod tree;

pub(crate) use line::{Line, escape, split_list, unescape};
pub(crate) use normal::normal;
pub(crate) use table::{Form, Row, row, rows};
pub(crate) use tree::{Tree, is_named};
