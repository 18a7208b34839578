//! What writes the log, mostly a thread of its own: it takes what waits, commits it together, and answers after that.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use regard_core::id::{EpochId, WorkspaceId};
use regard_core::limits::{COMMIT_BYTES_MAX, COMMIT_PUSHES_MAX};
use regard_core::wire::{self, Cursor, Scope, UnitOutcome};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::commit::{CheckedPush, Committed, Memory, commit};
use super::documents::IndexCache;
use super::file::Database;
use super::recent::Recent;
use super::standing::Standings;
use super::tables::{DOCUMENTS, LOGS, LogRow, log_key};
use super::{Log, StoreError, file};
use crate::ambient::{Ambient, Randomness};
use crate::metering;
use crate::quotas::Quotas;

/// Why the last commit failed; none where it did not.
pub(super) type LastFailure = Arc<Mutex<Option<StoreError>>>;

/// Logs that were asked for since the opening of the file.
pub(super) type OpenLogs = Arc<Mutex<BTreeMap<(WorkspaceId, Scope), Arc<Log>>>>;

/// What the writer is asked to do.
pub(super) enum Request {
    /// Judge and log a push.
    Push {
        push: CheckedPush,
        bytes: usize,
        /// Its room among the bytes that wait, where others could bring more meanwhile.
        room: Option<OwnedSemaphorePermit>,
        reply: oneshot::Sender<Vec<UnitOutcome>>,
    },
    /// Open a log, or begin it.
    Open { workspace: WorkspaceId, scope: Scope, reply: oneshot::Sender<Result<Arc<Log>, StoreError>> },
    /// Answer once no commit is in flight that began before.
    Fence { reply: oneshot::Sender<()> },
}

/// What the writer and those who read have in common.
pub(super) struct Shared {
    pub(super) database: Arc<Database>,
    pub(super) recent: Arc<Recent>,
    pub(super) logs: OpenLogs,
    pub(super) standings: Arc<Standings>,
    pub(super) last_failure: LastFailure,
    pub(super) ambient: Arc<dyn Ambient>,
}

/// The writer's own state.
pub(super) struct Writer {
    shared: Shared,
    memory: Memory,
}

/// Pushes that are to be committed together.
#[derive(Default)]
pub(super) struct Waiting {
    pushes: Vec<CheckedPush>,
    replies: Vec<oneshot::Sender<Vec<UnitOutcome>>>,
    bytes: usize,
    /// Given back after the commit.
    rooms: Vec<OwnedSemaphorePermit>,
}

impl Waiting {
    /// Whether one commit takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.pushes.len() >= COMMIT_PUSHES_MAX || self.bytes >= COMMIT_BYTES_MAX
    }
}

impl Writer {
    pub(super) fn new(shared: Shared, quotas: Quotas) -> Result<Self, StoreError> {
        let opening = shared.database.openings();
        let transaction = shared.database.begin_read().map_err(StoreError::failed("beginning to read"))?;
        let next_document = DOCUMENTS.read(&transaction)?.count()? + 1;
        drop(transaction);
        let memory = Memory { cache: IndexCache::new(), next_document, opening, quotas };
        Ok(Self { shared, memory })
    }

    /// Works until nobody can ask any more and everything that was asked is answered.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut next = Some(first);
            let mut waiting = Waiting::default();
            while let Some(request) = next {
                self.take(request, &mut waiting);
                next = if waiting.is_full() { None } else { requests.try_recv().ok() };
            }
            self.commit_waiting(&mut waiting);
        }
    }

    /// Carries a request out; a push waits with the others.
    pub(super) fn take(&mut self, request: Request, waiting: &mut Waiting) {
        match request {
            Request::Push { push, bytes, room, reply } => {
                waiting.pushes.push(push);
                waiting.replies.push(reply);
                waiting.bytes += bytes;
                waiting.rooms.extend(room);
            }
            Request::Open { workspace, scope, reply } => {
                // Whoever asked may have gone; the log is open all the same.
                let _ = reply.send(self.open(workspace, scope));
            }
            Request::Fence { reply } => {
                // What was gathered so far is judged after this, by the standings as they are then.
                let _ = reply.send(());
            }
        }
    }

    /// Commits what waits and answers it; false where nothing does.
    pub(super) fn commit_waiting(&mut self, waiting: &mut Waiting) -> bool {
        let is_any = !waiting.pushes.is_empty();
        if is_any {
            self.commit(std::mem::take(waiting));
        }
        is_any
    }

    fn commit(&mut self, mut waiting: Waiting) {
        for push in &mut waiting.pushes {
            if let Err(refusal) = self.shared.standings.may_push(push.log.workspace, push.carrier, push.standing) {
                push.units.fill(Err(refusal));
            }
        }
        let unit_counts: Vec<usize> = waiting.pushes.iter().map(|push| push.units.len()).collect();
        metering::commit_queue(-i32::try_from(waiting.pushes.len()).unwrap_or(i32::MAX));
        let begun = Instant::now();
        let outcomes = match self.try_commit(waiting.pushes) {
            Ok(committed) => {
                metering::committed(begun.elapsed(), committed.changes(), &committed.outcomes);
                self.note(None);
                for (log, segments, head) in committed.grown {
                    for segment in segments {
                        self.shared.recent.add(log.row, segment);
                    }
                    log.advance(head);
                }
                committed.outcomes
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a commit failed; its pushes are refused");
                let refused = UnitOutcome::Refused(error.as_refusal());
                metering::commit_failed(unit_counts.iter().sum());
                self.note(Some(error));
                unit_counts.into_iter().map(|units| vec![refused.clone(); units]).collect()
            }
        };
        for (reply, outcomes) in waiting.replies.into_iter().zip(outcomes) {
            // A connection that has gone asks again when it is back.
            let _ = reply.send(outcomes);
        }
    }

    fn note(&self, failure: Option<StoreError>) {
        *self.shared.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Commits. A panic below is told as an error: a relay whose writer has died would refuse everything for ever.
    fn try_commit(&mut self, pushes: Vec<CheckedPush>) -> Result<Committed, StoreError> {
        let (database, memory, logs) = (&self.shared.database, &mut self.memory, &self.shared.logs);
        let now = self.shared.ambient.now();
        let committing = AssertUnwindSafe(|| commit(database, memory, logs, pushes, now));
        catch_unwind(committing).unwrap_or_else(|_| {
            // What the panic left half done, in memory or in the database, is not relied on.
            self.shared.database.fail("a commit ended in a panic");
            Err(StoreError::Panicked)
        })
    }

    fn open(&mut self, workspace: WorkspaceId, scope: Scope) -> Result<Arc<Log>, StoreError> {
        let logs = Arc::clone(&self.shared.logs);
        let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(&(workspace, scope)) {
            return Ok(Arc::clone(log));
        }
        let row = self.stored_log(workspace, scope)?;
        let log = Arc::new(Log::new(workspace, scope, &row));
        logs.insert((workspace, scope), Arc::clone(&log));
        Ok(log)
    }

    fn stored_log(&self, workspace: WorkspaceId, scope: Scope) -> Result<LogRow, StoreError> {
        let key = log_key(workspace, scope);
        let reading = self.shared.database.begin_read().map_err(StoreError::failed("beginning to read"))?;
        // Who follows a log that is there needs no room on the disk.
        if let Some(row) = LOGS.read(&reading)?.get(&key, |row| wire::decode::<LogRow>(row, "log"))? {
            return Ok(row);
        }
        drop(reading);
        let transaction = file::begin(&self.shared.database)?;
        let mut logs = LOGS.write(&transaction)?;
        let count = logs.count()?;
        let number = u32::try_from(count).map_err(|_| logs.damaged(&key, "there are too many logs"))?;
        let epoch = EpochId::random(&mut Randomness::fresh(&*self.shared.ambient).map_err(StoreError::NoRandomness)?);
        let start = Cursor::start(workspace, scope, epoch);
        let row = LogRow { row: number, epoch, head_seq: 0, head_hash: start.hash };
        logs.put(&key, wire::encode(&row))?;
        drop(logs);
        file::commit(transaction)?;
        Ok(row)
    }
}
