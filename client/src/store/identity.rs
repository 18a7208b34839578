use minicbor::{Decode, Encode};
use regard_core::id::{DeviceId, Entropy, MemberId, WorkspaceId, to_hex};
use regard_core::record::identity::Namespace;
use regard_core::wire::access::keys::{self, AdoptionRequest, Nonce, Proof, TokenRequest};
use regard_core::wire::access::{CopyRequest, JoinRequest, Secret};
use regard_core::wire::{Directory, Fingerprint};

/// What a copied store adds to the name of its device.
const COPY_SUFFIX: &str = " (copy)";

/// Who this store is: made by `init` or `join` and kept with it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Identity {
    /// The workspace whose records are here.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// The workspace's name.
    #[n(1)]
    pub workspace_name: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    namespace: [u8; Namespace::BYTES],
    /// The person.
    #[n(3)]
    pub member: MemberId,
    /// The person's name.
    #[n(4)]
    pub member_name: String,
    /// This device.
    #[n(5)]
    pub device: DeviceId,
    /// What its owner calls it.
    #[n(6)]
    pub device_name: String,
    /// The secret half of the device's Ed25519 key pair.
    #[cbor(n(7), with = "minicbor::bytes")]
    signing_key: [u8; 32],
    /// The devices that this store was before it turned out to be a copy.
    #[n(8)]
    pub former: Vec<DeviceId>,
}

impl Identity {
    /// The identity of the first device of a new workspace.
    #[must_use]
    pub fn found(workspace_name: &str, member_name: &str, device_name: &str, entropy: &mut dyn Entropy) -> Self {
        let workspace = WorkspaceId::random(entropy);
        let namespace = Namespace::random(entropy);
        Self::join(workspace, namespace, member_name, device_name, entropy).named(workspace_name)
    }

    /// The identity of a further device of a workspace. Member and workspace name are corrected by the relay's answer.
    #[must_use]
    pub fn join(
        workspace: WorkspaceId,
        namespace: Namespace,
        member_name: &str,
        device_name: &str,
        entropy: &mut dyn Entropy,
    ) -> Self {
        let mut signing_key = [0; 32];
        entropy.fill(&mut signing_key);
        Self {
            workspace,
            workspace_name: String::new(),
            namespace: *namespace.as_bytes(),
            member: MemberId::random(entropy),
            member_name: member_name.to_owned(),
            device: DeviceId::random(entropy),
            device_name: device_name.to_owned(),
            signing_key,
            former: Vec::new(),
        }
    }

    /// The identity of a further device for a store that turned out to be a copy of this one's.
    #[must_use]
    pub fn copied(&self, entropy: &mut dyn Entropy) -> Self {
        let mut signing_key = [0; 32];
        entropy.fill(&mut signing_key);
        let former = self.former.iter().copied().chain([self.device]).collect();
        let device_name = match self.device_name.strip_suffix(COPY_SUFFIX) {
            Some(_) => self.device_name.clone(),
            None => format!("{}{COPY_SUFFIX}", self.device_name),
        };
        Self { device: DeviceId::random(entropy), device_name, signing_key, former, ..self.clone() }
    }

    /// Whether this store is the device, or was.
    #[must_use]
    pub fn is_own(&self, device: DeviceId) -> bool {
        device == self.device || self.former.contains(&device)
    }

    /// What this device sends to a relay to become a device of its own.
    #[must_use]
    pub fn copy_request(&self) -> CopyRequest {
        let (device, device_name) = (self.device, self.device_name.clone());
        CopyRequest { device, device_name, public_key: to_hex(&self.public_key()) }
    }

    /// The same with the workspace's name.
    #[must_use]
    pub fn named(self, workspace_name: &str) -> Self {
        Self { workspace_name: workspace_name.to_owned(), ..self }
    }

    /// The workspace's identity secret.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        Namespace::from_bytes(self.namespace)
    }

    /// The public half of the device's key pair.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        keys::public_key(&self.signing_key)
    }

    /// Proves this device to a relay that does not know its token.
    #[must_use]
    pub fn token_request(&self, nonce: Nonce) -> TokenRequest {
        let (workspace, device) = (self.workspace, self.device);
        let proof = Proof { workspace, device, nonce: &nonce, directory: None };
        TokenRequest { device, nonce, signature: proof.sign(&self.signing_key) }
    }

    /// Hands this device's copy of the directory over to a relay that has lost it.
    #[must_use]
    pub fn adoption_request(&self, nonce: Nonce, directory: &Directory) -> AdoptionRequest {
        AdoptionRequest::new(self.workspace, self.device, nonce, directory, &self.signing_key)
    }

    /// What this device sends to a relay to join with an invitation, or to found the workspace there.
    #[must_use]
    pub fn join_request(&self, invitation: &Secret, founds: bool) -> JoinRequest {
        JoinRequest {
            invitation: invitation.reveal(),
            device: self.device,
            device_name: self.device_name.clone(),
            member: self.member,
            member_name: self.member_name.clone(),
            public_key: to_hex(&self.public_key()),
            founds,
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = (&self.workspace_name, &self.member_name, &self.device_name);
        f.debug_struct("Identity").field("names", &names).field("device", &self.device).finish_non_exhaustive()
    }
}

/// The relay of the workspace and this device's access to it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RelayAccess {
    /// Scheme, host and port.
    #[n(0)]
    pub address: String,
    /// The device's token, as 64 hexadecimal digits.
    #[n(1)]
    pub token: String,
    /// Whether the relay is the one that `up` runs by itself.
    #[n(2)]
    pub embedded: bool,
    /// The certificate that the relay must show; `None` leaves it to the system's trusted authorities.
    #[n(3)]
    pub certificate: Option<Fingerprint>,
}

impl std::fmt::Debug for RelayAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayAccess").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As stores have it that were made before relays had certificates.
    #[derive(Encode)]
    #[cbor(map)]
    struct Before {
        #[n(0)]
        address: String,
        #[n(1)]
        token: String,
        #[n(2)]
        embedded: bool,
    }

    #[test]
    fn an_access_without_a_certificate_reads_as_one_and_is_written_so() {
        let before = Before { address: "http://127.0.0.1:7171".into(), token: "secret".into(), embedded: true };
        let row = minicbor::to_vec(&before).expect("CBOR");
        let access: RelayAccess = minicbor::decode(&row).expect("an access");
        assert_eq!((access.certificate, access.embedded), (None, true));
        assert_eq!(minicbor::to_vec(&access).expect("CBOR"), row);
        let pinned = RelayAccess { certificate: Some(Fingerprint::from_bytes([4; 32])), ..access };
        let row = minicbor::to_vec(&pinned).expect("CBOR");
        assert_eq!(minicbor::decode::<RelayAccess>(&row).expect("an access"), pinned);
    }
}
