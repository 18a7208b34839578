//! Who comes in, and with what.

use std::time::Duration;

use regard_core::id::MemberId;
use regard_core::wire::{Directory, Role};

use crate::support::{Running, WORKSPACE, http, invite, join, team};

#[tokio::test]
async fn a_founding_invitation_makes_an_owner_and_works_once() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let secret = relay.founding.as_ref().expect("new").reveal();
    let joined = join(relay.address, &secret, 1).await.expect("joined");
    assert_eq!(joined.directory.member(joined.member).map(|member| member.role), Some(Role::Owner));
    let (status, body) = join(relay.address, &secret, 2).await.expect_err("a used invitation");
    assert_eq!(status, 403);
    assert!(body.contains("used already"), "{body}");
}

#[tokio::test]
async fn a_wrong_invitation_a_foreign_workspace_and_a_known_device_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[]).await;
    let to = relay.address;
    assert_eq!(join(to, &"0".repeat(64), 2).await.map_err(|(status, _)| status).err(), Some(403));
    assert_eq!(join(to, "no secret", 2).await.map_err(|(status, _)| status).err(), Some(400));
    let secret = invite(to, &tokens[0], None, Role::Member).await.expect("an invitation").secret;
    let founding = join(to, &secret, 1).await.map_err(|(status, _)| status).err();
    assert_eq!(founding, Some(400), "a link that lost its end passes for a founding one");
    assert!(join(to, &secret, 2).await.is_ok(), "a refused joining does not use the invitation up");
    let another = invite(to, &tokens[0], None, Role::Member).await.expect("an invitation").secret;
    assert_eq!(join(to, &another, 2).await.map_err(|(status, _)| status).err(), Some(403), "device 2 is there");
    let elsewhere = "/v1/workspaces/00000000-0000-4000-8000-000000000000/directory";
    for (path, status) in [(elsewhere, 404), ("/v1/workspaces/nonsense/directory", 400), ("/v1/nonsense", 404)] {
        let (found, body) = http(to, "GET", path, Some(&tokens[0]), "").await;
        assert_eq!(found, status, "{path}: {body}");
    }
}

#[tokio::test]
async fn the_directory_is_shown_to_those_with_a_token_only() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member, Role::Reader]).await;
    let path = format!("/v1/workspaces/{WORKSPACE}/directory");
    let (status, body) = http(relay.address, "GET", &path, Some(&tokens[2]), "").await;
    assert_eq!(status, 200, "{body}");
    let directory: Directory = serde_json::from_str(&body).expect("a directory");
    let roles: Vec<_> = directory.members.iter().map(|member| member.role).collect();
    assert_eq!((directory.devices.len(), directory.version), (3, 3));
    assert!([Role::Owner, Role::Member, Role::Reader].iter().all(|role| roles.contains(role)));
    for token in [None, Some("x"), Some("f".repeat(64).as_str())] {
        let (status, body) = http(relay.address, "GET", &path, token, "").await;
        assert_eq!(status, 401, "{body}");
        assert!(body.contains("not-allowed"), "{body}");
    }
}

#[tokio::test]
async fn a_member_invites_own_devices_and_a_reader_nobody() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let founding = relay.founding.as_ref().expect("new").reveal();
    let owner = join(relay.address, &founding, 1).await.expect("joined");
    let mut joined = Vec::new();
    for (device, role) in [(2, Role::Member), (3, Role::Reader)] {
        let secret = invite(relay.address, &owner.token, None, role).await.expect("an invitation").secret;
        joined.push(join(relay.address, &secret, device).await.expect("joined"));
    }
    let [member, reader] = [&joined[0], &joined[1]];
    for (token, invited, allowed) in [
        (&member.token, Some(member.member), true),
        (&member.token, Some(owner.member), false),
        (&member.token, None, false),
        (&reader.token, Some(reader.member), false),
        (&owner.token, Some(member.member), true),
        (&owner.token, Some(MemberId::from_bytes([9; 16])), false),
    ] {
        let invitation = invite(relay.address, token, invited, Role::Owner).await;
        assert_eq!(invitation.is_ok(), allowed, "{invitation:?}");
    }
    let secret = invite(relay.address, &member.token, Some(member.member), Role::Owner).await.expect("one").secret;
    let further = join(relay.address, &secret, 4).await.expect("joined");
    assert_eq!(further.member, member.member);
    assert_eq!(further.directory.member(further.member).map(|member| member.role), Some(Role::Member));
}

#[tokio::test]
async fn health_is_told_to_anybody_and_large_bodies_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    assert_eq!(http(relay.address, "GET", "/healthz", None, "").await, (200, "ok".into()));
    let path = format!("/v1/workspaces/{WORKSPACE}/devices");
    let (status, body) = http(relay.address, "POST", &path, None, &" ".repeat((1 << 20) + 1)).await;
    assert_eq!(status, 413, "{body}");
}

#[tokio::test]
async fn tokens_and_members_survive_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    tokio::time::timeout(Duration::from_secs(10), relay.stop()).await.expect("in time");
    let relay = Running::start(data.path()).await;
    let path = format!("/v1/workspaces/{WORKSPACE}/directory");
    assert_eq!(http(relay.address, "GET", &path, Some(&tokens[1]), "").await.0, 200);
}
