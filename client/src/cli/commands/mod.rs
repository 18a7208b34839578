//! One file a command. The doc comment of its arguments is what `regard help` says.

pub(super) mod add;
pub(super) mod backup;
pub(super) mod check;
pub(super) mod completions;
pub(super) mod config;
pub(super) mod delete;
pub(super) mod device;
pub(super) mod doctor;
pub(super) mod edit;
pub(super) mod export;
pub(super) mod import;
pub(super) mod init;
pub(super) mod inspect;
pub(super) mod invite;
pub(super) mod join;
pub(super) mod link;
pub(super) mod list;
pub(super) mod man;
pub(super) mod member;
pub(super) mod outbox;
pub(super) mod quarantine;
pub(super) mod relay;
pub(super) mod search;
pub(super) mod show;
pub(super) mod status;
pub(super) mod undo;
pub(super) mod up;
pub(super) mod watch;

use std::fmt::Write;

use regard_core::record::Kind;

use super::error::Failure;
use super::output::{Output, one_line};
use crate::api::types::SaveAnswer;
use crate::api::types::transfer::Format;
use crate::store::SaveOutcome;

/// For requests without a body.
const NOTHING: Option<&()> = None;

/// A name that the person did not give: the login's, or a plain word.
fn login_name() -> String {
    let names = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "me".into())
}

/// What a device is called where nobody said.
fn machine_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "this device".into() } else { name.into() }
}

fn absolute(path: &std::path::Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::invalid(format!("{} cannot be used: {error}", path.display())))
}

fn kind(text: &str) -> Result<Kind, String> {
    text.parse::<Kind>().map_err(|error| error.to_string())
}

fn format(text: &str) -> Result<Format, String> {
    let found = Format::ALL.iter().find(|(_, name)| *name == text).map(|(format, _)| *format);
    let names = || Format::ALL.map(|(_, name)| name).join(", ");
    found.ok_or_else(|| format!("there is no format “{text}”; there are {}", names()))
}

/// Tells what a save did.
fn tell_save(output: &Output, answer: &SaveAnswer) -> Result<(), Failure> {
    output.answer(answer, |answer| one_line(&answer.record))?;
    output.note(match answer.outcome {
        SaveOutcome::Created => "Saved as a new record.",
        SaveOutcome::Changed => "Saved.",
        SaveOutcome::Existed => "The record was there already.",
        SaveOutcome::Unchanged => "Nothing to save: everything was so already.",
    });
    Ok(())
}

/// The path of a record that is named by an id or a name.
fn path_of(key: &str) -> Result<String, Failure> {
    /// More than any title in a list has.
    const KEY_BYTES_MAX: usize = 1_024;
    if key.trim().is_empty() || key.len() > KEY_BYTES_MAX {
        let told: String = key.chars().take(40).collect();
        let wrong = Failure::invalid(format!("“{told}” names no record"));
        return Err(wrong.hint("`regard list` shows the records and their ids."));
    }
    let mut path = String::from("/v1/records/");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    Ok(path)
}
