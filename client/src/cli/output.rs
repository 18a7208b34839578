use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::Failure;
use super::pager::{self, Paged};
use super::times;
use crate::api::types::{ProblemCode, RecordLine};
use crate::settings::{Colour, Settings};
use crate::unix;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Where everything that is said goes.
#[derive(Debug)]
pub(super) struct Output {
    json: bool,
    /// The command through which long answers go; none where it is empty.
    pager: String,
}

impl Output {
    /// Says everything as the settings want it, from now on.
    pub(super) fn new(json: bool, settings: &Settings) -> Self {
        let choice = match settings.colour {
            Colour::Auto => None,
            Colour::Always => Some(anstream::ColorChoice::Always),
            Colour::Never => Some(anstream::ColorChoice::Never),
        };
        if let Some(choice) = choice {
            choice.write_global();
        }
        times::write_as(settings);
        Self { json, pager: settings.pager.clone() }
    }

    /// The same without settings.
    pub(super) fn plain(json: bool) -> Self {
        Self { json, pager: String::new() }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The answer: as JSON where that is wanted, else as people read it.
    pub(super) fn answer<T: Serialize>(&self, value: &T, people: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if self.json {
            return data(&serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?);
        }
        let text = people(value);
        match pager::page(&self.pager, &text) {
            Paged::Shown => Ok(()),
            Paged::NotWanted => data(&text),
            Paged::Failed(error) => {
                self.warning(format!("The pager “{}” cannot be run: {error}", self.pager));
                self.hint("`regard config set pager COMMAND` sets another, and `regard config set pager ''` none.");
                data(&text)
            }
        }
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
        if failure.is_quiet || failure.is_told {
            return failure.exit_code();
        }
        if self.json {
            say(&serde_json::json!({ "error": problem }).to_string());
            return failure.exit_code();
        }
        say(&format!("{BAD}Error:{BAD:#} {}", plain(&problem.message)));
        // What is wrong with several things, or what two wrote, is a list, and no cause of anything.
        let is_list = matches!(problem.code, ProblemCode::Invalid | ProblemCode::Conflict);
        for cause in &problem.causes {
            say(&format!("{}{}", if is_list { "  " } else { "Caused by: " }, plain(cause)));
        }
        for line in &problem.matches {
            say(&format!("  {}", one_line(line)));
        }
        if let Some(hint) = &problem.hint {
            self.hint(hint);
        }
        failure.exit_code()
    }

    /// Asks for a yes or a no, where the answer is yes unless somebody says no; no where nobody can be asked.
    pub(super) fn asks(&self, question: &str) -> bool {
        if self.json {
            return false;
        }
        // Where the question cannot be written there is nobody to answer it.
        let asked = write!(anstream::stderr().lock(), "{question} [Y/n] ").is_ok();
        let mut answer = String::new();
        let read = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut answer);
        if !asked || !matches!(read, Ok(1..)) {
            say("");
            return false;
        }
        !answer.trim().to_lowercase().starts_with('n')
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

/// Bytes of an answer to a question: a line that somebody typed.
const ANSWER_BYTES_MAX: u64 = 1024;

/// A table that keeps to the terminal's width, where there is one: what is too long is cut, with `…`.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_truncation_indicator("…");
    if let Some(width) = width() {
        table.set_width(width);
    }
    if !header.is_empty() {
        table.set_header(header.iter().copied());
    }
    table
}

/// A row of such a table: one line, whatever stands in it.
pub(super) fn row(cells: impl IntoIterator<Item = String>) -> Row {
    let mut row = Row::from(cells.into_iter().collect::<Vec<_>>());
    row.max_height(1);
    row
}

/// The columns of the terminal on which answers are read; `None` where they go elsewhere.
pub(super) fn width() -> Option<u16> {
    unix::terminal_size().map(|(columns, _)| columns)
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
    let title = if record.title.is_empty() { "(without a title)".into() } else { plain(&record.title) };
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
