use std::path::{Path, PathBuf};

use regard_core::record::Kind;

use super::super::Context;
use super::super::error::Failure;
use super::super::times::zone;
use crate::api::types::transfer::{ExportEvent, ExportRequest, Format};
use crate::api::{Method, Next};
use crate::export::{Overwrite, Target};

/// Write records as files: JSON, vCards, iCalendar or mail.
///
/// Names ids, kinds, or --all. Without --output it goes to standard output. A file appears when it is whole, and is replaced
/// only with --force. What an email's team adds (notes, links, categories) is in JSON only.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Which records: ids (the beginning is enough), names, or kinds.
    #[arg(value_name = "ID|KIND", required_unless_present_any = ["all", "filter"])]
    what: Vec<String>,
    /// Only those for which this holds, as in `regard list`.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// All records that the format can hold.
    #[arg(long, conflicts_with = "what")]
    all: bool,
    /// json, vcard, ical, eml or mbox; without it the one that the kind has of itself.
    #[arg(long, short, value_parser = super::format)]
    format: Option<Format>,
    /// A file, or a folder that is there, which gets a file for each record.
    #[arg(long, short, value_name = "FILE|FOLDER")]
    output: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
    /// Deleted records too.
    #[arg(long)]
    deleted: bool,
}

impl Export {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let (kinds, keys): (Vec<_>, Vec<_>) =
            self.what.iter().map(|word| word.parse::<Kind>().map_err(|_| word.clone())).partition(Result::is_ok);
        let kinds: Vec<Kind> = kinds.into_iter().flatten().collect();
        let keys: Vec<String> = keys.into_iter().filter_map(Result::err).collect();
        if !kinds.is_empty() && !keys.is_empty() {
            return Err(Failure::invalid("ids and kinds cannot be named together").hint("Name either of them."));
        }
        if !keys.is_empty() && self.filter.is_some() {
            return Err(Failure::invalid(
                "a filter chooses among all records or those of a kind, not among named ones",
            )
            .hint("Leave either of them out."));
        }
        let format = self.format_of(context, &kinds, &keys).await?;
        if let Some(kind) = kinds.iter().find(|kind| !format.holds(**kind)) {
            let hint = format!("Use --format {} or --format json.", Format::of_kind(*kind).name());
            return Err(Failure::invalid(format!("{} files hold no {kind} records", format.name())).hint(hint));
        }
        let target = self.target(format, keys.len() == 1)?;
        let zone = zone().iana_name().map(str::to_owned);
        let request = ExportRequest { keys, kinds, filter: self.filter.clone(), zone, deleted: self.deleted, format };
        let (records, left_out) = write(context, &request, target).await.map_err(|failure| self.explain(failure))?;
        self.tell(context, format, records, &left_out)
    }

    /// Mails of several go into one file as an mbox.
    async fn format_of(&self, context: &Context<'_>, kinds: &[Kind], keys: &[String]) -> Result<Format, Failure> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let mut formats: Vec<Format> = kinds.iter().copied().map(Format::of_kind).collect();
        if !keys.is_empty() && !context.output.is_json() {
            let client = context.client().await?;
            for key in keys {
                let record: crate::api::types::RecordView =
                    client.call(Method::GET, &super::path_of(key)?, super::NOTHING).await?;
                formats.push(Format::of_kind(record.line.kind));
            }
            client.close().await;
        }
        formats.dedup();
        Ok(match formats.as_slice() {
            _ if context.output.is_json() && self.output.is_none() => Format::Json,
            [Format::Eml] if keys.len() != 1 && !self.is_into_folder() => Format::Mbox,
            [format] => *format,
            _ => Format::Json,
        })
    }

    fn is_into_folder(&self) -> bool {
        self.output.as_deref().is_some_and(Path::is_dir)
    }

    fn target(&self, format: Format, is_single: bool) -> Result<Target<'static>, Failure> {
        let overwrite = if self.force { Overwrite::Always } else { Overwrite::Never };
        match &self.output {
            Some(path) if path.is_dir() && format == Format::Mbox => {
                Err(Failure::invalid(format!("{} is a folder, and an mbox is one file", path.display()))
                    .hint("Name a file, or use --format eml for a file for each message."))
            }
            Some(path) if path.is_dir() => Ok(Target::folder(format, path, overwrite)),
            _ if format == Format::Eml && !is_single => Err(Failure::invalid("an eml file holds one message")
                .hint("Use --format mbox, or name a folder that is there with --output.")),
            Some(path) => Target::file(format, path, overwrite).map_err(|error| self.failed(&error)),
            None => Ok(Target::stream(format, std::io::stdout().lock())),
        }
    }

    fn tell(&self, context: &Context<'_>, format: Format, records: u64, left_out: &[String]) -> Result<(), Failure> {
        for record in left_out {
            context.output.warning(format!("{record} cannot be written as {} and was left out", format.name()));
        }
        if let Some(path) = &self.output {
            let answer = serde_json::json!({
                "output": path, "format": format.name(), "records": records, "left_out": left_out,
            });
            let people = |_: &serde_json::Value| {
                let s = if records == 1 { "" } else { "s" };
                format!("{records} record{s} in {}", path.display())
            };
            context.output.answer(&answer, people)?;
        }
        if left_out.is_empty() {
            Ok(())
        } else {
            Err(Failure::new(format!("{} records were left out", left_out.len())))
        }
    }

    fn explain(&self, failure: Written) -> Failure {
        match failure {
            Written::Failed(failure) => failure,
            Written::NotWritten(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        let Some(path) = &self.output else { return Failure::from(std::io::Error::from(error.kind())) };
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            let what = if path.is_dir() { "a file of that name in" } else { "the file" };
            return Failure::invalid(format!("{what} {} is there already", path.display()))
                .hint("--force replaces it.");
        }
        Failure::new(format!("{} cannot be written: {error}", path.display()))
    }
}

/// Why an export ended before its end.
enum Written {
    Failed(Failure),
    NotWritten(std::io::Error),
}

/// Writes what the API answers, record by record.
async fn write(
    context: &Context<'_>,
    request: &ExportRequest,
    mut target: Target<'static>,
) -> Result<(u64, Vec<String>), Written> {
    /// Records that are told one by one where they were left out.
    const LEFT_OUT_TOLD_MAX: usize = 1_000;
    let client = context.client().await.map_err(Written::Failed)?;
    let (mut records, mut left_out, mut broken) = (None, Vec::new(), None);
    let each = |event: ExportEvent| {
        let written = match event {
            ExportEvent::Record { id, title, .. } => {
                target.begin(id, &title);
                Ok(())
            }
            ExportEvent::Text { text } => target.text(&text),
            ExportEvent::Whole => target.whole(),
            ExportEvent::LeftOut { id, kind } => {
                if left_out.len() < LEFT_OUT_TOLD_MAX {
                    left_out.push(format!("the {kind} {id}"));
                }
                Ok(())
            }
            ExportEvent::Done { records: done } => {
                records = Some(done);
                Ok(())
            }
            ExportEvent::Failed(problem) => return Err(problem),
        };
        Ok(match written {
            Ok(()) => Next::Go,
            Err(error) => {
                broken = Some(error);
                Next::Stop
            }
        })
    };
    let outcome = client.lines(Method::POST, "/v1/export", Some(request), each).await;
    client.close().await;
    if let Some(error) = broken {
        return Err(Written::NotWritten(error));
    }
    outcome.map_err(|problem| Written::Failed(problem.into()))?;
    let ended = || Written::Failed(Failure::new("the export ended without saying what it did"));
    let records = records.ok_or_else(ended)?;
    target.end().map_err(Written::NotWritten)?;
    Ok((records, left_out))
}
