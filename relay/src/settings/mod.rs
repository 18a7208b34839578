//! The settings of `regard-relay`: from a file, the environment and the command line, the later before the earlier.
//!
//! A setting is a field of [`Settings`] with its default, and a field of [`Flags`]: file, environment variable
//! (`REGARD_RELAY_` and the name in capitals) and the command `settings` follow from that.

mod error;
mod load;
mod quotas;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

pub(crate) use error::BadSettings;
pub(crate) use load::Loaded;
use quotas::{QuotaFlags, QuotaSettings};

/// The port where devices look for a relay that says nothing else.
const PORT_DEFAULT: u16 = 7171;

/// What `regard-relay` goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// The folder with the relay's files; none has been named yet where it is empty.
    pub(crate) data: PathBuf,
    /// Where the relay listens.
    pub(crate) listen: SocketAddr,
    /// Whether it listens on other than a loopback address although nothing is encrypted.
    pub(crate) insecure_http: bool,
    /// Where devices reach it, for invitation links.
    pub(crate) address: Option<String>,
    /// The owner's certificate, a PEM file.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, a PEM file.
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether the relay makes its certificate itself.
    pub(crate) tls_self_signed: bool,
    /// Names and addresses that a certificate is made for, beside the one that the relay listens on.
    pub(crate) tls_name: Vec<String>,
    /// Whether `/metrics` answers everybody, and not only programs on this machine.
    pub(crate) public_metrics: bool,
    /// What workspaces and devices may use.
    #[serde(flatten)]
    pub(crate) quotas: QuotaSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT_DEFAULT)),
            insecure_http: false,
            address: None,
            tls_cert: None,
            tls_key: None,
            tls_self_signed: false,
            tls_name: Vec::new(),
            public_metrics: false,
            quotas: QuotaSettings::default(),
        }
    }
}

/// Settings on the command line. What is not given leaves the setting to environment and file.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub(crate) struct Flags {
    /// Where to listen [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) listen: Option<String>,
    /// Listen on other than a loopback address although nothing is encrypted.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_http: Option<bool>,
    /// Where devices reach the relay, for invitation links.
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// Encrypt with this certificate: a PEM file with the chain that devices need to trust it.
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key: a PEM file.
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
    /// Encrypt with a certificate that the relay makes itself, once; invitation links carry its fingerprint.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_self_signed: Option<bool>,
    /// A name or address that the certificate is made for; can be given several times.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tls_name: Vec<String>,
    /// Let everybody read /metrics, and not only programs on this machine.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    public_metrics: Option<bool>,
    #[command(flatten)]
    #[serde(flatten)]
    quotas: QuotaFlags,
}

impl Flags {
    /// The address alone, for commands that need no other setting.
    pub(crate) fn of_address(address: Option<String>) -> Self {
        Self { address, ..Self::default() }
    }
}

impl Settings {
    /// What does not go together is refused before anything is done.
    fn check(&mut self) -> Result<(), BadSettings> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => return Err(BadSettings::new("`tls_cert` is set, but not `tls_key`", TLS_HINT)),
            (None, Some(_)) => return Err(BadSettings::new("`tls_key` is set, but not `tls_cert`", TLS_HINT)),
            (Some(_), Some(_)) if self.tls_self_signed => {
                return Err(BadSettings::new("`tls_cert` and `tls_self_signed` are both set", TLS_HINT));
            }
            _ => {}
        }
        if let Some(address) = &mut self.address {
            if !address.starts_with("http://") && !address.starts_with("https://") {
                let sentence = format!("the `address` “{address}” does not begin with http:// or https://");
                return Err(BadSettings::new(sentence, "an example is https://relay.example.org:7171"));
            }
            address.truncate(address.trim_end_matches('/').len());
        }
        Ok(())
    }
}

const TLS_HINT: &str = "set tls_cert and tls_key, or tls_self_signed = true, or none of them";
