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
    /// Counting could not begin.
    #[error("the relay cannot count what it does: {0}")]
    Metrics(String),
    /// The network failed.
    #[error("the relay cannot serve")]
    Serving(#[source] std::io::Error),
}
