//! Looking at everything that the store holds: whether each row is as it was written, and whether all rows agree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use minicbor::Decode;
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};
use regard_core::record::{Document, Projection};
use regard_core::wire::{Cursor, HeadsDigest};
use serde::{Deserialize, Serialize};

use super::documents::load;
use super::error::{During, StoreError};
use super::file::File;
use super::index::{self, COUNTS_KEY, CountsRow};
use super::medium::{InFolder, Medium};
use super::outbox::GENESIS;
use super::rows::Rows;
use super::tables::{
    self as t, DocumentRow, OutboxRow, PeerRow, QuarantineRow, ReceiptRow, ReconciledRow, Row, SaveRow,
};
use super::{FILE, Store};

/// Damage that is told one by one; one broken table can have a million rows.
const TOLD_MAX: usize = 100;

/// Changes that were set aside and are told one by one; `regard quarantine list` tells them all.
const ASIDE_TOLD_MAX: usize = 5;

/// What was found in a store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreCheck {
    /// Records that were opened.
    pub records: u64,
    /// Rows with checksums that were looked at.
    pub rows: u64,
    /// What is damaged, in sentences.
    pub damage: Vec<String>,
    /// Further damage that is not told.
    pub untold: u64,
    /// Changes of others that are set aside. They are no damage.
    #[serde(default, skip_serializing_if = "is_none")]
    pub set_aside: u64,
    /// Why some of them are, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside_first: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like this")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl StoreCheck {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    fn tell(&mut self, damage: String) {
        if self.damage.len() < TOLD_MAX {
            self.damage.push(damage);
        } else {
            self.untold += 1;
        }
    }

    fn holds(&mut self, holds: bool, damage: impl FnOnce() -> String) {
        if !holds {
            self.tell(damage());
        }
    }
}

impl Store {
    /// Looks at everything in the store as it is now, while it is used.
    ///
    /// # Errors
    /// As the disk has it; damage is no error here.
    pub fn check(&self) -> Result<StoreCheck, StoreError> {
        let mut check = StoreCheck::default();
        match self.read(|reading| look(reading, &mut check)) {
            Ok(()) => {}
            Err(StoreError::Damaged { what }) => check.tell(what),
            Err(error) => return Err(error),
        }
        Ok(check)
    }

    /// The same for a store that nobody has open, with the pages of the file too.
    ///
    /// # Errors
    /// [`StoreError::Absent`], [`StoreError::InUse`], [`StoreError::Format`]; else as the disk has it.
    pub fn check_folder(folder: &Path) -> Result<StoreCheck, StoreError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(StoreError::Absent { folder: folder.to_owned() });
        }
        if std::fs::metadata(&path).is_ok_and(|file| file.len() == 0) {
            return Ok(StoreCheck { damage: vec![format!("{} is empty", path.display())], ..StoreCheck::default() });
        }
        check_at(&path, folder)
    }
}

/// Looks at a store's file, whatever its name is.
pub(super) fn check_at(path: &Path, folder: &Path) -> Result<StoreCheck, StoreError> {
    check_on(Arc::new(InFolder::at(path, folder)))
}

/// Looks at a store wherever it lies.
pub(super) fn check_on(medium: Arc<dyn Medium>) -> Result<StoreCheck, StoreError> {
    // Each page is compared with its checksum before anything is read from it.
    let opened = File::open(medium, true).and_then(Store::current);
    let damaged = |what| Ok(StoreCheck { damage: vec![what], ..StoreCheck::default() });
    match opened.and_then(|store| store.check()) {
        Err(StoreError::Damaged { what }) => damaged(what),
        // A store's file gets its name when it is whole.
        Err(StoreError::Absent { .. }) => damaged("it has no settings".into()),
        outcome => outcome,
    }
}

fn look(reading: &ReadTransaction, check: &mut StoreCheck) -> Result<(), StoreError> {
    settings(reading, check)?;
    decoded::<_, Cursor>(reading, &t::CURSORS, check, |_, _, _| Ok(()))?;
    decoded::<_, Cursor>(reading, &t::WITNESSES, check, |_, _, _| Ok(()))?;
    decoded::<_, ReconciledRow>(reading, &t::RECONCILED, check, |_, _, _| Ok(()))?;
    decoded::<_, ReceiptRow>(reading, &t::RECEIPTS, check, |_, _, _| Ok(()))?;
    decoded::<_, PeerRow>(reading, &t::PEERS, check, |_, _, _| Ok(()))?;
    decoded(reading, &t::QUARANTINE, check, |check, _, row: QuarantineRow| {
        check.set_aside += 1;
        if check.set_aside_first.len() < ASIDE_TOLD_MAX {
            let why = format!("a change of record {} at place {}: {}", row.document, row.seq, row.reason.detail);
            check.set_aside_first.push(why);
        }
        Ok(())
    })?;
    records(reading, check)?;
    saves(reading, check)?;
    outbox(reading, check)
}

/// Rows of settings are of several forms, so only their checksums are looked at.
fn settings(reading: &ReadTransaction, check: &mut StoreCheck) -> Result<(), StoreError> {
    let table = reading.open_table(t::SETTINGS.definition).during("open a table")?;
    for row in table.iter().during("read rows")? {
        let (key, value) = row.during("read a row")?;
        check.rows += 1;
        if let Err(error) = t::SETTINGS.value(&key.value(), value.value()) {
            check.tell(error.to_string());
        }
    }
    Ok(())
}

/// Reads every row of a table and hands on those that are whole.
fn decoded<K, T>(
    reading: &ReadTransaction,
    rows: &Rows<K>,
    check: &mut StoreCheck,
    mut each: impl FnMut(&mut StoreCheck, K::SelfType<'_>, T) -> Result<(), StoreError>,
) -> Result<(), StoreError>
where
    K: Key + 'static,
    T: for<'b> Decode<'b, ()>,
{
    let table = reading.open_table(rows.definition).during("open a table")?;
    for row in table.iter().during("read rows")? {
        let (key, value) = row.during("read a row")?;
        check.rows += 1;
        match rows.open(&key.value(), value.value()) {
            Ok(value) => each(check, key.value(), value)?,
            Err(error) => check.tell(error.to_string()),
        }
    }
    Ok(())
}

/// Opens every record, and compares what is derived from it.
fn records(reading: &ReadTransaction, check: &mut StoreCheck) -> Result<(), StoreError> {
    let ids = reading.open_table(t::IDS).during("open a table")?;
    let index = reading.open_table(t::INDEX).during("open a table")?;
    let snapshots = reading.open_table(t::SNAPSHOTS).during("open a table")?;
    let changes = reading.open_table(t::CHANGES).during("open a table")?;
    let (mut singles, mut folded, mut indexed) = (0, 0, 0);
    let mut counts = CountsRow::default();
    let mut projections: BTreeMap<u64, Projection> = BTreeMap::new();
    decoded(reading, &t::PROJECTIONS, check, |_, row, projection| {
        projections.insert(row, projection);
        Ok(())
    })?;
    let mut documents = 0;
    decoded(reading, &t::DOCUMENTS, check, |check, row, meta: DocumentRow| {
        documents += 1;
        singles += u64::from(meta.unfolded);
        folded += u64::from(meta.has_snapshot);
        let id = meta.id;
        let found = ids.get(id.as_bytes()).during("read a row")?.map(|row| row.value());
        check.holds(found == Some(row), || format!("the index of ids does not lead to record {id}"));
        let shown = projections.remove(&row);
        for key in shown.iter().flat_map(|shown| index::keys(Row(row), shown)) {
            indexed += 1;
            let is_there = index.get(key.as_slice()).during("read a row")?.is_some();
            check.holds(is_there, || format!("record {id} is not in the index where it is looked for"));
        }
        if shown.as_ref().is_some_and(index::is_counted) {
            *counts.live.entry(meta.kind.number()).or_default() += 1;
        }
        match load(&meta, Row(row), &snapshots, &changes) {
            Ok(document) => {
                check.records += 1;
                check.holds(shown == Some(Projection::of(&document)), || {
                    format!("what lists show of record {id} is not what it says")
                });
                let is_told = meta.heads == HeadsDigest::of(&document.heads()) && meta.changes == document.count();
                check.holds(is_told, || format!("the row of record {id} tells another history than it has"));
            }
            Err(StoreError::Damaged { what }) => check.tell(what),
            Err(error) => return Err(error),
        }
        Ok(())
    })?;
    for (table, rows, due) in [
        ("ids", ids.len(), documents),
        ("index", index.len(), indexed),
        ("snapshots", snapshots.len(), folded),
        ("changes", changes.len(), singles),
        ("projections without a record", Ok(projections.len() as u64), 0),
    ] {
        let rows = rows.during("count rows")?;
        check.holds(rows == due, || format!("the table “{table}” has {rows} rows, and {due} are due"));
    }
    let settings = reading.open_table(t::SETTINGS.definition).during("open a table")?;
    let mut told: CountsRow = t::SETTINGS.get(&settings, COUNTS_KEY)?.unwrap_or_default();
    told.live.retain(|_, count| *count > 0);
    check.holds(told == counts, || "the numbers of records of each kind are not those of the records".into());
    Ok(())
}

/// Compares saves with the index of the saves of each record.
fn saves(reading: &ReadTransaction, check: &mut StoreCheck) -> Result<(), StoreError> {
    let saves_of = reading.open_table(t::SAVES_OF).during("open a table")?;
    let mut due = 0;
    decoded(reading, &t::SAVES, check, |check, number, save: SaveRow| {
        for Row(row) in save.rows() {
            due += 1;
            let is_there = saves_of.get((row, number)).during("read a row")?.is_some();
            check.holds(is_there, || format!("save {} is not among those of the record in row {row}", save.unit));
        }
        Ok(())
    })?;
    let rows = saves_of.len().during("count rows")?;
    check.holds(rows == due, || format!("the table “saves_of” has {rows} rows, and {due} are due"));
    Ok(())
}

/// Whether every change that waits to be sent is there.
fn outbox(reading: &ReadTransaction, check: &mut StoreCheck) -> Result<(), StoreError> {
    let documents = reading.open_table(t::DOCUMENTS.definition).during("open a table")?;
    let saves = reading.open_table(t::SAVES.definition).during("open a table")?;
    let snapshots = reading.open_table(t::SNAPSHOTS).during("open a table")?;
    let changes = reading.open_table(t::CHANGES).during("open a table")?;
    let mut source = Source { documents, snapshots, changes, last: None };
    decoded(reading, &t::OUTBOX, check, |check, (_, place), row: OutboxRow| {
        for change in &row.changes {
            let is_there = change.number == GENESIS || source.has(change)?;
            check.holds(is_there, || {
                format!("the save at place {place} of the outbox lacks the change {}", change.hash)
            });
        }
        if let Some(save) = row.save {
            let is_there = saves.get(save).during("read a row")?.is_some();
            check.holds(is_there, || format!("the save at place {place} of the outbox is not in its table"));
        }
        Ok(())
    })
}

struct Source {
    documents: ReadOnlyTable<u64, &'static [u8]>,
    snapshots: ReadOnlyTable<u64, &'static [u8]>,
    changes: ReadOnlyTable<(u64, u32), &'static [u8]>,
    /// The record that was opened last: a long history is asked for change by change.
    last: Option<(Row, Option<Document>)>,
}

impl Source {
    fn has(&mut self, change: &t::ChangeRef) -> Result<bool, StoreError> {
        if self.last.as_ref().is_none_or(|(row, _)| *row != change.row) {
            let document = match super::documents::document_row(&self.documents, change.row)
                .and_then(|meta| load(&meta, change.row, &self.snapshots, &self.changes))
            {
                Ok(document) => Some(document),
                // It was told where the records were looked at.
                Err(StoreError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            self.last = Some((change.row, document));
        }
        let document = self.last.as_ref().and_then(|(_, document)| document.as_ref());
        Ok(document.is_some_and(|document| document.change(change.hash).is_some()))
    }
}
