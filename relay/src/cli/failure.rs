use std::error::Error;
use std::process::ExitCode;

use regard_core::error::{Cause, Refusal};
use regard_relay::tls::TlsError;
use regard_relay::{RelayError, StoreError};

use crate::settings::BadSettings;

/// What a person is told when a command fails.
pub(super) struct Failure {
    /// What happened, without the full stop.
    pub(super) sentence: String,
    /// What to do next.
    pub(super) hint: Option<String>,
    /// Whether the command was given wrongly, rather than failed.
    pub(super) is_usage: bool,
}

impl Failure {
    /// Says what happened; answers how the process ends.
    pub(super) fn report(&self) -> ExitCode {
        eprintln!("Error: {}", self.sentence);
        if let Some(hint) = &self.hint {
            eprintln!("Hint: {hint}");
        }
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }

    pub(super) fn of(error: &(dyn Error + 'static), hint: Option<&str>) -> Self {
        let mut sentence = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            sentence.push_str(": ");
            sentence.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { sentence, hint: hint.map(str::to_owned), is_usage: false }
    }
}

impl From<RelayError> for Failure {
    fn from(error: RelayError) -> Self {
        if let RelayError::Refused(refusal) = error {
            return refusal.into();
        }
        let hint = match &error {
            RelayError::Store(StoreError::InUse { .. }) => Some("another relay runs on this folder; stop it first"),
            RelayError::Store(StoreError::Damaged { .. }) => {
                Some("restore the file from a backup; devices refill a log that is lost")
            }
            RelayError::Store(StoreError::Format { .. }) => {
                Some("use the version of regard-relay that wrote the file, or a newer one")
            }
            RelayError::Running { .. } => Some("stop it first; `regard-relay backup` works while it runs"),
            RelayError::Exists { .. } => Some("name another folder; `restore` sets aside what is there with --replace"),
            RelayError::Absent { .. } => Some("give the folder with log.redb and access.redb"),
            RelayError::DamagedBackup { .. } => Some("`regard-relay check FOLDER` tells all of it; take another copy"),
            RelayError::Store(store) if store.disk().is_some() => store.disk().map(disk_hint),
            RelayError::Folder { .. } => Some("choose a folder that you can write with --data"),
            _ => None,
        };
        Self::of(&error, hint)
    }
}

impl From<BadSettings> for Failure {
    fn from(bad: BadSettings) -> Self {
        let mut sentence = bad.sentence;
        if let Some(first) = sentence.get(..1) {
            sentence = first.to_uppercase() + &sentence[1..];
        }
        Self { sentence, hint: Some(bad.hint), is_usage: true }
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        let hint = match &error {
            TlsError::Read { .. } | TlsError::Unusable { .. } => "look at the settings tls_cert and tls_key",
            TlsError::Malformed { .. } => {
                "restore the file from a backup; devices that know the certificate it held accept no other"
            }
            TlsError::NotMade(_) => "look at the setting tls_name",
            TlsError::Write { .. } => "choose a folder that you can write with --data",
        };
        Self::of(&error, Some(hint))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let hint = match refusal.cause {
            Cause::Unknown => Some("`regard-relay workspace list`, `member list` and `device list` show what there is"),
            _ => None,
        };
        Self { sentence: refusal.detail, hint: hint.map(str::to_owned), is_usage: false }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error, None)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::of(&error, None)
    }
}

impl From<regard_core::id::BadId> for Failure {
    fn from(error: regard_core::id::BadId) -> Self {
        Self::of(&error, None)
    }
}

/// What to do about a disk that does not take what it is given.
fn disk_hint(error: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "make room on the disk of the relay's folder",
        ReadOnlyFilesystem | PermissionDenied => {
            "the relay writes in its folder: look at the folder's rights, and at how its disk is mounted"
        }
        _ => "look at the disk; `regard-relay check` looks at all that is on it",
    }
}
