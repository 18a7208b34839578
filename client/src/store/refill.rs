use std::collections::{BTreeSet, HashMap, HashSet};

use redb::ReadableTable;
use regard_core::id::{ChangeHash, UnitId};
use regard_core::limits::{UNIT_BYTES_MAX, UNIT_CHANGES_MAX};
use regard_core::record::{StoredChange, genesis};
use regard_core::sync::Difference;
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Scope};

use super::Store;
use super::documents::{document_row, find_row, is_row_of, load};
use super::error::{During, StoreError};
use super::outbox::{GENESIS, LOOKED_UP, queue_all};
use super::tables::{
    CURSORS, ChangeRef, DocumentRow, OUTBOX, OutboxRow, RECONCILED, ReconciledRow, Row, SAVES, SaveRow, VisibleRow,
};
use super::transaction::Writer;
use super::visibility::generation;

type Held = HashSet<(Row, ChangeHash)>;
type Changes = Vec<(Row, ChangeHash)>;

impl Store {
    /// Puts what a log lacks of the documents that differ into the outbox, whoever made it, save by save and before what
    /// waits there, and goes on from `at`, where the log ended when it was compared. A save that a relay refused is offered
    /// once more: another log may take it. A reader, whose changes no relay takes, `may_write` nothing: others bring what is
    /// lacking.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn refill(
        &self,
        scope: Scope,
        at: Cursor,
        differing: &[Difference],
        may_write: bool,
        now: Timestamp,
        new_unit: &mut dyn FnMut() -> UnitId,
    ) -> Result<(), StoreError> {
        self.write(|writer| {
            let generation = generation(writer, scope)? + 1;
            let lacking = lacking(writer, differing)?;
            let waiting = take_outbox(writer, scope, at, now)?;
            let held: Held =
                waiting.iter().flat_map(|save| &save.changes).map(|change| (change.row, change.hash)).collect();
            let saves = saves_of(writer, &lacking, &held)?;
            let covered: Held = saves.iter().flat_map(|lost| &lost.changes).copied().collect();
            let mut queued = Vec::new();
            if may_write {
                for row in unsaved(&lacking, &held, &covered) {
                    let changes = changes_without(writer, row, &lacking, [&held, &covered])?;
                    queued.extend(unsaved_units(row, changes, now, new_unit));
                }
            }
            for Lost { number, save, changes } in saves {
                if may_write {
                    queued.push(refill_of(number, &save, changes));
                }
                // Nobody can have it now.
                SAVES.put(&mut writer.saves, number, &SaveRow { visible: None, ..save })?;
            }
            queue_all(writer, scope, queued.iter().chain(&waiting))?;
            CURSORS.put(&mut writer.cursors, scope.number(), &at)?;
            writer.witnesses.remove(scope.number()).during("remove a row")?;
            let reconciled = ReconciledRow { generation, epoch: at.epoch, seq: at.seq };
            RECONCILED.put(&mut writer.reconciled, scope.number(), &reconciled)
        })
    }
}

/// The documents of which the log has less. What was only there has been fetched meanwhile, so those that are equal now had
/// nothing that is only here.
fn lacking(writer: &Writer<'_>, differing: &[Difference]) -> Result<HashMap<Row, DocumentRow>, StoreError> {
    let mut lacking = HashMap::new();
    for difference in differing {
        let Some(row) = find_row(&writer.ids, &writer.documents, difference.document)? else { continue };
        let meta = document_row(&writer.documents, row)?;
        is_row_of(&meta, difference.document)?;
        if Some(meta.heads) != difference.theirs {
            lacking.insert(row, meta);
        }
    }
    Ok(lacking)
}

/// Empties a scope's outbox and answers the saves that have never been visible. What an earlier comparison put there is left
/// out: where it still lacks, it is found again, in its order.
fn take_outbox(
    writer: &mut Writer<'_>,
    scope: Scope,
    at: Cursor,
    now: Timestamp,
) -> Result<Vec<OutboxRow>, StoreError> {
    let (mut places, mut waiting, mut refills) = (Vec::new(), Vec::new(), Vec::new());
    for entry in writer.outbox.range((scope.number(), 0)..=(scope.number(), u64::MAX)).during("read rows")? {
        let (key, value) = entry.during("read a row")?;
        let row: OutboxRow = OUTBOX.open(&key.value(), value.value())?;
        places.push(key.value());
        if row.is_refill {
            refills.extend(row.save);
        } else {
            waiting.push(OutboxRow { refused: None, redone: 0, ..row });
        }
    }
    for place in places {
        writer.outbox.remove(place).during("remove a row")?;
    }
    // Somewhere in the log, unless it is found lacking below.
    let visible = VisibleRow { epoch: at.epoch, seq: at.seq, at: now, first_seq: at.seq, generation: 0 };
    for number in refills {
        let save = save_row(writer, number)?;
        SAVES.put(&mut writer.saves, number, &SaveRow { visible: Some(visible), ..save })?;
    }
    Ok(waiting)
}

fn save_row(writer: &Writer<'_>, number: u64) -> Result<SaveRow, StoreError> {
    let save: Option<SaveRow> = SAVES.get(&writer.saves, number)?;
    save.ok_or_else(|| StoreError::damaged(format!("save {number} is missing")))
}

/// A save of which a log lacks something.
struct Lost {
    number: u64,
    save: SaveRow,
    /// What it lacks.
    changes: Changes,
}

/// The saves that have a part in these documents, in the order in which they became durable here, each with the changes of
/// these documents that no save before it has.
fn saves_of(writer: &Writer<'_>, lacking: &HashMap<Row, DocumentRow>, held: &Held) -> Result<Vec<Lost>, StoreError> {
    let mut numbers = BTreeSet::new();
    for row in lacking.keys() {
        for entry in writer.saves_of.range((row.0, 0)..=(row.0, u64::MAX)).during("read rows")? {
            numbers.insert(entry.during("read a row")?.0.value().1);
        }
    }
    let mut seen = Held::new();
    let mut saves = Vec::new();
    for number in numbers {
        let save = save_row(writer, number)?;
        let mut changes = save.changes.clone();
        changes.retain(|change| lacking.contains_key(&change.0) && !held.contains(change) && seen.insert(*change));
        if !changes.is_empty() {
            saves.push(Lost { number, save, changes });
        }
    }
    Ok(saves)
}

fn refill_of(number: u64, save: &SaveRow, changes: Changes) -> OutboxRow {
    let changes = changes.into_iter().map(reference).collect();
    let row = OutboxRow::new(save.unit, save.author, save.saved_at, changes, Some(number));
    OutboxRow { is_refill: true, ..row }
}

/// Changes are looked up in the document: the number of none of them is kept.
fn reference((row, hash): (Row, ChangeHash)) -> ChangeRef {
    let number = if genesis::kind_of(hash).is_some() { GENESIS } else { LOOKED_UP };
    ChangeRef { row, number, hash }
}

/// The documents with changes of which no save is known.
fn unsaved(lacking: &HashMap<Row, DocumentRow>, held: &Held, covered: &Held) -> Vec<Row> {
    let mut known: HashMap<Row, u32> = HashMap::new();
    for (row, _) in held.iter().chain(covered) {
        *known.entry(*row).or_default() += 1;
    }
    let is_whole = |(row, meta): &(&Row, &DocumentRow)| known.get(row).is_some_and(|known| *known >= meta.changes);
    lacking.iter().filter(|entry| !is_whole(entry)).map(|(row, _)| *row).collect()
}

fn changes_without(
    writer: &Writer<'_>,
    row: Row,
    lacking: &HashMap<Row, DocumentRow>,
    known: [&Held; 2],
) -> Result<Vec<StoredChange>, StoreError> {
    let Some(meta) = lacking.get(&row) else { return Ok(Vec::new()) };
    let document = load(meta, row, &writer.snapshots, &writer.changes)?;
    let mut changes = document.changes_since(&[]);
    changes.retain(|change| known.iter().all(|known| !known.contains(&(row, change.hash))));
    Ok(changes)
}

/// They go first, as units without an author.
fn unsaved_units(
    row: Row,
    changes: Vec<StoredChange>,
    now: Timestamp,
    new_unit: &mut dyn FnMut() -> UnitId,
) -> Vec<OutboxRow> {
    let unit = |part: Vec<ChangeHash>| {
        let changes = part.into_iter().map(|hash| reference((row, hash))).collect();
        OutboxRow { is_refill: true, ..OutboxRow::new(new_unit(), None, now, changes, None) }
    };
    parts(changes).into_iter().map(unit).collect()
}

/// Cuts a long history where a unit would grow beyond its bounds.
fn parts(changes: Vec<StoredChange>) -> Vec<Vec<ChangeHash>> {
    let mut parts: Vec<Vec<ChangeHash>> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        bytes += change.bytes.len();
        let is_full = |part: &Vec<_>| part.len() >= UNIT_CHANGES_MAX || bytes > UNIT_BYTES_MAX;
        if parts.last().is_none_or(is_full) {
            parts.push(Vec::new());
            bytes = change.bytes.len();
        }
        if let Some(part) = parts.last_mut() {
            part.push(change.hash);
        }
    }
    parts
}
