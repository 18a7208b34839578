//! What a victim tells of its saves, and whether a store has them.

use std::collections::BTreeMap;
use std::path::Path;

use regard_client::store::Store;
use regard_core::id::{ChangeHash, DocumentId};

use crate::bench::Failure;
use crate::bench::plan::Doing;

/// The changes that were acknowledged, by record.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    changes: BTreeMap<DocumentId, Vec<ChangeHash>>,
    count: u64,
}

/// A line for a save.
pub(super) fn line(verb: &str, id: DocumentId, change: ChangeHash) -> String {
    format!("{verb} {id} {change}\n")
}

/// Reads a line of this verb; none where it is another one.
pub(super) fn read(verb: &str, line: &str) -> Option<(DocumentId, ChangeHash)> {
    let (id, change) = line.strip_prefix(verb)?.strip_prefix(' ')?.split_once(' ')?;
    Some((id.parse().ok()?, change.parse().ok()?))
}

impl Acknowledged {
    pub(super) fn add(&mut self, (id, change): (DocumentId, ChangeHash)) {
        self.changes.entry(id).or_default().push(change);
        self.count += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether all of them are in the store in the folder, which nobody has open.
    pub(super) fn are_in(&self, folder: &Path) -> Result<(), Failure> {
        let store = Store::open(folder).doing("opening the store again")?;
        for (id, changes) in &self.changes {
            let document = store.document(*id).doing(&format!("record {id} was acknowledged and cannot be opened"))?;
            if let Some(lost) = changes.iter().find(|change| !document.has(**change)) {
                return Err(Failure::new(format!("record {id} has lost the acknowledged change {lost}")));
            }
        }
        Ok(())
    }

    /// Whether all of them are among these.
    pub(super) fn are_among(&self, has: impl Fn(DocumentId, ChangeHash) -> bool) -> Result<(), Failure> {
        for (id, changes) in &self.changes {
            if let Some(lost) = changes.iter().find(|change| !has(*id, **change)) {
                return Err(Failure::new(format!("the change {lost} of record {id} was acknowledged and is lost")));
            }
        }
        Ok(())
    }
}

/// Looks at everything that a store holds.
pub(super) fn is_sound(folder: &Path) -> Result<(), Failure> {
    let check = Store::check_folder(folder).doing("checking the store")?;
    if check.is_sound() {
        Ok(())
    } else {
        Err(Failure::new(format!("the store is damaged: {}", check.damage.join("; "))))
    }
}
