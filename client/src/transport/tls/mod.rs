use std::io;
use std::sync::Arc;

use regard_core::error::{Cause, Refusal};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, ConfigBuilder, RootCertStore};

use super::{Endpoint, unreached};

mod pin;

use pin::{OtherCertificate, Pin};

/// What the relay is asked to speak inside.
const PROTOCOL: &[u8] = b"http/1.1";

pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    relay: Endpoint<'_>,
) -> Result<TlsStream<TcpStream>, Refusal> {
    let address = relay.address;
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| unreached(address, &format!("“{host}” can be the name of no machine")))?;
    let config = match relay.certificate {
        Some(expected) => {
            let pin = Pin::new(expected, provider());
            let builder = builder().map_err(|error| unreached(address, &error))?;
            without_client(builder.dangerous().with_custom_certificate_verifier(Arc::new(pin)))
        }
        None => trusting_the_system().await.map_err(|error| unreached(address, &error))?,
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| refused(address, &error))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

fn without_client(builder: ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>) -> Arc<ClientConfig> {
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Arc::new(config)
}

/// Certificates are accepted that an authority vouches for which the system trusts. The authorities are read once: a
/// process that runs on hears of new ones when it is started again.
async fn trusting_the_system() -> Result<Arc<ClientConfig>, String> {
    static CONFIG: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    CONFIG.get_or_try_init(read_authorities).await.cloned()
}

async fn read_authorities() -> Result<Arc<ClientConfig>, String> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let found = found.await.map_err(|error| error.to_string())?;
    for error in &found.errors {
        tracing::warn!(%error, "some of the system's trusted authorities could not be read");
    }
    let mut authorities = RootCertStore::empty();
    if authorities.add_parsable_certificates(found.certs).0 == 0 {
        tracing::warn!("this machine trusts no certificate authority: install its “ca-certificates”");
    }
    let builder = builder().map_err(|error| error.to_string())?;
    Ok(without_client(builder.with_root_certificates(authorities)))
}

/// What a failed handshake means for people.
fn refused(address: &str, error: &io::Error) -> Refusal {
    let untrusted = |what: String| Refusal::new(Cause::Untrusted, format!("the relay at {address} {what}"));
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            match other.0.downcast_ref::<OtherCertificate>() {
                Some(OtherCertificate { expected, found }) => untrusted(format!(
                    "shows another certificate than the one that this device knows, {} instead of {}: either the relay \
                     got a new one, or somebody sits in between; nothing was sent to it",
                    found.short(),
                    expected.short()
                )),
                None => untrusted(format!("shows a certificate that is not accepted: {other}")),
            }
        }
        Some(rustls::Error::InvalidCertificate(reason)) => untrusted(format!(
            "shows a certificate that this machine does not trust, {}; nothing was sent to it",
            mistrust(reason)
        )),
        Some(rustls::Error::InvalidMessage(_)) => {
            unreached(address, &"it does not speak TLS there; perhaps its address begins with http://")
        }
        Some(error) => unreached(address, &format!("no encrypted connection came about: {error}")),
        None => unreached(address, error),
    }
}

fn mistrust(reason: &CertificateError) -> String {
    match reason {
        CertificateError::UnknownIssuer => "since no authority that the system knows has signed it".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "since it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "since it is not valid yet by this machine's clock".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "since it is for a machine of another name".into()
        }
        CertificateError::BadSignature => "since the relay does not prove that it holds its key".into(),
        CertificateError::Revoked => "since its authority has taken it back".into(),
        other => format!("since it is not in order: {other}"),
    }
}
