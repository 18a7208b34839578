use regard_core::error::{Cause, Refusal};
use regard_core::gate;
use regard_core::id::{Actor, ChangeHash, DocumentId, Entropy, UnitId};
use regard_core::limits::{UNIT_BYTES_MAX, UNIT_CHANGES_MAX};
use regard_core::record::{Document, Edit, Kind, StoredChange, genesis};
use regard_core::time::Timestamp;
use regard_core::wire::Scope;
use serde::{Deserialize, Serialize};

use super::Store;
use super::documents::Workbench;
use super::error::StoreError;
use super::outbox::{GENESIS, queue};
use super::settings::{ACTOR_KEY, ActorRow};
use super::tables::{ChangeRef, OutboxRow, SETTINGS, SaveRow};
use super::transaction::Writer;
use super::visibility::note_save;

/// Something to save: durable as a whole or not at all, and one unit on its way to the others.
#[derive(Debug, Clone)]
pub struct Save {
    /// When, by this device's clock.
    pub at: Timestamp,
    /// What, in this order.
    pub works: Vec<Work>,
}

/// One record's part of a save.
#[derive(Debug, Clone)]
pub enum Work {
    /// Makes a record. Where there is one with this id already, deleted or not, nothing is done.
    Create {
        /// Its id.
        id: DocumentId,
        /// What it is.
        kind: Kind,
        /// The first text of its notes.
        notes: String,
        /// Everything else.
        edits: Vec<Edit>,
    },
    /// Changes a record.
    Edit {
        /// Its id.
        id: DocumentId,
        /// What to write.
        edits: Vec<Edit>,
    },
    /// Changes a record as it was when it was looked at. Where it has changed meanwhile, nothing is saved.
    Continue {
        /// Its id.
        id: DocumentId,
        /// The heads that it had.
        heads: Vec<ChangeHash>,
        /// What to write.
        edits: Vec<Edit>,
    },
}

impl Work {
    /// The record that it makes or changes.
    #[must_use]
    pub fn id(&self) -> DocumentId {
        match self {
            Self::Create { id, .. } | Self::Edit { id, .. } | Self::Continue { id, .. } => *id,
        }
    }
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaveOutcome {
    /// It is new.
    Created,
    /// It was there already and is as it was.
    Existed,
    /// It changed.
    Changed,
    /// Everything was so already.
    Unchanged,
}

/// A save that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its id; `None` where there was nothing to write.
    pub unit: Option<UnitId>,
    /// What became of each record.
    pub records: Vec<(DocumentId, SaveOutcome)>,
}

impl Store {
    /// Makes one save.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`], [`StoreError::Edit`], [`StoreError::Moved`], [`StoreError::Refused`] where it is too large;
    /// else as the disk has it. Nothing is saved then.
    pub fn save(&self, save: Save, entropy: &mut dyn Entropy) -> Result<Saved, StoreError> {
        self.save_all(vec![save], entropy)?.pop().unwrap_or_else(|| Ok(Saved { unit: None, records: Vec::new() }))
    }

    /// Makes several saves, each of its own, in one transaction. One that cannot be made does not stop the others.
    ///
    /// # Errors
    /// As the disk has it; nothing at all is saved then.
    pub fn save_all(
        &self,
        saves: Vec<Save>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<Result<Saved, StoreError>>, StoreError> {
        self.write_documents(|writer, bench| {
            let actor = self.actor(writer, entropy)?;
            saves.into_iter().map(|save| self.save_one(writer, bench, save, &actor, entropy)).collect()
        })
    }

    /// The outer error ends the transaction, the inner one only this save.
    fn save_one(
        &self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        save: Save,
        actor: &Actor,
        entropy: &mut dyn Entropy,
    ) -> Result<Result<Saved, StoreError>, StoreError> {
        let at = save.at;
        let prepared = match self.prepare(writer, bench, save, actor) {
            Ok(prepared) => prepared,
            Err(
                error @ (StoreError::NoRecord(_) | StoreError::Edit(_) | StoreError::Refused(_) | StoreError::Moved(_)),
            ) => {
                return Ok(Err(error));
            }
            Err(error) => return Err(error),
        };
        let records = prepared.iter().map(|record| (record.id, record.outcome)).collect();
        let mut changes = Vec::new();
        for record in prepared.into_iter().filter(|record| !record.changes.is_empty()) {
            changes.extend(record.place(self, writer, bench)?);
        }
        if changes.is_empty() {
            return Ok(Ok(Saved { unit: None, records }));
        }
        let unit = UnitId::random(entropy);
        self.note(writer, unit, at, changes)?;
        Ok(Ok(Saved { unit: Some(unit), records }))
    }

    fn note(
        &self,
        writer: &mut Writer<'_>,
        unit: UnitId,
        at: Timestamp,
        changes: Vec<ChangeRef>,
    ) -> Result<(), StoreError> {
        let (author, scope) = (Some(self.identity().device), Scope::Records);
        let noted = changes.iter().map(|change| (change.row, change.hash)).collect();
        let save =
            SaveRow { unit, scope, author, carrier: None, saved_at: at, visible: None, applied_at: at, changes: noted };
        let save = note_save(writer, &save)?;
        queue(writer, scope, &OutboxRow::new(unit, author, at, changes, Some(save)))
    }

    /// Makes the changes on copies, so that a save which fails leaves nothing.
    fn prepare(
        &self,
        writer: &Writer<'_>,
        bench: &mut Workbench,
        save: Save,
        actor: &Actor,
    ) -> Result<Vec<Prepared>, StoreError> {
        let mut prepared: Vec<Prepared> = Vec::new();
        for work in save.works {
            let id = work.id();
            let at = match prepared.iter().position(|record| record.id == id) {
                Some(at) => at,
                None => {
                    let existing = bench.open(self, writer, id)?.map(|open| open.document.clone());
                    prepared.push(Prepared::begin(id, existing, &work)?);
                    prepared.len() - 1
                }
            };
            prepared[at].make(work, actor, save.at)?;
        }
        within_unit(&prepared)?;
        Ok(prepared)
    }

    /// This store's actor, taken at the first write.
    fn actor(&self, writer: &mut Writer<'_>, entropy: &mut dyn Entropy) -> Result<Actor, StoreError> {
        if let Some(ActorRow { nonce }) = SETTINGS.get(&writer.settings, ACTOR_KEY)? {
            return Ok(Actor::of_device(self.identity().device, nonce));
        }
        let mut nonce = [0; _];
        entropy.fill(&mut nonce);
        SETTINGS.put(&mut writer.settings, ACTOR_KEY, &ActorRow { nonce })?;
        Ok(Actor::of_device(self.identity().device, nonce))
    }
}

struct Prepared {
    id: DocumentId,
    document: Document,
    is_new: bool,
    changes: Vec<StoredChange>,
    outcome: SaveOutcome,
}

impl Prepared {
    fn begin(id: DocumentId, existing: Option<Document>, work: &Work) -> Result<Self, StoreError> {
        let (document, is_new, outcome) = match (existing, work) {
            (Some(document), Work::Create { .. }) => (document, false, SaveOutcome::Existed),
            (Some(document), Work::Edit { .. } | Work::Continue { .. }) => (document, false, SaveOutcome::Unchanged),
            (None, Work::Create { kind, .. }) => (Document::new(*kind), true, SaveOutcome::Created),
            (None, Work::Edit { .. } | Work::Continue { .. }) => return Err(StoreError::NoRecord(id)),
        };
        let first = is_new.then(|| {
            let kind = document.kind();
            StoredChange { hash: genesis::hash(kind), bytes: genesis::bytes(kind).to_vec() }
        });
        Ok(Self { id, document, is_new, changes: first.into_iter().collect(), outcome })
    }

    fn make(&mut self, work: Work, actor: &Actor, at: Timestamp) -> Result<(), StoreError> {
        match work {
            Work::Create { .. } if !self.is_new => {}
            Work::Create { notes, edits, .. } => {
                let seeded = self.document.seed_notes(&notes)?;
                let edited = self.document.edit(&edits, actor, at)?;
                self.changes.extend(seeded.into_iter().chain(edited));
            }
            Work::Continue { heads, .. } if self.document.heads() != heads => return Err(StoreError::Moved(self.id)),
            Work::Edit { edits, .. } | Work::Continue { edits, .. } => {
                if let Some(change) = self.document.edit(&edits, actor, at)? {
                    self.changes.push(change);
                    self.outcome = if self.is_new { SaveOutcome::Created } else { SaveOutcome::Changed };
                }
            }
        }
        Ok(())
    }

    fn place(
        self,
        store: &Store,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
    ) -> Result<Vec<ChangeRef>, StoreError> {
        let open = if self.is_new {
            bench.begin(writer, self.id, Scope::Records, self.document)?
        } else {
            let open = bench.open(store, writer, self.id)?.ok_or(StoreError::NoRecord(self.id))?;
            open.document = self.document;
            open
        };
        let place = |change: &StoredChange| match genesis::kind_of(change.hash) {
            Some(_) => Ok(ChangeRef { row: open.row, number: GENESIS, hash: change.hash }),
            None => open.append(writer, change),
        };
        self.changes.iter().map(place).collect()
    }
}

/// What the others would refuse is refused here, before it is durable.
fn within_unit(prepared: &[Prepared]) -> Result<(), Refusal> {
    let changes = || prepared.iter().flat_map(|record| &record.changes);
    let bytes: usize = changes().map(|change| change.bytes.len()).sum();
    let count = changes().count();
    if count > UNIT_CHANGES_MAX || bytes > UNIT_BYTES_MAX {
        let detail = format!(
            "a save may have {UNIT_CHANGES_MAX} changes and {UNIT_BYTES_MAX} bytes, and this one has {count} and {bytes}"
        );
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    changes().try_for_each(|change| gate::check(&change.bytes).map(drop))
}
