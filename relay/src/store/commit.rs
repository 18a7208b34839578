//! One commit: the pushes that were waiting, judged unit by unit and written together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError};

use regard_core::error::{Cause, Refusal};
use regard_core::gate::Header;
use regard_core::id::{DeviceId, DocumentId};
use regard_core::limits::UNIT_BYTES_MAX;
use regard_core::record::Kind;
use regard_core::sync::{Admission, CheckedUnit, Placed};
use regard_core::time::Timestamp;
use regard_core::wire::{self, Cursor, RelayFrame, RunningHash, Segment, Unit, UnitOutcome};

use super::documents::{self, Documents, IndexCache};
use super::file::Database;
use super::recent::LoggedFrame;
use super::tables::{LogRow, LogTables, SegmentRow, first_seq, log_key, segment_key};
use super::usage::{Ledger, Used};
use super::writer::OpenLogs;
use super::{Log, StoreError, file};
use crate::quotas::Quotas;

/// A push as the writer takes it: checked units, and the refusals of those that were not even worth asking.
pub(crate) struct CheckedPush {
    pub(crate) log: Arc<Log>,
    pub(crate) carrier: DeviceId,
    /// The carrier's standing when it proved itself.
    pub(crate) standing: u64,
    pub(crate) units: Vec<Result<CheckedUnit, Refusal>>,
    /// Other devices that are connected and have brought all that they made: what is new under their names is made up.
    pub(crate) complete: HashSet<DeviceId>,
}

impl CheckedPush {
    /// Bytes of its changes, as far as they are worth judging.
    pub(super) fn bytes(&self) -> usize {
        self.units.iter().flatten().map(CheckedUnit::bytes).sum()
    }
}

/// What a durable commit has to tell.
pub(super) struct Committed {
    /// An outcome for each unit of each push.
    pub(super) outcomes: Vec<Vec<UnitOutcome>>,
    /// The logs that grew, with their new segments and ends.
    pub(super) grown: Vec<(Arc<Log>, Vec<Arc<LoggedFrame>>, Cursor)>,
}

impl Committed {
    /// How many changes were logged.
    pub(super) fn changes(&self) -> u64 {
        let segments = self.grown.iter().flat_map(|(_, segments, _)| segments);
        segments.map(|segment| segment.last_seq + 1 - segment.first_seq).sum()
    }
}

/// What the writer remembers from commit to commit.
pub(super) struct Memory {
    pub(super) cache: IndexCache,
    /// The row of the next new document.
    pub(super) next_document: u64,
    /// The opening of the file that all this was learned from.
    pub(super) opening: u64,
    pub(super) quotas: Quotas,
}

impl Memory {
    /// Learns anew what is stored where the file was opened again: a commit that failed may have become durable all the
    /// same, and what was durable must still be there.
    fn after_opening(&mut self, opening: u64, tables: &LogTables<'_>, logs: &OpenLogs) -> Result<(), StoreError> {
        let open: Vec<Arc<Log>> =
            logs.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect();
        for log in open {
            let key = log_key(log.workspace, log.scope);
            let stored = tables.logs.get(&key, |row| wire::decode::<LogRow>(row, "log"))?;
            let stored = stored.map(|row| Cursor { epoch: row.epoch, seq: row.head_seq, hash: row.head_hash });
            let known = log.head();
            match stored {
                Some(head) if head == known => {}
                Some(head) if head.epoch == known.epoch && head.seq > known.seq => log.advance(head),
                _ => return Err(StoreError::WentBack { workspace: log.workspace, scope: log.scope, known: known.seq }),
            }
        }
        self.cache = IndexCache::new();
        self.next_document = tables.documents.count()? + 1;
        self.opening = opening;
        Ok(())
    }
}

/// Judges and writes the pushes. When this returns, everything that the answer tells is durable; where it fails, nothing
/// has changed.
pub(super) fn commit(
    database: &Database,
    memory: &mut Memory,
    open: &OpenLogs,
    pushes: Vec<CheckedPush>,
    at: Timestamp,
) -> Result<Committed, StoreError> {
    let transaction = file::begin(database)?;
    let mut tables = LogTables::open(&transaction)?;
    let opening = database.openings();
    if opening != memory.opening {
        memory.after_opening(opening, &tables, open)?;
    }
    let mut ledger = Ledger::new(memory.quotas);
    let mut logs: BTreeMap<u32, LogCommit> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(pushes.len());
    for push in pushes {
        let log = logs.entry(push.log.row).or_insert_with(|| LogCommit::new(Arc::clone(&push.log), at));
        outcomes.push(log.push(push, &mut tables, &mut memory.cache, &mut ledger)?);
    }
    let mut next_document = memory.next_document;
    let mut grown = Vec::new();
    let mut put_back = Vec::new();
    for (row, log) in logs {
        let finished = log.finish(&mut tables, &mut next_document)?;
        put_back.push((row, finished.indexes));
        if !finished.segments.is_empty() {
            grown.push((finished.log, finished.segments, finished.head));
        }
    }
    if !grown.is_empty() {
        ledger.store(&mut tables.usage)?;
    }
    drop(tables);
    if grown.is_empty() {
        // Only duplicates and refusals: what is here is durable already.
        transaction.abort().map_err(StoreError::failed("leaving a transaction"))?;
    } else {
        file::commit(transaction)?;
    }
    memory.next_document = next_document;
    for (row, indexes) in put_back {
        memory.cache.put_back(row, indexes);
    }
    Ok(Committed { outcomes, grown })
}

/// One log's part of a commit.
struct LogCommit {
    log: Arc<Log>,
    at: Timestamp,
    /// The log's end before this commit.
    durable: Cursor,
    hash: RunningHash,
    admission: Admission,
    rows: HashMap<DocumentId, u64>,
    segments: Vec<Arc<LoggedFrame>>,
    /// The last segment that was looked up for a duplicate: duplicates come in runs.
    looked_up: Option<(u64, SegmentRow)>,
}

struct Finished {
    log: Arc<Log>,
    segments: Vec<Arc<LoggedFrame>>,
    head: Cursor,
    indexes: Vec<(DocumentId, u64, regard_core::sync::DocumentIndex)>,
}

/// What a segment may weigh: one unit of full size always fits, and what is packed stays below the bounds of a frame and
/// of a batch even where it does not compress.
const SEGMENT_WEIGHT_MAX: usize = UNIT_BYTES_MAX + (1 << 20);
/// What a change and a unit take beside the change's bytes.
const CHANGE_WEIGHT: usize = 32;
const UNIT_WEIGHT: usize = 160;

impl LogCommit {
    fn new(log: Arc<Log>, at: Timestamp) -> Self {
        let durable = log.head();
        Self {
            log,
            at,
            durable,
            hash: durable.hash,
            admission: Admission::new(durable.seq),
            rows: HashMap::new(),
            segments: Vec::new(),
            looked_up: None,
        }
    }

    fn push(
        &mut self,
        push: CheckedPush,
        tables: &mut LogTables<'_>,
        cache: &mut IndexCache,
        ledger: &mut Ledger,
    ) -> Result<Vec<UnitOutcome>, StoreError> {
        ledger.load(&tables.usage, self.log.workspace, push.carrier)?;
        let mut outcomes = Vec::with_capacity(push.units.len());
        let mut segment = self.empty_segment(push.carrier);
        let mut kinds = Vec::new();
        let mut weight = 0;
        for unit in push.units {
            let admitted = match &unit {
                Ok(unit) => self.admit(unit, &push.complete, push.carrier, tables, cache, ledger)?,
                Err(refusal) => Err(refusal.clone()),
            };
            match (unit, admitted) {
                (Ok(checked), Ok(placed)) => {
                    let visible_at = self.visible_at(&placed, tables)?;
                    outcomes
                        .push(UnitOutcome::Visible { seqs: placed.iter().map(|p| p.seq()).collect(), at: visible_at });
                    if let Some(unit) = without_duplicates(checked.unit, &placed) {
                        let added = unit_weight(&unit);
                        if weight + added > SEGMENT_WEIGHT_MAX && !segment.is_empty() {
                            self.close(&segment, std::mem::take(&mut kinds), push.standing, tables)?;
                            segment = self.empty_segment(push.carrier);
                            weight = 0;
                        }
                        weight += added;
                        kinds.extend(unit.changes.iter().map(|change| self.kind_number(change.document)));
                        self.extend(&mut segment, unit, &checked.headers, &placed);
                    }
                }
                (Err(refusal), _) | (_, Err(refusal)) => outcomes.push(UnitOutcome::Refused(refusal)),
            }
        }
        if !segment.is_empty() {
            self.close(&segment, kinds, push.standing, tables)?;
        }
        Ok(outcomes)
    }

    fn admit(
        &mut self,
        unit: &CheckedUnit,
        complete: &HashSet<DeviceId>,
        carrier: DeviceId,
        tables: &LogTables<'_>,
        cache: &mut IndexCache,
        ledger: &mut Ledger,
    ) -> Result<Result<Vec<Placed>, Refusal>, StoreError> {
        let headers: Vec<(DocumentId, &Header)> =
            unit.unit.changes.iter().map(|change| change.document).zip(&unit.headers).collect();
        let mut source = Documents { log: self.log.row, tables, cache, rows: &mut self.rows };
        let author = unit.unit.author;
        let may_bring = |header: &Header| {
            let is_made_up = header.actor.device().into_iter().chain(author).any(|device| complete.contains(&device));
            if is_made_up { Err(foreign(unit)) } else { Ok(()) }
        };
        let workspace = self.log.workspace;
        let charge = |placed: &[Placed]| ledger.charge(workspace, carrier, Used::by(unit, placed));
        self.admission.admit(&headers, &may_bring, charge, &mut source)
    }

    /// A unit is visible since its last change is: now, or since the segment that holds that one.
    fn visible_at(&mut self, placed: &[Placed], tables: &LogTables<'_>) -> Result<Timestamp, StoreError> {
        let last = placed.iter().map(|placed| placed.seq()).max().unwrap_or(0);
        if last > self.durable.seq {
            return Ok(self.at);
        }
        if let Some((first, row)) = &self.looked_up
            && (*first..=row.last_seq).contains(&last)
        {
            return Ok(row.visible_at);
        }
        let keys = segment_key(self.log.row, 0)..=segment_key(self.log.row, last);
        let found = tables.segments.last(keys, |row| wire::decode::<SegmentRow>(row, "segment"))?;
        let (key, row) =
            found.ok_or_else(|| tables.segments.damaged(&segment_key(self.log.row, last), "it is missing"))?;
        let visible_at = row.visible_at;
        self.looked_up = Some((first_seq(&key), row));
        Ok(visible_at)
    }

    /// A segment that begins where the log ends now. Units follow it only through [`LogCommit::extend`].
    fn empty_segment(&self, carrier: DeviceId) -> Segment {
        let first_seq = self.segments.last().map_or(self.durable.seq, |segment| segment.last_seq) + 1;
        Segment { carrier, visible_at: self.at, first_seq, before: self.hash, units: Vec::new() }
    }

    fn extend(&mut self, segment: &mut Segment, unit: Unit, headers: &[Header], placed: &[Placed]) {
        let new = headers.iter().zip(placed).filter(|(_, placed)| matches!(placed, Placed::New(_)));
        for ((header, _), change) in new.zip(&unit.changes) {
            self.hash = self.hash.then(change.document, header.hash, unit.id, unit.author, segment.carrier);
        }
        segment.units.push(unit);
    }

    /// Zero, which no kind has, cannot be: what is admitted has begun with the first change of its kind.
    fn kind_number(&self, document: DocumentId) -> u8 {
        self.admission.kind(document).map_or(0, Kind::number)
    }

    fn close(
        &mut self,
        segment: &Segment,
        kinds: Vec<u8>,
        standing: u64,
        tables: &mut LogTables<'_>,
    ) -> Result<(), StoreError> {
        let packed = segment.pack();
        let row = SegmentRow {
            last_seq: segment.last_seq(),
            carrier: segment.carrier,
            visible_at: segment.visible_at,
            after: self.hash,
            packed,
            kinds,
        };
        tables.segments.put(&segment_key(self.log.row, segment.first_seq), wire::encode(&row))?;
        let frame = LoggedFrame::new(&self.log, segment.first_seq, row);
        self.segments.push(Arc::new(LoggedFrame { brought_by: Some(standing), ..frame }));
        Ok(())
    }

    fn finish(self, tables: &mut LogTables<'_>, next_document: &mut u64) -> Result<Finished, StoreError> {
        let Self { log, durable, hash, admission, mut rows, segments, .. } = self;
        let head = Cursor { epoch: durable.epoch, seq: admission.head(), hash };
        let indexes = documents::store(tables, log.row, admission.into_indexes(), &mut rows, next_document)?;
        if !segments.is_empty() {
            let row = LogRow { row: log.row, epoch: head.epoch, head_seq: head.seq, head_hash: head.hash };
            tables.logs.put(&log_key(log.workspace, log.scope), wire::encode(&row))?;
        }
        Ok(Finished { log, segments, head, indexes })
    }
}

impl LoggedFrame {
    pub(super) fn new(log: &Log, first_seq: u64, row: SegmentRow) -> Self {
        let SegmentRow { last_seq, carrier, after, packed, kinds, .. } = row;
        let frame = wire::encode(&RelayFrame::Segment { scope: log.scope, packed });
        Self { first_seq, last_seq, carrier, brought_by: None, after, kinds, frame }
    }
}

fn foreign(unit: &CheckedUnit) -> Refusal {
    let detail = format!(
        "save {} is in the name of a device that is connected itself and has not made it; it must be made again",
        unit.unit.id
    );
    Refusal::new(Cause::ForeignActor, detail)
}

/// The unit without what the log holds already; `None` where that is everything.
fn without_duplicates(mut unit: Unit, placed: &[Placed]) -> Option<Unit> {
    let mut placed = placed.iter();
    unit.changes.retain(|_| matches!(placed.next(), Some(Placed::New(_))));
    (!unit.changes.is_empty()).then_some(unit)
}

fn unit_weight(unit: &Unit) -> usize {
    let signature = unit.signature.as_ref().map_or(0, Vec::len);
    UNIT_WEIGHT + signature + unit.changes.iter().map(|change| change.bytes.len() + CHANGE_WEIGHT).sum::<usize>()
}
