//! The way to a relay: a stream that is encrypted where the relay's address begins with `https://`.

mod tls;

use hyper::Uri;
use regard_core::error::{Cause, Refusal};
use regard_core::wire::Fingerprint;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::store::RelayAccess;

/// Where a relay is, and how it is recognized.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// Scheme, host and port, without a slash at the end.
    pub address: &'a str,
    /// The certificate that it must show; `None` leaves it to the system's trusted authorities.
    pub certificate: Option<Fingerprint>,
}

impl<'a> From<&'a RelayAccess> for Endpoint<'a> {
    fn from(access: &'a RelayAccess) -> Self {
        Self { address: &access.address, certificate: access.certificate }
    }
}

/// What goes to the relay and comes from it, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the relay. Where this fails, nothing was sent but what begins a TLS handshake.
///
/// # Errors
/// [`Cause::Malformed`] for an address that cannot be one, [`Cause::Unavailable`] where the relay is not reached or does not
/// speak TLS, [`Cause::Untrusted`] where it shows another certificate than it should.
pub(crate) async fn connect(relay: Endpoint<'_>) -> Result<Box<dyn Stream>, Refusal> {
    let address = relay.address;
    let bad = |why: &str| Refusal::new(Cause::Malformed, format!("{address} is no address of a relay: {why}"));
    let uri: Uri = address.parse().map_err(|_| bad("it cannot be read"))?;
    let is_encrypted = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if relay.certificate.is_none() => false,
        Some("http") => return Err(bad("a certificate is known of the relay, but it does not begin with https://")),
        _ => return Err(bad("it begins with neither http:// nor https://")),
    };
    let host = uri.host().ok_or_else(|| bad("it names no host"))?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(|error| unreached(address, &error))?;
    // Frames are whole messages: waiting for more to send only costs time.
    stream.set_nodelay(true).map_err(|error| unreached(address, &error))?;
    if is_encrypted { Ok(Box::new(tls::handshake(stream, host, relay).await?)) } else { Ok(Box::new(stream)) }
}

/// The relay cannot be talked to now.
pub(crate) fn unreached(address: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Cause::Unavailable, format!("the relay at {address} is not reached: {error}"))
}

/// What stands at the address does not answer as a relay of this version does.
pub(crate) fn malformed(address: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Cause::Malformed, format!("{address} and this program do not understand each other: {error}"))
}
