use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use regard_core::export::JoinedCalendars;
use regard_core::id::DocumentId;
use tempfile::NamedTempFile;

use crate::api::types::transfer::Format;

/// Characters of a record's title in the name of its file.
const TITLE_CHARS_MAX: usize = 60;
/// Hexadecimal digits of its id there: enough that no two records of a workspace share them.
const ID_DIGITS: usize = 16;

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and nothing is written.
    Never,
    /// It is replaced.
    Always,
}

/// Where exported records go. A file gets its name when it is whole and flushed: until then there is nothing under it, or what
/// was there before. It is for its owner alone.
pub struct Target<'a> {
    format: Format,
    way: Way<'a>,
    /// The record that is being written.
    current: String,
    calendars: JoinedCalendars,
}

enum Way<'a> {
    /// All records, one after the other, to whoever reads.
    Stream(Box<dyn Write + 'a>),
    /// All records into one file.
    File { path: PathBuf, file: BufWriter<NamedTempFile>, overwrite: Overwrite },
    /// A file for each record.
    Folder { path: PathBuf, name: String, overwrite: Overwrite },
}

impl<'a> Target<'a> {
    /// All records to `writer`.
    pub fn stream(format: Format, writer: impl Write + 'a) -> Self {
        Self::of(format, Way::Stream(Box::new(writer)))
    }

    /// All records into the file at `path`, which [`Target::end`] makes.
    ///
    /// # Errors
    /// As the file system has it; [`io::ErrorKind::AlreadyExists`] where it is there and may not be overwritten.
    pub fn file(format: Format, path: &Path, overwrite: Overwrite) -> io::Result<Self> {
        if overwrite == Overwrite::Never && path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = BufWriter::new(NamedTempFile::with_prefix_in(".regard-export-", folder_of(path))?);
        Ok(Self::of(format, Way::File { path: path.to_owned(), file, overwrite }))
    }

    /// Each record into a file of its own in the folder at `path`.
    #[must_use]
    pub fn folder(format: Format, path: &Path, overwrite: Overwrite) -> Self {
        Self::of(format, Way::Folder { path: path.to_owned(), name: String::new(), overwrite })
    }

    fn of(format: Format, way: Way<'a>) -> Self {
        Self { format, way, current: String::new(), calendars: JoinedCalendars::new() }
    }

    /// A record begins.
    pub fn begin(&mut self, id: DocumentId, title: &str) {
        self.current.clear();
        if let Way::Folder { name, .. } = &mut self.way {
            *name = file_name(id, title, self.format);
        }
    }

    /// A piece of its text.
    ///
    /// # Errors
    /// As the file system has it.
    pub fn text(&mut self, piece: &str) -> io::Result<()> {
        match &mut self.way {
            Way::Stream(writer) if self.format != Format::Ical => writer.write_all(piece.as_bytes()),
            Way::File { file, .. } if self.format != Format::Ical => file.write_all(piece.as_bytes()),
            // A calendar is taken apart to be joined with others, and a file of its own is written when it is whole.
            _ => {
                self.current.push_str(piece);
                Ok(())
            }
        }
    }

    /// The record is whole.
    ///
    /// # Errors
    /// As the file system has it; [`io::ErrorKind::AlreadyExists`] where a file is there that may not be overwritten.
    pub fn whole(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Stream(writer) if self.format == Format::Ical => {
                writer.write_all(self.calendars.add(&self.current).as_bytes())
            }
            Way::File { file, .. } if self.format == Format::Ical => {
                file.write_all(self.calendars.add(&self.current).as_bytes())
            }
            Way::Stream(_) | Way::File { .. } => Ok(()),
            Way::Folder { path, name, overwrite } => {
                let mut file = BufWriter::new(NamedTempFile::with_prefix_in(".regard-export-", &*path)?);
                file.write_all(self.current.as_bytes())?;
                keep(file, &path.join(name), *overwrite)
            }
        }
    }

    /// Everything is written: flushed, and under its name.
    ///
    /// # Errors
    /// As [`Target::whole`].
    pub fn end(self) -> io::Result<()> {
        let rest = self.calendars.end();
        match self.way {
            Way::Stream(mut writer) => {
                writer.write_all(rest.as_bytes())?;
                writer.flush()
            }
            Way::File { path, mut file, overwrite } => {
                file.write_all(rest.as_bytes())?;
                keep(file, &path, overwrite)?;
                flush_folder(folder_of(&path))
            }
            Way::Folder { path, .. } => flush_folder(&path),
        }
    }
}

fn keep(file: BufWriter<NamedTempFile>, path: &Path, overwrite: Overwrite) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    let kept = match overwrite {
        Overwrite::Never => file.persist_noclobber(path),
        Overwrite::Always => file.persist(path),
    };
    kept.map(drop).map_err(|error| error.error)
}

/// A new name is durable when its folder is.
fn flush_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name that every file system takes, and by which the record is found again.
fn file_name(id: DocumentId, title: &str, format: Format) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { ' ' };
    let words: String = title.chars().map(plain).collect();
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TITLE_CHARS_MAX).collect();
    let id = &id.to_hex()[..ID_DIGITS];
    let separator = if words.is_empty() { "" } else { "-" };
    format!("{}{separator}{id}.{}", words.trim(), format.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DocumentId = DocumentId::from_bytes([0xab; 16]);

    fn write(mut target: Target<'_>, texts: &[&str]) -> io::Result<()> {
        for text in texts {
            target.begin(ID, "Offer: “tiles”/../x");
            target.text(text)?;
            target.whole()?;
        }
        target.end()
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).expect("a folder");
        let mut names: Vec<_> =
            names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_there_when_it_is_whole_and_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("all.vcf");
        let mut cut = Target::file(Format::Vcard, &path, Overwrite::Never).expect("a file");
        cut.text("half").expect("writing");
        drop(cut);
        assert_eq!(names(folder.path()), Vec::<String>::new(), "what was cut off leaves nothing");

        let never = || Target::file(Format::Vcard, &path, Overwrite::Never);
        let late = never().expect("a file");
        write(never().expect("a file"), &["a\n", "b\n"]).expect("writing");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "a\nb\n");
        assert_eq!(never().err().map(|error| error.kind()), Some(io::ErrorKind::AlreadyExists));
        let lost = write(late, &["c\n"]).expect_err("somebody else was first");
        assert_eq!(lost.kind(), io::ErrorKind::AlreadyExists);
        write(Target::file(Format::Vcard, &path, Overwrite::Always).expect("a file"), &["c\n"]).expect("writing");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "c\n");
        assert_eq!(names(folder.path()), ["all.vcf"]);
    }

    #[test]
    fn each_record_gets_a_file_with_a_plain_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = || Target::folder(Format::Eml, folder.path(), Overwrite::Never);
        write(target(), &["a"]).expect("writing");
        assert_eq!(names(folder.path()), ["Offer tiles x-abababababababab.eml"]);
        assert_eq!(write(target(), &["b"]).expect_err("it is there").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(file_name(ID, "///", Format::Ical), "abababababababab.ics");
    }

    #[test]
    fn calendars_become_one() {
        let mut out = Vec::new();
        let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        write(Target::stream(Format::Ical, &mut out), &[text, text]).expect("writing");
        let expected =
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
