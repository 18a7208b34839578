use std::fmt::Write;

use clap::Subcommand;
use regard_core::inspect::{ChangeReport, DocumentReport, Origin, PlaceReport, ValueReport};

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, DIM, WARN, plain};
use super::{NOTHING, path_of};
use crate::api::Method;

/// Look inside, for people who must know.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The inside of a record's document: heads, changes, and every value with those written concurrently.
    Doc {
        /// The record: the beginning of its id is enough.
        id: String,
    },
}

impl Inspect {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let What::Doc { id } = self.what;
        let client = context.client().await?;
        let report: DocumentReport = client.call(Method::GET, &format!("{}/inspect", path_of(&id)?), NOTHING).await?;
        client.close().await;
        context.output.answer(&report, people)
    }
}

fn people(report: &DocumentReport) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{} {}{BOLD:#} ({}), {} bytes", report.kind, report.id, report.life, report.bytes);
    let _ = writeln!(text, "{}", report.url);
    let heads: Vec<_> = report.heads.iter().map(|hash| short(&hash.to_string())).collect();
    let _ = writeln!(text, "Heads: {}", heads.join(", "));
    let _ = writeln!(text, "{BOLD}Changes{BOLD:#}");
    for change in &report.changes {
        let _ = writeln!(text, "{}", change_line(change));
    }
    let _ = writeln!(text, "{BOLD}Values{BOLD:#}");
    report.places.iter().for_each(|place| place_lines(&mut text, place));
    if !report.beyond.is_empty() {
        let _ = writeln!(text, "{BOLD}Kept for newer versions and other programs{BOLD:#}");
        report.beyond.iter().for_each(|place| place_lines(&mut text, place));
    }
    text
}

fn place_lines(text: &mut String, place: &PlaceReport) {
    let _ = writeln!(text, "  {:<28} {}", plain(&place.place), value_line(&place.shown));
    for other in &place.others {
        let _ = writeln!(text, "  {WARN}{:>28}{WARN:#} {}", "also written", value_line(other));
    }
}

fn change_line(change: &ChangeReport) -> String {
    let deps: Vec<_> = change.deps.iter().map(|hash| short(&hash.to_string())).collect();
    let origin = match change.origin {
        Origin::Genesis => "first change".to_owned(),
        Origin::Device | Origin::Other => format!("actor {} seq {}", short(&change.actor), change.seq),
    };
    let time = change.time.map(|time| format!(" {time}")).unwrap_or_default();
    let after = if deps.is_empty() { String::new() } else { format!(" after {}", deps.join(", ")) };
    format!(
        "  {BOLD}{}{BOLD:#} {origin}{time}, {} ops from {}, {} bytes{DIM}{after}{DIM:#}",
        short(&change.hash.to_string()),
        change.ops,
        change.start_op,
        change.bytes
    )
}

fn value_line(value: &ValueReport) -> String {
    const SHOWN: usize = 60;
    let whole = plain(&value.value.to_string()).replace('\n', "⏎");
    let cut: String = whole.chars().take(SHOWN).collect();
    let more = if cut.len() < whole.len() { "…" } else { "" };
    format!("{cut}{more} {DIM}{} by {}{DIM:#}", short(&value.change.to_string()), short(&value.actor))
}

fn short(hex: &str) -> String {
    hex.chars().take(8).collect()
}
