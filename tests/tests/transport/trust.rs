use std::sync::Arc;

use regard_client::relay_http;
use regard_client::store::{Identity, RelayAccess};
use regard_client::system::SystemEntropy;
use regard_client::transport::Endpoint;
use regard_core::error::{Cause, Refusal};
use regard_core::id::WorkspaceId;
use regard_core::record::identity::Namespace;
use regard_core::wire::Fingerprint;
use regard_relay::tls::Tls;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

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
    let other = RelayAccess { certificate: Some(expected), ..access };
    let refusal = relay.sync(identity, other).await.expect_err("another certificate");
    assert_eq!((refusal.cause, refusal.detail), (Cause::Untrusted, told));
}

/// Everybody who connects can copy a certificate; its key stays with the relay.
#[tokio::test]
async fn to_a_relay_that_is_not_trusted_nothing_is_sent() {
    let (shown, copied) = (Played::new(), Played::new());
    let without_its_key = Played { certificate: copied.certificate.clone(), key: shown.key.clone() };
    let pins = [None, Some(Fingerprint::from_bytes([4; 32])), Some(shown.fingerprint())];
    for (played, pin, reason) in [
        (&shown, pins[0], "shows a certificate that this machine does not trust, since no authority"),
        (&shown, pins[1], "shows another certificate than the one that this device knows"),
        (&without_its_key, Some(copied.fingerprint()), "since the relay does not prove that it holds its key"),
    ] {
        let (refusal, received) = played.is_asked(pin).await;
        assert_eq!(refusal.cause, Cause::Untrusted, "{refusal}");
        assert!(refusal.detail.contains(reason), "{refusal}");
        assert_eq!(received, b"");
    }
    let (_, received) = shown.is_asked(pins[2]).await;
    assert!(received.starts_with(b"POST "), "to the right one the invitation is sent");
}

/// Who pretends to be a relay: shakes hands, notes what is sent, and closes.
struct Played {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

/// A certificate and a key that need not belong together.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl Played {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("names");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        Self { certificate, key: key.serialize_der() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_certificate(&self.certificate)
    }

    /// Is asked to let a device join; answers what that is told, and what was sent.
    async fn is_asked(&self, pin: Option<Fingerprint>) -> (Refusal, Vec<u8>) {
        let key = self.key.clone().try_into().expect("a key");
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key that signs");
        let shown = Arc::new(CertifiedKey::new(vec![self.certificate.clone()], key));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(shown)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        let received = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.expect("a connection");
            let mut received = [0; 5];
            match TlsAcceptor::from(Arc::new(config)).accept(socket).await {
                Ok(mut stream) => {
                    let read = stream.read(&mut received).await.unwrap_or(0);
                    received[..read].to_vec()
                }
                Err(_) => Vec::new(),
            }
        });
        let workspace = WorkspaceId::from_bytes([1; 16]);
        let identity = Identity::join(workspace, Namespace::from_bytes([3; 32]), "Ana", "laptop", &mut SystemEntropy);
        let request = identity.join_request(&"ab".repeat(32).parse().expect("a secret"), true);
        let relay = Endpoint { address: &address, certificate: pin };
        let refusal = relay_http::join(relay, workspace, &request).await.expect_err("it is no relay");
        (refusal, received.await.expect("no panic"))
    }
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
    let plainly = RelayAccess { address, certificate: None, ..access };
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
