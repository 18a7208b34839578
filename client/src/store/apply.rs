use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Checked, Verdict};
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId};
use regard_core::limits::QUARANTINE_MAX;
use regard_core::record::StoredChange;
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Scope, Segment, Unit};

use redb::{ReadableTable, ReadableTableMetadata};

use super::Store;
use super::documents::Workbench;
use super::error::{During, StoreError};
use super::tables::{CURSORS, QUARANTINE, QuarantineRow, Row, SaveRow, VisibleRow};
use super::transaction::{Writer, next_number};
use super::visibility::note_save;

/// What a segment brought, durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The log is applied up to here.
    pub cursor: Cursor,
    /// Places that were set aside.
    pub except: Vec<u64>,
    /// The records that changed.
    pub records: Vec<DocumentId>,
}

impl Store {
    /// Applies a segment behind the cursor and moves the cursor, in one transaction. What is here already is skipped; what
    /// is not acceptable is set aside with its reason and stops nothing.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the segment does not continue the log; else as the disk has it.
    pub fn apply(&self, scope: Scope, epoch: EpochId, packed: &[u8], now: Timestamp) -> Result<Arrived, StoreError> {
        let segment = Segment::unpack(packed)?;
        let checked = check_all(&segment)?;
        self.write_documents(|writer, bench| {
            let start = Cursor::start(self.identity().workspace, scope, epoch);
            let cursor: Option<Cursor> = CURSORS.get(&writer.cursors, scope.number())?;
            let cursor = cursor.filter(|cursor| cursor.epoch == epoch).unwrap_or(start);
            let end = continue_log(&segment, &checked, cursor)?;
            let mut arrival = Arrival {
                store: self,
                scope,
                epoch,
                carrier: segment.carrier,
                now,
                except: Vec::new(),
                records: Vec::new(),
            };
            let mut checked = checked.into_iter();
            for logged in segment.logged() {
                let changes: Vec<Checked> = checked.by_ref().take(logged.unit.changes.len()).collect();
                let last_seq = logged.first_seq + logged.unit.changes.len() as u64 - 1;
                if last_seq > cursor.seq {
                    let first_seq = logged.first_seq;
                    let visible = VisibleRow { epoch, seq: last_seq, at: segment.visible_at, first_seq };
                    arrival.unit(writer, bench, logged.unit, &changes, visible)?;
                }
            }
            CURSORS.put(&mut writer.cursors, scope.number(), &end)?;
            let Arrival { except, mut records, .. } = arrival;
            records.sort_unstable();
            records.dedup();
            Ok(Arrived { cursor: end, except, records })
        })
    }
}

fn check_all(segment: &Segment) -> Result<Vec<Checked>, Refusal> {
    let changes = segment.units.iter().flat_map(|unit| &unit.changes);
    // The relay checks with the same bounds: what fails here was changed on its way.
    changes.map(|change| gate::check(&change.bytes)).collect()
}

/// The cursor behind the segment, where the segment continues the log at the cursor or overlaps it.
fn continue_log(segment: &Segment, checked: &[Checked], cursor: Cursor) -> Result<Cursor, Refusal> {
    let hashes: Vec<ChangeHash> = checked.iter().map(|change| change.header.hash).collect();
    let (mut seq, mut hash) = (segment.first_seq.saturating_sub(1), segment.before);
    let mut meets = (seq == cursor.seq).then_some(hash);
    let changes = segment.units.iter().flat_map(|unit| unit.changes.iter().map(move |change| (unit, change.document)));
    for ((unit, document), change) in changes.zip(hashes) {
        hash = hash.then(document, change, unit.id, unit.author, segment.carrier);
        seq += 1;
        if seq == cursor.seq {
            meets = Some(hash);
        }
    }
    let is_behind = seq <= cursor.seq;
    match meets {
        Some(met) if met != cursor.hash => Err(does_not_continue("has another history", segment, cursor)),
        Some(_) if is_behind => Ok(cursor),
        Some(_) => Ok(Cursor { epoch: cursor.epoch, seq, hash }),
        None if is_behind => Ok(cursor),
        None => Err(does_not_continue("leaves a gap", segment, cursor)),
    }
}

fn does_not_continue(how: &str, segment: &Segment, cursor: Cursor) -> Refusal {
    let detail = format!("the log's piece from {} on {how} behind {}", segment.first_seq, cursor.seq);
    Refusal::new(Cause::OutOfOrder, detail)
}

struct Arrival<'a> {
    store: &'a Store,
    scope: Scope,
    epoch: EpochId,
    carrier: DeviceId,
    now: Timestamp,
    except: Vec<u64>,
    records: Vec<DocumentId>,
}

impl Arrival<'_> {
    fn unit(
        &mut self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        unit: &Unit,
        changes: &[Checked],
        visible: VisibleRow,
    ) -> Result<(), StoreError> {
        let first_seq = visible.seq + 1 - changes.len() as u64;
        let mut rows: Vec<Row> = Vec::new();
        let mut at = 0;
        // Changes of one document stand together: they are applied in one go.
        for run in unit.changes.chunk_by(|a, b| a.document == b.document) {
            let (document, run_changes) = (run[0].document, &changes[at..at + run.len()]);
            let seq = first_seq + at as u64;
            at += run.len();
            if let Some(row) = self.run(writer, bench, document, run_changes, seq)? {
                rows.push(row);
                self.records.push(document);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_unstable();
        rows.dedup();
        let save = SaveRow {
            unit: unit.id,
            scope: self.scope,
            author: unit.author,
            carrier: Some(self.carrier),
            saved_at: unit.saved_at,
            rows,
            visible: Some(visible),
            applied_at: self.now,
        };
        note_save(writer, &save).map(drop)
    }

    /// Answers the document's row where anything of it is new here.
    fn run(
        &mut self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        id: DocumentId,
        changes: &[Checked],
        first_seq: u64,
    ) -> Result<Option<Row>, StoreError> {
        let here = bench.open(self.store, writer, id)?.map(|open| open.meta.scope);
        if here.is_some_and(|scope| scope != self.scope) {
            // A document belongs to one scope for ever.
            let refusal = Refusal::new(Cause::NotAllowed, format!("the record does not belong to “{}”", self.scope));
            self.set_all_aside(writer, id, changes, first_seq, &refusal)?;
            return Ok(None);
        }
        let is_here = here.is_some();
        let (open, verdicts) = if is_here {
            let open = bench.open(self.store, writer, id)?.ok_or(StoreError::NoRecord(id))?;
            let verdicts = gate::apply(&mut open.document, changes);
            (open, verdicts)
        } else {
            match gate::begin(&changes[0]) {
                Ok(mut document) => {
                    let mut verdicts = vec![Ok(Verdict::New)];
                    verdicts.extend(gate::apply(&mut document, &changes[1..]));
                    (bench.begin(writer, id, self.scope, document)?, verdicts)
                }
                Err(refusal) => {
                    self.set_all_aside(writer, id, changes, first_seq, &refusal)?;
                    return Ok(None);
                }
            }
        };
        let (row, mut has_new, mut refused) = (open.row, false, Vec::new());
        for ((change, verdict), seq) in changes.iter().zip(verdicts).zip(first_seq..) {
            match verdict {
                Ok(Verdict::Duplicate) => {}
                Ok(Verdict::New) => {
                    has_new = true;
                    if regard_core::record::genesis::kind_of(change.header.hash).is_none() {
                        open.append(writer, &StoredChange { hash: change.header.hash, bytes: change.bytes.clone() })?;
                    }
                }
                Err(refusal) => refused.push((change, seq, refusal)),
            }
        }
        for (change, seq, refusal) in refused {
            self.set_aside(writer, id, change, seq, refusal)?;
        }
        Ok(has_new.then_some(row))
    }

    fn set_all_aside(
        &mut self,
        writer: &mut Writer<'_>,
        document: DocumentId,
        changes: &[Checked],
        first_seq: u64,
        refusal: &Refusal,
    ) -> Result<(), StoreError> {
        let mut places = changes.iter().zip(first_seq..);
        places.try_for_each(|(change, seq)| self.set_aside(writer, document, change, seq, refusal.clone()))
    }

    fn set_aside(
        &mut self,
        writer: &mut Writer<'_>,
        document: DocumentId,
        change: &Checked,
        seq: u64,
        reason: Refusal,
    ) -> Result<(), StoreError> {
        tracing::warn!(%document, seq, %reason, "a change was set aside");
        let (bytes, carrier, at) = (change.bytes.clone(), self.carrier, self.now);
        let number = next_number(&writer.quarantine)?;
        let row = QuarantineRow { document, bytes, reason, carrier, seq, at, epoch: self.epoch, scope: self.scope };
        QUARANTINE.put(&mut writer.quarantine, number, &row)?;
        if writer.quarantine.len().during("count rows")? > QUARANTINE_MAX as u64 {
            let oldest = writer.quarantine.first().during("read a row")?.map(|(key, _)| key.value());
            oldest.map(|key| writer.quarantine.remove(key).during("remove a row").map(drop)).transpose()?;
        }
        self.except.push(seq);
        Ok(())
    }
}
