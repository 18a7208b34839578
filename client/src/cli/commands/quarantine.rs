use std::fmt::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, DIM, WARN, plain};
use super::super::times::ago;
use super::{NOTHING, absolute};
use crate::api::Method;
use crate::api::types::quarantine::{AsideExported, AsideFile, AsideView, QuarantineView, RetryRequest};
use crate::store::Retried;

/// Look at the changes of others that cannot be applied here, try them again, or write them into a file.
///
/// They stop nothing else, and the others are told which ones they are.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List them with the reasons, newest first.
    List,
    /// Show what is known of one.
    Show {
        /// The beginning of its name.
        change: String,
    },
    /// Try all of them again, or those of one's record.
    ///
    /// What only lacks another change is tried by itself when that comes, and everything by another version of Regard.
    Retry {
        /// The beginning of the name of one; all where it is absent.
        change: Option<String>,
    },
    /// Write the raw changes with all that is known of them into a file. They stay here too.
    Export {
        /// The file; nothing is overwritten.
        file: PathBuf,
    },
}

impl Quarantine {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let output = context.output;
        match self {
            Self::List => {
                let view: QuarantineView = client.call(Method::GET, "/v1/quarantine", NOTHING).await?;
                client.close().await;
                output.answer(&view, list)
            }
            Self::Show { change } => {
                let view: AsideView = client.call(Method::GET, &path_of(&change)?, NOTHING).await?;
                client.close().await;
                output.answer(&view, show)
            }
            Self::Retry { change } => {
                let change = change.map(|change| checked(&change)).transpose()?;
                let request = RetryRequest { change };
                let retried: Retried = client.call(Method::POST, "/v1/quarantine/retry", Some(&request)).await?;
                client.close().await;
                output.answer(&retried, |retried| {
                    let (applied, still) = (counted(retried.applied), counted(retried.still));
                    format!("Applied {applied}; {still} cannot be applied still")
                })
            }
            Self::Export { file } => {
                let request = AsideFile { path: absolute(&file)? };
                let exported: AsideExported =
                    client.call(Method::POST, "/v1/quarantine/export", Some(&request)).await?;
                client.close().await;
                output.answer(&exported, |exported| {
                    format!("Exported {} to {}", counted(exported.changes), exported.path.display())
                })
            }
        }
    }
}

/// A name has hexadecimal digits alone, so that it may stand in a path.
fn checked(change: &str) -> Result<String, Failure> {
    let is_name = !change.is_empty() && change.len() <= 64 && change.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_name {
        return Ok(change.to_owned());
    }
    let told: String = change.chars().take(40).collect();
    let wrong = Failure::invalid(format!("“{told}” is no name of a change: it has hexadecimal digits"));
    Err(wrong.hint("`regard quarantine list` shows the names."))
}

fn path_of(change: &str) -> Result<String, Failure> {
    Ok(format!("/v1/quarantine/{}", checked(change)?))
}

fn list(view: &QuarantineView) -> String {
    let mut text = String::new();
    for one in &view.list {
        let record = &one.record.to_hex()[..8];
        let (came, reason) = (ago(one.at), plain(&one.reason.detail));
        let kept = if one.bytes == 0 { " (not kept any more)" } else { "" };
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}  record {record}  {came}: {reason}{kept}", one.prefix);
    }
    if view.list.is_empty() {
        text.push_str("Nothing is set aside.\n");
    } else if view.more > 0 {
        let _ = writeln!(text, "and {} more", view.more);
    }
    if let Some(dropped) = dropped(view.summary.dropped) {
        let _ = writeln!(text, "{WARN}{dropped}{WARN:#}");
    }
    text
}

/// That some are not kept any more.
pub(super) fn dropped(changes: u64) -> Option<String> {
    let what = match changes {
        0 => return None,
        1 => "1 change that was set aside is".to_owned(),
        many => format!("{many} changes that were set aside are"),
    };
    Some(format!("{what} not kept any more: there were too many, or what they lacked never came."))
}

fn show(one: &AsideView) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}", one.change);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<15} {value}");
    };
    line("record", one.record.to_string());
    line("reason", plain(&format!("{} ({})", one.reason.detail, one.reason.cause)));
    line("save", one.save.to_string());
    line("made by", format!("{} (as it says)", plain(&one.author)));
    line("brought by", plain(&one.carrier));
    line("place", format!("#{} {DIM}of {}{DIM:#}", one.seq, one.scope));
    line("set aside", ago(one.at));
    line("bytes", if one.bytes == 0 { "not kept any more".into() } else { one.bytes.to_string() });
    if one.waits {
        line("tried again", "when what it lacks comes".into());
    }
    text
}

fn counted(changes: u64) -> String {
    if changes == 1 { "1 change".into() } else { format!("{changes} changes") }
}
