//! Changes that cannot be applied here.

use std::path::PathBuf;

use regard_core::error::Refusal;
use regard_core::id::{ChangeHash, DeviceId, DocumentId, UnitId};
use regard_core::time::Timestamp;
use regard_core::wire::Scope;
use serde::{Deserialize, Serialize};

use crate::store::{Complaint, QuarantineSummary};

/// `GET /v1/quarantine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineView {
    /// How much is set aside.
    #[serde(flatten)]
    pub summary: QuarantineSummary,
    /// The changes, newest first.
    pub list: Vec<AsideView>,
    /// How many more there are behind these.
    pub more: u64,
}

/// A change that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideView {
    /// By what it is named: its hash.
    pub change: ChangeHash,
    /// The shortest beginning of that which no other one has.
    pub prefix: String,
    /// The record that it says it belongs to.
    pub record: DocumentId,
    /// Why it is not applied.
    pub reason: Refusal,
    /// Whether it only lacks another change: it is tried again when that comes.
    pub waits: bool,
    /// The save that it is part of.
    pub save: UnitId,
    /// Who made it, as it says: person and device.
    pub author: String,
    /// Who brought it: person and device.
    pub carrier: String,
    /// The device that brought it.
    pub carrier_device: DeviceId,
    /// The scope in whose log it stands.
    pub scope: Scope,
    /// Its place there.
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Its size in bytes; zero where they are not kept any more.
    pub bytes: usize,
}

/// `POST /v1/quarantine/retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryRequest {
    /// The beginning of a change's name, whose record's changes are tried; all where it is absent.
    #[serde(default)]
    pub change: Option<String>,
}

/// `POST /v1/quarantine/export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideFile {
    /// The file's absolute path.
    pub path: PathBuf,
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideExported {
    /// The file.
    pub path: PathBuf,
    /// How many changes are in it.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What this device gets no further with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckView {
    /// Why the last connection was given up, as a sentence without a full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Records that differ from the relay's log however often they are compared, some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<DocumentId>,
    /// How many there are.
    #[serde(default)]
    pub count: usize,
}

impl StuckView {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.reason.is_none() && self.count == 0
    }
}

/// A save of this device that another one could not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintView {
    /// The save, and what was made of it.
    #[serde(flatten)]
    pub complaint: Complaint,
    /// The other device: person and device.
    pub name: String,
}
