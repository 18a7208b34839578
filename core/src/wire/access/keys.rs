//! Proving a device by its key: a new token where the old one is lost, and a workspace that its relay has lost.
//!
//! The device asks for a challenge, signs it with the Ed25519 key whose public half stands in the directory, and gets a
//! token. What is signed begins with a domain of its own, so that no signature counts for anything else.

use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Cause, Refusal};
use crate::id::{DeviceId, WorkspaceId, parse_hex, to_hex};
use crate::time::Timestamp;
use crate::wire::{self, Directory};

/// Bytes of an Ed25519 public key.
pub const PUBLIC_KEY_BYTES: usize = PUBLIC_KEY_LENGTH;

const TOKEN_DOMAIN: &[u8] = b"regard token 1";
const ADOPTION_DOMAIN: &[u8] = b"regard adopt 1";

/// What a device signs to prove itself.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The device.
    pub device: DeviceId,
    /// The challenge that the relay gave out.
    pub nonce: &'a Nonce,
    /// The encoded directory that the device hands over; `None` where it only wants a token.
    pub directory: Option<&'a [u8]>,
}

impl Proof<'_> {
    /// The device's signature, as 128 hexadecimal digits. `signing_key` is the secret half of its key pair.
    #[must_use]
    pub fn sign(&self, signing_key: &[u8; 32]) -> String {
        to_hex(&SigningKey::from_bytes(signing_key).sign(&self.message()).to_bytes())
    }

    /// Whether `signature` is the device's own.
    ///
    /// # Errors
    /// [`Cause::Malformed`] where it is none, [`Cause::NotAllowed`] where it is of another key or another message.
    pub fn verify(&self, public_key: &[u8], signature: &str) -> Result<(), Refusal> {
        let signature = parse_hex(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
        let signature =
            signature.ok_or_else(|| Refusal::new(Cause::Malformed, "the signature has not 128 hexadecimal digits"))?;
        let key = <&[u8; PUBLIC_KEY_BYTES]>::try_from(public_key).ok();
        let key = key.and_then(|key| VerifyingKey::from_bytes(key).ok());
        let is_own = key.is_some_and(|key| key.verify_strict(&self.message(), &signature).is_ok());
        if is_own {
            return Ok(());
        }
        let detail = format!("the signature is not by the key of device {}", self.device);
        Err(Refusal::new(Cause::NotAllowed, detail))
    }

    fn message(&self) -> Vec<u8> {
        let domain = if self.directory.is_some() { ADOPTION_DOMAIN } else { TOKEN_DOMAIN };
        let mut message = domain.to_vec();
        message.extend_from_slice(self.workspace.as_bytes());
        message.extend_from_slice(self.device.as_bytes());
        message.extend_from_slice(&self.nonce.0);
        if let Some(directory) = self.directory {
            message.extend_from_slice(&Sha256::digest(directory));
        }
        message
    }
}

/// The public half of a device's key pair.
#[must_use]
pub fn public_key(signing_key: &[u8; 32]) -> [u8; PUBLIC_KEY_BYTES] {
    SigningKey::from_bytes(signing_key).verifying_key().to_bytes()
}

/// 32 random bytes that a relay gives out to be signed, once and soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 32]);

impl Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = parse_hex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a challenge has 64 hexadecimal digits"))
    }
}

/// The answer to `POST /v1/workspaces/{id}/challenges`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Challenge {
    /// What to sign.
    pub nonce: Nonce,
    /// Until when, by the relay's clock.
    pub expires_at: Timestamp,
}

/// What a device sends to `POST /v1/workspaces/{id}/tokens` for a new token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenRequest {
    /// The device.
    pub device: DeviceId,
    /// The challenge.
    pub nonce: Nonce,
    /// The device's signature of a [`Proof`] without a directory, as hexadecimal digits.
    pub signature: String,
}

/// A new token. The one before is worth nothing any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The token, as 64 hexadecimal digits.
    pub token: String,
    /// Everybody who belongs to the workspace.
    pub directory: Directory,
}

/// What an owner's device sends to `POST /v1/workspaces/{id}/adoption`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdoptionRequest {
    /// The device.
    pub device: DeviceId,
    /// The challenge.
    pub nonce: Nonce,
    /// The device's copy of the directory: CBOR, as hexadecimal digits. The very bytes are signed, so that a directory
    /// with fields that the relay does not know verifies too.
    pub directory: String,
    /// The device's signature of a [`Proof`] with that directory, as hexadecimal digits.
    pub signature: String,
}

impl AdoptionRequest {
    /// The request of a device that hands over its copy of the directory.
    #[must_use]
    pub fn new(
        workspace: WorkspaceId,
        device: DeviceId,
        nonce: Nonce,
        directory: &Directory,
        signing_key: &[u8; 32],
    ) -> Self {
        let encoded = wire::encode(directory);
        let signature = Proof { workspace, device, nonce: &nonce, directory: Some(&encoded) }.sign(signing_key);
        Self { device, nonce, directory: to_hex(&encoded), signature }
    }

    /// The directory, where it is signed by the key `public_key`.
    ///
    /// # Errors
    /// [`Cause::Malformed`] or [`Cause::NotAllowed`].
    pub fn verified(&self, workspace: WorkspaceId, public_key: &[u8]) -> Result<Directory, Refusal> {
        let encoded = parse_hex(&self.directory)
            .ok_or_else(|| Refusal::new(Cause::Malformed, "the directory is not written in hexadecimal digits"))?;
        let proof = Proof { workspace, device: self.device, nonce: &self.nonce, directory: Some(&encoded) };
        proof.verify(public_key, &self.signature)?;
        wire::decode(&encoded, "directory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [5; 32];

    #[test]
    fn a_proof_holds_for_its_key_and_its_message_and_for_no_other() {
        let (nonce, other_nonce) = (Nonce([7; 32]), Nonce([8; 32]));
        let (workspace, device) = (WorkspaceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let proof = Proof { workspace, device, nonce: &nonce, directory: None };
        let signature = proof.sign(&KEY);
        assert_eq!(proof.verify(&public_key(&KEY), &signature), Ok(()));
        let adoption = Proof { directory: Some(b"directory"), ..proof };
        let elsewhere = Proof { workspace: WorkspaceId::from_bytes([9; 16]), ..proof };
        let another = Proof { device: DeviceId::from_bytes([9; 16]), ..proof };
        let later = Proof { nonce: &other_nonce, ..proof };
        for (case, proof) in [("adoption", adoption), ("workspace", elsewhere), ("device", another), ("nonce", later)] {
            let refused = proof.verify(&public_key(&KEY), &signature).map_err(|refusal| refusal.cause);
            assert_eq!(refused, Err(Cause::NotAllowed), "{case}");
        }
        for key in [&public_key(&[6; 32])[..], &[0; 32], &[1; 5], &[]] {
            assert!(proof.verify(key, &signature).is_err(), "{key:?}");
        }
        let cut = proof.verify(&public_key(&KEY), &signature[2..]).map_err(|refusal| refusal.cause);
        assert_eq!(cut, Err(Cause::Malformed));
    }

    #[test]
    fn an_adoption_holds_for_the_directory_that_was_signed() {
        let (workspace, device) = (WorkspaceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let directory = Directory { version: 3, workspace: "Team".into(), ..Directory::default() };
        let request = AdoptionRequest::new(workspace, device, Nonce([7; 32]), &directory, &KEY);
        assert_eq!(request.verified(workspace, &public_key(&KEY)), Ok(directory.clone()));
        let changed = to_hex(&wire::encode(&Directory { version: 4, ..directory }));
        let forged = AdoptionRequest { directory: changed, ..request.clone() };
        assert_eq!(
            forged.verified(workspace, &public_key(&KEY)).map_err(|refusal| refusal.cause),
            Err(Cause::NotAllowed)
        );
        let cut = AdoptionRequest { directory: "xyz".into(), ..request };
        assert_eq!(cut.verified(workspace, &public_key(&KEY)).map_err(|refusal| refusal.cause), Err(Cause::Malformed));
    }
}
