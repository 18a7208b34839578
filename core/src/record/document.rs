use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{ActorId, Automerge, ReadDoc};

use super::{Kind, genesis};
use crate::id::{Actor, ChangeHash};

/// One record, opened.
///
/// Its content is read with the functions of [`super::read`], changed with [`Document::edit`], and grows by foreign changes
/// through [`crate::gate`] only.
#[derive(Debug, Clone)]
pub struct Document {
    kind: Kind,
    pub(crate) automerge: Automerge,
}

/// One change as bytes: what is stored, sent and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// SHA-256 of the change.
    pub hash: ChangeHash,
    /// The whole chunk, not deflated.
    pub bytes: Vec<u8>,
}

/// Why stored bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Automerge does not read them.
    #[error("the stored document cannot be read: {0}")]
    Damaged(String),
    /// They hold no frozen first change.
    #[error("the document does not begin with the first change of a record")]
    NotARecord,
}

impl Document {
    /// A record with nothing in it but its first change.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, automerge: genesis::document(kind) }
    }

    /// Opens a record from what [`Document::save`] wrote.
    ///
    /// # Errors
    /// [`LoadError::Damaged`] where the bytes do not verify, [`LoadError::NotARecord`] where they are no record.
    pub fn load(saved: &[u8]) -> Result<Self, LoadError> {
        let automerge = guarded(|| Automerge::load(saved))
            .map_err(LoadError::Damaged)?
            .map_err(|error| LoadError::Damaged(error.to_string()))?;
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| automerge.get_change_meta_by_hash(&foreign(genesis::hash(*kind))).is_some())
            .ok_or(LoadError::NotARecord)?;
        Ok(Self { kind, automerge })
    }

    /// The whole record, history included, as one compact chunk that carries its own checksum.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.automerge.save()
    }

    /// What the record is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The changes that no other change depends on, in order of their hashes.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.automerge.get_heads().into_iter().map(own).collect()
    }

    /// Whether the record's history holds this change.
    #[must_use]
    pub fn has(&self, hash: ChangeHash) -> bool {
        self.automerge.get_change_meta_by_hash(&foreign(hash)).is_some()
    }

    /// One change of the history, as bytes.
    #[must_use]
    pub fn change(&self, hash: ChangeHash) -> Option<StoredChange> {
        self.automerge.get_change_by_hash(&foreign(hash)).map(|change| stored(&change))
    }

    /// All changes that are not in the past of `known`, in an order in which they can be applied.
    #[must_use]
    pub fn changes_since(&self, known: &[ChangeHash]) -> Vec<StoredChange> {
        let known: Vec<_> = known.iter().copied().map(foreign).collect();
        self.automerge.get_changes(&known).iter().map(stored).collect()
    }

    /// The record as it was when it held these changes and those that they follow, and nothing else; with its first change
    /// alone where there are none. `None` where one of them is not in the history.
    #[must_use]
    pub fn as_of(&self, heads: &[ChangeHash]) -> Option<Self> {
        let changes = self.automerge.get_changes(&[]);
        let mut wanted: HashSet<_> = heads.iter().copied().map(foreign).collect();
        let mut found = 0;
        // The history stands in an order in which each change follows those that it depends on.
        for change in changes.iter().rev() {
            if wanted.contains(&change.hash()) {
                found += usize::from(heads.contains(&own(change.hash())));
                wanted.extend(change.deps().iter().copied());
            }
        }
        if found != heads.iter().collect::<HashSet<_>>().len() {
            return None;
        }
        let mut automerge = genesis::document(self.kind);
        let past = changes.into_iter().filter(|change| wanted.contains(&change.hash()));
        automerge.apply_changes(past).ok()?;
        Some(Self { kind: self.kind, automerge })
    }

    /// The changes that a change of the history follows.
    #[must_use]
    pub fn deps(&self, hash: ChangeHash) -> Option<Vec<ChangeHash>> {
        let change = self.automerge.get_change_meta_by_hash(&foreign(hash))?;
        Some(change.deps.iter().copied().map(own).collect())
    }

    /// How many changes the record's history has, the first one too.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.automerge.get_changes_meta(&[]).len()).unwrap_or(u32::MAX)
    }

    pub(super) fn act_as(&mut self, actor: &Actor) {
        self.automerge.set_actor(ActorId::from(actor.as_bytes()));
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would be caught and answered with a refusal now. A program's panic hook asks this, so as
/// not to alarm people with what hostile bytes provoke.
#[must_use]
pub fn panics_are_caught() -> bool {
    GUARDED.get()
}

/// Runs `work` in a library and turns a panic into its message. Automerge 0.12 panics on some damaged and hostile bytes, and redb
/// 4.6 on some damaged pages.
///
/// # Errors
/// What the panic said.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
    })
}

pub(crate) fn stored(change: &automerge::Change) -> StoredChange {
    StoredChange { hash: own(change.hash()), bytes: change.raw_bytes().to_vec() }
}

pub(crate) fn own(hash: automerge::ChangeHash) -> ChangeHash {
    ChangeHash(hash.0)
}

pub(crate) fn foreign(hash: ChangeHash) -> automerge::ChangeHash {
    automerge::ChangeHash(hash.0)
}
