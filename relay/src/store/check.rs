//! Looking at everything that a file holds: whether each row is as it was written, and whether all rows agree.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{ReadTransaction, ReadableDatabase};
use regard_core::gate::{self, Header};
use regard_core::id::{ChangeHash, DocumentId, WorkspaceId, to_hex};
use regard_core::sync::{DocumentIndex, Place};
use regard_core::wire::{self, Cursor, HeadsDigest, RunningHash, Scope, Segment};
use serde::{Deserialize, Serialize};

use super::access::ACCESS_FORMAT;
use super::copy::{EachRow, each_row};
use super::rows::{ReadRows, payload};
use super::tables::{DOCUMENTS, INDEX, LOG_FORMAT, LOGS, LogRow, OLDER, SEGMENTS, SegmentRow, USAGE};
use super::tables::{document_key, first_seq, index_key, older_key, segment_key};
use super::usage::{Used, usage_key, used_row};
use super::{StoreError, file};

/// Damage that is told one by one; one broken table can have a million rows.
const TOLD_MAX: usize = 100;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileCheck {
    /// Rows that were looked at.
    pub rows: u64,
    /// Changes of all logs that were looked at.
    pub changes: u64,
    /// What is damaged, in sentences.
    pub damage: Vec<String>,
    /// Further damage that is not told.
    pub untold: u64,
}

impl FileCheck {
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

    /// Notes what keeps the rest from being read.
    fn noted<T>(&mut self, outcome: Result<T, StoreError>) -> Option<T> {
        outcome.inspect_err(|error| self.tell(told(error))).ok()
    }
}

/// Looks at `log.redb`. Nobody else may have it open.
pub(crate) fn check_log(path: &Path) -> Result<FileCheck, StoreError> {
    check_file(path, LOG_FORMAT, |reading, check| {
        let Some(logs) = check.noted(
            LOGS.read(reading)
                .and_then(|logs| logs.scan([0; 17]..=[0xff; 17], |row| wire::decode::<LogRow>(row, "log"), |_| true)),
        ) else {
            return;
        };
        let checked = Logs::open(reading).and_then(|mut tables| {
            for (key, row) in logs {
                tables.log(&key, &row, check)?;
            }
            tables.totals(check)
        });
        check.noted(checked);
    })
}

/// Looks at `access.redb`. Nobody else may have it open.
pub(crate) fn check_access(path: &Path) -> Result<FileCheck, StoreError> {
    let mut check = check_file(path, ACCESS_FORMAT, |_, _| ())?;
    if check.is_sound() {
        let access = super::AccessStore::open(path)?;
        let directories = access.workspaces().map(|all| {
            all.into_iter().try_for_each(|workspace| {
                access.directory(workspace.id).and_then(|_| Ok(access.peers(workspace.id)?)).map(drop)
            })
        });
        match directories {
            Err(error) => check.tell(told(&error)),
            Ok(Err(error)) => check.tell(told(&error)),
            Ok(Ok(())) => {}
        }
    }
    Ok(check)
}

/// What every file has in common; `further` looks at what this one is for.
fn check_file(
    path: &Path,
    format: u32,
    further: impl FnOnce(&ReadTransaction, &mut FileCheck),
) -> Result<FileCheck, StoreError> {
    let mut check = FileCheck::default();
    // redb panics on some damage of its pages.
    let looked = catch_unwind(AssertUnwindSafe(|| -> Result<(), StoreError> {
        // Each page is compared with its checksum before anything is read from it.
        let database = redb::Database::builder().set_check_integrity_on_open(true).open(path);
        let database = database.map_err(|error| file::opening(path, error))?;
        let reading = database.begin_read().map_err(StoreError::failed("beginning to read"))?;
        file::check_format(path, format, &reading)?;
        let mut rows = Sealed { check: &mut check };
        each_row(&reading, &mut rows)?;
        further(&reading, &mut check);
        Ok(())
    }));
    match looked {
        Ok(Ok(())) => {}
        Ok(Err(error @ (StoreError::InUse { .. } | StoreError::Format { .. }))) => return Err(error),
        Ok(Err(error)) => check.tell(told(&error)),
        Err(_) => check.tell("the database stopped while it read the file: its pages are damaged".into()),
    }
    Ok(check)
}

fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

struct Sealed<'c> {
    check: &'c mut FileCheck,
}

impl EachRow for Sealed<'_> {
    fn table<const N: usize>(&mut self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn row<const N: usize>(&mut self, table: &str, key: &[u8; N], sealed: &[u8]) -> Result<(), StoreError> {
        self.check.rows += 1;
        let is_whole = payload(key, sealed).is_some();
        self.check.holds(is_whole, || StoreError::DamagedRow { table: table.into(), key: to_hex(key) }.to_string());
        Ok(())
    }
}

/// The tables of logs, and what all logs together must come to.
struct Logs {
    segments: ReadRows<12>,
    documents: ReadRows<20>,
    index: ReadRows<8>,
    older: ReadRows<40>,
    usage: ReadRows<32>,
    /// How many changes each document's row has.
    counted: HashMap<u64, u64>,
    /// The changes of each document's row that no other follows.
    heads: HashMap<u64, Vec<ChangeHash>>,
    used: HashMap<[u8; 32], Used>,
    /// The index that was read last: changes of one document come in runs.
    last_index: Option<(u64, DocumentIndex)>,
}

impl Logs {
    fn open(reading: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            segments: SEGMENTS.read(reading)?,
            documents: DOCUMENTS.read(reading)?,
            index: INDEX.read(reading)?,
            older: OLDER.read(reading)?,
            usage: USAGE.read(reading)?,
            counted: HashMap::new(),
            heads: HashMap::new(),
            used: HashMap::new(),
            last_index: None,
        })
    }

    /// Follows a log from its start to its end.
    fn log(&mut self, key: &[u8; 17], row: &LogRow, check: &mut FileCheck) -> Result<(), StoreError> {
        let (workspace, scope) = log_of(key);
        let Some(scope) = scope else {
            check.tell(format!("the log {} is of no known scope", to_hex(key)));
            return Ok(());
        };
        let mut end = Cursor::start(workspace, scope, row.epoch);
        let name = format!("the log “{scope}” of workspace {workspace}");
        let mut next = segment_key(row.row, 0);
        // One at a time: a segment unpacks to megabytes.
        while let Some((key, segment)) = self.next_segment(next, row.row)? {
            let unpacked = Segment::unpack(&segment.packed);
            let (first, last) = (first_seq(&key), segment.last_seq);
            match unpacked {
                Err(refusal) => check.tell(format!("{name}: the segment from {first} on: {}", refusal.detail)),
                Ok(unpacked) => {
                    let fits = unpacked.first_seq == first && unpacked.last_seq() == last && first == end.seq + 1;
                    check.holds(fits, || {
                        format!("{name}: the segment from {first} to {last} does not follow {}", end.seq)
                    });
                    check.holds(unpacked.before == end.hash, || {
                        format!("{name}: the segment from {first} on has another history than what is before it")
                    });
                    let hash = self.segment(workspace, row.row, &unpacked, &name, check)?;
                    check.holds(hash == segment.after, || {
                        format!("{name}: the running hash after {last} is not that of its changes")
                    });
                }
            }
            end = Cursor { seq: last, hash: segment.after, ..end };
            let Some(after) = last.checked_add(1) else { break };
            next = segment_key(row.row, after.max(first + 1));
        }
        check.holds((end.seq, end.hash) == (row.head_seq, row.head_hash), || {
            format!("{name} ends at {} by its segments and at {} by its own row", end.seq, row.head_seq)
        });
        Ok(())
    }

    fn next_segment(&self, from: [u8; 12], log: u32) -> Result<Option<([u8; 12], SegmentRow)>, StoreError> {
        let keys = from..=segment_key(log, u64::MAX);
        let found = self.segments.scan(keys, |row| wire::decode::<SegmentRow>(row, "segment"), <[_]>::is_empty)?;
        Ok(found.into_iter().next())
    }

    /// Compares a segment's changes with the index; answers the running hash behind them.
    fn segment(
        &mut self,
        workspace: WorkspaceId,
        log: u32,
        segment: &Segment,
        name: &str,
        check: &mut FileCheck,
    ) -> Result<RunningHash, StoreError> {
        let (mut seq, mut hash) = (segment.first_seq, segment.before);
        for unit in &segment.units {
            for change in &unit.changes {
                check.changes += 1;
                match gate::check(&change.bytes) {
                    Err(refusal) => check.tell(format!("{name}: the change at {seq}: {}", refusal.detail)),
                    Ok(checked) => {
                        let header = checked.header;
                        hash = hash.then(change.document, header.hash, unit.id, unit.author, segment.carrier);
                        let added = Used::by_change(change.bytes.len(), &header);
                        for key in [usage_key(workspace, None), usage_key(workspace, Some(segment.carrier))] {
                            let used = self.used.entry(key).or_default();
                            *used = used.plus(added);
                        }
                        let place = self.place(log, change.document, &header)?;
                        check.holds(place.is_some_and(|place| place.seq == seq), || {
                            format!(
                                "{name}: the index does not lead to the change at {seq}, of record {}",
                                change.document
                            )
                        });
                    }
                }
                seq += 1;
            }
        }
        Ok(hash)
    }

    /// Where the index says that a change is. Counts the change.
    fn place(&mut self, log: u32, document: DocumentId, header: &Header) -> Result<Option<Place>, StoreError> {
        let key = document_key(log, document);
        let Some(row) = self.documents.get(&key, |row| wire::decode::<u64>(row, "document's row"))? else {
            return Ok(None);
        };
        *self.counted.entry(row).or_default() += 1;
        let heads = self.heads.entry(row).or_default();
        heads.retain(|head| !header.deps.contains(head));
        heads.push(header.hash);
        if self.last_index.as_ref().is_none_or(|(last, _)| *last != row) {
            let Some(index) = self.index.get(&index_key(row), DocumentIndex::decode)? else { return Ok(None) };
            self.last_index = Some((row, index));
        }
        let recent = self.last_index.as_ref().and_then(|(_, index)| index.recent(header.hash));
        match recent {
            Some(place) => Ok(Some(place)),
            None => self.older.get(&older_key(row, header.hash), |place| wire::decode(place, "place")),
        }
    }

    /// Compares what all logs have with what is stored about them.
    fn totals(&self, check: &mut FileCheck) -> Result<(), StoreError> {
        let mut spilled = 0;
        for (row, counted) in &self.counted {
            let index = self.index.get(&index_key(*row), DocumentIndex::decode)?;
            let indexed = index.as_ref().map_or(0, DocumentIndex::count);
            let heads = self.heads.get(row).map(|heads| HeadsDigest::of(heads));
            check.holds(index.as_ref().map(DocumentIndex::digest) == heads, || {
                format!("the index of the document in row {row} tells other heads than it has")
            });
            spilled += index.map_or(0, |index| index.spilled_count());
            check.holds(indexed == *counted, || {
                format!("the document in row {row} has {counted} changes and its index {indexed}")
            });
        }
        let documents = self.counted.len() as u64;
        for (table, rows, expected) in [
            ("documents", self.documents.count()?, documents),
            ("index", self.index.count()?, documents),
            ("older", self.older.count()?, spilled),
        ] {
            check.holds(rows == expected, || format!("the table “{table}” has {rows} rows, and {expected} are due"));
        }
        for (key, used) in &self.used {
            let stored = self.usage.get(key, used_row)?.unwrap_or_default();
            check.holds(stored == *used, || {
                format!("the use of quotas {} is told as {stored:?} and is {used:?}", to_hex(key))
            });
        }
        Ok(())
    }
}

fn log_of(key: &[u8; 17]) -> (WorkspaceId, Option<Scope>) {
    let [id @ .., scope] = *key;
    (WorkspaceId::from_bytes(id), Scope::ALL.into_iter().find(|known| known.number() == scope))
}
