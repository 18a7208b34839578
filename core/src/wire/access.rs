//! Joining: invitations, and the two JSON bodies that turn one into a device's token.
//!
//! An invitation is a link, `http://host:port/join/<workspace>#<secret>[.<namespace>]`. What stands behind the `#` is the
//! invitation's secret and the workspace's identity secret; a browser never sends that part to a server. An invitation
//! without an identity secret is a founding one: the device that uses it makes the secret.

pub mod keys;
pub mod rights;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Directory, Role};
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
}

impl Invitation {
    /// The link.
    #[must_use]
    pub fn link(&self) -> String {
        let namespace = self.namespace.map(|n| format!(".{}{}", Namespace::VERSION, to_hex(n.as_bytes())));
        let secret = self.secret.reveal();
        format!("{}/join/{}#{secret}{}", self.relay, self.workspace, namespace.unwrap_or_default())
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
        let (secret, namespace) = fragment.split_once('.').map_or((fragment, None), |(s, n)| (s, Some(n)));
        let namespace = namespace.map(|text| {
            let digits = text.strip_prefix(&Namespace::VERSION.to_string());
            let digits =
                digits.ok_or_else(|| bad("its identity secret is of a version that this program does not know"))?;
            let bytes = parse_hex(digits).and_then(|bytes| bytes.try_into().ok());
            bytes.map(Namespace::from_bytes).ok_or_else(|| bad("its identity secret is cut off or changed"))
        });
        Ok(Self {
            relay: relay.trim_end_matches('/').to_owned(),
            workspace: workspace
                .trim_end_matches('/')
                .parse()
                .map_err(|_| bad("the workspace id is cut off or changed"))?,
            secret: secret.parse().map_err(|_| bad("its secret is cut off or changed"))?,
            namespace: namespace.transpose()?,
        })
    }
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
            let error = broken.parse::<Invitation>().expect_err(broken);
            assert_eq!(error, BadInvitation(reason.into()), "{broken}");
        }
    }
}
