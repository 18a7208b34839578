//! What the relay's host can do with members and devices, while it runs and while it does not.

use regard_core::id::{DeviceId, MemberId};
use regard_core::wire::Role;
use regard_relay::admin::Admin;
use regard_relay::{Relay, RelayError};

use crate::support::{Running, WORKSPACE, join, join_request, team};

fn refusal(error: RelayError) -> String {
    match error {
        RelayError::Refused(refusal) => refusal.detail,
        other => panic!("no refusal: {other}"),
    }
}

#[tokio::test]
async fn the_host_shuts_out_and_removes_also_the_last_device_and_never_the_last_owner() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    team(&relay, &[Role::Member, Role::Reader]).await;
    relay.stop().await;
    let admin = Admin::of(data.path()).await.expect("a stopped relay");
    assert!(matches!(admin, Admin::Stopped(_)));
    for text in ["Test team", "test TEAM", "0707", &WORKSPACE.to_string()] {
        assert_eq!(admin.find_workspace(text).await.expect(text).id, WORKSPACE);
    }
    let unknown = admin.find_workspace("Another").await.expect_err("none");
    assert_eq!(refusal(unknown), "the relay has no workspace “Another”");
    let (member, device) = (|n: u8| MemberId::from_bytes([n; 16]), |n: u8| DeviceId::from_bytes([n; 16]));
    let last = admin.remove(WORKSPACE, member(1)).await.expect_err("the last owner");
    assert_eq!(refusal(last), "member 1 is the last owner with a device: make another member an owner first");
    let directory = admin.remove(WORKSPACE, member(2)).await.expect("removed");
    assert!(directory.device(device(2)).is_some_and(|device| device.revoked_at.is_some()));
    let directory = admin.shut_out(WORKSPACE, device(1)).await.expect("the host may");
    assert!(directory.device(device(1)).is_some_and(|device| device.revoked_at.is_some()));
    assert_eq!(admin.directory(WORKSPACE).await.expect("read"), directory);
    let adopted = admin.adopt(WORKSPACE, &"ab".repeat(32), "Team").await.expect_err("known");
    assert!(refusal(adopted).contains("only a lost one is adopted"));
}

#[tokio::test]
async fn the_host_invites_members_and_founds_again_while_nobody_has_joined() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let first = relay.founding.as_ref().expect("new").reveal();
    relay.stop().await;
    let admin = Admin::of(data.path()).await.expect("a stopped relay");
    let early = admin.invite(WORKSPACE, Role::Member).await.expect_err("nobody is there");
    assert!(refusal(early).contains("the first member of a workspace is an owner"));
    let founding = admin.invite(WORKSPACE, Role::Owner).await.expect("an invitation");
    assert!(founding.founds);
    drop(admin);
    let relay = Running::start(data.path()).await;
    let (_, body) = join(relay.address, &first, 1).await.expect_err("another identity secret");
    assert!(body.contains("taken back"), "{body}");
    join(relay.address, &founding.secret, 1).await.expect("joined");
    relay.stop().await;
    let admin = Admin::of(data.path()).await.expect("a stopped relay");
    let invitation = admin.invite(WORKSPACE, Role::Reader).await.expect("an invitation");
    assert!(!invitation.founds);
    drop(admin);
    let relay = Running::start(data.path()).await;
    let joined = join(relay.address, &invitation.secret, 2).await.expect("joined");
    assert_eq!(joined.directory.member(joined.member).map(|member| member.role), Some(Role::Reader));
}

#[tokio::test]
async fn a_running_relay_does_the_same_for_its_host() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Relay::open(data.path()).expect("a relay");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(relay.serve_admin(async move { drop(stopped.await) }));
    let admin = loop {
        match Admin::of(data.path()).await {
            Ok(admin @ Admin::Running(_)) => break admin,
            _ => tokio::task::yield_now().await,
        }
    };
    let created = admin.create_workspace("Team").await.expect("a workspace");
    assert_eq!(admin.find_workspace("team").await.expect("found").id, created.id);
    assert!(admin.directory(created.id).await.expect("a directory").devices.is_empty());
    assert!(admin.invite(created.id, Role::Owner).await.expect("an invitation").founds);
    let nobody = join_request(&created.secret, 1);
    let unknown = admin.shut_out(created.id, nobody.device).await.expect_err("none there");
    assert!(refusal(unknown).contains("the workspace has no device"));
    drop(stop);
    serving.await.expect("no panic").expect("a clean end");
}
