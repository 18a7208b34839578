//! A sheet in the person's editor. It lies in the store's folder while it is edited, so that nothing that was typed is lost,
//! whatever happens: it goes when it is saved.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::Failure;
use crate::unix;

/// The folder of sheets in the store's folder.
const FOLDER: &str = "sheets";
/// Sheets of one record that are kept at the same time; whoever has so many looks after them first.
const SHEETS_MAX: usize = 100;

/// A sheet as a file.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Writes a sheet into a new file, of this name with a number where there is such a file already.
    pub(super) fn begin(store: &Path, name: &str, text: &str) -> Result<Self, Failure> {
        let folder = store.join(FOLDER);
        let failed = |path: &Path, error: std::io::Error| {
            Failure::new(format!("the sheet {} cannot be written: {error}", path.display()))
                .hint("`regard edit ID --print > FILE` and `regard edit ID --from FILE` do without it.")
        };
        unix::create_private_folder(&folder).map_err(|error| failed(&folder, error))?;
        for number in 1..=SHEETS_MAX {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let path = folder.join(format!("{name}{number}.toml"));
            match unix::create_private_file(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes()).map_err(|error| failed(&path, error))?;
                    return Ok(Self { path });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Err(Failure::new(format!("there are {SHEETS_MAX} sheets of this record in {}", folder.display()))
            .hint("Save them with `regard edit ID --from FILE`, or delete them."))
    }

    /// Opens it in the editor, and answers what it says when the editor has ended.
    pub(super) fn edit(&self, editor: &str) -> Result<String, Failure> {
        let words = shlex::split(editor).unwrap_or_default();
        let kept = || format!("The sheet is in {}", self.path.display());
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::invalid("no editor is set").hint(SET_EDITOR));
        };
        // An interrupt in the editor is the editor's matter.
        let _interrupts = unix::outlive_interrupts();
        let status = Command::new(program).args(arguments).arg(&self.path).status().map_err(|error| {
            // Nobody has written on it yet; one that cannot be removed is in nobody's way.
            let _ = std::fs::remove_file(&self.path);
            Failure::new(format!("the editor “{editor}” cannot be run: {error}")).hint(SET_EDITOR)
        })?;
        if !status.success() {
            return Err(
                Failure::new(format!("the editor “{editor}” ended with {status}; nothing is saved")).hint(kept())
            );
        }
        std::fs::read_to_string(&self.path).map_err(|error| {
            Failure::new(format!("the sheet {} cannot be read: {error}", self.path.display()))
                .hint("Write it as UTF-8 text, and type: regard edit ID --from FILE")
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It is saved, or nothing was written on it.
    pub(super) fn discard(self) {
        // One that cannot be removed is in nobody's way.
        let _ = std::fs::remove_file(&self.path);
    }
}

const SET_EDITOR: &str = "Set EDITOR, or type: regard config set editor COMMAND";
