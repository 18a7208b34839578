//! What import and export of calendars share: content lines, components, the table of properties and fields, and the fields of a
//! record as they stand.

mod line;
mod normal;
mod table;
mod tree;
mod view;

pub(crate) use line::{Line, escape, folded, split_list, unescape};
pub(crate) use normal::normal;
pub(crate) use table::{Form, Row, row, rows};
pub(crate) use tree::Tree;
pub(crate) use view::{View, entry_text};
