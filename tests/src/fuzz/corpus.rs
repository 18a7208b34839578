use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Target;

/// Bytes of an input that is kept for being new: short ones are changed to something else new more often.
const ENTRY_BYTES_MAX: usize = 4 << 10;
/// Kept inputs of one target, and their bytes: so that the corpus stays something that one clones without noticing. Inputs that
/// broke a promise are kept beyond it.
const ENTRIES_MAX: usize = 48;
const CORPUS_BYTES_MAX: usize = 24 << 10;
/// The beginning of the names of inputs that broke a promise.
const CRASH: &str = "crash-";

/// The kept inputs of one target.
#[derive(Debug)]
pub struct Corpus {
    folder: PathBuf,
    entries: BTreeMap<String, Vec<u8>>,
}

/// The corpus could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the fuzz corpus {}: {source}", path.display())]
pub struct CorpusError {
    path: PathBuf,
    source: io::Error,
}

impl Corpus {
    /// Reads what is kept for a target; nothing where there is no folder yet.
    ///
    /// # Errors
    /// Where folder or files cannot be read.
    pub fn read(target: &Target) -> Result<Self, CorpusError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(target.name);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| CorpusError { path, source }
        };
        let mut entries = BTreeMap::new();
        if folder.is_dir() {
            for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
                let path = entry.map_err(failed(&folder))?.path();
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                entries.insert(name, fs::read(&path).map_err(failed(&path))?);
            }
        }
        Ok(Self { folder, entries })
    }

    /// The inputs with their names, those that broke a promise too, in the order of the names.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Keeps an input that brought out something new, where there is room; answers whether there was.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep(&mut self, input: &[u8]) -> Result<bool, CorpusError> {
        let kept = self.entries.iter().filter(|(name, _)| !name.starts_with(CRASH));
        let (count, bytes) = kept.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.len()));
        let has_room = count < ENTRIES_MAX && bytes + input.len() <= CORPUS_BYTES_MAX;
        if !has_room || input.len() > ENTRY_BYTES_MAX {
            return Ok(false);
        }
        self.write(name_of(input), input)?;
        Ok(true)
    }

    /// Keeps an input that broke a promise: it is tried in every run from now on. Answers where it is.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn keep_crash(&mut self, input: &[u8]) -> Result<PathBuf, CorpusError> {
        self.write(format!("{CRASH}{}", name_of(input)), input)
    }

    fn write(&mut self, name: String, input: &[u8]) -> Result<PathBuf, CorpusError> {
        let path = self.folder.join(&name);
        let written = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&path, input));
        written.map_err(|source| CorpusError { path: path.clone(), source })?;
        self.entries.insert(name, input.to_owned());
        Ok(path)
    }
}

fn name_of(input: &[u8]) -> String {
    regard_core::id::to_hex(&Sha256::digest(input)[..8])
}
