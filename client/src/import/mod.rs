//! Importing files and folders: each message, card and calendar entry becomes a record, or there is a reason why not.

mod files;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use regard_core::import::{self as parse, Format, Imported, Outcome, Skipped};
use regard_core::limits::{IMPORT_BATCH_RECORDS, IMPORT_ITEM_BYTES_MAX, UNIT_BYTES_MAX};
use regard_core::record::Kind;

use crate::api::types::{ImportEvent, ImportSummary};
use crate::store::{Save, SaveOutcome, Store, StoreError, Work};
use crate::system::{SystemEntropy, now};
use crate::tracking;

/// Bytes that are read to see what a file is.
const START_BYTES: usize = 1024;

/// Imports everything below `paths`, telling what happens and how many saves became durable. Never more than one message or
/// one file of cards or a calendar is in memory, beside the batch that is being saved.
///
/// # Errors
/// Where the store fails. What was saved before is saved; importing again goes on.
pub fn import(
    store: &Store,
    paths: &[PathBuf],
    tell: &mut dyn FnMut(ImportEvent),
    saved: &mut dyn FnMut(usize),
) -> Result<ImportSummary, StoreError> {
    let found = files::below(paths, &mut |file, reason| {
        tell(ImportEvent::Skipped { file: file.display().to_string(), what: "the path".into(), reason });
    });
    let mut run = Run {
        store,
        tell,
        saved,
        batch: Vec::new(),
        batch_bytes: 0,
        summary: ImportSummary { skipped: found.unreadable, ..ImportSummary::default() },
    };
    let of = found.files.len() as u64;
    for path in &found.files {
        run.file(path)?;
        run.summary.files += 1;
        (run.tell)(ImportEvent::Progress { files: run.summary.files, of });
    }
    run.save_batch()?;
    Ok(run.summary)
}

struct Run<'a> {
    store: &'a Store,
    tell: &'a mut dyn FnMut(ImportEvent),
    saved: &'a mut dyn FnMut(usize),
    batch: Vec<(Origin, Save)>,
    batch_bytes: usize,
    summary: ImportSummary,
}

/// Where a record comes from, for what is told of it.
struct Origin {
    file: String,
    kind: Kind,
}

impl Run<'_> {
    fn file(&mut self, path: &Path) -> Result<(), StoreError> {
        let name = path.display().to_string();
        let (format, reader) = match open(path, &name) {
            Ok(opened) => opened,
            Err(reason) => {
                self.skipped(&name, "the file", &reason);
                return Ok(());
            }
        };
        if format == Format::Mailbox {
            for message in parse::messages(reader) {
                match message {
                    Ok(message) => self.outcome(&name, parse::message(&message))?,
                    Err(error) => self.skipped(&name, "a message", &error.to_string()),
                }
            }
            return Ok(());
        }
        let outcomes = match whole(reader) {
            Ok(bytes) if format == Format::Cards => parse::cards(&bytes),
            Ok(bytes) if format == Format::Calendar => parse::calendar(&bytes),
            Ok(bytes) => vec![parse::message(&bytes)],
            Err(reason) => {
                self.skipped(&name, "the file", &reason);
                return Ok(());
            }
        };
        outcomes.into_iter().try_for_each(|outcome| self.outcome(&name, outcome))
    }

    fn outcome(&mut self, name: &str, outcome: Outcome) -> Result<(), StoreError> {
        match outcome {
            Outcome::Skipped(Skipped { what, reason }) => {
                self.skipped(name, &what, &reason);
                Ok(())
            }
            Outcome::Record(imported) => {
                let kind = imported.kind;
                let save = self.save_of(name, *imported);
                self.batch_bytes += size(&save);
                self.batch.push((Origin { file: name.to_owned(), kind }, save));
                if self.batch.len() >= IMPORT_BATCH_RECORDS || self.batch_bytes >= UNIT_BYTES_MAX {
                    self.save_batch()?;
                }
                Ok(())
            }
        }
    }

    fn save_of(&self, name: &str, imported: Imported) -> Save {
        let identity = self.store.identity();
        let (at, id) = (now(), imported.identity.document_id(imported.kind, &identity.namespace()));
        let file = Path::new(name).file_name().map(|file| file.to_string_lossy().into_owned());
        let mut edits = imported.edits;
        edits.extend(tracking::evidence(&identity, at, "import", file.as_deref()));
        Save { at, works: vec![Work::Create { id, kind: imported.kind, notes: imported.notes, edits }] }
    }

    fn save_batch(&mut self) -> Result<(), StoreError> {
        let (origins, saves): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batch).into_iter().unzip();
        self.batch_bytes = 0;
        let outcomes = self.store.save_all(saves, &mut SystemEntropy)?;
        (self.saved)(outcomes.iter().flatten().filter(|saved| saved.unit.is_some()).count());
        for (origin, outcome) in origins.into_iter().zip(outcomes) {
            match outcome {
                Ok(done) => self.count(origin.kind, done.records.first().map(|(_, outcome)| *outcome)),
                Err(error) => self.skipped(&origin.file, &format!("the {}", origin.kind), &error.to_string()),
            }
        }
        Ok(())
    }

    fn count(&mut self, kind: Kind, outcome: Option<SaveOutcome>) {
        if outcome == Some(SaveOutcome::Created) {
            *self.summary.created.entry(kind).or_default() += 1;
        } else {
            self.summary.existed += 1;
        }
    }

    fn skipped(&mut self, file: &str, what: &str, reason: &str) {
        self.summary.skipped += 1;
        let (file, what, reason) = (file.to_owned(), what.to_owned(), reason.to_owned());
        (self.tell)(ImportEvent::Skipped { file, what, reason });
    }
}

/// Opens a file and looks at its beginning; the reader begins there again.
fn open(path: &Path, name: &str) -> Result<(Format, impl BufRead), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut start = Vec::new();
    file.by_ref().take(START_BYTES as u64).read_to_end(&mut start).map_err(|error| error.to_string())?;
    let format = Format::detect(name, &start).ok_or("it is no mail, no vCard and no calendar")?;
    Ok((format, BufReader::new(Cursor::new(start).chain(file))))
}

fn whole(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read =
        reader.take(IMPORT_ITEM_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if read > IMPORT_ITEM_BYTES_MAX {
        return Err(format!("it has more than {IMPORT_ITEM_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

fn size(save: &Save) -> usize {
    let of_edit = |edit: &regard_core::record::Edit| match edit {
        regard_core::record::Edit::Set(_, regard_core::record::Scalar::Text(text)) => text.len(),
        _ => 64,
    };
    save.works
        .iter()
        .map(|work| match work {
            Work::Create { notes, edits, .. } => notes.len() + edits.iter().map(of_edit).sum::<usize>(),
            Work::Edit { edits, .. } | Work::Continue { edits, .. } => edits.iter().map(of_edit).sum(),
        })
        .sum()
}
