//! How devices reach the relay, as it has served last: `workspace create` writes it into links.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use regard_core::wire::Fingerprint;
use regard_relay::tls::Tls;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::settings::Settings;

const FILE: &str = "serving.json";

/// How a relay is reached.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Serving {
    /// Scheme, host and port.
    address: String,
    /// The fingerprint of the certificate, where devices can recognize the relay by nothing else.
    certificate: Option<String>,
}

impl Serving {
    /// A relay that listens on `listen`; with its own certificate where it has made that itself.
    pub(super) fn new(listen: SocketAddr, is_encrypted: bool, self_signed: Option<Fingerprint>) -> Self {
        let scheme = if is_encrypted { "https" } else { "http" };
        Self {
            address: format!("{scheme}://{}", reachable(listen)),
            certificate: self_signed.map(|fingerprint| fingerprint.to_string()),
        }
    }

    /// Keeps it in the relay's folder.
    pub(super) fn write(&self, data: &Path) -> Result<(), Failure> {
        let path = data.join(FILE);
        let unfinished = path.with_extension("json.unfinished");
        let written = std::fs::write(&unfinished, serde_json::to_vec(self)?);
        written.and_then(|()| std::fs::rename(&unfinished, &path)).map_err(|error| Failure {
            sentence: format!("{} cannot be written: {error}", path.display()),
            hint: Some("choose a folder that you can write with --data".into()),
            is_usage: false,
        })
    }

    /// What the settings say of it, or where they say nothing of encryption, how it has served last.
    fn of(settings: &Settings) -> Result<Self, Failure> {
        if settings.tls_self_signed {
            let tls = Tls::self_signed(&settings.data, &names(settings))?;
            return Ok(Self::new(settings.listen, true, Some(tls.fingerprint())));
        }
        if settings.tls_cert.is_some() {
            return Ok(Self::new(settings.listen, true, None));
        }
        let path = settings.data.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Failure {
                sentence: format!("{} cannot be read: {error}", path.display()),
                hint: Some("remove it, and start the relay again: it writes it anew".into()),
                is_usage: false,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::new(settings.listen, false, None)),
            Err(error) => Err(error.into()),
        }
    }

    /// The address that links name, and the certificate that devices recognize the relay by, where they do.
    pub(super) fn for_links(settings: &Settings) -> Result<(String, Option<Fingerprint>), Failure> {
        let serving = Self::of(settings)?;
        let address = settings.address.clone().unwrap_or_else(|| serving.address.clone());
        // Behind another scheme stands a proxy, which has a certificate of its own.
        let certificate = serving.certificate()?.filter(|_| address.starts_with("https://"));
        Ok((address, certificate))
    }

    fn certificate(&self) -> Result<Option<Fingerprint>, Failure> {
        Ok(self.certificate.as_deref().map(str::parse).transpose()?)
    }
}

/// The names that a certificate is made for.
pub(super) fn names(settings: &Settings) -> Vec<String> {
    let mut names = settings.tls_name.clone();
    names.extend(["localhost".to_owned(), reachable(settings.listen).ip().to_string()]);
    names
}

/// A relay that listens on every address is reached from its own machine through loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
