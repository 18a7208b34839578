use std::path::PathBuf;

use regard_core::error::Refusal;
use regard_core::id::WorkspaceId;

use crate::store::StoreError;

/// Why the relay could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// One of its files could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its folder could not be made.
    #[error("the folder {path} cannot be made or protected")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is a workspace with this id already.
    #[error("the relay has a workspace {0} already")]
    WorkspaceExists(WorkspaceId),
    /// The request makes no sense or is not allowed.
    #[error("{0}")]
    Refused(Refusal),
    /// Something is there already where something new was to be made.
    #[error("{path} is there already, and nothing is overwritten")]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file of a relay is missing.
    #[error("there is no {path}")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// A relay runs on files that must not change meanwhile.
    #[error("a relay runs on the files in {folder}")]
    Running {
        /// Its folder.
        folder: PathBuf,
    },
    /// A copy was not put back, since it is damaged.
    #[error("the copy in {path} is damaged, and nothing was changed: {damage}")]
    DamagedBackup {
        /// Its folder.
        path: PathBuf,
        /// The first thing that is damaged.
        damage: String,
    },
    /// A file or folder could not be handled.
    #[error("the relay could not {doing} {path}")]
    File {
        /// What it was doing, as an infinitive.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Counting could not begin.
    #[error("the relay cannot count what it does: {0}")]
    Metrics(String),
    /// The network failed.
    #[error("the relay cannot serve")]
    Serving(#[source] std::io::Error),
}
