use std::path::PathBuf;

use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::wire::Scope;

/// Why the relay's files could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened as a database.
    #[error("{path} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// What redb found.
        source: Box<redb::Error>,
    },
    /// The file was written by a version that this program does not know.
    #[error("{path} has format {found}, and this program knows format {expected} only")]
    Format {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: u32,
        /// The version that was expected.
        expected: u32,
    },
    /// A row does not match its checksum, or what is inside it makes no sense.
    #[error("the row {key} of table “{table}” is damaged: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's key, as hexadecimal digits.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The same for a row that was only copied.
    #[error("the row {key} of table “{table}” is damaged: its checksum does not match")]
    DamagedRow {
        /// The table.
        table: String,
        /// The row's key, as hexadecimal digits.
        key: String,
    },
    /// The file has a table of which not even the form is known.
    #[error("this program does not know what the table “{table}” is, and would lose it")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// The operation failed in the database or the disk below it.
    #[error("the relay's store failed in {doing}")]
    Failed {
        /// The operation.
        doing: &'static str,
        /// What redb says.
        source: Box<redb::Error>,
    },
    /// A place of a log that should be there is in no segment.
    #[error("the log has no segment for place {seq}")]
    Gap {
        /// The place.
        seq: u64,
    },
    /// A segment of a log makes no sense, though its row is whole.
    #[error("the segment of the log that holds place {seq} is damaged: {what}")]
    BadSegment {
        /// The place.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// After the file was opened again it lacks what was durable before.
    #[error(
        "the log “{scope}” of workspace {workspace} lacks changes up to {known} that were durable before its disk failed; \
         started again, the relay tells its devices, which bring them once more"
    )]
    WentBack {
        /// The log's workspace.
        workspace: WorkspaceId,
        /// Its scope.
        scope: Scope,
        /// The last place that was durable.
        known: u64,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness(#[source] std::io::Error),
    /// The last commit failed for another reason than the disk, and none has succeeded since.
    #[error("the last commit failed: {told}")]
    LastCommit {
        /// Why.
        told: String,
    },
    /// The database panicked, which it does on some damage.
    #[error("the relay's store stopped in the middle of a commit")]
    Panicked,
    /// The thread that writes has ended.
    #[error("the relay's store is closed")]
    Closed,
}

impl StoreError {
    /// The error of an operation of redb.
    pub(super) fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Failed { doing, source: Box::new(source.into()) }
    }

    /// What the operating system said, where the disk or the file failed.
    #[must_use]
    pub fn disk(&self) -> Option<&std::io::Error> {
        match self {
            Self::Open { source, .. } | Self::Failed { source, .. } => match &**source {
                redb::Error::Io(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a device is told; the particulars are for the relay's own log.
    #[must_use]
    pub fn as_refusal(&self) -> Refusal {
        Refusal::new(Cause::Unavailable, "the relay cannot read or write its files now")
    }
}
