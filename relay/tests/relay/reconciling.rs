//! What devices without a good cursor are told, and who may bring what in whose name.

use regard_core::error::Cause;
use regard_core::id::DocumentId;
use regard_core::limits::{FETCH_DOCUMENTS_MAX, INDEX_RECENT_HASHES_MAX};
use regard_core::wire::access::{CopyRequest, JoinResponse};
use regard_core::wire::{
    ClientFrame, Cursor, Fetch, HeadsDigest, PROTOCOL_VERSION, PollAnswer, RelayFrame, Role, Subscribe, UnitOutcome,
};
use regard_core::{id::DeviceId, wire};

use crate::support::{Device, Growing, Running, SCOPE, WORKSPACE, hello_of, http, http_bytes, seqs, team, unit};

#[tokio::test]
async fn the_list_has_every_document_with_its_heads_and_the_end_of_the_log() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (at, entries) = device.inventory().await;
    assert_eq!((at.seq, entries), (0, Vec::new()));
    let (mut ana, mut ben) = (Growing::new(12), Growing::new(11));
    device.push(&[unit(1, vec![ana.genesis(), ana.edit(), ben.genesis()])]).await;
    device.push(&[unit(2, vec![ben.edit(), ben.edit()])]).await;
    let expected = vec![(ben.id, HeadsDigest::of(&ben.heads())), (ana.id, HeadsDigest::of(&ana.heads()))];
    assert_eq!(device.inventory().await.1, expected);
    relay.kill();
    let relay = Running::start(data.path()).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (at, entries) = device.inventory().await;
    assert_eq!((at, entries), (device.welcome.as_ref().expect("welcome").logs[0].cursor, expected));
}

#[tokio::test]
async fn whole_documents_come_in_the_order_of_the_log_with_units_places_and_carriers() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (mut ana, mut ben) = (Growing::new(11), Growing::new(12));
    device.push(&[unit(1, vec![ana.genesis(), ben.genesis(), ana.edit()])]).await;
    // More than the index keeps: the older ones stand in a table of their own.
    let many = u64::try_from(INDEX_RECENT_HASHES_MAX).expect("a small bound") + 6;
    for _ in 0..many {
        device.push(&[unit(2, vec![ana.edit()])]).await;
    }
    device.push(&[unit(3, vec![ben.edit(), ana.edit()])]).await;
    let units = device.fetch(&[ana.id, DocumentId::from_bytes([99; 16])]).await;
    let places: Vec<u64> = units.iter().flat_map(|unit| unit.seqs.clone()).collect();
    let expected: Vec<u64> = [1, 3].into_iter().chain(4..4 + many).chain([5 + many]).collect();
    assert_eq!(places, expected);
    assert!(units.iter().all(|unit| unit.carrier == DeviceId::from_bytes([1; 16])));
    assert!(units.iter().flat_map(|unit| &unit.unit.changes).all(|change| change.document == ana.id));
    assert_eq!(units[0].unit.id, unit(1, Vec::new()).id);
    assert_eq!(device.fetch(&[]).await, Vec::new());
    let too_many = vec![ana.id; FETCH_DOCUMENTS_MAX + 1];
    device.send(&ClientFrame::Fetch(Fetch { scope: SCOPE, documents: too_many })).await;
    assert_eq!(device.end().await.expect("a reason").cause, Cause::TooLarge);
}

/// A relay acknowledged a save and went back to a copy from before it. The device's cursor is older than the copy.
#[tokio::test]
async fn a_place_that_was_acknowledged_and_is_not_there_makes_the_cursor_void() {
    let data = tempfile::tempdir().expect("a folder");
    let copy = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let mut ana = Growing::new(11);
    device.push(&[unit(1, vec![ana.genesis(), ana.edit()])]).await;
    drop(device);
    relay.stop().await;
    for file in ["log.redb", "access.redb"] {
        std::fs::copy(data.path().join(file), copy.path().join(file)).expect("a copy");
    }
    let relay = Running::start(data.path()).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let number = device.send_push(&[unit(2, vec![ana.edit()])]).await;
    let witness = device.wait(|frame| match frame {
        RelayFrame::Pushed { number: answered, head, .. } if *answered == number => Some(*head),
        _ => None,
    });
    let witness = witness.await;
    assert_eq!(witness.seq, 3);
    relay.kill();
    let relay = Running::start(copy.path()).await;
    let mut other = Device::connect(relay.address, &tokens[1]).await;
    let mut ben = Growing::new(12);
    other.push(&[unit(3, vec![ben.genesis(), ben.edit()])]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let subscribe = |witness| ClientFrame::Subscribe(Subscribe { scope: SCOPE, from: None, witness });
    device.send(&subscribe(Some(witness))).await;
    let void = |frame: &RelayFrame| matches!(frame, RelayFrame::CursorVoid { .. }).then_some(());
    device.wait(void).await;
    device.send(&subscribe(None)).await;
    device.wait(|frame| matches!(frame, RelayFrame::CaughtUp { .. }).then_some(())).await;
}

#[tokio::test]
async fn an_older_copy_of_a_store_is_recognized_and_becomes_a_device_of_its_own() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
    for instance in [4, 5] {
        let mut device = Device::silent(relay.address, &tokens[0]).await;
        device.send(&hello_of(versions, instance)).await;
        assert!(matches!(device.next().await, RelayFrame::Welcome(_)));
    }
    relay.kill();
    let relay = Running::start(data.path()).await;
    for instance in [5, 3] {
        let mut copy = Device::silent(relay.address, &tokens[0]).await;
        copy.send(&hello_of(versions, instance)).await;
        assert_eq!(copy.end().await.expect("a reason").cause, Cause::Copied, "{instance}");
    }
    let device = DeviceId::from_bytes([42; 16]);
    let request = CopyRequest { device, device_name: "laptop (copy)".into(), public_key: "cd".repeat(32) };
    let body = serde_json::to_string(&request).expect("JSON");
    let path = format!("/v1/workspaces/{WORKSPACE}/copies");
    let (status, answer) = http(relay.address, "POST", &path, Some(&tokens[0]), &body).await;
    assert_eq!(status, 200, "{answer}");
    let answer: JoinResponse = serde_json::from_str(&answer).expect("an answer");
    assert_eq!(answer.directory.devices.len(), 2);
    let mut copy = Device::silent(relay.address, &answer.token).await;
    copy.send(&hello_of(versions, 1)).await;
    assert!(matches!(copy.next().await, RelayFrame::Welcome(_)));
    let mut original = Device::silent(relay.address, &tokens[0]).await;
    original.send(&hello_of(versions, 6)).await;
    assert!(matches!(original.next().await, RelayFrame::Welcome(_)), "the original goes on as it was");
}

/// Others carry the changes of a device that is away, or that has not said that it brought all; afterwards nobody does.
#[tokio::test]
async fn what_is_new_in_the_name_of_a_device_that_is_there_is_taken_from_it_alone() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut carrier = Device::connect(relay.address, &tokens[1]).await;
    // Its changes are of the actor of device 1, and so are its units.
    let mut ana = Growing::new(1);
    let away = unit(1, vec![ana.genesis(), ana.edit()]);
    assert_eq!(seqs(&carrier.push(std::slice::from_ref(&away)).await[0]), [1, 2]);
    let mut author = Device::connect(relay.address, &tokens[0]).await;
    let connected = unit(2, vec![ana.edit()]);
    assert_eq!(seqs(&carrier.push(&[connected]).await[0]), [3]);
    author.send(&ClientFrame::Complete(SCOPE)).await;
    // The answer to what follows it tells that the word before was heard.
    author.inventory().await;
    let forged = unit(3, vec![ana.edit()]);
    let refused = carrier.push(&[forged.clone(), away]).await;
    assert!(
        matches!(&refused[0], UnitOutcome::Refused(refusal) if refusal.cause == Cause::ForeignActor),
        "{refused:?}"
    );
    assert_eq!(seqs(&refused[1]), [1, 2], "what is there may be named by anybody");
    assert_eq!(seqs(&author.push(&[forged]).await[0]), [4]);
}

#[tokio::test]
async fn a_poll_brings_what_a_subscription_would() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let mut ana = Growing::new(11);
    device.push(&[unit(1, vec![ana.genesis(), ana.edit()])]).await;
    device.push(&[unit(2, vec![ana.edit()])]).await;
    let poll = async |from: Option<Cursor>| {
        let body = wire::encode(&vec![Subscribe { scope: SCOPE, from, witness: None }]);
        let path = format!("/v1/workspaces/{WORKSPACE}/poll");
        let (status, answer) = http_bytes(relay.address, "POST", &path, Some(&tokens[0]), body).await;
        assert_eq!(status, 200);
        wire::decode::<Vec<PollAnswer>>(&answer, "answer").expect("answers").remove(0)
    };
    // A new connection, since a device is not sent what it brought on the same one.
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let (segments, end) = device.catch_up(None).await;
    let whole = poll(None).await;
    assert_eq!((whole.head, whole.is_valid, whole.more), (end, true, false));
    assert_eq!(whole.segments.iter().map(|segment| segment.to_vec()).collect::<Vec<_>>(), segments);
    assert_eq!(poll(Some(end)).await.segments.len(), 0);
    let elsewhere = Cursor { seq: 1, ..end };
    assert!(!poll(Some(elsewhere)).await.is_valid);
    let path = format!("/v1/workspaces/{WORKSPACE}/poll");
    assert_eq!(http_bytes(relay.address, "POST", &path, None, Vec::new()).await.0, 401);
    assert_eq!(http_bytes(relay.address, "POST", &path, Some(&tokens[0]), vec![0xff]).await.0, 400);
}
