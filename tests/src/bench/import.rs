//! How fast mail becomes records, durably, against reading it alone.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use mail_parser::MessageParser;
use regard_client::import::{self, Listener};
use regard_client::store::{Identity, Store};
use regard_client::system::SystemEntropy;
use regard_core::import::{self as parse, Format};

use super::plan::{Doing, Plan, rate, timed};
use super::{Failure, Group, Report, Unit};
use crate::corpus;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let folder = plan.fresh_folder()?;
    let mail = Mail::find()?;
    let (messages, read) = timed(|| mail.read())?;
    let (_, parsed) =
        timed(|| Ok::<_, Failure>(messages.iter().map(|message| parse::message(message)).collect::<Vec<_>>()))?;
    let parser = MessageParser::default();
    let (_, bare) =
        timed(|| Ok::<_, Failure>(messages.iter().filter_map(|message| parser.parse(message.as_slice())).count()))?;
    let identity = Identity::found("Bench", "Ana", "laptop", &mut SystemEntropy);
    let store = Store::create(&folder.path().join("store"), identity).doing("creating a store")?;
    let imported =
        timed(|| import::paths(&store, &mail.files, None, Listener { tell: &mut |_| (), saved: &mut |_| () }));
    let (summary, seconds) = imported.doing("importing")?;
    let created: u64 = summary.created.values().sum();
    let taken = usize::try_from(created + summary.existed + summary.skipped).unwrap_or(usize::MAX);
    if taken != messages.len() {
        return Err(Failure::new(format!("{taken} messages were imported of {}", messages.len())));
    }
    let name = format!("{} messages of {}, imported", messages.len(), mail.source);
    let rate = |seconds| rate(messages.len(), seconds);
    let limits = [("regard's parser alone", rate(read + parsed)), ("mail-parser alone", rate(read + bare))];
    report.note(Group::Import, &name, Unit::PerSecond, rate(seconds), &limits);
    Ok(())
}

/// Files to import.
struct Mail {
    source: &'static str,
    files: Vec<PathBuf>,
}

impl Mail {
    /// The corpus, or the client's few samples where it is not on this machine.
    fn find() -> Result<Self, Failure> {
        let (source, folder) = match corpus::corpus("the benchmark `import`") {
            Some(corpus) => ("the corpus", corpus.join("mail")),
            None => ("the samples", Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/samples")),
        };
        let files = corpus::files(&folder).into_iter();
        let files: Vec<_> =
            files.filter(|file| Format::detect(&file.to_string_lossy(), b"").is_some_and(is_mail)).collect();
        if files.is_empty() {
            return Err(Failure::new(format!("there is no mail in {}", folder.display())));
        }
        Ok(Self { source, files })
    }

    fn read(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let mut messages = Vec::new();
        for path in &self.files {
            let reading = format!("reading {}", path.display());
            if path.extension().is_some_and(|extension| extension == "mbox") {
                let file = BufReader::new(File::open(path).doing(&reading)?);
                for message in parse::messages(file) {
                    messages.push(message.doing(&reading)?);
                }
            } else {
                messages.push(std::fs::read(path).doing(&reading)?);
            }
        }
        Ok(messages)
    }
}

fn is_mail(format: Format) -> bool {
    matches!(format, Format::Message | Format::Mailbox)
}
