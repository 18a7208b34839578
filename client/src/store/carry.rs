use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Checked, Verdict};
use regard_core::id::{DocumentId, UnitId};
use regard_core::record::{Document, StoredChange, genesis};
use regard_core::sync::{CheckedUnit, check_unit};
use regard_core::time::Timestamp;
use regard_core::wire::{Scope, Unit};

use super::Store;
use super::documents::Workbench;
use super::error::StoreError;
use super::outbox::{GENESIS, LOOKED_UP, queue};
use super::tables::{ChangeRef, OutboxRow, SaveRow};
use super::transaction::Writer;
use super::visibility::note_save;

/// What became of saves that another device could not send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Taken in, and waiting for the relay.
    pub taken: Vec<UnitId>,
    /// The records that changed.
    pub records: Vec<DocumentId>,
    /// Saves that were here already.
    pub existed: u64,
    /// Saves of which nothing was taken, and why.
    pub refused: Vec<(UnitId, Refusal)>,
}

impl Store {
    /// Takes in saves of another device, applies them and puts them into the outbox under their author, all in one
    /// transaction. Each is taken whole or not at all; what is here already is not queued again.
    ///
    /// # Errors
    /// As the disk has it; nothing is taken then.
    pub fn carry(&self, scope: Scope, units: Vec<Unit>, now: Timestamp) -> Result<Carried, StoreError> {
        self.write_documents(|writer, bench| {
            let mut carried = Carried::default();
            for unit in units {
                let id = unit.id;
                let prepared = match check_unit(unit) {
                    Ok(unit) => self.prepare_carried(writer, bench, scope, unit)?,
                    Err(refusal) => Err(refusal),
                };
                match prepared {
                    Err(refusal) => carried.refused.push((id, refusal)),
                    Ok((_, records)) if records.iter().all(|record| !record.has_new()) => carried.existed += 1,
                    Ok((unit, records)) => {
                        carried.taken.push(id);
                        carried.records.extend(records.iter().map(|record| record.id));
                        self.take_in(writer, bench, scope, &unit, records, now)?;
                    }
                }
            }
            carried.records.sort_unstable();
            carried.records.dedup();
            Ok(carried)
        })
    }

    /// Applies a save to copies, so that one that fails leaves nothing.
    fn prepare_carried(
        &self,
        writer: &Writer<'_>,
        bench: &mut Workbench,
        scope: Scope,
        checked: CheckedUnit,
    ) -> Result<Result<(Unit, Vec<Prepared>), Refusal>, StoreError> {
        let CheckedUnit { unit, headers } = checked;
        let mut records: Vec<Prepared> = Vec::new();
        for (change, header) in unit.changes.iter().zip(headers) {
            let change_of = Checked { header, bytes: change.bytes.clone() };
            let at = match records.iter().position(|record| record.id == change.document) {
                Some(at) => at,
                None => {
                    let here = bench.open(self, writer, change.document)?;
                    let here = here.map(|open| (open.meta.scope, open.document.clone()));
                    match Prepared::begin(change.document, here, scope, &change_of) {
                        Ok(prepared) => records.push(prepared),
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                    records.len() - 1
                }
            };
            if let Err(refusal) = records[at].apply(change_of) {
                return Ok(Err(refusal));
            }
        }
        Ok(Ok((unit, records)))
    }

    fn take_in(
        &self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        scope: Scope,
        unit: &Unit,
        records: Vec<Prepared>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        for record in records {
            changes.extend(record.place(self, writer, bench, scope)?);
        }
        let (author, saved_at) = (unit.author, unit.saved_at);
        let save = SaveRow {
            unit: unit.id,
            scope,
            author,
            carrier: None,
            saved_at,
            visible: None,
            applied_at: now,
            changes: changes.iter().map(|change| (change.row, change.hash)).collect(),
        };
        let save = Some(note_save(writer, &save)?);
        queue(writer, scope, &OutboxRow::new(unit.id, author, saved_at, changes, save))
    }
}

struct Prepared {
    id: DocumentId,
    document: Document,
    /// Whether the record is not here yet; its first change is not in `changes` until it was applied.
    is_new: bool,
    changes: Vec<(StoredChange, Verdict)>,
}

impl Prepared {
    fn begin(id: DocumentId, here: Option<(Scope, Document)>, scope: Scope, first: &Checked) -> Result<Self, Refusal> {
        let (document, is_new) = match here {
            Some((other, _)) if other != scope => {
                let detail = format!("record {id} belongs to “{other}” and not to “{scope}”");
                return Err(Refusal::new(Cause::NotAllowed, detail));
            }
            Some((_, document)) => (document, false),
            None => (gate::begin(first).map_err(|refusal| missing(id, refusal))?, true),
        };
        Ok(Self { id, document, is_new, changes: Vec::new() })
    }

    fn apply(&mut self, change: Checked) -> Result<(), Refusal> {
        let is_first = self.is_new && self.changes.is_empty();
        let stored = StoredChange { hash: change.header.hash, bytes: change.bytes.clone() };
        let verdict = if is_first {
            Verdict::New
        } else {
            let verdicts = gate::apply(&mut self.document, std::slice::from_ref(&change));
            verdicts.into_iter().next().unwrap_or(Ok(Verdict::Duplicate))?
        };
        self.changes.push((stored, verdict));
        Ok(())
    }

    fn has_new(&self) -> bool {
        self.changes.iter().any(|(_, verdict)| *verdict == Verdict::New)
    }

    fn place(
        self,
        store: &Store,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        scope: Scope,
    ) -> Result<Vec<ChangeRef>, StoreError> {
        let open = if self.is_new {
            bench.begin(writer, self.id, scope, self.document)?
        } else {
            let open = bench.open(store, writer, self.id)?.ok_or(StoreError::NoRecord(self.id))?;
            open.document = self.document;
            open
        };
        let row = open.row;
        let placed = self.changes.into_iter().map(|(change, verdict)| {
            let hash = change.hash;
            match verdict {
                _ if genesis::kind_of(hash).is_some() => Ok(ChangeRef { row, number: GENESIS, hash }),
                Verdict::New => open.append(writer, &change),
                Verdict::Duplicate => Ok(ChangeRef { row, number: LOOKED_UP, hash }),
            }
        });
        placed.collect()
    }
}

/// A save that changes a record which is not here is no forgery: it follows saves that have not come yet.
fn missing(id: DocumentId, refusal: Refusal) -> Refusal {
    match refusal.cause {
        Cause::NotARecord => {
            Refusal::new(Cause::MissingDependency, format!("record {id}, which the save changes, is not here"))
        }
        _ => refusal,
    }
}
