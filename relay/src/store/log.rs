use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use regard_core::gate;
use regard_core::id::{ChangeHash, WorkspaceId};
use regard_core::limits::{COMMIT_BYTES_MAX, COMMIT_QUEUE_MAX};
use regard_core::wire::{self, Cursor, Scope, Segment, UnitOutcome};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::commit::CheckedPush;
use super::file::{Database, Snapshot};
use super::recent::{LoggedFrame, Recent};
use super::standing::Standings;
use super::tables::{LOG_FORMAT, LogRow, LogTables, SegmentRow};
use super::tables::{first_seq, segment_key, segments};
use super::writer::{LastFailure, OpenLogs, Request, Shared, Waiting, Writer};
use super::{Medium, RealFile, StoreError, file};
use crate::ambient::{Ambient, Machine};
use crate::metering;
use crate::quotas::Quotas;

/// Kilobytes of pushes that may wait for the writer: a few commits' worth keeps it busy, whatever the queue's length.
const WAITING_KILOBYTES_MAX: u32 = 64 << 10;
const _: () = assert!(WAITING_KILOBYTES_MAX as usize >= COMMIT_BYTES_MAX >> 10);

/// The log of one scope of one workspace.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) workspace: WorkspaceId,
    pub(crate) scope: Scope,
    /// Its number in the tables.
    pub(super) row: u32,
    /// Its durable end. Only the writer moves it, after a commit.
    head: watch::Sender<Cursor>,
}

impl Log {
    pub(super) fn new(workspace: WorkspaceId, scope: Scope, row: &LogRow) -> Self {
        let head = Cursor { epoch: row.epoch, seq: row.head_seq, hash: row.head_hash };
        Self { workspace, scope, row: row.row, head: watch::Sender::new(head) }
    }

    /// The log's durable end.
    pub(crate) fn head(&self) -> Cursor {
        *self.head.borrow()
    }

    /// Tells whenever the log grew.
    pub(crate) fn follow(&self) -> watch::Receiver<Cursor> {
        self.head.subscribe()
    }

    /// The place before the log's first change.
    pub(crate) fn start(&self) -> Cursor {
        Cursor::start(self.workspace, self.scope, self.head().epoch)
    }

    pub(super) fn advance(&self, head: Cursor) {
        self.head.send_replace(head);
    }
}

/// Who writes a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hands {
    /// A thread of the store, which commits whatever waits.
    Thread,
    /// Whoever calls [`LogStore::commit`]. There is no thread, and nothing ever waits.
    Caller,
}

/// What a log is opened with.
pub(crate) struct Opening {
    /// Where its file lies.
    pub(crate) medium: Arc<dyn Medium>,
    /// How long the file is left alone after its disk has failed.
    pub(crate) retry_pause: Duration,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) quotas: Quotas,
    pub(crate) hands: Hands,
}

impl Opening {
    /// In the file system, with this machine's clock and randomness, written by a thread.
    pub(crate) fn file(path: &Path, quotas: Quotas) -> Self {
        Self {
            medium: Arc::new(RealFile::new(path)),
            retry_pause: file::RETRY_PAUSE,
            ambient: Arc::new(Machine::default()),
            quotas,
            hands: Hands::Thread,
        }
    }
}

/// The logs of all workspaces: `log.redb` and what writes it.
pub(crate) struct LogStore {
    pub(super) database: Arc<Database>,
    recent: Arc<Recent>,
    logs: OpenLogs,
    standings: Arc<Standings>,
    writing: Writing,
    /// Bounds the bytes that wait, in kilobytes.
    room: Arc<Semaphore>,
    last_failure: LastFailure,
}

/// How requests are carried out.
enum Writing {
    /// By the thread. `None` only while the store is dropped.
    Thread { requests: Option<mpsc::Sender<Request>>, writer: Option<JoinHandle<()>> },
    /// At once, but for pushes, which wait to be committed together.
    Caller(Box<Mutex<(Writer, Waiting)>>),
}

impl LogStore {
    /// Opens or creates the file in the file system and starts its writer.
    #[cfg(test)]
    pub(crate) fn open(path: &Path, quotas: Quotas) -> Result<Self, StoreError> {
        Self::open_with(Opening::file(path, quotas))
    }

    /// Opens or creates the file, and starts its writer where it is to have one.
    pub(crate) fn open_with(opening: Opening) -> Result<Self, StoreError> {
        let Opening { medium, retry_pause, ambient, quotas, hands } = opening;
        let make = |transaction: &redb::WriteTransaction| LogTables::open(transaction).map(drop);
        let database = Arc::new(file::open_on(medium, retry_pause, LOG_FORMAT, make)?);
        let shared = Shared {
            database: Arc::clone(&database),
            recent: Arc::default(),
            logs: Arc::new(Mutex::new(BTreeMap::new())),
            standings: Arc::default(),
            last_failure: LastFailure::default(),
            ambient,
        };
        let (recent, logs) = (Arc::clone(&shared.recent), Arc::clone(&shared.logs));
        let (standings, last_failure) = (Arc::clone(&shared.standings), Arc::clone(&shared.last_failure));
        let writer = Writer::new(shared, quotas)?;
        let writing = match hands {
            Hands::Thread => Writing::thread(writer)?,
            Hands::Caller => Writing::Caller(Box::new(Mutex::new((writer, Waiting::default())))),
        };
        let room = Arc::new(Semaphore::new(WAITING_KILOBYTES_MAX as usize));
        Ok(Self { database, recent, logs, standings, writing, room, last_failure })
    }

    /// The log of a scope; begun, with a new epoch, where there is none.
    pub(crate) async fn log(&self, workspace: WorkspaceId, scope: Scope) -> Result<Arc<Log>, StoreError> {
        if let Some(log) = self.known(workspace, scope) {
            return Ok(log);
        }
        let (reply, opened) = oneshot::channel();
        self.ask(Request::Open { workspace, scope, reply }).await?;
        opened.await.map_err(|_| StoreError::Closed)?
    }

    /// As [`LogStore::log`]. Blocks.
    pub(crate) fn log_blocking(&self, workspace: WorkspaceId, scope: Scope) -> Result<Arc<Log>, StoreError> {
        if let Some(log) = self.known(workspace, scope) {
            return Ok(log);
        }
        let (reply, opened) = oneshot::channel();
        self.ask_blocking(Request::Open { workspace, scope, reply })?;
        answer_of(opened)?
    }

    fn known(&self, workspace: WorkspaceId, scope: Scope) -> Option<Arc<Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).get(&(workspace, scope)).map(Arc::clone)
    }

    /// Hands a push to the writer, waiting while too many or too large ones wait already. The outcomes come when they are durable; the receiver
    /// fails where the writer has ended before.
    pub(crate) async fn push(&self, push: CheckedPush) -> Result<oneshot::Receiver<Vec<UnitOutcome>>, StoreError> {
        let bytes = push.bytes();
        let kilobytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).clamp(1, WAITING_KILOBYTES_MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(kilobytes).await.map_err(|_| StoreError::Closed)?;
        let (reply, outcomes) = oneshot::channel();
        metering::commit_queue(1);
        self.ask(Request::Push { push, bytes, room: Some(room), reply }).await?;
        Ok(outcomes)
    }

    /// As [`LogStore::push`], for a store without a thread: the push waits for [`LogStore::commit`], and for more only where a commit
    /// has room for more.
    pub(crate) fn push_by_hand(&self, push: CheckedPush) -> Result<oneshot::Receiver<Vec<UnitOutcome>>, StoreError> {
        let bytes = push.bytes();
        let (reply, outcomes) = oneshot::channel();
        metering::commit_queue(1);
        self.ask_blocking(Request::Push { push, bytes, room: None, reply })?;
        Ok(outcomes)
    }

    /// Commits what waits, all of it together, where the store has no thread that does. Answers whether anything did.
    pub(crate) fn commit(&self) -> bool {
        let Writing::Caller(writing) = &self.writing else { return false };
        let (writer, waiting) = &mut *writing.lock().unwrap_or_else(PoisonError::into_inner);
        writer.commit_waiting(waiting)
    }

    /// Which connections still stand for their device.
    pub(crate) fn standings(&self) -> &Arc<Standings> {
        &self.standings
    }

    /// Waits until every push that was judged by earlier standings is durable. Blocks.
    pub(crate) fn fence(&self) -> Result<(), StoreError> {
        let (reply, passed) = oneshot::channel();
        self.ask_blocking(Request::Fence { reply })?;
        answer_of(passed)
    }

    /// The segment that holds the place, where it is still in memory. Never blocks.
    pub(crate) fn recent(&self, log: &Log, seq: u64) -> Option<Arc<LoggedFrame>> {
        self.recent.holding(log.row, seq)
    }

    /// Segments from the one that holds the change after `seq`, up to about `bytes` and at least one where there is one.
    /// Reads the disk.
    pub(crate) fn segments_after(&self, log: &Log, seq: u64, bytes: usize) -> Result<Vec<LoggedFrame>, StoreError> {
        let found = self.rows_after(log, seq, bytes)?;
        Ok(found.into_iter().map(|(key, row)| LoggedFrame::new(log, first_seq(&key), row)).collect())
    }

    /// The same segments as they are stored, each with its last place.
    pub(crate) fn packed_segments_after(
        &self,
        log: &Log,
        seq: u64,
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let found = self.rows_after(log, seq, bytes)?;
        Ok(found.into_iter().map(|(_, row)| (row.last_seq, row.packed)).collect())
    }

    fn rows_after(&self, log: &Log, seq: u64, bytes: usize) -> Result<Vec<([u8; 12], SegmentRow)>, StoreError> {
        let transaction = self.begin_read()?;
        let rows = segments(&transaction)?;
        let place = segment_key(log.row, seq.saturating_add(1));
        let from = match rows.last(segment_key(log.row, 0)..=place, segment_row)? {
            Some((key, row)) if row.last_seq > seq => key,
            _ => place,
        };
        let has_room = |found: &[([u8; 12], SegmentRow)]| {
            found.is_empty() || found.iter().map(|(_, row)| row.packed.len()).sum::<usize>() < bytes
        };
        rows.scan(from..=segment_key(log.row, u64::MAX), segment_row, has_room)
    }

    /// Whether all these cursors are places of this log. Reads the disk, and hashes at most one segment for each.
    pub(crate) fn are_valid(&self, log: &Log, cursors: &[Cursor]) -> Result<bool, StoreError> {
        cursors.iter().try_fold(true, |valid, cursor| Ok(valid && self.is_valid(log, cursor)?))
    }

    fn is_valid(&self, log: &Log, cursor: &Cursor) -> Result<bool, StoreError> {
        let head = log.head();
        if cursor.epoch != head.epoch || cursor.seq > head.seq {
            return Ok(false);
        }
        if cursor.seq == 0 || cursor.seq == head.seq {
            return Ok(*cursor == if cursor.seq == 0 { log.start() } else { head });
        }
        let transaction = self.begin_read()?;
        let rows = segments(&transaction)?;
        let place = segment_key(log.row, cursor.seq);
        let found = rows.last(segment_key(log.row, 0)..=place, segment_row)?;
        let (key, row) = found.ok_or_else(|| rows.damaged(&place, "it is missing"))?;
        if row.last_seq < cursor.seq {
            return Err(rows.damaged(&key, "the segment after it is missing"));
        }
        if row.last_seq == cursor.seq {
            return Ok(row.after == cursor.hash);
        }
        let within = cursor_within(&row, cursor).map_err(|refusal| rows.damaged(&key, &refusal.to_string()))?;
        Ok(within == *cursor)
    }

    pub(super) fn begin_read(&self) -> Result<redb::ReadTransaction, StoreError> {
        self.database.begin_read().map_err(StoreError::failed("beginning to read"))
    }

    /// A view of the last committed state, and the way to write it into a new file.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.database.snapshot()
    }

    /// Whether pushes can be taken in: the file can be read and written, the last commit did not fail, and the writer lives.
    /// Reads the disk; after a failure of it, writes a little to find out whether it is over.
    pub(crate) fn check_ready(&self) -> Result<(), StoreError> {
        if self.writing.has_ended() {
            return Err(StoreError::Closed);
        }
        self.database.check_ready()?;
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        match last.take() {
            // The disk was the reason, and it has just been found sound.
            None | Some(StoreError::Failed { .. } | StoreError::Panicked) => Ok(()),
            Some(error) => {
                let told = error.to_string();
                *last = Some(error);
                Err(StoreError::LastCommit { told })
            }
        }
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        std::fs::metadata(self.database.path()).map_or(0, |file| file.len())
    }

    async fn ask(&self, request: Request) -> Result<(), StoreError> {
        match &self.writing {
            Writing::Thread { requests, .. } => {
                let requests = requests.as_ref().ok_or(StoreError::Closed)?;
                requests.send(request).await.map_err(|_| StoreError::Closed)
            }
            Writing::Caller(writing) => {
                carry_out(writing, request);
                Ok(())
            }
        }
    }

    fn ask_blocking(&self, request: Request) -> Result<(), StoreError> {
        match &self.writing {
            Writing::Thread { requests, .. } => {
                let requests = requests.as_ref().ok_or(StoreError::Closed)?;
                requests.blocking_send(request).map_err(|_| StoreError::Closed)
            }
            Writing::Caller(writing) => {
                carry_out(writing, request);
                Ok(())
            }
        }
    }
}

impl Writing {
    fn thread(writer: Writer) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(COMMIT_QUEUE_MAX);
        let thread = std::thread::Builder::new().name("log writer".into()).spawn(move || writer.run(waiting));
        let thread = thread.map_err(|error| StoreError::failed("starting the writer")(redb::Error::Io(error)))?;
        Ok(Self::Thread { requests: Some(requests), writer: Some(thread) })
    }

    fn has_ended(&self) -> bool {
        match self {
            Self::Thread { requests, .. } => requests.as_ref().is_none_or(mpsc::Sender::is_closed),
            Self::Caller(_) => false,
        }
    }
}

/// What the writer's thread does with a request, done here and now.
fn carry_out(writing: &Mutex<(Writer, Waiting)>, request: Request) {
    let (writer, waiting) = &mut *writing.lock().unwrap_or_else(PoisonError::into_inner);
    writer.take(request, waiting);
    if waiting.is_full() {
        writer.commit_waiting(waiting);
    }
}

/// Waits for an answer, where it is not there already.
fn answer_of<T>(mut answer: oneshot::Receiver<T>) -> Result<T, StoreError> {
    match answer.try_recv() {
        Ok(answer) => Ok(answer),
        Err(oneshot::error::TryRecvError::Empty) => answer.blocking_recv().map_err(|_| StoreError::Closed),
        Err(oneshot::error::TryRecvError::Closed) => Err(StoreError::Closed),
    }
}

impl Drop for LogStore {
    /// Waits for the commit in flight, so that the file is free when this returns.
    fn drop(&mut self) {
        let Writing::Thread { requests, writer } = &mut self.writing else { return };
        *requests = None;
        if let Some(writer) = writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the log's writer ended in a panic; what it had not answered is not in the log");
        }
    }
}

fn segment_row(row: &[u8]) -> Result<SegmentRow, regard_core::error::Refusal> {
    wire::decode(row, "segment")
}

/// The cursor inside a segment, at the place that `cursor` claims.
fn cursor_within(row: &SegmentRow, cursor: &Cursor) -> Result<Cursor, regard_core::error::Refusal> {
    let segment = Segment::unpack(&row.packed)?;
    let wanted = usize::try_from(cursor.seq.saturating_sub(segment.first_seq - 1)).unwrap_or(usize::MAX);
    let changes = segment.units.iter().flat_map(|unit| &unit.changes).take(wanted);
    let hashes: Vec<ChangeHash> = changes
        .map(|change| gate::check(&change.bytes).map(|checked| checked.header.hash))
        .collect::<Result<_, _>>()?;
    Ok(segment.cursor_after(cursor.epoch, segment.units.len(), &hashes))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use regard_core::error::Cause;
    use regard_core::id::{DeviceId, DocumentId, UnitId};
    use regard_core::record::{Kind, genesis};
    use regard_core::sync::check_unit;
    use regard_core::time::Timestamp;
    use regard_core::wire::{Unit, UnitChange};

    use super::super::tables::{INDEX, index_key};
    use super::*;

    fn push(log: &Arc<Log>, document: u8) -> CheckedPush {
        let document = DocumentId::from_bytes([document; 16]);
        let changes = vec![UnitChange { document, bytes: genesis::bytes(Kind::Task).to_vec() }];
        let unit =
            Unit { id: UnitId::from_bytes([1; 16]), author: None, saved_at: Timestamp(0), changes, signature: None };
        let carrier = DeviceId::from_bytes([2; 16]);
        let units = vec![Ok(check_unit(unit).expect("honest"))];
        CheckedPush { log: Arc::clone(log), carrier, standing: 0, units, complete: HashSet::new() }
    }

    async fn outcome(store: &LogStore, log: &Arc<Log>, document: u8) -> UnitOutcome {
        store.push(push(log, document)).await.expect("queued").await.expect("answered").remove(0)
    }

    #[tokio::test]
    async fn a_commit_that_fails_refuses_its_pushes_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.redb");
        let store = LogStore::open(&path, Quotas::default()).expect("a file");
        let workspace = WorkspaceId::from_bytes([1; 16]);
        let log = store.log(workspace, Scope::Records).await.expect("a log");
        assert!(matches!(outcome(&store, &log, 1).await, UnitOutcome::Visible { .. }));
        let head = log.head();
        drop((log, store));

        // One index is damaged on disk; the store was closed, so that none is in memory.
        let database = redb::Database::create(&path).expect("a database");
        let transaction = database.begin_write().expect("a transaction");
        let table = redb::TableDefinition::<&[u8; 8], &[u8]>::new(INDEX.0);
        let rubbish = b"rubbish".as_slice();
        transaction.open_table(table).expect("the table").insert(&index_key(1), rubbish).expect("written");
        transaction.commit().expect("committed");
        drop(database);

        let store = LogStore::open(&path, Quotas::default()).expect("a file");
        let log = store.log(workspace, Scope::Records).await.expect("a log");
        let refused = outcome(&store, &log, 1).await;
        assert!(
            matches!(&refused, UnitOutcome::Refused(refusal) if refusal.cause == Cause::Unavailable),
            "{refused:?}"
        );
        assert_eq!(log.head(), head);
        let next = outcome(&store, &log, 2).await;
        assert!(matches!(&next, UnitOutcome::Visible { seqs, .. } if seqs == &[2]), "{next:?}");
    }
}
