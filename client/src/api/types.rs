//! What the local API takes and answers, as JSON.

pub mod access;
pub mod edit;
pub mod quarantine;
pub mod transfer;

use std::collections::BTreeMap;

use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, MemberId, UnitId, WorkspaceId};
use regard_core::inspect::ValueReport;
use regard_core::record::{Kind, Life, Scalar};
use regard_core::sync::Link;
use regard_core::time::Timestamp;
use regard_core::visibility::{Place, Reached};
use regard_core::wire::Role;
use serde::{Deserialize, Serialize};

use self::quarantine::{ComplaintView, StuckView};
use crate::store::{OutboxCount, QuarantineSummary, Quarantined, RefusedSave, SaveOutcome, ShutOut};

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// Its id.
    pub id: DocumentId,
    /// The shortest beginning of the id, in hexadecimal digits, that no other record has.
    pub prefix: String,
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub title: String,
    /// A second line.
    pub detail: String,
    /// Its own date: sent, due or begins.
    pub moment: Option<String>,
    /// Whether it is there.
    pub life: Life,
    /// Places with differing concurrent values.
    pub conflicts: u32,
    /// When it was last changed, as its changes claim.
    pub changed_at: Timestamp,
    /// The record that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regarding: Option<DocumentId>,
    /// The account to which it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DocumentId>,
    /// The company of a contact or a lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Its categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// E-mail addresses: its own, or of those who wrote, got or are invited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The further fields that the list was asked for, where the record has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
}

/// `GET /v1/records` and `GET /v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordList {
    /// The records in their order: of a list the one that was asked for, of a search the best first.
    pub records: Vec<RecordLine>,
    /// Whether there are more behind these.
    pub more: bool,
    /// Where the list goes on, for `after`; a search has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where the list ended before its limit: so many records had to be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_after: Option<usize>,
    /// When something was last heard from the relay.
    pub as_of: Option<Timestamp>,
}

/// The query of `GET /v1/records`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only those whose title or second line holds this.
    pub text: Option<String>,
    /// Deleted ones too.
    #[serde(default)]
    pub deleted: bool,
    /// How many to pass over.
    #[serde(default)]
    pub offset: usize,
    /// How many at most; 50 where it is not said.
    pub limit: Option<usize>,
    /// Only those for which this filter holds.
    pub filter: Option<String>,
    /// The order, such as `due` or `-changed`; the last changed first where it is not said.
    pub sort: Option<String>,
    /// Only those behind this place, the `next` of the part before.
    pub after: Option<String>,
    /// Further fields that are wanted of each record, with commas between them.
    pub columns: Option<String>,
    /// The time zone of whoever asks, as IANA names it; else that of the process that has the store open.
    pub zone: Option<String>,
}

/// The query of `GET /v1/search`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchQuery {
    /// The words that must all be there.
    pub words: String,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// How many at most; 50 where it is not said.
    pub limit: Option<usize>,
}

/// `GET /v1/records/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// The line that lists show.
    #[serde(flatten)]
    pub line: RecordLine,
    /// Fields of one value, and notes.
    pub fields: BTreeMap<String, Scalar>,
    /// Fields of several: item by item.
    pub entries: BTreeMap<String, BTreeMap<String, BTreeMap<String, Scalar>>>,
    /// Places with differing concurrent values.
    pub conflicts_at: Vec<ConflictView>,
    /// Its newest saves and how far they have come.
    pub saves: Vec<SaveView>,
    /// When something was last heard from the relay.
    pub as_of: Option<Timestamp>,
}

/// A place with differing concurrent values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictView {
    /// The place.
    pub place: String,
    /// The value that shows, on every device the same.
    pub shown: ValueView,
    /// The others.
    pub others: Vec<ValueView>,
}

/// A value and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueView {
    /// Value, change and actor.
    #[serde(flatten)]
    pub value: ValueReport,
    /// The person and the device, as far as the directory knows them.
    pub by: String,
}

/// A save of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveView {
    /// Its id.
    pub save: UnitId,
    /// Who made it: person and device.
    pub by: String,
    /// Whether the device that made it also brought it to the relay.
    pub verified: bool,
    /// When it was made, as its device says.
    pub saved_at: Timestamp,
    /// Since when it is visible to everybody; `None` while it has not reached the relay.
    pub visible: Option<Place>,
    /// How far it has come at each device.
    pub devices: Vec<ReachView>,
}

/// How far a save has come at a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachView {
    /// The device.
    pub device: DeviceId,
    /// Person and device.
    pub name: String,
    /// How far.
    #[serde(flatten)]
    pub reached: Reached,
}

/// `POST /v1/records`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddRequest {
    /// What to make.
    pub kind: Kind,
    /// `field=value`, as people type it.
    pub assignments: Vec<String>,
}

/// `PATCH /v1/records/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditRequest {
    /// `field=value`, as people type it.
    pub assignments: Vec<String>,
}

/// The answer to everything that saves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveAnswer {
    /// The save; `None` where everything was so already.
    pub save: Option<UnitId>,
    /// What became of the record.
    pub outcome: SaveOutcome,
    /// The record as lists show it now.
    pub record: RecordLine,
}

/// `POST /v1/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    /// Absolute paths of files and folders.
    pub paths: Vec<std::path::PathBuf>,
    /// What all of them hold; each file's own format where it is absent.
    #[serde(default)]
    pub format: Option<transfer::Format>,
}

/// One line of the answer to `POST /v1/import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ImportEvent {
    /// So far.
    Progress {
        /// Files read.
        files: u64,
        /// Files found so far.
        of: u64,
    },
    /// A path that was named is not there.
    Missing {
        /// The path.
        path: String,
    },
    /// Something did not become a record.
    Skipped {
        /// The file.
        file: String,
        /// What of it.
        what: String,
        /// Why.
        reason: String,
    },
    /// The end.
    Done(ImportSummary),
    /// The import stopped. What was saved so far is saved.
    Failed(Problem),
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Files read.
    pub files: u64,
    /// New records of each kind.
    pub created: BTreeMap<Kind, u64>,
    /// Records that were there already and are as they were.
    pub existed: u64,
    /// Things that did not become records.
    pub skipped: u64,
    /// Paths that were named and are not there.
    #[serde(default)]
    pub missing: u64,
}

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Its name.
    pub workspace_name: String,
    /// The person.
    pub member: String,
    /// This device.
    pub device: DeviceId,
    /// What its owner calls it.
    pub device_name: String,
    /// The relay's address, where one is set.
    pub relay: Option<String>,
    /// Whether it is the one that `up` runs itself.
    pub relay_embedded: bool,
    /// How the connection stands.
    pub link: Link,
    /// Whether both sides have everything.
    pub settled: bool,
    /// When something was last heard from the relay.
    pub as_of: Option<Timestamp>,
    /// The device's public key, 64 hexadecimal digits: by it the device proves itself to a relay that lost its token.
    pub public_key: String,
    /// What the relay said when it shut this device out, where it did.
    pub shut_out: Option<ShutOut>,
    /// What waits for the relay.
    pub outbox: OutboxCount,
    /// When the oldest save that waits was made.
    pub waiting_since: Option<Timestamp>,
    /// Saves that the relay refused.
    pub refused: Vec<RefusedSave>,
    /// Records of each kind, without deleted ones.
    pub records: BTreeMap<Kind, u64>,
    /// The other devices of the workspace.
    pub devices: Vec<DeviceView>,
    /// Changes that were set aside, the newest of them.
    pub set_aside: Vec<Quarantined>,
    /// How much is set aside.
    #[serde(default)]
    pub quarantine: QuarantineSummary,
    /// Saves of this device that others could not apply, the newest of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<ComplaintView>,
    /// What this device gets no further with.
    #[serde(default, skip_serializing_if = "StuckView::is_nothing")]
    pub stuck: StuckView,
}

/// Another device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// The device.
    pub device: DeviceId,
    /// Person and device.
    pub name: String,
    /// Whether it is connected.
    pub online: bool,
    /// Since when it is, or is not.
    pub since: Option<Timestamp>,
    /// How many changes it lacks of what is known here to be in the logs, as it last told; `None` where nothing is known.
    pub behind: Option<u64>,
    /// When it last told how far it is, by the relay's clock.
    pub told_at: Option<Timestamp>,
}

/// `POST /v1/invitations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRequest {
    /// What the invited person may do; a further device of one's own where absent.
    pub role: Option<Role>,
}

/// An invitation link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteAnswer {
    /// The link. Whoever has it can join, once.
    pub link: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// The own member, where it is for a further device of one's own.
    pub member: Option<MemberId>,
}

/// `POST /v1/sync`, `/v1/online`, `/v1/offline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAnswer {
    /// How the connection stands.
    pub link: Link,
    /// What waits for the relay.
    pub outbox: OutboxCount,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The kind of problem, for programs.
    pub code: ProblemCode,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What caused it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Records that were meant, perhaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<RecordLine>,
}

/// What a person can do whose device has no access any more.
pub const SHUT_OUT_HINT: &str = "`regard outbox export FILE` saves what you could not send; on another device of the \
    workspace, `regard outbox import FILE` takes it in.";

/// The kinds of problems. Each has an exit code of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// Anything else.
    Failed,
    /// What was asked for is not well formed.
    Invalid,
    /// There is no such record.
    NotFound,
    /// Several records are meant.
    Ambiguous,
    /// The relay is not reached.
    Offline,
    /// The relay does not allow it.
    Refused,
    /// Somebody else wrote the same place meanwhile.
    Conflict,
    /// Stored bytes are not what was written.
    Damaged,
}

impl Problem {
    /// A problem with nothing but its message.
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hint: None, matches: Vec::new() }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use regard_core::error::Cause;
        match refusal.cause {
            Cause::Unavailable => Self::new(ProblemCode::Offline, refusal.detail)
                .hint("Your changes are kept here and go out when the relay is reached."),
            Cause::Untrusted => Self::new(ProblemCode::Refused, refusal.detail).hint(
                "Your changes are kept here. Ask whoever runs the relay, by another way than this one, about its certificate: `regard-relay settings` there shows the fingerprint of one that the relay made itself.",
            ),
            Cause::NotAllowed | Cause::Version => Self::new(ProblemCode::Refused, refusal.detail),
            Cause::Revoked => Self::new(ProblemCode::Refused, refusal.detail).hint(SHUT_OUT_HINT),
            Cause::Unknown => {
                Self::new(ProblemCode::Offline, refusal.detail).hint("`regard status` shows which relay is set.")
            }
            _ => Self::new(ProblemCode::Refused, refusal.to_string()),
        }
    }
}

/// Where to write a copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// The file, with its whole path: the process that writes it may be in another folder.
    pub file: std::path::PathBuf,
}

/// A copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupAnswer {
    /// The file.
    pub file: std::path::PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}
