use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::super::Context;
use super::super::error::Failure;
use crate::api::types::transfer::Format;
use crate::api::types::{ImportEvent, ImportRequest, ImportSummary, Problem, ProblemCode};
use crate::api::{Method, Next};

/// Bytes that are read from standard input at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces read and not sent yet; beyond, reading waits.
const PIECES_WAITING_MAX: usize = 4;

/// Track mail, contacts, events and to-dos from files.
///
/// Takes .eml, .mbox, .vcf and .ics files, Maildirs, and folders of them; `-` reads standard input. What is there already
/// stays as it is: importing again changes nothing. A file that cannot be read is told and stops nothing. A path that is not
/// there ends in exit code 3 where nothing else was named that is, else in 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files and folders, or `-` alone.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// eml, mbox, vcard or ical: what the files hold, whatever they are called.
    #[arg(long, short, value_parser = super::format)]
    format: Option<Format>,
}

impl Import {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let is_stream = self.paths.iter().any(|path| path == Path::new("-"));
        if is_stream && self.paths.len() > 1 {
            return Err(Failure::invalid("standard input cannot be imported together with paths")
                .hint("Import them one after the other."));
        }
        let paths = self.paths.iter().map(|path| super::absolute(path)).collect::<Result<_, _>>()?;
        let mut client = context.client().await?;
        client.serve()?;
        let (output, bar) = (context.output, context.output.progress(0));
        let mut seen = Seen::default();
        let each = |event: ImportEvent| {
            match event {
                ImportEvent::Progress { files, of } => {
                    bar.set_length(of);
                    bar.set_position(files);
                }
                ImportEvent::Missing { path } => seen.missing.push(format!("{path} does not exist")),
                ImportEvent::Skipped { file, what, reason } => {
                    bar.suspend(|| output.warning(format!("{file}: {what} was skipped: {reason}")));
                    seen.skipped.push(serde_json::json!({ "file": file, "what": what, "reason": reason }));
                }
                ImportEvent::Done(done) => seen.summary = Some(done),
                ImportEvent::Failed(problem) => return Err(problem),
            }
            Ok(Next::Go)
        };
        if is_stream {
            let query = self.format.map(|format| format!("?format={}", format.name())).unwrap_or_default();
            client.stream_lines(&format!("/v1/import/stream{query}"), standard_input(), each).await?;
        } else {
            let request = ImportRequest { paths, format: self.format };
            client.lines(Method::POST, "/v1/import", Some(&request), each).await?;
        }
        bar.finish_and_clear();
        client.close().await;
        seen.answer(context)
    }
}

/// What an import told.
#[derive(Default)]
struct Seen {
    summary: Option<ImportSummary>,
    skipped: Vec<serde_json::Value>,
    missing: Vec<String>,
}

impl Seen {
    fn answer(self, context: &Context<'_>) -> Result<(), Failure> {
        let Self { summary, skipped, missing } = self;
        let summary = summary.ok_or_else(|| Failure::new("the import ended without saying what it did"))?;
        let problem = |code, message: &str| Problem { causes: missing.clone(), ..Problem::new(code, message) };
        if !missing.is_empty() && summary.files == 0 {
            return Err(problem(ProblemCode::NotFound, "there was nothing to import").into());
        }
        let answer = serde_json::json!({ "summary": summary, "skipped": skipped, "missing": missing });
        context.output.answer(&answer, |_| people(&summary))?;
        if missing.is_empty() {
            return Ok(());
        }
        let problem = problem(ProblemCode::Failed, "not everything that you named could be imported");
        Err(problem.hint("What is at the other paths was imported.").into())
    }
}

/// Standard input, read on a thread of its own as fast as it is taken.
fn standard_input() -> impl futures_util::Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    let (pieces, waiting) = mpsc::channel(PIECES_WAITING_MAX);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut piece = Vec::new();
            let read = input.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece);
            let is_last = !matches!(read, Ok(1..));
            let piece = read.map(|_| piece);
            if pieces.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    });
    futures_util::stream::unfold(waiting, |mut waiting| async { waiting.recv().await.map(|piece| (piece, waiting)) })
}

fn people(summary: &ImportSummary) -> String {
    let total: u64 = summary.created.values().sum();
    let kinds = summary.created.iter().map(|(kind, count)| format!("{count} {}", plural(kind.name(), *count)));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let created = if total == 0 { "No new records".to_owned() } else { format!("{total} new records: {kinds}") };
    let files = plural("file", summary.files);
    format!("{created}; {} there already; {} skipped; from {} {files}", summary.existed, summary.skipped, summary.files)
}

fn plural(word: &str, count: u64) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
