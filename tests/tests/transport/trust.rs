use regard_core::error::Cause;
use regard_core::wire::Fingerprint;
use regard_relay::tls::Tls;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Served, certificate, folder};

const VALID: (i32, i32) = (2000, 4000);

#[tokio::test]
async fn the_pinned_certificate_is_accepted_for_joining_and_for_the_websocket() {
    let files = folder();
    let tls = Tls::self_signed(files.path(), &["localhost".to_owned()]).expect("a certificate");
    let relay = Served::start(Some(&tls)).await;
    let (identity, access) = relay.join("https", Some(tls.fingerprint())).await.expect("joined");
    relay.sync(identity, access).await.expect("synchronized");
    relay.stop().await;
}

#[tokio::test]
async fn the_pin_alone_decides_whatever_name_and_dates_the_certificate_has() {
    for (names, years) in [(["elsewhere.example"], VALID), (["localhost"], (2000, 2001)), (["localhost"], (3000, 4000))]
    {
        let files = folder();
        let tls = certificate(files.path(), &names, years);
        let relay = Served::start(Some(&tls)).await;
        let (identity, access) = relay.join("https", Some(tls.fingerprint())).await.expect("joined");
        relay.sync(identity, access).await.expect("synchronized");
        relay.stop().await;
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_and_both_are_told() {
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], VALID);
    let relay = Served::start(Some(&tls)).await;
    let expected = Fingerprint::from_bytes([4; 32]);
    let refusal = relay.join("https", Some(expected)).await.expect_err("another certificate");
    assert_eq!(refusal.cause, Cause::Untrusted);
    let told = format!(
        "the relay at https://localhost:{} shows another certificate than the one that this device knows, {} instead of \
         0404 0404 0404 0404: either the relay got a new one, or somebody sits in between; nothing was sent to it",
        relay.address.port(),
        tls.fingerprint().short()
    );
    assert_eq!(refusal.detail, told);
    let (identity, access) = relay.join("https", Some(tls.fingerprint())).await.expect("the invitation was not spent");
    let other = regard_client::store::RelayAccess { certificate: Some(expected), ..access };
    let refusal = relay.sync(identity, other).await.expect_err("another certificate");
    assert_eq!((refusal.cause, refusal.detail), (Cause::Untrusted, told));
}

/// Plays a relay: whoever shakes hands with it to the end would send the invitation next.
#[tokio::test]
async fn to_a_relay_that_is_not_trusted_nothing_is_sent() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("names");
    let shown = params.self_signed(&key).expect("a certificate");
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![shown.der().clone()], key.serialize_der().try_into().expect("a key"))
        .expect("a certificate");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let received = tokio::spawn(async move {
        let mut received = Vec::new();
        for _ in 0..2 {
            let (socket, _) = listener.accept().await.expect("a connection");
            if let Ok(mut stream) = acceptor.accept(socket).await {
                let _ = stream.read_to_end(&mut received).await;
            }
        }
        received
    });
    for certificate in [None, Some(Fingerprint::from_bytes([4; 32]))] {
        let relay = regard_client::transport::Endpoint { address: &address, certificate };
        let workspace = regard_core::id::WorkspaceId::from_bytes([1; 16]);
        let identity = regard_client::store::Identity::join(
            workspace,
            regard_core::record::identity::Namespace::from_bytes([3; 32]),
            "Ana",
            "laptop",
            &mut regard_client::system::SystemEntropy,
        );
        let secret = "ab".repeat(32).parse().expect("a secret");
        let request = identity.join_request(&secret, true);
        let refusal = regard_client::relay_http::join(relay, workspace, &request).await.expect_err("not trusted");
        assert_eq!(refusal.cause, Cause::Untrusted, "{refusal}");
    }
    assert_eq!(received.await.expect("no panic"), b"");
}

#[tokio::test]
async fn without_a_pin_a_certificate_that_nobody_vouches_for_is_refused() {
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], VALID);
    let relay = Served::start(Some(&tls)).await;
    let refusal = relay.join("https", None).await.expect_err("nobody vouches for it");
    let told = format!(
        "the relay at https://localhost:{} shows a certificate that this machine does not trust, since no authority that \
         the system knows has signed it; nothing was sent to it",
        relay.address.port()
    );
    assert_eq!((refusal.cause, refusal.detail), (Cause::Untrusted, told));
}

#[tokio::test]
async fn a_wrong_scheme_is_told_on_both_sides() {
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], VALID);
    let (encrypted, plain) = (Served::start(Some(&tls)).await, Served::start(None).await);
    let refusal = encrypted.join("http", None).await.expect_err("the port speaks TLS");
    let told = "the relay speaks TLS here: its address begins with https://";
    assert_eq!((refusal.cause, refusal.detail.as_str()), (Cause::Malformed, told));
    let (identity, access) = encrypted.join("https", Some(tls.fingerprint())).await.expect("joined");
    let address = access.address.replace("https", "http");
    let plainly = regard_client::store::RelayAccess { address, certificate: None, ..access };
    let refusal = encrypted.sync(identity, plainly).await.expect_err("the port speaks TLS");
    assert_eq!((refusal.cause, refusal.detail.as_str()), (Cause::Malformed, told));

    for certificate in [None, Some(tls.fingerprint())] {
        let refusal = plain.join("https", certificate).await.expect_err("the port speaks no TLS");
        let told = format!(
            "the relay at https://localhost:{} is not reached: it does not speak TLS there; perhaps its address begins \
             with http://",
            plain.address.port()
        );
        assert_eq!((refusal.cause, refusal.detail), (Cause::Unavailable, told));
    }
    let refusal = plain.join("http", Some(tls.fingerprint())).await.expect_err("nothing is encrypted");
    assert!(refusal.detail.contains("does not begin with https://"), "{refusal}");
}

#[tokio::test]
async fn a_relay_that_stops_waits_for_no_handshake() {
    let files = folder();
    let tls = certificate(files.path(), &["localhost"], VALID);
    let relay = Served::start(Some(&tls)).await;
    let silent = TcpStream::connect(relay.address).await.expect("a connection");
    let (identity, access) = relay.join("https", Some(tls.fingerprint())).await.expect("joined");
    relay.sync(identity, access).await.expect("synchronized");
    let began = std::time::Instant::now();
    relay.stop().await;
    assert!(began.elapsed() < regard_core::limits::SHUTDOWN_PATIENCE, "it waited for {silent:?}");
}
