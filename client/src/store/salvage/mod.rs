//! A new store from a damaged one: what can be read of it, and everything that is derived computed anew.
//!
//! The damaged file stays as it is, under another name. What the relay has comes back from there: the new store begins without a
//! cursor that any log has, so that the next session compares every record with the log, in both directions.

mod found;
mod image;
mod pieces;
mod unsent;
mod writing;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regard_core::id::{ChangeHash, DocumentId, Entropy};
use regard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use self::found::{Found, FoundRecord};
use self::image::Image;
use self::unsent::Unsent;
use self::writing::Rebuilding;
use super::check::check_on;
use super::error::StoreError;
use super::identity::Identity;
use super::medium::InFolder;
use super::settings::IDENTITY_KEY;
use super::{FILE, Store, UNFINISHED};

/// Records that are told one by one.
const TOLD_MAX: usize = 100;
/// Names that are tried for what is kept beside the store.
const NAMES_MAX: u32 = 100;

/// What became of a damaged store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rebuilt {
    /// What was damaged, in sentences. Where nothing was, nothing was done.
    pub damage: Vec<String>,
    /// Further damage that is not told.
    pub untold: u64,
    /// Where the damaged file is now.
    pub damaged_file: Option<PathBuf>,
    /// Records that are in the new store.
    pub records: u64,
    /// Those of them that lack a part of their history, the first hundred.
    pub incomplete: Vec<DocumentId>,
    /// How many they are.
    pub incomplete_count: u64,
    /// Records of which nothing is in the new store.
    pub lost_records: u64,
    /// Saves that wait for the relay in the new store.
    pub unsent: u64,
    /// Saves that were never sent and cannot be applied before the relay has brought what they follow. They are in `unsent_file`.
    pub unsent_apart: u64,
    /// Changes that were never sent and cannot be read.
    pub unsent_lost: u64,
    /// Whether the list of what was never sent could be read to its end.
    pub unsent_is_known: bool,
    /// The file of saves for `regard outbox import`.
    pub unsent_file: Option<PathBuf>,
    /// The folder with what could be read and not be put into the new store.
    pub salvaged: Option<PathBuf>,
}

impl Store {
    /// Makes a new store of what can be read of a damaged one, in its place. The damaged file is kept under another name; of a store
    /// that is sound nothing is changed. `now` names what is kept.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::InUse`], [`StoreError::Format`]; [`StoreError::IdentityLost`] where not even that can be
    /// read whose store it is; else as the disk has it. The damaged store is as it was then.
    pub fn rebuild(folder: &Path, now: Timestamp, entropy: &mut dyn Entropy) -> Result<Rebuilt, StoreError> {
        let path = folder.join(FILE);
        let (lock, image) = Image::of(&path, folder)?;
        let check = check_on(Arc::new(image.clone()))?;
        if check.is_sound() {
            return Ok(Rebuilt { records: check.records, unsent_is_known: true, ..Rebuilt::default() });
        }
        let found = Found::read(&image);
        let mut aside = Aside { folder: folder.to_owned(), name: format!("salvaged-{}", written(now)), made: None };
        let Some(identity) = identity_of(&found) else {
            for row in found.rows() {
                aside.keep(row, found.id(row), &found.record(row))?;
            }
            return Err(StoreError::IdentityLost { folder: folder.to_owned(), salvaged: aside.made });
        };
        let mut rebuilt = Rebuilt { damage: check.damage, untold: check.untold, ..Rebuilt::default() };
        let unfinished = folder.join(UNFINISHED);
        remove(&unfinished)?;
        let store = Store::create_on(Arc::new(InFolder::fresh(folder)), identity)?;
        let built = build(&store, &found, &mut aside, &mut rebuilt, entropy);
        drop(store);
        let put = built.and_then(|()| put_in_place(folder, now));
        if put.is_err() {
            // The reason for the failure matters more than what it leaves.
            let _ = std::fs::remove_file(&unfinished);
        }
        rebuilt.damaged_file = Some(put?);
        rebuilt.salvaged = aside.made;
        drop(lock);
        Ok(rebuilt)
    }
}

fn build(
    store: &Store,
    found: &Found,
    aside: &mut Aside,
    rebuilt: &mut Rebuilt,
    entropy: &mut dyn Entropy,
) -> Result<(), StoreError> {
    let mut rebuilding = Rebuilding::begin(store, found, entropy)?;
    // Of records that are not whole: which changes they have, and which could not be applied.
    let mut parts: BTreeMap<u64, Part> = BTreeMap::new();
    let rows = found.rows();
    let mut last = 0;
    for row in rows {
        last = last.max(row);
        let record = found.record(row);
        let is_placed = match (found.id(row), &record.document) {
            (Some(id), Some(document)) => {
                rebuilding.record(row, id, document)?;
                rebuilt.records += 1;
                if !record.is_whole {
                    rebuilt.incomplete_count += 1;
                    if rebuilt.incomplete.len() < TOLD_MAX {
                        rebuilt.incomplete.push(id);
                    }
                }
                true
            }
            _ => false,
        };
        if !is_placed {
            aside.keep(row, found.id(row), &record)?;
        }
        if !record.is_whole || !is_placed {
            parts.insert(row, Part::of(record, is_placed));
        }
    }
    // Rows are given in order and never taken back.
    rebuilt.lost_records = last.saturating_sub(rebuilt.records);
    let mut unsent = Unsent::default();
    rebuilding.saves(&parts)?;
    rebuilding.outbox(&parts, &mut unsent)?;
    rebuilding.finish()?;
    rebuilt.unsent = unsent.waiting;
    rebuilt.unsent_lost = unsent.lost;
    rebuilt.unsent_is_known = found.is_outbox_whole;
    rebuilt.unsent_apart = unsent.apart();
    rebuilt.unsent_file = unsent.write(&store.identity(), aside)?;
    Ok(())
}

/// What there is of a record that is not whole.
struct Part {
    /// Whether it is in the new store.
    is_placed: bool,
    has: HashSet<ChangeHash>,
    loose: std::collections::HashMap<ChangeHash, Vec<u8>>,
}

impl Part {
    fn of(record: FoundRecord, is_placed: bool) -> Self {
        let mut loose = record.loose;
        let changes = record.document.iter().flat_map(|document| document.changes_since(&[]));
        let has: HashSet<_> = if is_placed {
            changes.map(|change| change.hash).collect()
        } else {
            loose.extend(changes.map(|change| (change.hash, change.bytes)));
            HashSet::new()
        };
        Self { is_placed, has, loose }
    }
}

fn identity_of(found: &Found) -> Option<Identity> {
    regard_core::wire::decode(found.settings.get(IDENTITY_KEY)?, "identity").ok()
}

/// Gives the damaged file another name and its name to the new one, so that at every moment there is a store.
fn put_in_place(folder: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let (path, unfinished) = (folder.join(FILE), folder.join(UNFINISHED));
    let kept = first_free(folder, &format!("{FILE}.damaged-{}", written(now)), |kept| std::fs::hard_link(&path, kept))?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(unusable(&unfinished))?;
    std::fs::rename(&unfinished, &path).map_err(unusable(&path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable(folder))?;
    Ok(kept)
}

/// Makes something under the first name that is free.
fn first_free(folder: &Path, name: &str, make: impl Fn(&Path) -> std::io::Result<()>) -> Result<PathBuf, StoreError> {
    for number in 1..NAMES_MAX {
        let path = folder.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(&path)(error)),
        }
    }
    Err(StoreError::FileExists { path: folder.join(name) })
}

/// What can be read and has no place in a store, in a folder that is made when the first thing is put there.
struct Aside {
    folder: PathBuf,
    name: String,
    made: Option<PathBuf>,
}

impl Aside {
    /// Keeps a record for which there is no store, or of which it is not known which record it is.
    fn keep(&mut self, row: u64, id: Option<DocumentId>, record: &FoundRecord) -> Result<(), StoreError> {
        let name = id.map_or_else(|| format!("record-{row}"), |id| id.to_string());
        if let Some(document) = &record.document {
            self.write(&format!("{name}.automerge"), &document.save())?;
        }
        for (hash, bytes) in &record.loose {
            self.write(&format!("{name}-{hash}.change"), bytes)?;
        }
        Ok(())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let folder = match &self.made {
            Some(folder) => folder.clone(),
            None => {
                let made = first_free(&self.folder, &self.name, |path| {
                    if path.exists() {
                        return Err(std::io::ErrorKind::AlreadyExists.into());
                    }
                    crate::unix::create_private_folder(path)
                })?;
                self.made.insert(made).clone()
            }
        };
        let path = folder.join(name);
        let mut file = File::create_new(&path).map_err(unusable(&path))?;
        let written = crate::unix::make_private(&path).and_then(|()| file.write_all(bytes));
        written.and_then(|()| file.sync_all()).map_err(unusable(&path))?;
        Ok(path)
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(path)(error)),
        _ => Ok(()),
    }
}

fn unusable(path: &Path) -> impl Fn(std::io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Folder { path: path.clone(), source }
}

/// A time as names of files have it.
fn written(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}
