//! Sheets, taking saves back, and what a device's state says of troubles.

use regard_core::id::{ChangeHash, DocumentId, UnitId};
use regard_core::record::Scalar;
use regard_core::record::undo::{LeftAlone, Step};
use regard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Problem, RecordLine};

/// `GET /v1/records/{id}/sheet`, `GET /v1/sheets/{kind}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetView {
    /// The record; `None` for a sheet on which a new one is written.
    pub record: Option<RecordLine>,
    /// The changes of which it was written.
    pub base: Vec<ChangeHash>,
    /// The TOML document.
    pub sheet: String,
}

/// `POST /v1/records/{id}/sheet`, `POST /v1/sheets/{kind}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetRequest {
    /// The TOML document as it is now.
    pub sheet: String,
    /// The changes of which it was written, where the document does not say so itself.
    #[serde(default)]
    pub base: Option<Vec<ChangeHash>>,
    /// Whether one's own values count where somebody else changed the same place.
    #[serde(default)]
    pub mine: bool,
}

/// The answer to a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sheet", rename_all = "kebab-case")]
pub enum SheetAnswer {
    /// It is saved, or there was nothing to save.
    Saved(Box<super::SaveAnswer>),
    /// It cannot be read or written; nothing is saved.
    Wrong {
        /// What is wrong with it.
        errors: Vec<SheetFault>,
    },
    /// Somebody else changed the same; nothing is saved.
    Conflict {
        /// Where, and both values.
        conflicts: Vec<BothWrote>,
    },
}

/// Something wrong in a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFault {
    /// The line, from 1; `None` where it is about the whole.
    pub line: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
}

/// A place that two changed, and differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BothWrote {
    /// The field, or `field[item]`, or `field[item].member`.
    pub place: String,
    /// The line of the sheet, from 1.
    pub line: usize,
    /// What the sheet says; `None` where it empties the place.
    pub mine: Option<Scalar>,
    /// What stands there meanwhile; `None` where it is empty.
    pub theirs: Option<Scalar>,
}

/// `GET /v1/saves`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSaves {
    /// The newest saves of this device, newest first.
    pub saves: Vec<OwnSaveView>,
}

/// A save of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSaveView {
    /// Its id.
    pub save: UnitId,
    /// When it was made.
    pub saved_at: Timestamp,
    /// The records that it changed.
    pub records: Vec<RecordLine>,
}

/// `POST /v1/undo`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UndoRequest {
    /// The save, or the beginning of its id; the last one of this device where absent.
    pub save: Option<String>,
    /// Say only what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an undo did or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoAnswer {
    /// The save that is taken back.
    pub undone: UnitId,
    /// When it was made.
    pub saved_at: Timestamp,
    /// The save that takes it back; `None` where nothing was written.
    pub save: Option<UnitId>,
    /// Record by record.
    pub records: Vec<UndoneRecord>,
}

/// What an undo means for a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneRecord {
    /// The record, as lists show it now.
    pub record: RecordLine,
    /// What goes back.
    pub steps: Vec<Step>,
    /// What stays as it is.
    pub left_alone: Vec<LeftAlone>,
}

/// `GET /v1/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorView {
    /// Records with differing concurrent values.
    pub contested: u64,
    /// Some of them.
    pub contested_first: Vec<DocumentId>,
    /// Records that were deleted while somebody else edited them.
    pub undecided: u64,
    /// Some of them.
    pub undecided_first: Vec<DocumentId>,
    /// What the relay answers now; `None` where none is set.
    pub relay: Option<RelayVisit>,
}

/// How a visit at the relay went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayVisit {
    /// Its address.
    pub address: String,
    /// Why it did not let this device in; `None` where it did.
    pub problem: Option<Problem>,
    /// How many milliseconds the relay's clock is ahead of this device's; `None` where it is not known.
    pub clock_ahead_ms: Option<i64>,
}
