use std::sync::Arc;

use regard_core::wire::Fingerprint;
use subtle::ConstantTimeEq;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

/// Accepts exactly one certificate, whatever name and dates stand in it: the invitation has said that it is the relay's.
/// That the other side holds the certificate's key is checked as for every other.
#[derive(Debug)]
pub(super) struct Pin {
    expected: Fingerprint,
    provider: Arc<CryptoProvider>,
}

/// The relay shows another certificate than the one that is known of it.
#[derive(Debug, thiserror::Error)]
#[error("the certificate {found} is not {expected}")]
pub(super) struct OtherCertificate {
    /// The one that is known.
    pub(super) expected: Fingerprint,
    /// The one that it shows.
    pub(super) found: Fingerprint,
}

impl Pin {
    pub(super) fn new(expected: Fingerprint, provider: Arc<CryptoProvider>) -> Self {
        Self { expected, provider }
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (expected, found) = (self.expected, Fingerprint::of_certificate(end_entity));
        if bool::from(expected.as_bytes().ct_eq(found.as_bytes())) {
            return Ok(ServerCertVerified::assertion());
        }
        let error = OtherError(Arc::new(OtherCertificate { expected, found }));
        Err(Error::InvalidCertificate(CertificateError::Other(error)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
