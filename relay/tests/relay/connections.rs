//! How connections begin and end.

use std::time::Duration;

use regard_core::error::Cause;
use regard_core::limits::FRAME_BYTES_MAX;
use regard_core::wire::{self, ClientFrame, PROTOCOL_VERSION, Push};
use regard_relay::{Relay, RelayError, Settings, StoreError};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Device, Growing, Running, SCOPE, hello, team, unit};

#[tokio::test]
async fn a_second_connection_takes_the_place_of_the_first() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut first = Device::connect(relay.address, &tokens[0]).await;
    let mut second = Device::connect(relay.address, &tokens[0]).await;
    assert_eq!(first.end().await.map(|refusal| refusal.cause), Some(Cause::Replaced));
    second.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
}

#[tokio::test]
async fn whoever_never_says_hello_is_let_go() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = Settings { peer_patience: Duration::from_millis(100), ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[]).await;
    let mut silent = Device::silent(relay.address, &tokens[0]).await;
    assert_eq!(silent.end().await.map(|refusal| refusal.cause), Some(Cause::NotAllowed));
}

#[tokio::test]
async fn whoever_answers_no_probe_is_let_go() {
    let data = tempfile::tempdir().expect("a folder");
    let patience = Duration::from_millis(100);
    let settings = Settings { peer_patience: patience, keepalive: patience, ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[regard_core::wire::Role::Member]).await;
    // It is connected and reads nothing, so that its library answers no ping.
    let silent = Device::connect(relay.address, &tokens[1]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    let member = regard_core::id::DeviceId::from_bytes([2; 16]);
    owner
        .wait(|frame| match frame {
            wire::RelayFrame::Peers(peers) => peers.iter().find(|peer| peer.device == member && !peer.online).map(drop),
            _ => None,
        })
        .await;
    drop(silent);
}

#[tokio::test]
async fn a_device_of_another_version_is_told_both() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::silent(relay.address, &tokens[0]).await;
    device.send(&hello((PROTOCOL_VERSION + 1, PROTOCOL_VERSION + 4))).await;
    let refusal = device.end().await.expect("a reason");
    assert_eq!(refusal.cause, Cause::Version);
    assert!(refusal.detail.contains("version 1") && refusal.detail.contains("2 to 5"), "{refusal}");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection_with_a_reason() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let frame = |frame: &ClientFrame| Message::binary(wire::encode(frame));
    let push = |units: Vec<u8>| frame(&ClientFrame::Push(Push { scope: SCOPE, number: 1, units }));
    for (message, cause) in [
        (Message::binary(vec![0xff; 100]), Cause::Malformed),
        (Message::binary(Vec::new()), Cause::Malformed),
        (Message::text("hello"), Cause::Malformed),
        (frame(&hello((1, 1))), Cause::Malformed),
        (push(vec![1, 2, 3]), Cause::Malformed),
        (push(wire::compress(b"no units")), Cause::Malformed),
        (push(wire::compress(&vec![0; 17 << 20])), Cause::TooLarge),
    ] {
        let mut device = Device::connect(relay.address, &tokens[0]).await;
        device.send_raw(message).await;
        assert_eq!(device.end().await.map(|refusal| refusal.cause), Some(cause));
    }
    for first in [Message::binary(vec![0x80]), Message::text("hello"), push(Vec::new())] {
        let mut device = Device::silent(relay.address, &tokens[0]).await;
        device.send_raw(first).await;
        assert_eq!(device.end().await.map(|refusal| refusal.cause), Some(Cause::Malformed));
    }
}

#[tokio::test]
async fn an_oversized_frame_ends_its_connection_and_no_other() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[regard_core::wire::Role::Member]).await;
    let mut other = Device::connect(relay.address, &tokens[1]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    device.send_oversized(vec![0; FRAME_BYTES_MAX + 1]).await;
    device.end().await;
    other.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
}

#[tokio::test]
async fn a_relay_that_stops_says_so() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    let ((), refusal) = tokio::join!(relay.stop(), device.end());
    let refusal = refusal.expect("a reason");
    assert_eq!((refusal.cause, refusal.detail.as_str()), (Cause::Unavailable, "the relay is stopping"));
}

#[tokio::test]
async fn a_folder_belongs_to_one_relay_and_its_workspaces_have_one_id() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Relay::open(data.path()).expect("a relay");
    let second = Relay::open(data.path()).err().expect("one only");
    assert!(matches!(second, RelayError::Store(StoreError::InUse { .. })), "{second}");
    relay.create_workspace(crate::support::WORKSPACE, "Team").expect("a workspace");
    let again = relay.create_workspace(crate::support::WORKSPACE, "Team").expect_err("the id is taken");
    assert!(matches!(again, RelayError::WorkspaceExists(_)), "{again}");
    drop(relay);
    Relay::open(data.path()).expect("the files are free");
}
