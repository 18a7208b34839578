//! Ids derived from what a thing is, with a secret of the workspace, so that two people who track the same thing apart and
//! offline make one record. The secret serves identity, not access: without it nobody can guess which records there are.

use sha2::{Digest, Sha256};

use super::Kind;
use crate::id::{DocumentId, Entropy};

/// The identity secret of a workspace: made once with it and handed out at joining.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Namespace([u8; Namespace::BYTES]);

impl Namespace {
    /// Length of the secret.
    pub const BYTES: usize = 32;
    /// How ids are derived from it. Another derivation gets another version.
    pub const VERSION: u8 = 1;

    /// A new secret.
    #[must_use]
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = [0; Self::BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// A secret that was made before.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Namespace(secret)")
    }
}

/// What a thing is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A message with a Message-ID. Message-IDs repeat with other contents in real mail, and outsiders can reuse one, so
    /// writer and date belong to it.
    Message {
        /// Without brackets.
        message_id: String,
        /// The writer's address in small letters.
        from: String,
        /// The date as the message says it, in UTC; empty where it says none.
        date: String,
    },
    /// A card, event or to-do with an id of its own.
    Uid(String),
    /// An automatically created contact or lead, by its address in small letters.
    Address(String),
    /// Something without any id: the SHA-256 of its canonical content.
    Content([u8; 32]),
}

impl Identity {
    /// The id of the record of `kind` that is known by this.
    #[must_use]
    pub fn document_id(&self, kind: Kind, namespace: &Namespace) -> DocumentId {
        match self {
            Self::Message { message_id, from, date } => {
                derive(namespace, kind, b"message", &[message_id.as_bytes(), from.as_bytes(), date.as_bytes()])
            }
            Self::Uid(uid) => derive(namespace, kind, b"uid", &[uid.as_bytes()]),
            Self::Address(address) => derive(namespace, kind, b"address", &[address.as_bytes()]),
            Self::Content(digest) => derive(namespace, kind, b"content", &[digest]),
        }
    }
}

/// The id of a record that a person makes by hand: random, so that ids differ from their first digits on and short
/// prefixes stay unique. (Ids in order of time would share their first eight digits for a minute.)
#[must_use]
pub fn by_hand(entropy: &mut dyn Entropy) -> DocumentId {
    DocumentId::random(entropy)
}

/// A version 8 UUID (RFC 9562) from the SHA-256 of everything, each part with its length so that parts cannot run together.
fn derive(namespace: &Namespace, kind: Kind, rule: &[u8], parts: &[&[u8]]) -> DocumentId {
    let mut hasher = Sha256::new();
    hasher.update([Namespace::VERSION]);
    hasher.update(namespace.0);
    hasher.update([kind.number()]);
    for part in std::iter::once(&rule).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    DocumentId::from_bytes(*uuid::Builder::from_custom_bytes(bytes).as_uuid().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_every_part_and_on_nothing_else() {
        let namespace = Namespace::from_bytes([1; 32]);
        let message = |id: &str, from: &str, date: &str| Identity::Message {
            message_id: id.into(),
            from: from.into(),
            date: date.into(),
        };
        let id = message("a@x", "b@y", "d").document_id(Kind::Email, &namespace);
        assert_eq!(id, message("a@x", "b@y", "d").document_id(Kind::Email, &namespace));
        let others = [
            message("a@xb", "@y", "d").document_id(Kind::Email, &namespace),
            message("a@x", "b@y", "e").document_id(Kind::Email, &namespace),
            message("a@x", "b@y", "d").document_id(Kind::Email, &Namespace::from_bytes([2; 32])),
            Identity::Uid("a@x".into()).document_id(Kind::Email, &namespace),
            Identity::Uid("a@x".into()).document_id(Kind::Task, &namespace),
            Identity::Address("a@x".into()).document_id(Kind::Task, &namespace),
        ];
        let distinct: std::collections::BTreeSet<_> = others.iter().chain([&id]).collect();
        assert_eq!(distinct.len(), others.len() + 1);
    }

    /// If this fails, records that are tracked twice no longer meet: derivation is part of the format.
    #[test]
    fn derivation_is_frozen() {
        let id = Identity::Uid("4711".into()).document_id(Kind::Contact, &Namespace::from_bytes([0; 32]));
        assert_eq!(id.to_string(), "2f0029c2-9912-8fdf-ad0a-eca3b5cc3f17");
    }
}
