//! A record as a small TOML document, for an editor: what stands in it can be changed, and saved again merged with what
//! others wrote meanwhile.
//!
//! [`write`] makes the document. Its first lines say which record it is and of which changes, so that [`read`] and
//! [`Sheet::merge`] can tell what the person changed from what others changed, however much later. Fields are keys, notes and
//! long texts are multi-line strings, entries are tables. Fields without a value, and what cannot be edited, are comments.

mod merge;
mod read;
mod write;

pub use merge::{Merged, SheetConflict};
pub use read::{Sheet, read};
pub use write::{empty, write};

/// The entries that say who tracked a record. They are shown, and not edited.
const TRACKING: &str = "tracking";
/// The beginning of the line that says what a sheet is of.
const MARK: &str = "# regard sheet 1: ";

/// Something in a sheet that cannot be gone by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct SheetError {
    /// The line, from 1; absent where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
}
