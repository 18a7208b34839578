//! What to do about a disk that does not take what it is given.

use std::io;

use crate::store::StoreError;
use crate::unix;

/// What mends it; none where the store failed for another reason.
pub(super) fn disk_hint(error: &StoreError) -> Option<&'static str> {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let error = error.disk()?;
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => {
            Some("Nothing of this was saved. Make room on the disk of the store, and try again.")
        }
        ReadOnlyFilesystem | PermissionDenied => Some(
            "Regard writes in the store's folder, also to read it in order: look at the folder's rights, and at how its disk is mounted.",
        ),
        _ if unix::is_out_of_descriptors(error) => {
            Some("Too many files are open: end other programs, or allow more with `ulimit -n`, and try again.")
        }
        _ => {
            Some("Nothing of this was saved. Look at the disk of the store; `regard check` looks at all that is on it.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_of_a_disk_has_its_hint() {
        let failed = |error: io::Error| StoreError::Folder { path: "/store".into(), source: error };
        for (error, told) in [
            (io::Error::from_raw_os_error(28), "Make room"),
            (io::Error::from_raw_os_error(27), "Make room"),
            (io::Error::from_raw_os_error(30), "how its disk is mounted"),
            (io::Error::from_raw_os_error(24), "Too many files are open"),
            (io::Error::from_raw_os_error(5), "`regard check`"),
        ] {
            let hint = disk_hint(&failed(error)).expect("a hint");
            assert!(hint.contains(told), "{hint}");
        }
        assert_eq!(disk_hint(&StoreError::Filter("no such field".into())), None);
    }
}
