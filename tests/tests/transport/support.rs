//! A relay with a certificate, and what a device asks of it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use regard_client::engine::{Engine, EngineSchedule};
use regard_client::relay_http;
use regard_client::store::{Identity, RelayAccess, Store};
use regard_client::system::SystemEntropy;
use regard_client::transport::Endpoint;
use regard_core::error::Refusal;
use regard_core::id::WorkspaceId;
use regard_core::record::identity::Namespace;
use regard_core::wire::Fingerprint;
use regard_core::wire::access::Secret;
use regard_relay::tls::Tls;
use regard_relay::{Relay, RelayError, Settings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A relay that is served in this process.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) workspace: WorkspaceId,
    secret: Secret,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), RelayError>>,
    pub(crate) folder: TempDir,
}

impl Served {
    pub(crate) async fn start(tls: Option<&Tls>) -> Self {
        Self::start_with(tls, Settings::default()).await
    }

    pub(crate) async fn start_with(tls: Option<&Tls>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let relay = Relay::open_with(&folder.path().join("relay"), settings).expect("a relay");
        let workspace = WorkspaceId::random(&mut SystemEntropy);
        let secret = relay.create_workspace(workspace, "Lisbon Trading").expect("a workspace");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let tls = tls.cloned();
        let serving = tokio::spawn(async move {
            match tls {
                Some(tls) => relay.serve_tls(listener, &tls, stopped).await,
                None => relay.serve(listener, stopped).await,
            }
        });
        Self { address, workspace, secret, stop, serving, folder }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.serving.await.expect("no panic").expect("a clean end");
    }

    /// Founds the workspace from here; with the founding invitation, which is spent where this succeeds.
    pub(crate) async fn join(
        &self,
        scheme: &str,
        certificate: Option<Fingerprint>,
    ) -> Result<(Identity, RelayAccess), Refusal> {
        let namespace = Namespace::from_bytes([3; 32]);
        let identity = Identity::join(self.workspace, namespace, "Ana", "laptop", &mut SystemEntropy);
        let address = format!("{scheme}://localhost:{}", self.address.port());
        let relay = Endpoint { address: &address, certificate };
        let joined = relay_http::join(relay, self.workspace, &identity.join_request(&self.secret, true)).await?;
        Ok((identity, RelayAccess { address, token: joined.token, embedded: false, certificate }))
    }

    /// Everything that there is goes to and fro over a WebSocket.
    pub(crate) async fn sync(&self, identity: Identity, access: RelayAccess) -> Result<(), Refusal> {
        let folder = self.folder.path().join(WorkspaceId::random(&mut SystemEntropy).to_string());
        let store = Store::create(&folder, identity).expect("a store");
        store.change_settings(|settings| settings.relay = Some(access)).expect("settings");
        let (engine, running) = Engine::start(Arc::new(store), EngineSchedule::default()).expect("an engine");
        let settled = engine.settle().await;
        drop(engine);
        running.await.expect("no panic");
        settled
    }
}

/// A certificate that nobody vouches for, for these names and from and to these years.
pub(crate) fn certificate(folder: &Path, names: &[&str], years: (i32, i32)) -> Tls {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate");
    let (certificate_file, key_file) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate_file, certificate.pem()).expect("a file");
    std::fs::write(&key_file, key.serialize_pem()).expect("a file");
    let tls = Tls::from_files(&certificate_file, &key_file).expect("a certificate");
    assert_eq!(tls.fingerprint(), Fingerprint::of_certificate(certificate.der()), "the fingerprint is that of the DER");
    tls
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
