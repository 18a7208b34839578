//! Who may shut out, remove and promote whom, and that nothing is accepted afterwards.

use std::net::SocketAddr;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId};
use regard_core::visibility::{StreamEvent, StreamLine};
use regard_core::wire::{Directory, RelayFrame, Role, UnitOutcome};

use crate::reading::{Ask, Reading};
use crate::support::{Device, Growing, Running, WORKSPACE, http, invite, join, seqs, team, unit};

/// What can be done to the member and the device of a number.
#[derive(Debug, Clone, Copy)]
enum Action {
    ShutOut(u8),
    Remove(u8),
    Role(u8, Role),
}

async fn act(to: SocketAddr, token: &str, action: Action) -> (u16, String) {
    let base = format!("/v1/workspaces/{WORKSPACE}");
    let (member, device) = (|n| MemberId::from_bytes([n; 16]), |n| DeviceId::from_bytes([n; 16]));
    match action {
        Action::ShutOut(of) => http(to, "DELETE", &format!("{base}/devices/{}", device(of)), Some(token), "").await,
        Action::Remove(of) => http(to, "DELETE", &format!("{base}/members/{}", member(of)), Some(token), "").await,
        Action::Role(of, role) => {
            let body = serde_json::json!({ "role": role }).to_string();
            http(to, "PATCH", &format!("{base}/members/{}", member(of)), Some(token), &body).await
        }
    }
}

async fn done(to: SocketAddr, token: &str, action: Action) -> Directory {
    let (status, body) = act(to, token, action).await;
    assert_eq!(status, 200, "{action:?}: {body}");
    serde_json::from_str(&body).expect("a directory")
}

async fn refused(to: SocketAddr, token: &str, action: Action) -> (u16, Refusal) {
    let (status, body) = act(to, token, action).await;
    assert_ne!(status, 200, "{action:?} is allowed");
    (status, serde_json::from_str(&body).expect("a refusal"))
}

#[tokio::test]
async fn each_role_may_do_what_it_may_and_nothing_else() {
    use Action::{Remove, Role as Make, ShutOut};
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    // 1 owner, 2 owner, 3 member, 4 reader, 5 member.
    let tokens = team(&relay, &[Role::Owner, Role::Member, Role::Reader, Role::Member]).await;
    let to = relay.address;
    for (by, action, sentence) in [
        (3, ShutOut(4), "only an owner shuts out a device of somebody else"),
        (3, ShutOut(1), "only an owner shuts out a device of somebody else"),
        (3, Remove(4), "only an owner removes members"),
        (3, Remove(3), "only an owner removes members"),
        (3, Make(4, Role::Member), "only an owner changes what members may do"),
        (3, Make(3, Role::Owner), "only an owner changes what members may do"),
        (4, ShutOut(3), "only an owner shuts out a device of somebody else"),
        (4, Remove(3), "only an owner removes members"),
        (4, Make(4, Role::Member), "only an owner changes what members may do"),
    ] {
        let (status, refusal) = refused(to, &tokens[by - 1], action).await;
        assert_eq!((status, refusal.cause, &*refusal.detail), (403, Cause::NotAllowed, sentence), "{by} {action:?}");
    }
    for (action, cause) in
        [(ShutOut(9), Cause::Unknown), (Remove(9), Cause::Unknown), (Make(9, Role::Owner), Cause::Unknown)]
    {
        assert_eq!(refused(to, &tokens[0], action).await.1.cause, cause, "{action:?}");
    }
    let role = |directory: &Directory, of: u8| {
        directory.member(MemberId::from_bytes([of; 16])).map(|member| (member.role, member.removed_at.is_some()))
    };
    let directory = done(to, &tokens[0], Make(3, Role::Reader)).await;
    assert_eq!((role(&directory, 3), directory.version), (Some((Role::Reader, false)), 6));
    let again = done(to, &tokens[0], Make(3, Role::Reader)).await;
    assert_eq!(again.version, 6, "what is so already changes nothing");
    let directory = done(to, &tokens[3], ShutOut(4)).await;
    assert!(directory.devices.iter().any(|device| device.revoked_at.is_some()), "a reader shuts an own device out");
    done(to, &tokens[4], ShutOut(5)).await;
    let directory = done(to, &tokens[0], Remove(3)).await;
    assert_eq!(role(&directory, 3), Some((Role::Reader, true)), "the name stays");
    let (_, refusal) = refused(to, &tokens[0], Make(3, Role::Owner)).await;
    assert!(refusal.detail.contains("member 3 has been removed"), "{refusal}");
    done(to, &tokens[1], ShutOut(1)).await;
    let revoked = refused(to, &tokens[0], Remove(2)).await;
    assert_eq!((revoked.0, revoked.1.cause), (403, Cause::Revoked), "a revoked owner does nothing more");
}

#[tokio::test]
async fn the_last_owner_with_a_device_stays() {
    use Action::{Remove, Role as Make, ShutOut};
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Owner, Role::Member]).await;
    let to = relay.address;
    done(to, &tokens[0], ShutOut(2)).await;
    // The second owner has no device left: whoever is the first is the last that can do anything.
    for action in [Remove(1), Make(1, Role::Member), Make(1, Role::Reader)] {
        let (status, refusal) = refused(to, &tokens[0], action).await;
        assert_eq!(status, 403);
        assert!(refusal.detail.contains("member 1 is the last owner with a device"), "{action:?}: {refusal}");
    }
    let (_, refusal) = refused(to, &tokens[0], ShutOut(1)).await;
    assert!(refusal.detail.contains("the last device of the last owner"), "{refusal}");
    done(to, &tokens[2], ShutOut(3)).await;
    done(to, &tokens[0], Make(3, Role::Owner)).await;
    assert_eq!(act(to, &tokens[0], Remove(1)).await.0, 403, "an owner without a device is no other owner");
}

#[tokio::test]
async fn a_shut_out_device_is_told_by_whom_and_gets_in_nowhere() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member, Role::Member]).await;
    let to = relay.address;
    let mut revoked = Device::connect(to, &tokens[1]).await;
    let mut other = Device::connect(to, &tokens[2]).await;
    revoked.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    let mut reading = Reading::must(to, &tokens[1], &Ask::lines("")).await;
    reading.history().await;
    done(to, &tokens[0], Action::ShutOut(2)).await;
    let word = revoked.end().await.expect("a word");
    assert_eq!(word.cause, Cause::Revoked);
    let ended = |line: &StreamLine| match &line.event {
        StreamEvent::Ended(refusal) => Some(refusal.cause),
        _ => None,
    };
    assert_eq!(reading.wait(ended).await, Cause::Revoked, "the stream ends too");
    assert_eq!(reading.line().await, None);
    let asked = Reading::open(to, &tokens[1], &Ask::lines("")).await;
    assert_eq!(asked.err().map(|(status, _)| status), Some(403));
    assert!(word.detail.starts_with("this device was shut out of the workspace by member 1 at 20"), "{word}");
    let directory = other
        .wait(|frame| match frame {
            RelayFrame::Directory(directory) => Some(directory.clone()),
            _ => None,
        })
        .await;
    let device = directory.device(DeviceId::from_bytes([2; 16])).expect("a revoked device stays in the directory");
    assert!(device.revoked_at.is_some());
    let base = format!("/v1/workspaces/{WORKSPACE}");
    for (method, path, body) in [
        ("GET", format!("{base}/directory"), ""),
        ("POST", format!("{base}/invitations"), r#"{"member":null,"role":"member"}"#),
        ("GET", format!("{base}/sync"), ""),
    ] {
        let (status, body) = http(to, method, &path, Some(&tokens[1]), body).await;
        let refusal: Refusal = serde_json::from_str(&body).expect("a refusal");
        assert_eq!((status, &refusal), (403, &word), "{path}");
    }
    let (status, body) = Device::turned_away(to, &tokens[1]).await;
    assert_eq!((status, serde_json::from_str::<Refusal>(&body).expect("a refusal")), (403, word));
    // Whoever connects anew does not hear of it as a peer.
    let mut late = Device::connect(to, &tokens[0]).await;
    let peers = late
        .wait(|frame| match frame {
            RelayFrame::Peers(peers) => Some(peers.clone()),
            _ => None,
        })
        .await;
    let peers: Vec<_> = peers.iter().map(|peer| peer.device.as_bytes()[0]).collect();
    assert_eq!(peers, [3], "device 2 is no peer any more");
}

#[tokio::test]
async fn invitations_of_whoever_lost_the_right_are_taken_back() {
    use Action::{Remove, Role as Make, ShutOut};
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Owner, Role::Owner, Role::Member]).await;
    let to = relay.address;
    let new = |token| invite(to, token, None, Role::Member);
    let by_shut_out = new(&tokens[1]).await.expect("an invitation").secret;
    let by_demoted = new(&tokens[2]).await.expect("an invitation").secret;
    let four = Some(MemberId::from_bytes([4; 16]));
    let for_removed = invite(to, &tokens[0], four, Role::Member).await.expect("an invitation").secret;
    let untouched = new(&tokens[0]).await.expect("an invitation").secret;
    done(to, &tokens[0], ShutOut(2)).await;
    done(to, &tokens[0], Make(3, Role::Member)).await;
    done(to, &tokens[0], Remove(4)).await;
    for (device, secret) in [(5, &by_shut_out), (6, &by_demoted), (7, &for_removed)] {
        let (status, body) = join(to, secret, device).await.expect_err("a dead invitation");
        assert!(status == 403 && body.contains("the invitation has been taken back"), "{device}: {status} {body}");
    }
    let (status, body) = invite(to, &tokens[0], four, Role::Member).await.expect_err("nobody there");
    assert_eq!(status, 404, "{body}");
    join(to, &untouched, 8).await.expect("joined");
}

#[tokio::test]
async fn a_changed_role_counts_for_connections_that_stand() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let to = relay.address;
    let mut contact = Growing::new(11);
    let mut device = Device::connect(to, &tokens[1]).await;
    device.push(&[unit(1, vec![contact.genesis()])]).await;
    done(to, &tokens[0], Action::Role(2, Role::Reader)).await;
    let word = device.end().await.expect("a word");
    assert_eq!((word.cause, word.cause.may_pass_later()), (Cause::Unavailable, true));
    assert!(word.detail.contains("member 1 has made you a reader of the workspace"), "{word}");
    let mut device = Device::connect(to, &tokens[1]).await;
    let outcome = device.push(&[unit(2, vec![contact.edit()])]).await.remove(0);
    assert!(matches!(&outcome, UnitOutcome::Refused(refusal) if refusal.cause == Cause::NotAllowed), "{outcome:?}");
    done(to, &tokens[0], Action::Role(2, Role::Owner)).await;
    device.end().await;
    let mut device = Device::connect(to, &tokens[1]).await;
    let fresh = Growing::new(12);
    assert_eq!(seqs(&device.push(&[unit(3, vec![fresh.genesis()])]).await[0]), [2]);
}

/// Pushes without a pause while the device is shut out. What the log holds when the answer to that comes is all it ever
/// holds, and every push that was answered as visible is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_accepted_once_a_revocation_is_durable() {
    const DEVICES: u8 = 30;
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member; DEVICES as usize]).await;
    let to = relay.address;
    let path = format!("/v1/workspaces/{WORKSPACE}/directory");
    assert_eq!(http(to, "GET", &path, Some(&tokens[0]), "").await.0, 200);
    let mut accepted = 0;
    for number in 2..=DEVICES + 1 {
        let token = tokens[usize::from(number) - 1].clone();
        let (started, on_its_way) = tokio::sync::oneshot::channel();
        let pushing = tokio::spawn(async move {
            let mut device = Device::connect(to, &token).await;
            let mut contact = Growing::new(100 + number);
            device.push(&[unit(1, vec![contact.genesis()])]).await;
            let mut started = Some(started);
            let mut visible = 1;
            loop {
                for _ in 0..4 {
                    if device.try_push(&[unit(2, vec![contact.edit()])]).await.is_err() {
                        return visible;
                    }
                }
                if let Some(started) = started.take() {
                    started.send(()).expect("somebody waits");
                }
                for _ in 0..4 {
                    match device.outcomes().await {
                        Some(outcomes) if matches!(outcomes[0], UnitOutcome::Visible { .. }) => visible += 1,
                        Some(_) => {}
                        None => return visible,
                    }
                }
            }
        });
        on_its_way.await.expect("pushes");
        done(to, &tokens[0], Action::ShutOut(number)).await;
        let after = Device::connect(to, &tokens[0]).await.head();
        accepted += pushing.await.expect("a count");
        let at_last = Device::connect(to, &tokens[0]).await.head();
        assert_eq!(after, at_last, "device {number}: something was accepted after it was shut out");
        assert!(at_last >= accepted, "{accepted} answered as visible, {at_last} in the log");
    }
    assert!(accepted > u64::from(DEVICES), "the devices were pushing");
}
