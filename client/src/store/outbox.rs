use redb::ReadableTable;
use regard_core::error::{Cause, Refusal};
use regard_core::gate;
use regard_core::id::{DocumentId, EpochId, UnitId};
use regard_core::limits::{BATCH_BYTES_TARGET, BATCH_CHANGES_TARGET};
use regard_core::record::{Document, genesis};
use regard_core::sync::Queued;
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Scope, Unit, UnitChange, UnitOutcome};
use serde::{Deserialize, Serialize};

use super::Store;
use super::documents::{document_row, load};
use super::error::{During, StoreError};
use super::tables::{
    CHANGES, ChangeRef, DOCUMENTS, DocumentRow, OUTBOX, OutboxRow, Row, SETTINGS, SNAPSHOTS, VisibleRow, WITNESSES,
};
use super::transaction::Writer;
use super::visibility::{generation, note_visible};

/// The number of a change that is not stored because it is one of the frozen first changes.
pub(super) const GENESIS: u32 = u32::MAX;
/// The number of a change that is looked up in its document.
pub(super) const LOOKED_UP: u32 = GENESIS - 1;

pub(super) const NEXT_PLACE_KEY: &str = "next_place";

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutboxCount {
    /// Saves that have not been accepted.
    pub waiting: u64,
    /// Saves that the relay refused.
    pub refused: u64,
}

/// A save that the relay refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedSave {
    /// Its id.
    pub save: UnitId,
    /// When it was made.
    pub saved_at: Timestamp,
    /// The records that it changed.
    pub records: Vec<DocumentId>,
    /// Why it was refused.
    pub reason: Refusal,
}

/// Puts a save behind the others.
pub(super) fn queue(writer: &mut Writer<'_>, scope: Scope, row: &OutboxRow) -> Result<(), StoreError> {
    queue_all(writer, scope, [row])
}

/// Puts saves behind the others, in their order. Places are never used again: a session remembers up to which it has sent.
pub(super) fn queue_all<'a>(
    writer: &mut Writer<'_>,
    scope: Scope,
    rows: impl IntoIterator<Item = &'a OutboxRow>,
) -> Result<(), StoreError> {
    let mut place: u64 = SETTINGS.get(&writer.settings, NEXT_PLACE_KEY)?.unwrap_or(1);
    for row in rows {
        OUTBOX.put(&mut writer.outbox, (scope.number(), place), row)?;
        place += 1;
    }
    SETTINGS.put(&mut writer.settings, NEXT_PLACE_KEY, &place)
}

/// The records that a save changes, each once.
pub(super) fn records_of(
    row: &OutboxRow,
    documents: &impl ReadableTable<u64, &'static [u8]>,
) -> Result<Vec<DocumentId>, StoreError> {
    let mut records = Vec::new();
    for change in &row.changes {
        let id = document_row(documents, change.row)?.id;
        if !records.contains(&id) {
            records.push(id);
        }
    }
    Ok(records)
}

impl Store {
    /// The saves behind a place of the outbox that wait, in their order, as many as fit a batch; at least one where there is
    /// one.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn read_outbox(&self, scope: Scope, after: u64) -> Result<Vec<Queued>, StoreError> {
        self.read_batch(scope, after, |row| row.refused.is_none())
    }

    /// The same, with those that the relay refused.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn read_unsent(&self, scope: Scope, after: u64) -> Result<Vec<Queued>, StoreError> {
        self.read_batch(scope, after, |_| true)
    }

    fn read_batch(
        &self,
        scope: Scope,
        after: u64,
        is_wanted: impl Fn(&OutboxRow) -> bool,
    ) -> Result<Vec<Queued>, StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let snapshots = transaction.open_table(SNAPSHOTS).during("open a table")?;
            let changes = transaction.open_table(CHANGES).during("open a table")?;
            let mut source = ChangeSource { store: self, snapshots, changes, folded: None };
            let (mut queued, mut bytes, mut count) = (Vec::new(), 0, 0);
            let range = (scope.number(), after.saturating_add(1))..=(scope.number(), u64::MAX);
            for entry in outbox.range(range).during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                if !is_wanted(&row) {
                    continue;
                }
                let changes = row.changes.iter().map(|change| {
                    let meta = document_row(&documents, change.row)?;
                    Ok(UnitChange { document: meta.id, bytes: source.bytes(change, &meta)? })
                });
                let changes: Vec<_> = changes.collect::<Result<_, StoreError>>()?;
                bytes += changes.iter().map(|change| change.bytes.len()).sum::<usize>();
                count += changes.len();
                if !queued.is_empty() && (bytes > BATCH_BYTES_TARGET || count > BATCH_CHANGES_TARGET) {
                    break;
                }
                let unit = Unit { id: row.unit, author: row.author, saved_at: row.saved_at, changes, signature: None };
                queued.push(Queued { place: key.value().1, unit });
            }
            if queued.is_empty() {
                are_ends_whole(&outbox)?;
            }
            Ok(queued)
        })
    }

    /// Takes from the outbox what is visible, marks what was refused, and keeps the end of the log that the answer told.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn settle(
        &self,
        scope: Scope,
        epoch: EpochId,
        outcomes: &[(u64, UnitOutcome)],
        head: Cursor,
    ) -> Result<Vec<(UnitId, Option<Refusal>)>, StoreError> {
        self.write_lazily(|writer| {
            // With what it answers for: the outbox forgets no save whose place could not be asked for later.
            WITNESSES.put(&mut writer.witnesses, scope.number(), &head)?;
            let generation = generation(writer, scope)?;
            let mut settled = Vec::new();
            for (place, outcome) in outcomes {
                let key = (scope.number(), *place);
                let Some(mut row) = OUTBOX.get::<OutboxRow>(&writer.outbox, key)? else { continue };
                match outcome {
                    UnitOutcome::Visible { seqs, at } => {
                        let seq = seqs.iter().copied().max().unwrap_or(0);
                        let first_seq = seqs.iter().copied().min().unwrap_or(0);
                        if let Some(save) = row.save {
                            let carrier = self.identity().device;
                            note_visible(
                                writer,
                                save,
                                carrier,
                                VisibleRow { epoch, seq, at: *at, first_seq, generation },
                            )?;
                        }
                        writer.outbox.remove(key).during("remove a row")?;
                        settled.push((row.unit, None));
                    }
                    UnitOutcome::Refused(refusal) if self.may_be_brought_by_others(&row, refusal.cause) => {}
                    UnitOutcome::Refused(refusal)
                        if refusal.cause == Cause::MissingDependency && self.is_behind_others(writer, key)? => {}
                    UnitOutcome::Refused(refusal) => {
                        settled.push((row.unit, Some(refusal.clone())));
                        row.refused = Some(refusal.clone());
                        OUTBOX.put(&mut writer.outbox, key, &row)?;
                    }
                }
            }
            Ok(settled)
        })
    }

    /// Whether a save of somebody else waits for whoever made it: that device is there, or has not brought yet what the save
    /// follows. The next connection offers it again.
    fn may_be_brought_by_others(&self, row: &OutboxRow, cause: Cause) -> bool {
        let is_own = row.author.is_some_and(|author| self.identity().is_own(author));
        !is_own && matches!(cause, Cause::ForeignActor | Cause::MissingDependency)
    }

    /// Whether saves of somebody else wait before this place. A save that lacks what it follows then waits with them: made
    /// again it would lack the same.
    fn is_behind_others(&self, writer: &Writer<'_>, (scope, place): (u8, u64)) -> Result<bool, StoreError> {
        for entry in writer.outbox.range((scope, 0)..(scope, place)).during("read rows")? {
            let (key, value) = entry.during("read a row")?;
            let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
            if row.refused.is_none() && !row.author.is_some_and(|author| self.identity().is_own(author)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The saves that the relay refused, oldest first. They are kept here.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn refused(&self) -> Result<Vec<RefusedSave>, StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let mut refused = Vec::new();
            for entry in outbox.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                if let Some(reason) = row.refused.clone() {
                    let records = records_of(&row, &documents)?;
                    refused.push(RefusedSave { save: row.unit, saved_at: row.saved_at, records, reason });
                }
            }
            Ok(refused)
        })
    }

    /// How much waits.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn outbox_count(&self) -> Result<OutboxCount, StoreError> {
        self.read(|transaction| {
            let outbox = transaction.open_table(OUTBOX.definition).during("open a table")?;
            let mut count = OutboxCount::default();
            for entry in outbox.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
                *if row.refused.is_some() { &mut count.refused } else { &mut count.waiting } += 1;
            }
            Ok(count)
        })
    }
}

/// In a damaged page nothing is found: that nothing waits is believed when the first and the last row are what they were.
fn are_ends_whole(outbox: &impl ReadableTable<(u8, u64), &'static [u8]>) -> Result<(), StoreError> {
    let ends = [outbox.first().during("read a row")?, outbox.last().during("read a row")?];
    ends.iter().flatten().try_for_each(|(key, value)| OUTBOX.value(&key.value(), value.value()).map(drop))
}

/// Finds the bytes of changes, keeping the last document that had to be opened for one: a long history is asked for change
/// by change.
pub(super) struct ChangeSource<'a, S, C> {
    pub(super) store: &'a Store,
    pub(super) snapshots: S,
    pub(super) changes: C,
    pub(super) folded: Option<(Row, Document)>,
}

impl<S, C> ChangeSource<'_, S, C>
where
    S: ReadableTable<u64, &'static [u8]>,
    C: ReadableTable<(u64, u32), &'static [u8]>,
{
    pub(super) fn bytes(&mut self, change: &ChangeRef, meta: &DocumentRow) -> Result<Vec<u8>, StoreError> {
        if change.number == GENESIS {
            return Ok(genesis::bytes(meta.kind).to_vec());
        }
        if let Some(bytes) = self.changes.get((change.row.0, change.number)).during("read a row")? {
            // Nothing is sent that is not what was saved.
            return match gate::check(bytes.value()) {
                Ok(checked) if checked.header.hash == change.hash => Ok(checked.bytes),
                _ => Err(StoreError::damaged(format!("a change of record {} that waits to be sent", meta.id))),
            };
        }
        if let Some(bytes) = self.single_change(change)? {
            return Ok(bytes);
        }
        let document = match self.folded.take() {
            Some((row, document)) if row == change.row => document,
            _ => match self.store.take_loaded(change.row) {
                Some(document) => document,
                None => load(meta, change.row, &self.snapshots, &self.changes)?,
            },
        };
        let found = document.change(change.hash).map(|change| change.bytes);
        self.folded = Some((change.row, document));
        found.ok_or_else(|| StoreError::damaged(format!("record {} lacks a change that waits to be sent", meta.id)))
    }

    /// The change among those that stand beside the snapshot. Opening documents for them took nine tenths of the time in
    /// which a relay is filled again.
    fn single_change(&self, change: &ChangeRef) -> Result<Option<Vec<u8>>, StoreError> {
        const CHECKSUM: std::ops::Range<usize> = 4..8;
        for entry in self.changes.range((change.row.0, 0)..=(change.row.0, u32::MAX)).during("read rows")? {
            let (_, bytes) = entry.during("read a row")?;
            let bytes = bytes.value();
            // A chunk names the beginning of its hash, so that only the right one is hashed.
            let may_be = bytes.get(CHECKSUM) == change.hash.0.get(..CHECKSUM.len());
            // What does not verify is damaged, and is told as such when the document is opened.
            if may_be && gate::check(bytes).is_ok_and(|checked| checked.header.hash == change.hash) {
                return Ok(Some(bytes.to_vec()));
            }
        }
        Ok(None)
    }
}
