//! Import: mail, vCards and iCalendar as records.
//!
//! Pure code: bytes in, edits out. The syntax is read by `mail-parser` and `calcard`; here their results become the fields of
//! [`crate::record::schema`], within the bounds of [`crate::limits`]. What did not fit is said in the record's `unknown`
//! field under `truncated …`, never dropped in silence, and what gives no record at all is answered with its reason.
//!
//! ```
//! use regard_core::import::{self, Outcome};
//! use regard_core::record::Document;
//!
//! let card = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ana\r\nEMAIL:ana@example.org\r\nEND:VCARD\r\n";
//! for outcome in import::cards(card) {
//!     match outcome {
//!         Outcome::Record(imported) => {
//!             let mut record = Document::new(imported.kind);
//!             record.seed_notes(&imported.notes).unwrap();
//!             // Then record.edit(&imported.edits, …), together with the client's own tracking entries.
//!         }
//!         Outcome::Skipped(skipped) => eprintln!("Warning: {skipped}."),
//!     }
//! }
//! ```

pub(crate) mod calendar;
pub(crate) mod card;
pub(crate) mod component;
mod draft;
mod format;
pub(crate) mod headers;
pub(crate) mod ical;
mod mail;
mod mailbox;
mod moment;
pub(crate) mod part;
pub(crate) mod structure;
pub(crate) mod syntax;
pub(crate) mod text;
pub(crate) mod view;

#[cfg(test)]
mod fields;
#[cfg(test)]
mod mutations;

use std::fmt;

use crate::record::identity::Identity;
use crate::record::{Edit, Kind};

pub use calendar::calendar;
pub use card::cards;
pub use format::Format;
pub use mail::message;
pub use mailbox::messages;

/// One record, read from a message, a card or a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the record is.
    pub kind: Kind,
    /// What the thing is known by: two people who import it apart get the same record.
    pub identity: Identity,
    /// The fields. All of them fit one change and are accepted by [`crate::record::Document::edit`].
    pub edits: Vec<Edit>,
    /// First text of the notes or the description, for [`crate::record::Document::seed_notes`]; empty where there is none.
    pub notes: String,
}

/// What became of one thing in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A record.
    Record(Box<Imported>),
    /// No record, for a reason.
    Skipped(Skipped),
}

/// Why something in a file gave no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What was skipped, as a noun phrase: `the VJOURNAL “x”`.
    pub what: String,
    /// Why, as a sentence without a full stop.
    pub reason: String,
}

impl Skipped {
    fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was skipped: {}", self.what, self.reason)
    }
}
