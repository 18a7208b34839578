//! What the relay keeps on disk, and the only place that knows redb.
//!
//! Two files: `log.redb` has the logs and the documents' indexes, `access.redb` who may come in. The second is small and is
//! what a backup must not miss; the first can be refilled by the devices.

mod access;
mod check;
mod commit;
mod copy;
mod disk;
mod documents;
mod error;
#[cfg(test)]
mod failing;
mod file;
mod inventory;
mod log;
mod medium;
mod recent;
mod rows;
mod standing;
mod tables;
mod usage;
mod writer;

pub use access::WorkspaceInfo;
pub(crate) use access::{AccessError, AccessStore, By, Caller, Rights, StoredPeer};
pub use check::FileCheck;
pub(crate) use check::{check_access, check_log};
pub(crate) use commit::CheckedPush;
pub use error::StoreError;
pub(crate) use file::is_free;
pub(crate) use log::{Hands, Log, LogStore, Opening};
pub use medium::Medium;
pub(crate) use medium::RealFile;
pub(crate) use recent::LoggedFrame;
pub use redb::StorageBackend;
