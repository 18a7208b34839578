use std::path::PathBuf;

use regard_core::error::Refusal;
use regard_core::id::DocumentId;
use regard_core::record::{EditError, LoadError};

/// Why the store did not do what it was asked. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in the folder.
    #[error("there is no Regard store in {folder}")]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// There is one already where a new one was to be made.
    #[error("there is a Regard store in {folder} already")]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A copy was to be written where there is a file.
    #[error("there is a file {path} already, and it is not overwritten")]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The store has a table that a copy would lack.
    #[error("this program does not know what the table “{table}” is, and a copy would lack it")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// Another process has it open.
    #[error("the store in {folder} is in use by another process")]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It was written by a version that this one does not know.
    #[error("the store in {folder} has format {found}, and this program knows format {known}")]
    Format {
        /// The folder.
        folder: PathBuf,
        /// The format found.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The file or the disk failed.
    #[error("the store could not {operation}")]
    Failed {
        /// What it was doing, as an infinitive.
        operation: &'static str,
        /// The cause.
        source: Box<redb::Error>,
    },
    /// The folder could not be used.
    #[error("{path} cannot be used")]
    Folder {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// Table and row, and what is wrong.
        what: String,
    },
    /// Of a damaged store not even that can be read whose it is.
    #[error("of the damaged store in {folder} it cannot be read whose it is")]
    IdentityLost {
        /// The folder.
        folder: PathBuf,
        /// Where the records that could be read are now, where there are any.
        salvaged: Option<PathBuf>,
    },
    /// There is no such record.
    #[error("there is no record {0}")]
    NoRecord(DocumentId),
    /// A record that was looked at has changed meanwhile.
    #[error("record {0} has changed meanwhile")]
    Moved(DocumentId),
    /// A filter cannot be answered.
    #[error("{0}")]
    Filter(String),
    /// The edit cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Foreign bytes were not accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl StoreError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    pub(super) fn unreadable(id: DocumentId, error: &LoadError) -> Self {
        Self::damaged(format!("record {id}: {error}"))
    }
}

/// Names the operation that failed.
pub(super) trait During<T> {
    fn during(self, operation: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| match error.into() {
            redb::Error::Corrupted(what) => StoreError::damaged(format!("it could not {operation}: {what}")),
            other => StoreError::Failed { operation, source: Box::new(other) },
        })
    }
}
