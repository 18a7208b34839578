//! Joining: invitations, and the two JSON bodies that turn one into a device's token.
//!
//! An invitation is a link, `http://host:port/join/<workspace>#<secret>[.1<namespace>][.f<certificate>]`. What stands behind
//! the `#` is the invitation's secret, the workspace's identity secret, and the fingerprint of the relay's certificate where
//! devices must recognize it by that; a browser never sends that part to a server. An invitation without an identity secret
//! is a founding one: the device that uses it makes the secret.

pub mod keys;
pub mod rights;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Directory, Fingerprint, Role};
use crate::id::{BadId, DeviceId, MemberId, WorkspaceId, parse_hex, to_hex};
use crate::record::identity::Namespace;

/// A 256-bit secret: an invitation's, or a device's token. It is never logged; relays keep only its SHA-256.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new secret.
    #[must_use]
    pub fn random(entropy: &mut dyn crate::id::Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The secret as 64 hexadecimal digits, for links and headers.
    #[must_use]
    pub fn reveal(&self) -> String {
        to_hex(&self.0)
    }

    /// What a relay keeps of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(self.0).into()
    }
}

impl FromStr for Secret {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        // The text is not repeated in the message: it may be a mistyped secret.
        let bytes = parse_hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(BadId { text: "…".into(), expected: "a secret of 64 hexadecimal digits" })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An invitation link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The relay: scheme, host and port, without a slash at the end.
    pub relay: String,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// What proves the invitation; good for one use.
    pub secret: Secret,
    /// The workspace's identity secret; `None` founds the workspace.
    pub namespace: Option<Namespace>,
    /// The certificate that the relay must show; `None` leaves it to the system's trusted authorities.
    pub certificate: Option<Fingerprint>,
}

/// What a part of the fragment that holds a certificate's fingerprint begins with.
const CERTIFICATE_TAG: char = 'f';

impl Invitation {
    /// The link.
    #[must_use]
    pub fn link(&self) -> String {
        let namespace = self.namespace.map(|n| format!(".{}{}", Namespace::VERSION, to_hex(n.as_bytes())));
        let certificate = self.certificate.map(|fingerprint| format!(".{CERTIFICATE_TAG}{fingerprint}"));
        let (namespace, certificate) = (namespace.unwrap_or_default(), certificate.unwrap_or_default());
        format!("{}/join/{}#{}{namespace}{certificate}", self.relay, self.workspace, self.secret.reveal())
    }
}

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an invitation link: {0}")]
pub struct BadInvitation(String);

impl FromStr for Invitation {
    type Err = BadInvitation;

    fn from_str(link: &str) -> Result<Self, BadInvitation> {
        let bad = |what: &str| BadInvitation(what.to_owned());
        let (address, fragment) = link.trim().split_once('#').ok_or_else(|| bad("the part behind “#” is missing"))?;
        let (relay, workspace) = address.split_once("/join/").ok_or_else(|| bad("“/join/” is missing"))?;
        if !relay.starts_with("http://") && !relay.starts_with("https://") {
            return Err(bad("it does not begin with http:// or https://"));
        }
        let (secret, parts) = fragment.split_once('.').map_or((fragment, None), |(s, parts)| (s, Some(parts)));
        let (namespace, certificate) = parts.map_or(Ok((None, None)), parse_parts)?;
        if certificate.is_some() && !relay.starts_with("https://") {
            return Err(bad("it names a certificate, but its address does not begin with https://"));
        }
        Ok(Self {
            relay: relay.trim_end_matches('/').to_owned(),
            workspace: workspace
                .trim_end_matches('/')
                .parse()
                .map_err(|_| bad("the workspace id is cut off or changed"))?,
            secret: secret.parse().map_err(|_| bad("its secret is cut off or changed"))?,
            namespace,
            certificate,
        })
    }
}

/// Reads what stands behind the secret: each part begins with a character that says what it is.
fn parse_parts(parts: &str) -> Result<(Option<Namespace>, Option<Fingerprint>), BadInvitation> {
    let bad = |what: &str| BadInvitation(what.to_owned());
    let (mut namespace, mut certificate) = (None, None);
    for part in parts.split('.') {
        let mut digits = part.chars();
        match digits.next() {
            Some(tag) if tag.to_digit(10) == Some(Namespace::VERSION.into()) && certificate.is_none() => {
                let bytes = parse_hex(digits.as_str()).and_then(|bytes| bytes.try_into().ok());
                let bytes = bytes.ok_or_else(|| bad("its identity secret is cut off or changed"))?;
                if namespace.replace(Namespace::from_bytes(bytes)).is_some() {
                    return Err(bad("it has two identity secrets"));
                }
            }
            Some(CERTIFICATE_TAG) => {
                let read = digits.as_str().parse();
                let read = read.map_err(|_| bad("the fingerprint of its certificate is cut off or changed"))?;
                if certificate.replace(read).is_some() {
                    return Err(bad("it names two certificates"));
                }
            }
            Some(tag) if tag.to_digit(10) == Some(Namespace::VERSION.into()) => {
                return Err(bad("its identity secret stands behind its certificate, and belongs before it"));
            }
            Some(tag) if tag.is_ascii_digit() => {
                return Err(bad("its identity secret is of a version that this program does not know"));
            }
            Some(_) => return Err(bad("it has a part that this program does not know; a newer one may")),
            None => return Err(bad("it ends too early, or a part of it is missing")),
        }
    }
    Ok((namespace, certificate))
}

/// What a device sends to `POST /v1/workspaces/{id}/devices` to join.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The invitation's secret, as 64 hexadecimal digits.
    pub invitation: String,
    /// The device's id, made by itself.
    pub device: DeviceId,
    /// What its owner calls it.
    pub device_name: String,
    /// The person's id, made by the device; it is taken where the invitation is for a new member.
    pub member: MemberId,
    /// The person's name, where the invitation is for a new member.
    pub member_name: String,
    /// The device's Ed25519 public key, as hexadecimal digits.
    pub public_key: String,
    /// Whether the device founds the workspace and has made its identity secret. A link that lost its end would otherwise
    /// pass as a founding one, and the device would derive other ids than everybody else.
    pub founds: bool,
}

/// What a copied or restored store sends to `POST /v1/workspaces/{id}/copies`, with the token of the device that it was
/// copied from, to become a device of its own. The answer is a [`JoinResponse`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopyRequest {
    /// The new device's id, made by itself.
    pub device: DeviceId,
    /// What its owner calls it.
    pub device_name: String,
    /// The new device's Ed25519 public key, as hexadecimal digits.
    pub public_key: String,
}

/// What a device that joined gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JoinResponse {
    /// The token by which the device proves itself from now on, as 64 hexadecimal digits.
    pub token: String,
    /// The member whose device it is.
    pub member: MemberId,
    /// Everybody who belongs to the workspace.
    pub directory: Directory,
}

/// What a device sends to `POST /v1/workspaces/{id}/invitations`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteRequest {
    /// The member whose further device is invited; `None` invites a new member.
    pub member: Option<MemberId>,
    /// What a new member may do.
    pub role: Role,
}

/// A new invitation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteResponse {
    /// Its secret, as 64 hexadecimal digits.
    pub secret: String,
    /// Until when it can be used.
    pub expires_at: crate::time::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reads_back_and_a_broken_one_says_what_is_wrong() {
        let invitation = Invitation {
            relay: "http://127.0.0.1:7171".into(),
            workspace: WorkspaceId::from_bytes([1; 16]),
            secret: Secret([2; 32]),
            namespace: Some(Namespace::from_bytes([3; 32])),
            certificate: None,
        };
        let link = invitation.link();
        assert_eq!(link.parse(), Ok(invitation.clone()));
        let founding = Invitation { namespace: None, ..invitation };
        assert_eq!(founding.link().parse(), Ok(founding));
        for (broken, reason) in [
            (&link[..link.len() - 1], "its identity secret is cut off or changed"),
            (&link[..link.find('#').expect("a secret")], "the part behind “#” is missing"),
            (&link[..70], "its secret is cut off or changed"),
            ("ftp://x/join/y#z", "it does not begin with http:// or https://"),
            (&link.replace("/join/", "/"), "“/join/” is missing"),
        ] {
            assert_broken(broken, reason);
        }
    }

    #[track_caller]
    fn assert_broken(link: &str, reason: &str) {
        let error = link.parse::<Invitation>().expect_err(link);
        assert_eq!(error, BadInvitation(reason.into()), "{link}");
    }

    #[test]
    fn a_link_may_name_the_relays_certificate() {
        let invitation = Invitation {
            relay: "https://relay.example:7171".into(),
            workspace: WorkspaceId::from_bytes([1; 16]),
            secret: Secret([2; 32]),
            namespace: Some(Namespace::from_bytes([3; 32])),
            certificate: Some(Fingerprint::from_bytes([4; 32])),
        };
        let link = invitation.link();
        let (secret, namespace, certificate) = ("02".repeat(32), "03".repeat(32), "04".repeat(32));
        let beginning = "https://relay.example:7171/join/01010101-0101-0101-0101-010101010101#";
        assert_eq!(link, format!("{beginning}{secret}.1{namespace}.f{certificate}"));
        assert_eq!(link.parse(), Ok(invitation.clone()));
        let founding = Invitation { namespace: None, ..invitation };
        assert_eq!(founding.link(), format!("{beginning}{secret}.f{certificate}"));
        assert_eq!(founding.link().parse(), Ok(founding));
        for (parts, reason) in [
            (
                format!(".1{namespace}.f{}", &certificate[1..]),
                "the fingerprint of its certificate is cut off or changed",
            ),
            (format!(".f{certificate}.f{certificate}"), "it names two certificates"),
            (format!(".1{namespace}.1{namespace}"), "it has two identity secrets"),
            (
                format!(".f{certificate}.1{namespace}"),
                "its identity secret stands behind its certificate, and belongs before it",
            ),
            (format!(".2{namespace}"), "its identity secret is of a version that this program does not know"),
            (format!(".x{certificate}"), "it has a part that this program does not know; a newer one may"),
            (format!(".1{namespace}."), "it ends too early, or a part of it is missing"),
        ] {
            assert_broken(&format!("{beginning}{secret}{parts}"), reason);
        }
        let plain = link.replace("https://", "http://");
        assert_broken(&plain, "it names a certificate, but its address does not begin with https://");
    }
}
