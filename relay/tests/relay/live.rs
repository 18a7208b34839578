//! What others learn while they are connected.

use regard_core::id::DeviceId;
use regard_core::wire::{Cursor, RelayFrame, Role, Segment};

use crate::support::{Device, Growing, Running, SCOPE, WORKSPACE, cursors, invite, join, team, unit};

const OWNER: DeviceId = DeviceId::from_bytes([1; 16]);

#[tokio::test]
async fn everybody_who_follows_gets_the_same_bytes_and_the_carrier_only_the_place() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member, Role::Reader]).await;
    let mut writer = Device::connect(relay.address, &tokens[0]).await;
    let mut readers =
        [Device::connect(relay.address, &tokens[1]).await, Device::connect(relay.address, &tokens[2]).await];
    writer.catch_up(None).await;
    for reader in &mut readers {
        reader.catch_up(None).await;
    }
    let mut ana = Growing::new(11);
    writer.push(&[unit(1, vec![ana.genesis()])]).await;
    writer.push(&[unit(2, vec![ana.edit(), ana.edit()])]).await;
    let [one, two] = &mut readers;
    let mut segments = Vec::new();
    for _ in 0..2 {
        segments.push(one.segment().await);
        assert_eq!(segments.last(), Some(&two.segment().await));
    }
    let first = Segment::unpack(&segments[0]).expect("a segment");
    assert_eq!((first.carrier, first.units[0].author), (OWNER, Some(OWNER)));
    let epoch = writer.welcome.as_ref().expect("welcome").logs[0].cursor.epoch;
    let places = cursors(&segments, Cursor::start(WORKSPACE, SCOPE, epoch));
    for expected in [1, 3] {
        let advanced = writer
            .wait(|frame| match frame {
                RelayFrame::Advanced { cursor, .. } => Some(*cursor),
                RelayFrame::Segment { .. } => panic!("the carrier gets its own bytes back"),
                _ => None,
            })
            .await;
        assert_eq!(advanced, places[expected]);
    }
}

#[tokio::test]
async fn after_connecting_again_a_device_gets_back_what_it_brought_before() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut device = Device::connect(relay.address, &tokens[0]).await;
    device.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    let mut again = Device::connect(relay.address, &tokens[0]).await;
    assert_eq!(again.catch_up(None).await.0.len(), 1);
}

#[tokio::test]
async fn peers_tell_who_is_there_and_how_far_also_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    owner.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    let (_, end) = owner.catch_up(None).await;
    let mut member = Device::connect(relay.address, &tokens[1]).await;
    let seen = |online: bool, seq: u64| {
        move |frame: &RelayFrame| match frame {
            RelayFrame::Peers(peers) => peers
                .iter()
                .find(|peer| peer.device == OWNER)
                .filter(|peer| peer.online == online && peer.applied.iter().map(|a| a.seq).max().unwrap_or(0) == seq)
                .map(drop),
            _ => None,
        }
    };
    member.wait(seen(true, 0)).await;
    owner.applied(end).await;
    member.wait(seen(true, 1)).await;
    drop(owner);
    member.wait(seen(false, 1)).await;
    relay.stop().await;
    let relay = Running::start(data.path()).await;
    let mut member = Device::connect(relay.address, &tokens[1]).await;
    match member.next().await {
        frame @ RelayFrame::Peers(_) => assert!(seen(false, 1)(&frame).is_some(), "{frame:?}"),
        other => panic!("no peers but {other:?}"),
    }
}

#[tokio::test]
async fn a_receipt_for_what_cannot_have_been_applied_is_not_passed_on() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    owner.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    let (_, end) = owner.catch_up(None).await;
    owner.applied(Cursor { seq: end.seq + 1, ..end }).await;
    owner.applied(Cursor { epoch: regard_core::id::EpochId::from_bytes([3; 16]), ..end }).await;
    owner.applied(Cursor { seq: 0, ..end }).await;
    let mut member = Device::connect(relay.address, &tokens[1]).await;
    member
        .wait(|frame| match frame {
            RelayFrame::Peers(peers) => {
                let applied: Vec<_> = peers.iter().flat_map(|peer| &peer.applied).collect();
                assert!(applied.iter().all(|applied| applied.epoch == end.epoch && applied.seq == 0));
                (!applied.is_empty()).then_some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_new_member_appears_in_everybodys_directory() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let mut owner = Device::connect(relay.address, &tokens[0]).await;
    let secret = invite(relay.address, &tokens[0], None, Role::Member).await.expect("an invitation").secret;
    join(relay.address, &secret, 2).await.expect("joined");
    let devices = owner
        .wait(|frame| match frame {
            RelayFrame::Directory(directory) => Some(directory.devices.len()),
            _ => None,
        })
        .await;
    assert_eq!(devices, 2);
}
