use std::io;

use super::error::StoreError;

impl StoreError {
    /// What the operating system said, where the disk or the folder failed.
    #[must_use]
    pub fn disk(&self) -> Option<&io::Error> {
        match self {
            Self::Folder { source, .. } => Some(source),
            Self::Failed { source, .. } => match &**source {
                redb::Error::Io(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }
}
