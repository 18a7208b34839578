use regard_core::error::{Cause, Refusal};
use regard_core::gate::{self, Checked, Verdict};
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId};
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Excerpt, Excerpted, Scope, Segment, Unit, UnitChange};

use super::Store;
use super::documents::Workbench;
use super::error::StoreError;
use super::quarantine::{self, heal_changed, not_begun};
use super::tables::{CURSORS, QuarantineRow, Row, SaveRow, VisibleRow};
use super::transaction::Writer;
use super::visibility::{generation, note_save, refresh_visible};

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
        let looked = look_at(segment.units.iter().flat_map(|unit| &unit.changes))?;
        self.write_documents(|writer, bench| {
            let start = Cursor::start(self.identity().workspace, scope, epoch);
            let cursor: Option<Cursor> = CURSORS.get(&writer.cursors, scope.number())?;
            let cursor = cursor.filter(|cursor| cursor.epoch == epoch).unwrap_or(start);
            let end = continue_log(&segment, &looked, cursor)?;
            let generation = generation(writer, scope)?;
            let mut arrival = Arrival::new(self, scope, Log { epoch, generation }, now);
            let mut looked = looked.into_iter();
            for logged in segment.logged() {
                let changes: Vec<Looked> = looked.by_ref().take(logged.unit.changes.len()).collect();
                let seqs: Vec<u64> = (logged.first_seq..).take(logged.unit.changes.len()).collect();
                if seqs.last().is_some_and(|last| *last > cursor.seq) {
                    let brought = Brought { carrier: segment.carrier, visible_at: segment.visible_at, seqs: &seqs };
                    arrival.unit(writer, bench, logged.unit, &changes, &brought)?;
                }
            }
            CURSORS.put(&mut writer.cursors, scope.number(), &end)?;
            let healed = heal_changed(self, writer, bench)?;
            let (mut except, records) = arrival.finish();
            except.retain(|place| !healed.contains(place));
            Ok(Arrived { cursor: end, except, records })
        })
    }

    /// Applies changes of some documents from anywhere in the log, and leaves the cursor where it is. What they bring counts
    /// for the comparison that is under way.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where it is no excerpt; else as the disk has it.
    pub fn apply_excerpt(
        &self,
        scope: Scope,
        epoch: EpochId,
        packed: &[u8],
        now: Timestamp,
    ) -> Result<Vec<DocumentId>, StoreError> {
        let excerpt = Excerpt::unpack(packed)?;
        let look_at = |unit: &Excerpted| look_at(&unit.unit.changes);
        let looked = excerpt.units.iter().map(look_at).collect::<Result<Vec<_>, Refusal>>()?;
        self.write_documents(|writer, bench| {
            let generation = generation(writer, scope)? + 1;
            let mut arrival = Arrival::new(self, scope, Log { epoch, generation }, now);
            for (Excerpted { carrier, visible_at, seqs, unit }, changes) in excerpt.units.iter().zip(&looked) {
                let brought = Brought { carrier: *carrier, visible_at: *visible_at, seqs };
                arrival.unit(writer, bench, unit, changes, &brought)?;
            }
            Ok(arrival.finish().1)
        })
    }
}

/// A change of the log.
enum Looked {
    /// It is what it claims to be.
    Checked(Box<Checked>),
    /// It is not acceptable, and its hash alone is known: the relay, of another version perhaps, took it.
    Refused { hash: ChangeHash, reason: Refusal },
}

impl Looked {
    fn hash(&self) -> ChangeHash {
        match self {
            Self::Checked(checked) => checked.header.hash,
            Self::Refused { hash, .. } => *hash,
        }
    }
}

/// # Errors
/// Where the bytes of a change are not those that were logged: they were changed on their way.
fn look_at<'a>(changes: impl IntoIterator<Item = &'a UnitChange>) -> Result<Vec<Looked>, Refusal> {
    let look = |change: &UnitChange| match gate::check(&change.bytes) {
        Ok(checked) => Ok(Looked::Checked(Box::new(checked))),
        Err(reason) => match gate::hash_of(&change.bytes) {
            Some(hash) => Ok(Looked::Refused { hash, reason }),
            None => Err(reason),
        },
    };
    changes.into_iter().map(look).collect()
}

/// The cursor behind the segment, where the segment continues the log at the cursor or overlaps it.
fn continue_log(segment: &Segment, looked: &[Looked], cursor: Cursor) -> Result<Cursor, Refusal> {
    let (mut seq, mut hash) = (segment.first_seq.saturating_sub(1), segment.before);
    let mut meets = (seq == cursor.seq).then_some(hash);
    let changes = segment.units.iter().flat_map(|unit| unit.changes.iter().map(move |change| (unit, change.document)));
    for ((unit, document), change) in changes.zip(looked) {
        hash = hash.then(document, change.hash(), unit.id, unit.author, segment.carrier);
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

/// The log that changes come from.
#[derive(Clone, Copy)]
struct Log {
    epoch: EpochId,
    generation: u64,
}

/// How a unit came into the log.
struct Brought<'a> {
    carrier: DeviceId,
    visible_at: Timestamp,
    /// The places of its changes.
    seqs: &'a [u64],
}

struct Arrival<'a> {
    store: &'a Store,
    scope: Scope,
    log: Log,
    now: Timestamp,
    except: Vec<u64>,
    records: Vec<DocumentId>,
}

/// What became of the changes of one document.
struct Taken {
    row: Row,
    has_new: bool,
    /// Those that the document has now.
    kept: Vec<ChangeHash>,
}

impl<'a> Arrival<'a> {
    fn new(store: &'a Store, scope: Scope, log: Log, now: Timestamp) -> Self {
        Self { store, scope, log, now, except: Vec::new(), records: Vec::new() }
    }

    /// Places that were set aside, and records that changed.
    fn finish(mut self) -> (Vec<u64>, Vec<DocumentId>) {
        self.records.sort_unstable();
        self.records.dedup();
        (self.except, self.records)
    }

    fn unit(
        &mut self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        unit: &Unit,
        changes: &[Looked],
        brought: &Brought<'_>,
    ) -> Result<(), StoreError> {
        let mut taken: Vec<Taken> = Vec::new();
        let mut at = 0;
        // Changes of one document stand together: they are applied in one go.
        for run in unit.changes.chunk_by(|a, b| a.document == b.document) {
            let range = at..at + run.len();
            at += run.len();
            let of = (unit, run[0].document);
            let (mut good, mut seqs) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
            for ((change, looked), seq) in run.iter().zip(&changes[range.clone()]).zip(&brought.seqs[range]) {
                match looked {
                    Looked::Checked(checked) => {
                        good.push(Checked::clone(checked));
                        seqs.push(*seq);
                    }
                    Looked::Refused { reason, .. } => {
                        self.set_aside(writer, of, &change.bytes, (*seq, brought), reason.clone())?;
                    }
                }
            }
            if !good.is_empty() {
                taken.extend(self.run(writer, bench, of, &good, &Brought { seqs: &seqs, ..*brought })?);
            }
        }
        let Some(first) = taken.first().map(|taken| taken.row) else { return Ok(()) };
        let [first_seq, seq] = [brought.seqs.iter().min(), brought.seqs.iter().max()].map(|seq| *seq.unwrap_or(&0));
        let Log { epoch, generation } = self.log;
        let visible = VisibleRow { epoch, seq, at: brought.visible_at, first_seq, generation };
        if !taken.iter().any(|taken| taken.has_new) {
            return refresh_visible(writer, first, unit.id, brought.carrier, visible);
        }
        let of_document = |taken: Taken| taken.kept.into_iter().map(move |hash| (taken.row, hash));
        let save = SaveRow {
            unit: unit.id,
            scope: self.scope,
            author: unit.author,
            carrier: Some(brought.carrier),
            saved_at: unit.saved_at,
            visible: Some(visible),
            applied_at: self.now,
            changes: taken.into_iter().flat_map(of_document).collect(),
        };
        note_save(writer, &save).map(drop)
    }

    /// Nothing where none of it was taken.
    fn run(
        &mut self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        (unit, id): (&Unit, DocumentId),
        changes: &[Checked],
        brought: &Brought<'_>,
    ) -> Result<Option<Taken>, StoreError> {
        let here = bench.open(self.store, writer, id)?.map(|open| open.meta.scope);
        if here.is_some_and(|scope| scope != self.scope) {
            // A document belongs to one scope for ever.
            let refusal = Refusal::new(Cause::NotAllowed, format!("the record does not belong to “{}”", self.scope));
            self.set_all_aside(writer, (unit, id), changes, brought, |_| refusal.clone())?;
            return Ok(None);
        }
        let (open, verdicts) = if here.is_some() {
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
                    let reason = |change: &Checked| not_begun(change, refusal.clone());
                    self.set_all_aside(writer, (unit, id), changes, brought, reason)?;
                    return Ok(None);
                }
            }
        };
        let mut taken = Taken { row: open.row, has_new: false, kept: Vec::new() };
        let mut refused = Vec::new();
        for ((change, verdict), seq) in changes.iter().zip(verdicts).zip(brought.seqs) {
            match verdict {
                Ok(verdict) => {
                    taken.kept.push(change.header.hash);
                    if verdict == Verdict::New {
                        taken.has_new = true;
                        open.keep(writer, change)?;
                    }
                }
                Err(refusal) => refused.push((change, *seq, refusal)),
            }
        }
        for (change, seq, refusal) in refused {
            self.set_aside(writer, (unit, id), &change.bytes, (seq, brought), refusal)?;
        }
        if taken.has_new {
            self.records.push(id);
        }
        Ok((!taken.kept.is_empty()).then_some(taken))
    }

    fn set_all_aside(
        &mut self,
        writer: &mut Writer<'_>,
        of: (&Unit, DocumentId),
        changes: &[Checked],
        brought: &Brought<'_>,
        reason: impl Fn(&Checked) -> Refusal,
    ) -> Result<(), StoreError> {
        let mut places = changes.iter().zip(brought.seqs);
        places.try_for_each(|(change, seq)| self.set_aside(writer, of, &change.bytes, (*seq, brought), reason(change)))
    }

    fn set_aside(
        &mut self,
        writer: &mut Writer<'_>,
        (unit, document): (&Unit, DocumentId),
        bytes: &[u8],
        (seq, brought): (u64, &Brought<'_>),
        reason: Refusal,
    ) -> Result<(), StoreError> {
        tracing::warn!(%document, seq, %reason, "a change was set aside");
        let row = QuarantineRow {
            document,
            bytes: bytes.to_vec(),
            reason,
            carrier: brought.carrier,
            seq,
            at: self.now,
            epoch: self.log.epoch,
            scope: self.scope,
            unit: unit.id,
            author: unit.author,
            saved_at: unit.saved_at,
            visible_at: brought.visible_at,
            generation: Some(self.log.generation),
        };
        let now = self.now;
        self.store.aside.with(writer, |writer, index| quarantine::set_aside(writer, index, &row, now))?;
        self.except.push(seq);
        Ok(())
    }
}
