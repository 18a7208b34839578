use redb::ReadableTableMetadata;
use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Checked, Verdict};
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::time::Timestamp;
use regard_core::wire::{PROTOCOL_VERSION, Scope};
use serde::{Deserialize, Serialize};

use super::super::Store;
use super::super::documents::{Open, Workbench};
use super::super::error::{During, StoreError};
use super::super::tables::{QUARANTINE, QuarantineRow, SETTINGS, SaveRow, VisibleRow};
use super::super::transaction::Writer;
use super::super::visibility::{generation, note_save};
use super::aside::{Entry, Index};
use crate::system::now;

/// The program that tried last what is set aside.
pub(super) const TRIED_BY_KEY: &str = "quarantine_tried_by";
/// Records whose changes one transaction tries: it ends within a second, and what it holds in memory stays small.
const RECORDS_TOGETHER: usize = 64;

/// What is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Which {
    /// What lacked something that has come.
    Orphans,
    /// Everything.
    All,
}

/// What came of trying changes once more that were set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retried {
    /// Changes that are applied now.
    pub applied: u64,
    /// Changes of the same records that are still set aside.
    pub still: u64,
}

/// Tries the changes once more that were set aside in a document, in the order of the log, as long as any of them applies.
/// Answers the places of those that are applied now.
pub(in super::super) fn heal(
    store: &Store,
    writer: &mut Writer<'_>,
    bench: &mut Workbench,
    id: DocumentId,
    (which, now): (Which, Timestamp),
) -> Result<Vec<u64>, StoreError> {
    let healed = store.aside.with(writer, |writer, index| {
        let mut healed = Vec::new();
        if index.is_empty_of(id) {
            return Ok(healed);
        }
        let mut which = which;
        loop {
            let before = healed.len();
            for (number, entry) in index.of_document(id) {
                if which == Which::Orphans && !has_come(store, writer, bench, &entry)? {
                    continue;
                }
                healed.extend(try_again(store, writer, bench, index, (number, now))?);
            }
            if healed.len() == before {
                return Ok(healed);
            }
            which = Which::Orphans;
        }
    })?;
    bench.healed.extend(healed.iter().copied());
    Ok(healed.into_iter().map(|(_, seq)| seq).collect())
}

/// Tries what waits in the records that a transaction has changed so far. Answers what is applied now.
pub(in super::super) fn heal_changed(
    store: &Store,
    writer: &mut Writer<'_>,
    bench: &mut Workbench,
) -> Result<Vec<u64>, StoreError> {
    let changed = bench.changed();
    let is_waiting = store.aside.with(writer, |_, index| Ok(!index.is_empty()))?;
    let mut healed = Vec::new();
    for id in changed.into_iter().filter(|_| is_waiting) {
        healed.extend(heal(store, writer, bench, id, (Which::Orphans, now()))?);
    }
    Ok(healed)
}

fn has_come(store: &Store, writer: &Writer<'_>, bench: &mut Workbench, entry: &Entry) -> Result<bool, StoreError> {
    let Some(awaited) = entry.waits_for else { return Ok(false) };
    Ok(bench.open(store, writer, entry.document)?.is_some_and(|open| open.document.has(awaited)))
}

fn try_again(
    store: &Store,
    writer: &mut Writer<'_>,
    bench: &mut Workbench,
    index: &mut Index,
    (number, now): (u64, Timestamp),
) -> Result<Option<(Scope, u64)>, StoreError> {
    let row: Option<QuarantineRow> = QUARANTINE.get(&writer.quarantine, number)?;
    let Some(row) = row else { return Err(StoreError::damaged("a change that was set aside is missing")) };
    match taken(store, writer, bench, &row)? {
        Ok((open_row, hash)) => {
            let generation = generation(writer, row.scope)?;
            let QuarantineRow { epoch, seq, visible_at: at, .. } = row;
            let save = SaveRow {
                unit: row.unit,
                scope: row.scope,
                author: row.author,
                carrier: Some(row.carrier),
                saved_at: row.saved_at,
                visible: Some(VisibleRow { epoch, seq, at, first_seq: seq, generation }),
                applied_at: now,
                changes: vec![(open_row, hash)],
            };
            note_save(writer, &save)?;
            writer.quarantine.remove(number).during("remove a row")?;
            index.remove(number);
            Ok(Some((row.scope, seq)))
        }
        Err((reason, waits_for)) => {
            index.waits(number, waits_for);
            if reason != row.reason {
                QUARANTINE.put(&mut writer.quarantine, number, &QuarantineRow { reason, ..row })?;
            }
            Ok(None)
        }
    }
}

type Refused = (Refusal, Option<ChangeHash>);

/// The record's row and the change's hash where it applies; else why not, and what it waits for.
fn taken(
    store: &Store,
    writer: &mut Writer<'_>,
    bench: &mut Workbench,
    row: &QuarantineRow,
) -> Result<Result<(super::super::tables::Row, ChangeHash), Refused>, StoreError> {
    let change = match gate::check(&row.bytes) {
        Ok(change) => change,
        Err(refusal) => return Ok(Err((refusal, None))),
    };
    let hash = change.header.hash;
    if bench.open(store, writer, row.document)?.is_none() {
        return match gate::begin(&change) {
            Ok(document) => Ok(Ok((bench.begin(writer, row.document, row.scope, document)?.row, hash))),
            Err(refusal) => Ok(Err((not_begun(&change, refusal), change.header.deps.first().copied()))),
        };
    }
    let open = bench.open(store, writer, row.document)?.ok_or(StoreError::NoRecord(row.document))?;
    if open.meta.scope != row.scope {
        return Ok(Err((row.reason.clone(), None)));
    }
    match applied(open, &change) {
        Ok(verdict) => {
            if verdict == Verdict::New {
                open.keep(writer, &change)?;
            }
            Ok(Ok((open.row, hash)))
        }
        Err(refusal) => {
            let is_missing = |dep: &&ChangeHash| !open.document.has(**dep);
            let missing = change.header.deps.iter().find(is_missing).copied();
            Ok(Err((refusal, missing)))
        }
    }
}

fn applied(open: &mut Open, change: &Checked) -> Result<Verdict, Refusal> {
    let verdict = gate::apply(&mut open.document, std::slice::from_ref(change)).pop();
    verdict.unwrap_or_else(|| Err(Refusal::new(Cause::NotApplicable, "the change was not looked at")))
}

/// Why a change is refused whose record is not here: one that follows others waits for them.
pub(in super::super) fn not_begun(change: &Checked, refusal: Refusal) -> Refusal {
    match change.header.deps.first() {
        Some(dep) if refusal.cause == Cause::NotARecord => {
            Refusal::new(Cause::MissingDependency, format!("change {dep}, which it follows, is not here"))
        }
        _ => refusal,
    }
}

fn running() -> String {
    format!("regard {}, protocol {PROTOCOL_VERSION}", env!("CARGO_PKG_VERSION"))
}

/// Everything that is set aside has been tried by this program.
pub(super) fn tried(writer: &mut Writer<'_>) -> Result<(), StoreError> {
    SETTINGS.put(&mut writer.settings, TRIED_BY_KEY, &running())
}

impl Store {
    /// Tries everything again that is set aside in some records, or in all where none is named.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn retry(&self, records: &[DocumentId], now: Timestamp) -> Result<Retried, StoreError> {
        let all = self.write_documents(|writer, _| self.aside.with(writer, |_, index| Ok(index.documents())))?;
        let mut chosen: Vec<_> = all.into_iter().filter(|id| records.is_empty() || records.contains(id)).collect();
        chosen.sort_unstable();
        let mut retried = Retried::default();
        for some in chosen.chunks(RECORDS_TOGETHER) {
            let (applied, still) = self.write_documents(|writer, bench| {
                let (mut applied, mut still) = (0, 0);
                for id in some {
                    match bench.open(self, writer, *id) {
                        // One damaged record must not keep the others from being tried. It is told when it is opened.
                        Err(StoreError::Damaged { .. }) => {}
                        Err(error) => return Err(error),
                        Ok(_) => applied += heal(self, writer, bench, *id, (Which::All, now))?.len() as u64,
                    }
                    still += self.aside.with(writer, |_, index| Ok(index.of_document(*id).len() as u64))?;
                }
                Ok((applied, still))
            })?;
            retried = Retried { applied: retried.applied + applied, still: retried.still + still };
        }
        Ok(retried)
    }

    /// Places that were set aside and have been applied since this was asked last.
    pub fn take_healed(&self) -> Vec<(Scope, u64)> {
        self.aside.take_healed()
    }

    /// Another version may apply what the one before could not: it tries everything once.
    pub(in super::super) fn retry_as_another_version(&self, now: Timestamp) -> Result<(), StoreError> {
        let is_empty = self.read(|transaction| {
            transaction.open_table(QUARANTINE.definition).during("open a table")?.is_empty().during("count rows")
        })?;
        if is_empty || self.read_setting::<String>(TRIED_BY_KEY)? == Some(running()) {
            return Ok(());
        }
        let retried = self.retry(&[], now)?;
        if retried.applied > 0 {
            tracing::info!("{} of the changes that were set aside are applied by this version", retried.applied);
        }
        self.write(tried)
    }
}
