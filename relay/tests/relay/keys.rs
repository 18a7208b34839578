//! Tokens by key, and adoption of a workspace whose access file is lost.

use std::net::SocketAddr;

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, to_hex};
use regard_core::wire::access::keys::{
    AdoptionRequest, Challenge, Nonce, Proof, TokenRequest, TokenResponse, public_key,
};
use regard_core::wire::{Directory, Role};
use regard_relay::admin::Admin;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Device, Growing, Running, WORKSPACE, http, seqs, signing_key, team, unit};

async fn post<T: DeserializeOwned>(to: SocketAddr, path: &str, body: &impl Serialize) -> Result<T, (u16, Refusal)> {
    let body = serde_json::to_string(body).expect("JSON");
    let (status, body) = http(to, "POST", &format!("/v1/workspaces/{WORKSPACE}/{path}"), None, &body).await;
    match status {
        200 => Ok(serde_json::from_str(&body).expect("an answer")),
        _ => Err((status, serde_json::from_str(&body).expect("a refusal"))),
    }
}

async fn challenge(to: SocketAddr) -> Nonce {
    post::<Challenge>(to, "challenges", &()).await.expect("a challenge").nonce
}

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 16])
}

fn token_request(number: u8, nonce: Nonce, key: [u8; 32]) -> TokenRequest {
    let proof = Proof { workspace: WORKSPACE, device: device(number), nonce: &nonce, directory: None };
    TokenRequest { device: device(number), nonce, signature: proof.sign(&key) }
}

async fn renew(to: SocketAddr, number: u8) -> Result<TokenResponse, (u16, Refusal)> {
    post(to, "tokens", &token_request(number, challenge(to).await, signing_key(number))).await
}

async fn directory(to: SocketAddr, token: &str) -> (u16, String) {
    http(to, "GET", &format!("/v1/workspaces/{WORKSPACE}/directory"), Some(token), "").await
}

#[tokio::test]
async fn a_new_token_takes_the_place_of_the_old_one() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let to = relay.address;
    let mut old = Device::connect(to, &tokens[1]).await;
    let renewed = renew(to, 2).await.expect("a token");
    assert_eq!(renewed.directory.devices.len(), 2);
    let word = old.end().await.expect("a word");
    let expected = Refusal::new(Cause::Replaced, "this device has got a new token by its key");
    assert_eq!(word, expected, "the same as for a second connection, so that two copies slow each other down");
    assert_eq!(directory(to, &tokens[1]).await.0, 401, "the old token is worth nothing");
    assert_eq!(directory(to, &renewed.token).await.0, 200);
    let mut device = Device::connect(to, &renewed.token).await;
    assert_eq!(seqs(&device.push(&[unit(1, vec![Growing::new(11).genesis()])]).await[0]), [1]);
}

#[tokio::test]
async fn a_token_is_given_for_the_devices_own_signature_of_a_fresh_challenge() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member, Role::Member]).await;
    let to = relay.address;
    let used = challenge(to).await;
    post::<TokenResponse>(to, "tokens", &token_request(2, used, signing_key(2))).await.expect("a token");
    let (fresh, wasted) = (challenge(to).await, challenge(to).await);
    let forged = token_request(2, wasted, signing_key(3));
    for (case, request, status, sentence) in [
        ("used", token_request(2, used, signing_key(2)), 403, "the challenge was not given out"),
        ("made up", token_request(2, Nonce([9; 32]), signing_key(2)), 403, "the challenge was not given out"),
        ("of another key", forged.clone(), 403, "the signature is not by the key of device"),
        ("wasted by a wrong answer", token_request(2, wasted, signing_key(2)), 403, "the challenge was not"),
        ("of nobody", token_request(9, fresh, signing_key(9)), 403, "knows neither the token nor the key of device"),
    ] {
        let (found, refusal) = post::<TokenResponse>(to, "tokens", &request).await.expect_err(case);
        assert_eq!(found, status, "{case}");
        assert!(refusal.detail.contains(sentence), "{case}: {refusal}");
    }
    let path = format!("/v1/workspaces/{WORKSPACE}/devices/{}", device(3));
    assert_eq!(http(to, "DELETE", &path, Some(&tokens[0]), "").await.0, 200);
    let (status, refusal) = renew(to, 3).await.expect_err("shut out");
    assert_eq!((status, refusal.cause), (403, Cause::Revoked), "{refusal}");
    let elsewhere = http(to, "POST", "/v1/workspaces/00000000-0000-4000-8000-000000000000/challenges", None, "").await;
    assert_eq!(elsewhere.0, 404);
}

/// The access file is gone: an owner's device hands its directory over, and everybody is back.
#[tokio::test]
async fn a_lost_workspace_is_adopted_from_an_owners_directory() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start(data.path()).await;
    let tokens = team(&relay, &[Role::Member, Role::Reader, Role::Member]).await;
    let path = format!("/v1/workspaces/{WORKSPACE}/devices/{}", device(4));
    assert_eq!(http(relay.address, "DELETE", &path, Some(&tokens[0]), "").await.0, 200);
    let copy: Directory = serde_json::from_str(&directory(relay.address, &tokens[0]).await.1).expect("a directory");
    let mut pushing = Device::connect(relay.address, &tokens[0]).await;
    pushing.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    relay.stop().await;
    std::fs::remove_file(data.path().join("access.redb")).expect("there was one");

    let admin = Admin::of(data.path()).await.expect("a stopped relay");
    let key = to_hex(&public_key(&signing_key(1)));
    admin.adopt(WORKSPACE, &key, "Lost").await.expect("it waits");
    assert!(admin.adopt(WORKSPACE, "abc", "Lost").await.is_err_and(|error| error.to_string().contains("64 hex")));
    drop(admin);
    let relay = Running::start(data.path()).await;
    let to = relay.address;
    assert_eq!(directory(to, &tokens[0]).await.0, 401, "no token is known");
    let (status, refusal) = renew(to, 2).await.expect_err("nobody is known yet");
    assert_eq!((status, refusal.cause), (503, Cause::Unavailable), "{refusal}");

    let request = async |number: u8, directory: &Directory| {
        AdoptionRequest::new(WORKSPACE, device(number), challenge(to).await, directory, &signing_key(number))
    };
    let foreign = request(2, &copy).await;
    let (_, refusal) = post::<TokenResponse>(to, "adoption", &foreign).await.expect_err("not the awaited key");
    assert!(refusal.detail.contains("waits for a device with another key"), "{refusal}");
    let mut demoted = copy.clone();
    demoted.members[0].role = Role::Member;
    let (_, refusal) = post::<TokenResponse>(to, "adoption", &request(1, &demoted).await).await.expect_err("no owner");
    assert!(refusal.detail.contains("only a device of an owner"), "{refusal}");
    let mut keyless = copy.clone();
    keyless.devices[1].public_key.clear();
    assert!(post::<TokenResponse>(to, "adoption", &request(1, &keyless).await).await.is_err());

    let adopted = post::<TokenResponse>(to, "adoption", &request(1, &copy).await).await.expect("adopted");
    let expected = Directory { version: copy.version + 1, ..copy.clone() };
    assert_eq!(adopted.directory, expected, "members, roles, keys and revocations are as they were");
    let again = post::<TokenResponse>(to, "adoption", &request(1, &copy).await).await.expect_err("once");
    assert!(again.1.detail.contains("waits for no owner"), "{}", again.1);
    let second = renew(to, 2).await.expect("back by the key");
    renew(to, 3).await.expect("back by the key");
    assert_eq!(renew(to, 4).await.expect_err("still shut out").1.cause, Cause::Revoked);
    let mut back = Device::connect(to, &second.token).await;
    assert_eq!(back.catch_up(None).await.1.seq, 1, "the log was not lost");
    assert_eq!(seqs(&back.push(&[unit(2, vec![Growing::new(12).genesis()])]).await[0]), [2]);
}
