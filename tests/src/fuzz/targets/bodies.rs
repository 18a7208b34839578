use std::str::from_utf8;

use regard_client::api::types::{self, access, edit, transfer};
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::visibility::StreamEvent;
use regard_core::wire::Directory;
use regard_core::wire::access::keys::{
    AdoptionRequest, Challenge, Nonce, Proof, TokenRequest, TokenResponse, public_key,
};
use regard_core::wire::access::rights::RoleChange;
use regard_core::wire::access::{CopyRequest, InviteRequest, InviteResponse, JoinRequest, JoinResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::records::document;
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "bodies",
    promise: "every body of the relay's and of the local API that reads is written so that it reads the same, and no signature but the \
              right one counts",
    form: Form::Text,
    words: &[
        b"\"kind\":\"task\"",
        b"\"deleted\":true",
        b"null",
        b"[]",
        b"{}",
        b"\"role\":\"owner\"",
        b"\\u0000",
        b"\\ud800",
        b"1e400",
        b"-0",
        b"\"",
        b"18446744073709551616",
        b",",
        b":",
        b"[[[[[[[[",
        b"\"format\":\"vcard\"",
        b"\"event\":\"done\"",
    ],
    seeds,
    run,
    short_run: 4_000,
};

fn run(input: &[u8]) -> String {
    let reads: Vec<&str> = BODIES.iter().filter(|(_, reads)| reads(input)).map(|(name, _)| *name).collect();
    if let Ok(request) = serde_json::from_slice::<AdoptionRequest>(input) {
        let verified = request.verified(WORKSPACE, &public_key(&KEY));
        let signed = request.directory == adoption().directory && request.nonce == adoption().nonce;
        assert!(
            verified.is_err() || (signed && request.device == adoption().device),
            "a signature counts for what was signed"
        );
    }
    if let Ok(request) = serde_json::from_slice::<TokenRequest>(input) {
        let proof = Proof { workspace: WORKSPACE, device: request.device, nonce: &request.nonce, directory: None };
        assert!(proof.verify(&public_key(&KEY), &request.signature).is_err(), "an adoption's signature is no token's");
    }
    if reads.is_empty() {
        let error = serde_json::from_slice::<serde_json::Value>(input).err();
        return format!("{:?} {}", error.map(|error| error.classify()), from_utf8(input).is_ok());
    }
    reads.join(" ")
}

/// Whether it reads; if so, it must read the same after it was written.
fn body<T: DeserializeOwned + Serialize>(input: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(input) else { return false };
    let written = serde_json::to_vec(&value).expect("what was read is written");
    let again: T = serde_json::from_slice(&written).expect("what was written reads");
    assert_eq!(serde_json::to_vec(&again).expect("it is written again"), written, "{}", std::any::type_name::<T>());
    true
}

macro_rules! bodies {
    ($($type:ty),* $(,)?) => { &[$((stringify!($type), body::<$type>)),*] };
}

type Body = (&'static str, fn(&[u8]) -> bool);

const BODIES: &[Body] = bodies![
    JoinRequest,
    JoinResponse,
    CopyRequest,
    InviteRequest,
    InviteResponse,
    RoleChange,
    TokenRequest,
    TokenResponse,
    Challenge,
    AdoptionRequest,
    Refusal,
    Directory,
    StreamEvent,
    types::ListQuery,
    types::SearchQuery,
    types::RecordView,
    types::AddRequest,
    types::EditRequest,
    types::ImportRequest,
    types::ImportEvent,
    types::StatusView,
    types::Problem,
    types::BackupRequest,
    access::MoveRequest,
    access::SavesFile,
    access::RoleRequest,
    access::CompleteLink,
    edit::SheetRequest,
    edit::SheetAnswer,
    edit::UndoRequest,
    transfer::ExportRequest,
    transfer::ExportEvent,
    transfer::ExportedRecord,
];

const KEY: [u8; 32] = [5; 32];
const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([1; 16]);

fn adoption() -> AdoptionRequest {
    let directory = Directory { version: 3, workspace: "Team".into(), ..Directory::default() };
    AdoptionRequest::new(WORKSPACE, DeviceId::from_bytes([2; 16]), Nonce([7; 32]), &directory, &KEY)
}

fn seeds() -> Vec<Vec<u8>> {
    let (device, member) = (DeviceId::from_bytes([2; 16]), MemberId::from_bytes([3; 16]));
    let adoption = adoption();
    let values = [
        json!({"invitation": "02".repeat(32), "device": device, "device_name": "phone", "member": member, "member_name": "Ana",
               "public_key": "05".repeat(32), "founds": true}),
        json!({"member": null, "role": "reader"}),
        json!({"device": device, "nonce": "07".repeat(32), "signature": adoption.signature}),
        json!(adoption),
        json!({"kind": "contact", "assignments": ["full_name=Ana", "emails[a@x.org]"]}),
        json!({"paths": ["/a"], "format": "vcard"}),
        json!({"keys": ["8b"], "kinds": ["task"], "filter": "due:<friday", "zone": "Europe/Berlin", "deleted": true, "format": "json"}),
        json!({"event": "done", "files": 1, "created": {"task": 2}, "existed": 0, "skipped": 3}),
        json!({"event": "text", "text": "BEGIN:VCARD"}),
        json!({"cause": "not-allowed", "detail": "a sentence"}),
        json!({"id": document(1), "kind": "task", "title": "x", "life": "live", "changed_at": "2026-11-22T10:00:00Z", "fields": {"summary": "x"},
               "entries": {"categories": {"vip": {"value": "vip"}}}}),
    ];
    values.iter().map(|value| serde_json::to_vec_pretty(value).expect("JSON")).collect()
}
