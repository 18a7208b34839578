use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::Failure;
use crate::api::types::RecordLine;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where everything that is said goes.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: as JSON where that is wanted, else as people read it.
    pub(super) fn answer<T: Serialize>(&self, value: &T, people: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?
        } else {
            people(value)
        };
        data(&text)
    }

    /// Something beside the answer.
    pub(super) fn note(&self, text: impl Display) {
        if !self.json {
            say(&text.to_string());
        }
    }

    /// What to do next.
    pub(super) fn hint(&self, text: impl Display) {
        self.note(format!("{DIM}Hint: {text}{DIM:#}"));
    }

    pub(super) fn warning(&self, text: impl Display) {
        self.note(format!("{WARN}Warning:{WARN:#} {text}"));
    }

    pub(super) fn failure(&self, failure: &Failure) -> ExitCode {
        let problem = &failure.problem;
        if failure.is_quiet {
            return failure.exit_code();
        }
        if self.json {
            say(&serde_json::json!({ "error": problem }).to_string());
            return failure.exit_code();
        }
        say(&format!("{BAD}Error:{BAD:#} {}", plain(&problem.message)));
        for cause in &problem.causes {
            say(&format!("Caused by: {}", plain(cause)));
        }
        for line in &problem.matches {
            say(&format!("  {}", one_line(line)));
        }
        if let Some(hint) = &problem.hint {
            self.hint(hint);
        }
        failure.exit_code()
    }

    /// A bar for work that takes over a second; hidden where nobody looks.
    pub(super) fn progress(&self, length: u64) -> ProgressBar {
        let hidden = self.json || !std::io::stderr().is_terminal();
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(length) };
        let style = ProgressStyle::with_template("{bar:30} {pos} of {len} files found so far");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// Text on standard output, with a line's end.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.trim_end_matches('\n').as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// A record in a sentence: its shortest id, what it is, and what it is called.
pub(super) fn one_line(record: &RecordLine) -> String {
    let title = if record.title.is_empty() { "(without a title)" } else { &record.title };
    format!("{} {} {title}", id(record), record.kind)
}

/// The beginning of an id that is enough in bold, and some more to read it by.
pub(super) fn id(record: &RecordLine) -> String {
    const SHOWN: usize = 8;
    let full = record.id.to_string().replace('-', "");
    let enough = record.prefix.len().min(full.len());
    let shown = SHOWN.max(enough).min(full.len());
    format!("{BOLD}{}{BOLD:#}{DIM}{}{DIM:#}", &full[..enough], &full[enough..shown])
}

/// A value as a terminal may show it: control characters of foreign text, which could move the cursor or hide what stands
/// there, are made visible.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn say(text: &str) {
    // Where nobody can be told, there is nobody to tell that either.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
