//! What import from a stream, and export, take and answer.

use std::collections::BTreeMap;

use regard_core::id::DocumentId;
use regard_core::import;
use regard_core::record::{Kind, Life, Scalar};
use regard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Problem;

/// The formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A JSON document for each record, one a line ([`ExportedRecord`]). Written only.
    Json,
    /// vCards.
    Vcard,
    /// iCalendar.
    Ical,
    /// One message.
    Eml,
    /// Many messages.
    Mbox,
}

impl Format {
    /// All of them, as they are written.
    pub const ALL: [(Self, &'static str); 5] =
        [(Self::Json, "json"), (Self::Vcard, "vcard"), (Self::Ical, "ical"), (Self::Eml, "eml"), (Self::Mbox, "mbox")];

    /// How it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// How names of such files end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Vcard => "vcf",
            Self::Ical => "ics",
            Self::Eml => "eml",
            Self::Mbox => "mbox",
        }
    }

    /// The same for reading; none for what is written only.
    #[must_use]
    pub const fn read_as(self) -> Option<import::Format> {
        match self {
            Self::Json => None,
            Self::Vcard => Some(import::Format::Cards),
            Self::Ical => Some(import::Format::Calendar),
            Self::Eml => Some(import::Format::Message),
            Self::Mbox => Some(import::Format::Mailbox),
        }
    }

    /// Whether a record of this kind can be written so.
    #[must_use]
    pub const fn holds(self, kind: Kind) -> bool {
        match self {
            Self::Json => true,
            Self::Vcard => matches!(kind, Kind::Contact | Kind::Account | Kind::Lead),
            Self::Ical => matches!(kind, Kind::Task | Kind::Appointment),
            Self::Eml | Self::Mbox => matches!(kind, Kind::Email),
        }
    }

    /// The format that records of a kind have of themselves.
    #[must_use]
    pub const fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Eml,
            Kind::Contact | Kind::Account | Kind::Lead => Self::Vcard,
            Kind::Task | Kind::Appointment => Self::Ical,
        }
    }
}

/// The query of `POST /v1/import/stream`, whose body is what is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamQuery {
    /// What it holds; found from its beginning where it is absent.
    pub format: Option<Format>,
}

/// `POST /v1/export`: which records, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// Ids, beginnings of ids, or names. Where there are none, all records.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Only these kinds; all where there are none.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Only those for which this filter holds.
    #[serde(default)]
    pub filter: Option<String>,
    /// The time zone of whoever asks, as IANA names it; else that of the process that has the store open.
    #[serde(default)]
    pub zone: Option<String>,
    /// Deleted ones too.
    #[serde(default)]
    pub deleted: bool,
    /// As what. Mails are answered one by one, in `mbox` with the line before each.
    pub format: Format,
}

/// One line of the answer to `POST /v1/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ExportEvent {
    /// A record begins. Its text follows.
    Record {
        /// Its id.
        id: DocumentId,
        /// What it is.
        kind: Kind,
        /// What it is called.
        title: String,
    },
    /// A piece of the record's text, of at most [`crate::export::PIECE_BYTES_MAX`] bytes.
    Text {
        /// The piece.
        text: String,
    },
    /// The record is whole.
    Whole,
    /// A record that cannot be written in this format.
    LeftOut {
        /// Its id.
        id: DocumentId,
        /// What it is.
        kind: Kind,
    },
    /// The end.
    Done {
        /// Records written.
        records: u64,
    },
    /// The export stopped.
    Failed(Problem),
}

/// A record as JSON: one line of an exported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedRecord {
    /// Its id.
    pub id: DocumentId,
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// Whether it is there.
    pub life: Life,
    /// When it was last changed, as its changes claim.
    pub changed_at: Timestamp,
    /// Fields of one value, and notes.
    pub fields: BTreeMap<String, Scalar>,
    /// Fields of several: item by item; the item's own value is its member `value`.
    pub entries: BTreeMap<String, BTreeMap<String, BTreeMap<String, Scalar>>>,
}
