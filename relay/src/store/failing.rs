//! The disk fails at every point of a commit in turn, and is mended again.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use regard_core::error::Cause;
use regard_core::id::{DeviceId, DocumentId, UnitId, WorkspaceId};
use regard_core::record::{Kind, genesis};
use regard_core::sync::check_unit;
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, RelayFrame, Scope, Segment, Unit, UnitChange, UnitOutcome};

use super::{AccessStore, CheckedPush, Log, LogStore};
use crate::quotas::{Quota, Quotas};

const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([1; 16]);
/// More than one commit writes and flushes.
const POINTS_MAX: u32 = 1_000;

fn open(path: &Path) -> LogStore {
    LogStore::open(path, Quotas::default()).expect("a file")
}

async fn log_of(store: &LogStore) -> Arc<Log> {
    store.log(WORKSPACE, Scope::Records).await.expect("a log")
}

async fn push(store: &LogStore, log: &Arc<Log>, document: u8) -> UnitOutcome {
    let document = DocumentId::from_bytes([document; 16]);
    let changes = vec![UnitChange { document, bytes: genesis::bytes(Kind::Task).to_vec() }];
    let (id, saved_at) = (UnitId::from_bytes([1; 16]), Timestamp(0));
    let unit = check_unit(Unit { id, author: None, saved_at, changes, signature: None }).expect("honest");
    let (log, carrier) = (Arc::clone(log), DeviceId::from_bytes([2; 16]));
    let push = CheckedPush { log, carrier, standing: 0, units: vec![Ok(unit)], complete: HashSet::new() };
    store.push(push).await.expect("queued").await.expect("answered").remove(0)
}

fn places(outcome: &UnitOutcome) -> &[u64] {
    match outcome {
        UnitOutcome::Visible { seqs, .. } => seqs,
        UnitOutcome::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

async fn becomes_ready(store: &LogStore) {
    for _ in 0..1_000 {
        if store.check_ready().is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never becomes ready: {:?}", store.check_ready());
}

/// The documents of a log in their order, and its end by the segments.
fn logged(store: &LogStore, log: &Log) -> (Vec<DocumentId>, Cursor) {
    let (mut documents, mut end) = (Vec::new(), log.start());
    for frame in store.segments_after(log, 0, usize::MAX).expect("readable") {
        let RelayFrame::Segment { packed, .. } = regard_core::wire::decode(&frame.frame, "frame").expect("a frame")
        else {
            panic!("no segment")
        };
        let segment = Segment::unpack(&packed).expect("a segment");
        assert_eq!((segment.first_seq, segment.before), (end.seq + 1, end.hash), "the log has no gap");
        documents.extend(segment.units.iter().flat_map(|unit| &unit.changes).map(|change| change.document));
        end = Cursor { seq: frame.last_seq, hash: frame.after, ..end };
    }
    (documents, end)
}

#[tokio::test]
async fn wherever_the_disk_fails_nothing_is_acknowledged_that_is_lost_and_the_relay_recovers_by_itself() {
    for point in 0..POINTS_MAX {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log.redb");
        let store = open(&path);
        let log = log_of(&store).await;
        assert_eq!(places(&push(&store, &log, 1).await), [1]);

        store.database.faults().fail_after(point);
        let during = push(&store, &log, 2).await;
        let failed = match &during {
            UnitOutcome::Refused(refusal) => {
                assert_eq!(refusal.cause, Cause::Unavailable);
                store.check_ready().expect_err("a relay whose disk fails is not ready");
                assert!(matches!(push(&store, &log, 3).await, UnitOutcome::Refused(_)));
                true
            }
            UnitOutcome::Visible { .. } => false,
        };
        store.database.faults().mend();
        becomes_ready(&store).await;
        assert_eq!(places(&push(&store, &log, 2).await), [2], "failed at {point}");
        assert_eq!(places(&push(&store, &log, 4).await), [3], "failed at {point}");
        drop((log, store));

        let store = open(&path);
        let log = log_of(&store).await;
        let (documents, end) = logged(&store, &log);
        assert_eq!(documents, [1, 2, 4].map(|number| DocumentId::from_bytes([number; 16])), "failed at {point}");
        assert_eq!(end, log.head(), "failed at {point}");
        if !failed {
            assert!(point > 4, "a commit writes and flushes several times, and only {point} points failed");
            return;
        }
    }
    panic!("no commit succeeds");
}

#[tokio::test]
async fn a_panic_below_a_commit_ends_neither_the_writer_nor_what_is_durable() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("log.redb"));
    let log = log_of(&store).await;
    assert_eq!(places(&push(&store, &log, 1).await), [1]);
    for point in 0..3 {
        store.database.faults().panic_after(point);
        let during = push(&store, &log, 2).await;
        assert!(matches!(&during, UnitOutcome::Refused(refusal) if refusal.cause == Cause::Unavailable), "{during:?}");
        store.database.faults().mend();
        becomes_ready(&store).await;
    }
    let after = push(&store, &log, 3).await;
    let last = *places(&after).last().expect("a place");
    assert_eq!(logged(&store, &log).1.seq, last);
}

#[tokio::test]
async fn the_access_file_recovers_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let access = AccessStore::open(&folder.path().join("access.redb")).expect("a file");
    access.create_workspace(WORKSPACE, "One").expect("made");
    access.database.faults().fail_after(1);
    let other = WorkspaceId::from_bytes([2; 16]);
    access.create_workspace(other, "Two").expect_err("the disk fails");
    access.check_ready().expect_err("not ready");
    access.database.faults().mend();
    for _ in 0..1_000 {
        if access.check_ready().is_ok() {
            access.create_workspace(other, "Two").expect("made");
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never becomes ready: {:?}", access.check_ready());
}

#[tokio::test]
async fn a_quota_refuses_what_is_beyond_also_after_a_restart_and_answers_duplicates() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.redb");
    let two = Quota { documents: 2, ..Quotas::default().workspace };
    let quotas = Quotas { workspace: two, ..Quotas::default() };
    let store = LogStore::open(&path, quotas).expect("a file");
    let log = log_of(&store).await;
    assert_eq!(places(&push(&store, &log, 1).await), [1]);
    drop((log, store));

    let store = LogStore::open(&path, quotas).expect("a file");
    let log = log_of(&store).await;
    assert_eq!(places(&push(&store, &log, 2).await), [2]);
    let refused = push(&store, &log, 3).await;
    let UnitOutcome::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.cause, Cause::OverQuota);
    assert!(refusal.detail.starts_with("the workspace has used 2 of the 2 records"), "{refusal}");
    assert_eq!(places(&push(&store, &log, 1).await), [1], "a duplicate takes no room");
    assert_eq!(logged(&store, &log).0.len(), 2);
    drop((log, store));

    let raised = Quotas { workspace: Quota { documents: 3, ..two }, ..quotas };
    let store = LogStore::open(&path, raised).expect("a file");
    let log = log_of(&store).await;
    assert_eq!(places(&push(&store, &log, 3).await), [3], "what was refused left nothing behind");
}
