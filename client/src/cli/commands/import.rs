use std::path::PathBuf;

use super::super::Context;
use super::super::error::Failure;
use crate::api::types::{ImportEvent, ImportRequest, ImportSummary};
use crate::api::{Method, Next};

/// Track mail, contacts, events and to-dos from files.
///
/// Takes .eml, .mbox, .vcf and .ics files, and folders of them. What is there already stays as it is: importing again
/// changes nothing. A file that cannot be read is told and stops nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let absolute = |path: PathBuf| {
            std::path::absolute(&path)
                .map_err(|error| Failure::invalid(format!("{} cannot be used: {error}", path.display())))
        };
        let paths = self.paths.into_iter().map(absolute).collect::<Result<_, _>>()?;
        let mut client = context.client().await?;
        client.serve()?;
        let (output, bar) = (context.output, context.output.progress(0));
        let (mut summary, mut skipped) = (None, Vec::new());
        let request = ImportRequest { paths };
        let each = |event: ImportEvent| {
            match event {
                ImportEvent::Progress { files, of } => {
                    bar.set_length(of);
                    bar.set_position(files);
                }
                ImportEvent::Skipped { file, what, reason } => {
                    bar.suspend(|| output.warning(format!("{file}: {what} was skipped: {reason}")));
                    skipped.push(serde_json::json!({ "file": file, "what": what, "reason": reason }));
                }
                ImportEvent::Done(done) => summary = Some(done),
                ImportEvent::Failed(problem) => return Err(problem),
            }
            Ok(Next::Go)
        };
        client.lines(Method::POST, "/v1/import", Some(&request), each).await?;
        bar.finish_and_clear();
        client.close().await;
        let summary = summary.ok_or_else(|| Failure::new("the import ended without saying what it did"))?;
        let answer = serde_json::json!({ "summary": summary, "skipped": skipped });
        output.answer(&answer, |_| people(&summary))
    }
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
