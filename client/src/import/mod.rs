//! Importing files, folders and streams: each message, card and calendar entry becomes a record, or there is a reason why not.

mod walk;

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
use walk::{Found, Walk};

/// Bytes that are read to see what a file is.
const START_BYTES: usize = 1024;

/// Whom an import tells what happens.
pub struct Listener<'a> {
    /// What happens.
    pub tell: &'a mut dyn FnMut(ImportEvent),
    /// How many saves became durable.
    pub saved: &'a mut dyn FnMut(usize),
}

/// Imports everything below `paths`, in the format that is said or that each file has. Never more than one message or one file
/// of cards or a calendar is in memory, beside the batch that is being saved and some thousand names of a folder.
///
/// # Errors
/// Where the store fails. What was saved before is saved; importing again goes on.
pub fn paths(
    store: &Store,
    paths: &[PathBuf],
    format: Option<Format>,
    listener: Listener<'_>,
) -> Result<ImportSummary, StoreError> {
    let mut run = Run::new(store, listener);
    let mut walk = Walk::over(paths);
    while let Some(found) = walk.next() {
        match found {
            Found::Missing(path) => {
                run.summary.missing += 1;
                (run.listener.tell)(ImportEvent::Missing { path: path.display().to_string() });
            }
            Found::Refused(path, reason) => run.skipped(&path.display().to_string(), "the path", &reason),
            Found::File(path, of_place) => {
                run.file(&path, format.or(of_place))?;
                run.summary.files += 1;
                let files = run.summary.files;
                (run.listener.tell)(ImportEvent::Progress { files, of: files + walk.waiting() as u64 });
            }
        }
    }
    run.save_batch()?;
    Ok(run.summary)
}

/// Imports what `reader` gives, in the format that is said or that its beginning has. `name` is what it is called in what is
/// told.
///
/// # Errors
/// As [`paths`].
pub fn stream(
    store: &Store,
    reader: impl Read,
    name: &str,
    format: Option<Format>,
    listener: Listener<'_>,
) -> Result<ImportSummary, StoreError> {
    let mut run = Run::new(store, listener);
    match begin(reader, "", format) {
        Ok((format, reader)) => run.read(name, format, reader)?,
        Err(reason) => run.skipped(name, "the input", &reason),
    }
    run.summary.files = 1;
    run.save_batch()?;
    Ok(run.summary)
}

struct Run<'s, 'a> {
    store: &'s Store,
    listener: Listener<'a>,
    batch: Vec<(Origin, Save)>,
    batch_bytes: usize,
    summary: ImportSummary,
}

/// Where a record comes from, for what is told of it.
struct Origin {
    file: String,
    kind: Kind,
}

impl<'s, 'a> Run<'s, 'a> {
    fn new(store: &'s Store, listener: Listener<'a>) -> Self {
        Self { store, listener, batch: Vec::new(), batch_bytes: 0, summary: ImportSummary::default() }
    }

    fn file(&mut self, path: &Path, format: Option<Format>) -> Result<(), StoreError> {
        let name = path.display().to_string();
        let opened = File::open(path).map_err(|error| error.to_string()).and_then(|file| begin(file, &name, format));
        match opened {
            Ok((format, reader)) => self.read(&name, format, reader),
            Err(reason) => {
                self.skipped(&name, "the file", &reason);
                Ok(())
            }
        }
    }

    fn read(&mut self, name: &str, format: Format, reader: impl BufRead) -> Result<(), StoreError> {
        if format == Format::Mailbox {
            for message in parse::messages(reader) {
                match message {
                    Ok(message) => self.outcome(name, parse::message(&message))?,
                    Err(error) => self.skipped(name, "a message", &error.to_string()),
                }
            }
            return Ok(());
        }
        let outcomes = match whole(reader) {
            Ok(bytes) if format == Format::Cards => parse::cards(&bytes),
            Ok(bytes) if format == Format::Calendar => parse::calendar(&bytes),
            Ok(bytes) => vec![parse::message(&bytes)],
            Err(reason) => {
                self.skipped(name, "the file", &reason);
                return Ok(());
            }
        };
        outcomes.into_iter().try_for_each(|outcome| self.outcome(name, outcome))
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
        (self.listener.saved)(outcomes.iter().flatten().filter(|saved| saved.unit.is_some()).count());
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
        (self.listener.tell)(ImportEvent::Skipped { file, what, reason });
    }
}

/// Looks at the beginning of what is to be read; the reader begins there again.
fn begin(mut reader: impl Read, name: &str, said: Option<Format>) -> Result<(Format, impl BufRead), String> {
    let mut start = Vec::new();
    reader.by_ref().take(START_BYTES as u64).read_to_end(&mut start).map_err(|error| error.to_string())?;
    let format = said.or_else(|| Format::detect(name, &start)).ok_or("it is no mail, no vCard and no calendar")?;
    Ok((format, BufReader::new(Cursor::new(start).chain(reader))))
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
