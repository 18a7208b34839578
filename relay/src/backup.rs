//! Copies of a relay's files: made while it runs or stands still, looked at, and put back.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RelayError;
use crate::relay::Relay;
use crate::store::{FileCheck, check_access, check_log};
use crate::{admin, ambient, unix};

const LOG: &str = "log.redb";
const ACCESS: &str = "access.redb";
/// The certificate that the relay made itself, where it did: devices that joined by its fingerprint accept no other.
const CERTIFICATE: &str = crate::tls::SELF_SIGNED_FILE;
/// Beside the folder that a copy is to become: what an interruption leaves is no backup.
const UNFINISHED: &str = "unfinished";

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The folder with both files.
    pub folder: PathBuf,
    /// Rows of both.
    pub rows: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// What was found in a relay's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The log.
    pub log: FileCheck,
    /// Who has access.
    pub access: FileCheck,
}

impl Check {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.log.is_sound() && self.access.is_sound()
    }
}

/// What putting a copy back did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The files that were there before, under their new names.
    pub set_aside: Vec<PathBuf>,
}

impl Relay {
    /// Writes a consistent copy of both files into the new folder `to`, while the relay goes on. What was acknowledged before this
    /// was called is in it. The folder gets its name when everything is durable; it is for its owner alone.
    ///
    /// # Errors
    /// [`RelayError::Exists`]; [`RelayError::File`]; [`RelayError::Store`] where a row is damaged, or the disk fails.
    pub fn backup(&self, to: &Path) -> Result<Backup, RelayError> {
        if to.exists() {
            return Err(RelayError::Exists { path: to.into() });
        }
        let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
            return Err(failed("name a folder for the copy", to)(io::ErrorKind::InvalidInput.into()));
        };
        let mut unfinished_name = name.to_owned();
        unfinished_name.push(".");
        unfinished_name.push(UNFINISHED);
        let unfinished = parent.join(unfinished_name);
        match std::fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove what an interrupted backup left", &unfinished)(error));
            }
            _ => {}
        }
        unix::make_private_folder(&unfinished).map_err(failed("make the folder", &unfinished))?;
        // The log first: whoever brought something to it is in the later view of access.
        let log = self.inner.logs.snapshot()?;
        let access = self.inner.access.snapshot()?;
        let rows = log.copy(&unfinished.join(LOG))? + access.copy(&unfinished.join(ACCESS))?;
        if self.inner.data.join(CERTIFICATE).exists() {
            copy_durably(&self.inner.data.join(CERTIFICATE), &unfinished.join(CERTIFICATE))?;
        }
        let bytes = [LOG, ACCESS].iter().map(|file| unfinished.join(file).metadata().map(|file| file.len())).sum();
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Err(failed("look at the copy", &unfinished)(error)),
        };
        sync_folder(&unfinished)?;
        std::fs::rename(&unfinished, to).map_err(failed("give the copy its name", to))?;
        sync_folder(parent)?;
        Ok(Backup { folder: to.into(), rows, bytes })
    }
}

/// Looks at everything in the files of a relay that is stopped, or in a backup.
///
/// # Errors
/// [`RelayError::Running`]; [`RelayError::Absent`]; [`RelayError::Store`] where another process has a file open or it has
/// another format.
pub async fn check(folder: &Path) -> Result<Check, RelayError> {
    stopped(folder).await?;
    for file in [LOG, ACCESS] {
        if !folder.join(file).exists() {
            return Err(RelayError::Absent { path: folder.join(file) });
        }
    }
    Ok(Check { log: check_log(&folder.join(LOG))?, access: check_access(&folder.join(ACCESS))? })
}

/// Puts a copy in place of a relay's files, after looking at all of it. Files that are there are set aside under a new name where
/// `replace` says so, and else nothing is done.
///
/// # Errors
/// As [`check`], of both folders; [`RelayError::DamagedBackup`]; [`RelayError::Exists`]; [`RelayError::File`].
pub async fn restore(from: &Path, data: &Path, replace: bool) -> Result<Restored, RelayError> {
    stopped(data).await?;
    let there: Vec<&str> = [LOG, ACCESS].into_iter().filter(|file| data.join(file).exists()).collect();
    if let Some(file) = there.first().filter(|_| !replace) {
        return Err(RelayError::Exists { path: data.join(file) });
    }
    for file in &there {
        crate::store::is_free(&data.join(file))?;
    }
    let check = check(from).await?;
    if let Some(damage) = check.log.damage.iter().chain(&check.access.damage).next() {
        return Err(RelayError::DamagedBackup { path: from.into(), damage: damage.clone() });
    }
    unix::make_private_folder(data).map_err(|source| RelayError::Folder { path: data.into(), source })?;
    let has_certificate = from.join(CERTIFICATE).exists();
    let mut files = vec![ACCESS, LOG];
    files.extend(has_certificate.then_some(CERTIFICATE));
    for file in &files {
        copy_durably(&from.join(file), &unfinished_file(data, file))?;
    }
    let mut set_aside = Vec::new();
    let certificate = (has_certificate && data.join(CERTIFICATE).exists()).then_some(CERTIFICATE);
    for file in there.into_iter().chain(certificate) {
        let aside = data.join(format!("{file}.replaced-{}", ambient::now().0));
        std::fs::rename(data.join(file), &aside).map_err(failed("set aside", &data.join(file)))?;
        set_aside.push(aside);
    }
    // Who has access comes first: a relay without its log is filled again by devices, which must be let in for that.
    for file in files {
        std::fs::rename(unfinished_file(data, file), data.join(file)).map_err(failed("name", &data.join(file)))?;
    }
    sync_folder(data)?;
    Ok(Restored { set_aside })
}

async fn stopped(folder: &Path) -> Result<(), RelayError> {
    if admin::is_running(folder).await {
        return Err(RelayError::Running { folder: folder.into() });
    }
    Ok(())
}

fn unfinished_file(data: &Path, file: &str) -> PathBuf {
    data.join(format!("{file}.{UNFINISHED}"))
}

fn copy_durably(from: &Path, to: &Path) -> Result<(), RelayError> {
    std::fs::copy(from, to).map_err(failed("copy", from))?;
    unix::make_private(to).map_err(failed("protect", to))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed("make durable", to))
}

fn sync_folder(folder: &Path) -> Result<(), RelayError> {
    // A bare name has an empty parent, which is the folder one is in.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("make durable", folder))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RelayError + use<> {
    let path = path.to_owned();
    move |source| RelayError::File { doing, path, source }
}
