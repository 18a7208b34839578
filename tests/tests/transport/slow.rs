use std::time::Duration;

use regard_core::limits::HANDSHAKES_MAX;
use regard_relay::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Served, certificate, folder};

/// Connections that were begun and say no more.
const SLOW: usize = 60;

async fn begun(relay: &Served, first: &[u8]) -> Vec<TcpStream> {
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(relay.address).await.expect("a connection");
        stream.write_all(first).await.expect("a write");
        slow.push(stream);
    }
    slow
}

/// What comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut rest).await;
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn slow_handshakes_hold_up_nobody() {
    const { assert!(SLOW < HANDSHAKES_MAX) };
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], (2000, 4000));
    let relay = Served::start(Some(&tls)).await;
    let silent = begun(&relay, b"").await;
    let slow = begun(&relay, &[22, 3, 1]).await;
    // All of them have the relay's whole patience, half a minute, and so do the tests that run this.
    let quick = tokio::time::timeout(Duration::from_secs(15), relay.join("https", Some(tls.fingerprint()))).await;
    quick.expect("in time").expect("joined");
    drop((silent, slow));
    relay.stop().await;
}

#[tokio::test]
async fn whoever_is_silent_before_or_within_a_handshake_or_a_request_is_let_go() {
    let settings = Settings { peer_patience: Duration::from_millis(200), ..Settings::default() };
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], (2000, 4000));
    let encrypted = Served::start_with(Some(&tls), settings.clone()).await;
    let plain = Served::start_with(None, settings).await;
    let workspace = plain.workspace;
    let body = format!(
        "POST /v1/workspaces/{workspace}/devices HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: 100\r\n\r\n{{"
    );
    for (relay, first, expected) in [
        (&encrypted, "", ""),
        (&encrypted, "\u{16}\u{3}\u{1}", ""),
        (&plain, "", ""),
        (&plain, "GET /healthz HTT", ""),
        (&plain, body.as_str(), "HTTP/1.1 400 Bad Request"),
    ] {
        let mut stream = TcpStream::connect(relay.address).await.expect("a connection");
        stream.write_all(first.as_bytes()).await.expect("a write");
        let said = tokio::time::timeout(Duration::from_secs(20), rest(stream)).await;
        let said = said.unwrap_or_else(|_| panic!("{first:?} holds the connection"));
        assert!(said.starts_with(expected), "{first:?}: {said}");
    }
    plain.stop().await;
    encrypted.stop().await;
}

#[tokio::test]
async fn every_connection_takes_a_place_and_gives_it_back() {
    let settings = Settings { connections_max: 0, peer_patience: Duration::from_secs(1), ..Settings::default() };
    let relay = Served::start_with(None, settings).await;
    let spare = regard_core::limits::CONNECTIONS_SPARE;
    let mut silent = Vec::new();
    for _ in 0..spare {
        silent.push(TcpStream::connect(relay.address).await.expect("a connection"));
    }
    // Taken in only when one of the silent ones was let go.
    let mut late = TcpStream::connect(relay.address).await.expect("a connection");
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("a write");
    let said = tokio::time::timeout(Duration::from_secs(20), rest(late)).await.expect("a place");
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    assert!(
        silent.iter().any(|stream| stream.try_read(&mut [0]).is_ok_and(|read| read == 0)),
        "a place was given back"
    );
    relay.stop().await;
}
