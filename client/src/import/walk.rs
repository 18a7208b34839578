use std::collections::VecDeque;
use std::fs::ReadDir;
use std::io;
use std::path::{Path, PathBuf};

use regard_core::import::Format;

/// Folders below folders, at most: deeper ones are a loop or no mail folder. As many folders are open at once.
const DEPTH_MAX: usize = 64;

/// Names of a folder that are put in order at a time. Most folders are in order so as a whole, and one of a million messages
/// takes no more memory than these.
const BATCH_NAMES: usize = 4_096;

/// Goes through files and folders, one name after the other: folder by folder, never with a list of all.
pub(super) struct Walk {
    named: VecDeque<PathBuf>,
    /// The folders from the one that was named to where the walk is.
    open: Vec<Folder>,
}

/// What the walk came to.
pub(super) enum Found {
    /// A file to be read; its format where its place says it.
    File(PathBuf, Option<Format>),
    /// A path that cannot be read or is passed over, and why.
    Refused(PathBuf, String),
    /// A path that was named and is not there.
    Missing(PathBuf),
}

struct Folder {
    path: PathBuf,
    reader: ReadDir,
    /// Names read and put in order; the next one is the first.
    batch: VecDeque<PathBuf>,
    role: Role,
}

/// What lies in a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    /// A Maildir: messages lie in its `cur` and `new`, and what is being delivered in its `tmp`.
    Maildir,
    /// The `cur` or `new` of a Maildir.
    Messages,
}

impl Walk {
    pub(super) fn over(paths: &[PathBuf]) -> Self {
        Self { named: paths.iter().cloned().collect(), open: Vec::new() }
    }

    /// Files known of and not answered yet.
    pub(super) fn waiting(&self) -> usize {
        self.named.len() + self.open.iter().map(|folder| folder.batch.len()).sum::<usize>()
    }

    fn named(&mut self, path: PathBuf) -> Option<Found> {
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Found::Missing(path)),
            Err(error) => Some(Found::Refused(path, error.to_string())),
            Ok(kind) if kind.is_file() => {
                let place = path.parent().map_or(Role::Plain, role_of);
                Some(Found::File(path, (place == Role::Messages).then_some(Format::Message)))
            }
            Ok(kind) if kind.is_dir() => self.enter(path),
            Ok(_) => Some(Found::Refused(path, NEITHER.into())),
        }
    }

    fn enter(&mut self, path: PathBuf) -> Option<Found> {
        if self.open.len() >= DEPTH_MAX {
            return Some(Found::Refused(path, format!("it lies more than {DEPTH_MAX} folders deep")));
        }
        match std::fs::read_dir(&path) {
            Err(error) => Some(Found::Refused(path, error.to_string())),
            Ok(reader) => {
                let role = role_of(&path);
                self.open.push(Folder { path, reader, batch: VecDeque::new(), role });
                None
            }
        }
    }

    fn child(&mut self, path: PathBuf, role: Role) -> Option<Found> {
        match std::fs::metadata(&path) {
            // A mail program that moves a message while the folder is read gives it another name.
            Err(error) => Some(Found::Refused(path, error.to_string())),
            Ok(kind) if kind.is_file() => file(path, role),
            Ok(kind) if kind.is_dir() && role == Role::Maildir && path.ends_with("tmp") => None,
            Ok(kind) if kind.is_dir() => self.enter(path),
            Ok(_) => Some(Found::Refused(path, NEITHER.into())),
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let Some(folder) = self.open.last_mut() else {
                let path = self.named.pop_front()?;
                match self.named(path) {
                    Some(found) => return Some(found),
                    None => continue,
                }
            };
            let role = folder.role;
            let found = match folder.next_name() {
                Ok(Some(path)) => self.child(path, role),
                Ok(None) => {
                    self.open.pop();
                    None
                }
                Err(error) => self.open.pop().map(|folder| Found::Refused(folder.path, error.to_string())),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

const NEITHER: &str = "it is neither a file nor a folder";

impl Folder {
    fn next_name(&mut self) -> io::Result<Option<PathBuf>> {
        if self.batch.is_empty() {
            let names = self.reader.by_ref().take(BATCH_NAMES).map(|entry| entry.map(|entry| entry.path()));
            let mut names = names.collect::<io::Result<Vec<_>>>()?;
            names.sort();
            self.batch = names.into();
        }
        Ok(self.batch.pop_front())
    }
}

/// Below a folder only what looks like mail, cards or calendars is taken: indexes, remarks and pictures lie beside it.
fn file(path: PathBuf, role: Role) -> Option<Found> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match role {
        // Mail programs keep lists of their own in a Maildir, under hidden names.
        Role::Messages if name.starts_with('.') => None,
        Role::Messages if is_trashed(&name) => {
            Some(Found::Refused(path, "its mail program has marked it as thrown away (flag T)".into()))
        }
        Role::Messages => Some(Found::File(path, Some(Format::Message))),
        Role::Plain | Role::Maildir => looks_importable(&path).then_some(Found::File(path, None)),
    }
}

/// The flags stand behind `:2,`: `1763800000.M1P2.host:2,FS`.
fn is_trashed(name: &str) -> bool {
    name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains('T'))
}

fn role_of(path: &Path) -> Role {
    let is_maildir = |path: &Path| path.join("cur").is_dir() && path.join("new").is_dir();
    if is_maildir(path) {
        return Role::Maildir;
    }
    let holds_messages = path.ends_with("cur") || path.ends_with("new");
    match path.parent() {
        Some(above) if holds_messages && is_maildir(above) => Role::Messages,
        _ => Role::Plain,
    }
}

/// What has no known ending is left to being named.
fn looks_importable(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["eml", "mbox", "vcf", "vcard", "ics", "ical"];
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[&str], named: &[&str], expected: &[&str]) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = folder.path().join(file);
            let is_folder = file.ends_with('/');
            let folder = if is_folder { &path } else { path.parent().expect("a folder") };
            std::fs::create_dir_all(folder).expect("a folder can be made");
            if !is_folder {
                std::fs::write(&path, b"").expect("a file can be written");
            }
        }
        let named: Vec<_> = named.iter().map(|name| folder.path().join(name)).collect();
        let name = |path: PathBuf| path.strip_prefix(folder.path()).expect("a path below").display().to_string();
        let found: Vec<_> = Walk::over(&named)
            .map(|found| match found {
                Found::File(path, Some(_)) => format!("message {}", name(path)),
                Found::File(path, None) => name(path),
                Found::Refused(path, _) => format!("refused {}", name(path)),
                Found::Missing(path) => format!("missing {}", name(path)),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn folders_are_gone_through_in_the_order_of_names() {
        check(
            &["mail/b.eml", "mail/a/z.vcf", "mail/a/notes.txt", "mail/c.ICS", "x.txt"],
            &["mail", "x.txt", "gone"],
            &["mail/a/z.vcf", "mail/b.eml", "mail/c.ICS", "x.txt", "missing gone"],
        );
    }

    #[test]
    fn a_maildir_has_messages_in_cur_and_new_and_folders_of_its_own() {
        let files = [
            "M/cur/1.h:2,S",
            "M/cur/2.h:2,ST",
            "M/cur/.index",
            "M/new/3.h",
            "M/tmp/4.h",
            "M/dovecot.index",
            "M/.Sent/cur/5.h:2,",
            "M/.Sent/new/",
            "M/.Sent/tmp/6.eml",
            "M/sub/7.eml",
        ];
        check(
            &files,
            &["M"],
            &[
                "message M/.Sent/cur/5.h:2,",
                "message M/cur/1.h:2,S",
                "refused M/cur/2.h:2,ST",
                "message M/new/3.h",
                "M/sub/7.eml",
            ],
        );
        check(&files, &["M/new"], &["message M/new/3.h"]);
        check(&files, &["M/cur/1.h:2,S"], &["message M/cur/1.h:2,S"]);
    }
}
