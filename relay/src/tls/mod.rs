//! Encrypted connections: the certificate that the relay shows, from the owner's files or made by itself.

mod self_signed;

pub(crate) use self_signed::FILE as SELF_SIGNED_FILE;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use regard_core::wire::Fingerprint;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// What is spoken inside; clients that can do more settle for it.
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate with its key, ready to answer handshakes. Clones share them.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there or cannot be read.
    #[error("the {what} {path} cannot be read")]
    Read {
        /// What should be in the file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file does not hold what it should.
    #[error("{path} holds no {what} that can be read: {reason}")]
    Malformed {
        /// What should be in the file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("the certificate {path} cannot be used with its key")]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// No certificate could be made.
    #[error("no certificate can be made: {0}")]
    NotMade(String),
    /// The certificate that was made cannot be kept.
    #[error("the certificate {path} cannot be written")]
    Write {
        /// Its file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";

impl Tls {
    /// The certificate in one PEM file, with the chain that devices need to trust it, and its private key in another.
    ///
    /// # Errors
    /// Where a file cannot be read or does not hold what it should, or the two do not go together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::from_pem(certificate, &read(CERTIFICATE, certificate)?, key, &read(KEY, key)?)
    }

    /// The certificate that the relay has made itself, in its folder `data`. The first time it is made, for the machines
    /// named, and from then on it stays the same: devices recognize the relay by it.
    ///
    /// # Errors
    /// Where it cannot be made, written, or read.
    pub fn self_signed(data: &Path, names: &[String]) -> Result<Self, TlsError> {
        let path = self_signed::path(data);
        let pem = self_signed::read_or_make(data, names)?;
        Self::from_pem(&path, &pem, &path, &pem)
    }

    /// The fingerprint of the certificate that the relay has made itself, where it has made one.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn self_signed_fingerprint(data: &Path) -> Result<Option<Fingerprint>, TlsError> {
        let path = self_signed::path(data);
        match read(CERTIFICATE, &path) {
            Err(TlsError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            pem => Ok(Some(fingerprint(&certificates(&path, &pem?)?))),
        }
    }

    /// The fingerprint of the relay's own certificate, without those that vouch for it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    fn from_pem(path: &Path, chain: &[u8], key_path: &Path, key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(path, chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| malformed(KEY, key_path, error))?;
        let fingerprint = fingerprint(&chain);
        let unusable = |source| TlsError::Unusable { path: path.into(), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { config: Arc::new(config), fingerprint })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { what, path: path.into(), source })
}

/// At least one; the first is the relay's own.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(chain) if chain.is_empty() => Err(malformed(CERTIFICATE, path, pem::Error::NoItemsFound)),
        other => other.map_err(|error| malformed(CERTIFICATE, path, error)),
    }
}

fn fingerprint(chain: &[CertificateDer<'_>]) -> Fingerprint {
    Fingerprint::of_certificate(chain.first().map_or(&[], |certificate| certificate))
}

fn malformed(what: &'static str, path: &Path, error: pem::Error) -> TlsError {
    // The library's other words can repeat a line of the file, which may be a key's.
    let reason = match error {
        pem::Error::NoItemsFound => "there is none in it (expected is PEM, “-----BEGIN …”)",
        pem::Error::MissingSectionEnd { .. } => "its end is missing",
        _ => "it is damaged",
    };
    TlsError::Malformed { what, path: path.into(), reason: reason.into() }
}
