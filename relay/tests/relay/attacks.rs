//! Peers that take their time, or more than their share: each is let go, and nobody else waits for it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use regard_core::limits::{DEVICE_CONNECTIONS_MAX, FRAME_BYTES_MAX};
use regard_core::wire::{self, PROTOCOL_VERSION, Role};
use regard_relay::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Device, Growing, Running, WORKSPACE, hello, team, unit};

/// What a relay of these tests waits, and what it takes at the most to let go of somebody: patience, probes, the last word.
const PATIENCE: Duration = Duration::from_millis(150);
const LET_GO: Duration = Duration::from_secs(20);

fn impatient() -> Settings {
    Settings { peer_patience: PATIENCE, keepalive: PATIENCE, ..Settings::default() }
}

/// A socket that says `first`, then a byte of `rest` again and again until the relay ends it; what the relay said.
async fn trickle(to: SocketAddr, first: &[u8], rest: u8, every: Duration) -> Vec<u8> {
    let stream = TcpStream::connect(to).await.expect("a connection");
    let (mut from, mut into) = stream.into_split();
    into.write_all(first).await.expect("sent");
    let writing = tokio::spawn(async move {
        while into.write_all(&[rest]).await.is_ok() {
            tokio::time::sleep(every).await;
        }
    });
    let mut said = Vec::new();
    let ended = tokio::time::timeout(LET_GO, from.read_to_end(&mut said)).await;
    writing.abort();
    // A reset is an end as well.
    drop(ended.unwrap_or_else(|_| panic!("{:?} is never let go", String::from_utf8_lossy(first))));
    said
}

fn upgrade(token: &str) -> String {
    format!(
        "GET /v1/workspaces/{WORKSPACE}/sync HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

async fn is_let_in(to: SocketAddr, token: &str) -> bool {
    let mut stream = TcpStream::connect(to).await.expect("a connection");
    stream.write_all(upgrade(token).as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    &answer == b"HTTP/1.1 101"
}

/// The head of a masked binary frame of so many bytes, whose mask changes nothing.
fn head(bytes: u64) -> Vec<u8> {
    [&[0x82, 0xff][..], &bytes.to_be_bytes(), &[0; 4]].concat()
}

#[tokio::test]
async fn whoever_trickles_is_let_go_wherever_it_is() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start_with(data.path(), impatient()).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut honest = Device::connect(relay.address, &tokens[0]).await;
    let body = "POST /v1/workspaces/x/devices HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\n\r\n";
    let answered = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /";
    let hello = wire::encode(&hello((PROTOCOL_VERSION, PROTOCOL_VERSION)));
    let mut in_a_frame = [upgrade(&tokens[1]).into_bytes(), head(hello.len() as u64), hello].concat();
    in_a_frame.extend(head(1 << 20));
    let in_the_first = [upgrade(&tokens[1]).into_bytes(), head(1 << 20)].concat();
    let every = PATIENCE / 5;
    let attacks = [
        (b"G".to_vec(), b'x'),
        (b"GET / HTTP/1.1\r\nx: ".to_vec(), b'x'),
        (body.as_bytes().to_vec(), b' '),
        (answered.as_bytes().to_vec(), b'x'),
        (in_the_first, 0),
        (in_a_frame, 0),
    ];
    let begun = Instant::now();
    let trickling = attacks.iter().map(|(first, rest)| trickle(relay.address, first, *rest, every));
    let all = futures_util::future::join_all(trickling);
    let working = async {
        for number in 1..=20 {
            honest.push(&[unit(number, vec![Growing::new(100 + number).genesis()])]).await;
        }
    };
    let (said, ()) = tokio::join!(all, working);
    assert!(begun.elapsed() >= PATIENCE, "they have as long as everybody");
    assert!(said[3].starts_with(b"HTTP/1.1 200 OK"), "the first request was answered");
    assert!(said[5].starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&said[5]));
}

/// A connection that has carried a request and asks for nothing more took a place for as long as it liked.
#[tokio::test]
async fn whoever_asks_once_and_stays_is_let_go() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start_with(data.path(), impatient()).await;
    let mut stream = TcpStream::connect(relay.address).await.expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut said = Vec::new();
    tokio::time::timeout(LET_GO, stream.read_to_end(&mut said)).await.expect("it is let go").expect("read");
    assert!(said.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn heads_and_frames_beyond_their_bounds_are_refused_before_they_are_read() {
    let data = tempfile::tempdir().expect("a folder");
    let relay = Running::start_with(data.path(), impatient()).await;
    let tokens = team(&relay, &[]).await;
    let many = "x: y\r\n".repeat(1_000);
    let long = "x".repeat(1 << 20);
    let huge = [upgrade(&tokens[0]).into_bytes(), head(FRAME_BYTES_MAX as u64 + 1)].concat();
    let endless = [upgrade(&tokens[0]).into_bytes(), head(u64::MAX >> 1)].concat();
    let garbage: Vec<u8> = (0..100_000_u64).map(|at| (at * at % 251).to_le_bytes()[0]).collect();
    for first in [
        format!("GET / HTTP/1.1\r\n{many}").into_bytes(),
        format!("GET / HTTP/1.1\r\nx: {long}").into_bytes(),
        format!("GET /{long} HTTP/1.1\r\n").into_bytes(),
        garbage,
        huge,
        endless,
    ] {
        let mut stream = TcpStream::connect(relay.address).await.expect("a connection");
        // It need not take all.
        let _ = stream.write_all(&first).await;
        let mut said = Vec::new();
        let ended = tokio::time::timeout(LET_GO, stream.read_to_end(&mut said)).await;
        drop(ended.unwrap_or_else(|_| panic!("{} bytes hold the connection", first.len())));
    }
    Device::connect(relay.address, &tokens[0]).await.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
}

/// Each socket of a device could hold a message of twelve megabytes in the middle of its way, and a device could have as many
/// sockets as the relay had places.
#[tokio::test]
async fn a_device_has_few_connections_and_gets_them_back() {
    let data = tempfile::tempdir().expect("a folder");
    let patience = Duration::from_secs(2);
    let settings = Settings { peer_patience: patience, ..Settings::default() };
    let relay = Running::start_with(data.path(), settings).await;
    let tokens = team(&relay, &[Role::Member]).await;
    let mut silent = Vec::new();
    for _ in 0..DEVICE_CONNECTIONS_MAX {
        silent.push(Device::silent(relay.address, &tokens[1]).await);
    }
    let (status, body) = Device::turned_away(relay.address, &tokens[1]).await;
    assert_eq!(status, 503);
    assert!(body.contains("this device has 8 connections to the relay, and needs one"), "{body}");
    Device::connect(relay.address, &tokens[0]).await.push(&[unit(1, vec![Growing::new(11).genesis()])]).await;
    for mut device in silent {
        device.end().await;
    }
    // A moment is left for the last word.
    let begun = Instant::now();
    while !is_let_in(relay.address, &tokens[1]).await {
        assert!(begun.elapsed() < LET_GO, "the connections are never given back");
    }
    Device::connect(relay.address, &tokens[1]).await.push(&[unit(2, vec![Growing::new(12).genesis()])]).await;
}
