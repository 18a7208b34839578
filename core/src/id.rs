//! Identities: newtypes, so that a device id can never stand where a record id is meant.
//!
//! All but [`ChangeHash`] and [`Actor`] are 16 bytes and are written as UUIDs. A [`DocumentId`] is at the same time the
//! id that automerge-repo programs use (`automerge:<base58check>`).

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limits::ACTOR_BYTES_MAX;

/// Where random bytes come from. Core has no randomness of its own: callers hand it in, tests hand in a seeded one.
pub trait Entropy {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{text}” is not {expected}")]
pub struct BadId {
    /// What was given, cut to a printable length.
    pub text: String,
    /// What would have been right, as a noun phrase.
    pub expected: &'static str,
}

impl BadId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident, $expected:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// A new random id (UUID version 4).
            #[must_use]
            pub fn random(entropy: &mut dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::parse_str(text).map(Self).map_err(|_| BadId::new(text, $expected))
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(
                &self,
                encoder: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                encoder.bytes(self.as_bytes())?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                fixed_bytes(decoder).map(Self::from_bytes)
            }
        }
    )*};
}

uuid_ids! {
    /// A record, and the Automerge document that holds it.
    DocumentId, "a record id";
    /// One team's shared records.
    WorkspaceId, "a workspace id";
    /// A person who belongs to a workspace.
    MemberId, "a member id";
    /// One installation of the client.
    DeviceId, "a device id";
    /// One save: the changes that became durable together.
    UnitId, "a save id";
    /// One life of a log. A relay that starts a log anew gives it a new epoch, which voids every cursor.
    EpochId, "an epoch id";
}

impl DocumentId {
    /// The id in the form that automerge-repo uses: `automerge:` and base58 with a four-byte checksum.
    #[must_use]
    pub fn to_automerge_url(self) -> String {
        format!("automerge:{}", crate::id::base58::encode_checked(self.as_bytes()))
    }

    /// Reads `automerge:<base58check>`.
    ///
    /// # Errors
    /// When the text has another form or its checksum does not match.
    pub fn from_automerge_url(url: &str) -> Result<Self, BadId> {
        url.strip_prefix("automerge:")
            .and_then(base58::decode_checked)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self::from_bytes)
            .ok_or_else(|| BadId::new(url, "an automerge: URL"))
    }

    /// The 32 hexadecimal digits that prefixes are matched against.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.simple().to_string()
    }
}

pub(crate) fn fixed_bytes<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], decode::Error> {
    decoder.bytes()?.try_into().map_err(|_| decode::Error::message("a byte string has the wrong length"))
}

/// The SHA-256 of a change. A change's key in a workspace is (document, hash): equal bytes may stand in several documents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash(pub [u8; 32]);

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0[..6])
    }
}

impl FromStr for ChangeHash {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes = parse_hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| BadId::new(text, "a change hash of 64 hexadecimal digits"))
    }
}

impl<C> Encode<C> for ChangeHash {
    fn encode<W: encode::Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ChangeHash {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        fixed_bytes(decoder).map(Self)
    }
}

impl Serialize for ChangeHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChangeHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who numbers a change: Automerge's actor id. Regard's own are a device id and four bytes that the store drew at its first
/// write; other programs' can be any bytes up to [`ACTOR_BYTES_MAX`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(Box<[u8]>);

/// The length of the part that makes one store instance's actor differ from the next one's of the same device.
pub const ACTOR_NONCE_BYTES: usize = 4;

impl Actor {
    /// An actor of one store instance of `device`.
    #[must_use]
    pub fn of_device(device: DeviceId, nonce: [u8; ACTOR_NONCE_BYTES]) -> Self {
        Self([device.as_bytes().as_slice(), &nonce].concat().into())
    }

    /// Takes foreign actor bytes.
    ///
    /// # Errors
    /// When there are none or more than [`ACTOR_BYTES_MAX`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadId> {
        if bytes.is_empty() || bytes.len() > ACTOR_BYTES_MAX {
            return Err(BadId { text: format!("{} bytes", bytes.len()), expected: "an actor id" });
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The device that this actor claims to belong to, where it has the form of Regard's own actors. Whether there is
    /// such a device only the directory knows.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        if self.0.len() != 16 + ACTOR_NONCE_BYTES {
            return None;
        }
        self.0[..16].try_into().ok().map(DeviceId::from_bytes)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actor({self})")
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads hexadecimal digits, two a byte; `None` for anything else.
#[must_use]
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// Writes hexadecimal digits, two a byte.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

mod base58 {
    //! Base58 with a checksum of double SHA-256, as Bitcoin's addresses and automerge-repo's document ids have it.

    use sha2::{Digest, Sha256};

    const CHECKSUM_BYTES: usize = 4;

    pub(super) fn encode_checked(payload: &[u8]) -> String {
        let mut bytes = payload.to_vec();
        bytes.extend_from_slice(&checksum(payload));
        bs58::encode(bytes).into_string()
    }

    pub(super) fn decode_checked(text: &str) -> Option<Vec<u8>> {
        const TEXT_MAX: usize = 64;
        if text.len() > TEXT_MAX {
            return None;
        }
        let bytes = bs58::decode(text).into_vec().ok()?;
        let (payload, found) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        (checksum(payload) == found).then(|| payload.to_vec())
    }

    fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let digest = Sha256::digest(Sha256::digest(payload));
        [digest[0], digest[1], digest[2], digest[3]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_automerge_url_reads_back_and_a_changed_one_does_not() {
        let id = DocumentId::from_bytes([7; 16]);
        let url = id.to_automerge_url();
        assert_eq!(DocumentId::from_automerge_url(&url), Ok(id));
        let last = if url.ends_with('1') { "2" } else { "1" };
        let changed = format!("{}{last}", &url[..url.len() - 1]);
        assert!(DocumentId::from_automerge_url(&changed).is_err());
        assert!(DocumentId::from_automerge_url("automerge:").is_err());
        assert!(DocumentId::from_automerge_url(&"9".repeat(10_000)).is_err());
    }

    #[test]
    fn an_actor_names_its_device_and_a_foreign_one_none() {
        let device = DeviceId::from_bytes([9; 16]);
        assert_eq!(Actor::of_device(device, [1, 2, 3, 4]).device(), Some(device));
        assert_eq!(Actor::from_bytes(&[5; 16]).ok().and_then(|actor| actor.device()), None);
        assert!(Actor::from_bytes(&[]).is_err());
        assert!(Actor::from_bytes(&[0; ACTOR_BYTES_MAX + 1]).is_err());
    }
}
