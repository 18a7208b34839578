//! A member's device pushes by hand what the relay, which opens no document, takes and no device can apply. The others go on,
//! say what it is, and can look at it.

use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use regard_client::quarantine_file;
use regard_core::error::Cause;
use regard_core::gate;
use regard_core::id::{Actor, DeviceId, DocumentId, UnitId, WorkspaceId};
use regard_core::record::{Document, Edit, Kind, genesis};
use regard_core::time::Timestamp;
use regard_core::wire::{
    ClientFrame, Hello, PROTOCOL_VERSION, Push, RelayFrame, Scope, Unit, UnitChange, UnitOutcome, decode, encode,
    encode_batch,
};
use regard_tests::harness::{Person, RelayProcess, Transcript};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const BAD: DocumentId = DocumentId::from_bytes([0xba; 16]);
const GOOD: DocumentId = DocumentId::from_bytes([0x90; 16]);

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

/// Changes letters that somebody else wrote, but claims to follow the record's first change alone, where they are not.
fn bad_change(by: DeviceId) -> Vec<u8> {
    let (one, other) = (Actor::of_device(by, [1; 4]), Actor::of_device(by, [2; 4]));
    let mut document = Document::new(Kind::Task);
    let edit = |document: &mut Document, text: &str, actor: &Actor| {
        document.edit(&[set("description", text)], actor, Timestamp(0)).expect("an edit").expect("a change")
    };
    let before = edit(&mut document, "one two three", &one);
    let mut bytes = edit(&mut document, "one three", &other).bytes;
    let at = bytes.windows(32).position(|bytes| bytes == before.hash.0).expect("it follows the other");
    bytes[at..at + 32].copy_from_slice(&genesis::hash(Kind::Task).0);
    let checksum = Sha256::digest(&bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum[..4]);
    gate::check(&bytes).expect("nothing is wrong with its header");
    bytes
}

fn unit(by: DeviceId) -> Unit {
    let mut good = Document::new(Kind::Task);
    let actor = Actor::of_device(by, [3; 4]);
    let edited = good.edit(&[set("summary", "Water the plants")], &actor, Timestamp(0)).expect("an edit");
    let change = |document, bytes| UnitChange { document, bytes };
    let changes = vec![
        change(BAD, genesis::bytes(Kind::Task).to_vec()),
        change(BAD, bad_change(by)),
        change(GOOD, genesis::bytes(Kind::Task).to_vec()),
        change(GOOD, edited.expect("a change").bytes),
    ];
    Unit { id: UnitId::from_bytes([0x55; 16]), author: Some(by), saved_at: Timestamp(0), changes, signature: None }
}

/// Pushes a unit over a socket, in the name of a device that has joined, and answers what became of it.
async fn push(relay: &RelayProcess, person: &Person, unit: Unit) -> Vec<UnitOutcome> {
    let access: Value = person.asks(&["relay", "token"]);
    let workspace: WorkspaceId = access["workspace"].as_str().expect("a workspace").parse().expect("an id");
    let url = format!("ws://{}/v1/workspaces/{workspace}/sync", relay.address());
    let mut request = url.into_client_request().expect("a request");
    let token = format!("Bearer {}", access["token"].as_str().expect("a token"));
    request.headers_mut().insert("authorization", token.parse().expect("a header"));
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.expect("a socket");
    let versions = (PROTOCOL_VERSION, PROTOCOL_VERSION);
    let hello = Hello { versions, instance: 1, program: "by hand".into(), features: Vec::new() };
    let frames = [
        ClientFrame::Hello(hello),
        ClientFrame::Push(Push { scope: Scope::Records, number: 1, units: encode_batch(&vec![unit]) }),
    ];
    for frame in frames {
        socket.send(Message::binary(encode(&frame))).await.expect("a relay that reads");
    }
    loop {
        let message = socket.next().await.expect("a frame").expect("a socket that stands");
        let Message::Binary(bytes) = message else { continue };
        match decode(&bytes, "frame").expect("a frame") {
            RelayFrame::Pushed { outcomes, .. } => return outcomes,
            RelayFrame::Refused(refusal) => panic!("{refusal}"),
            _ => {}
        }
    }
}

#[test]
fn what_the_relay_takes_and_no_device_can_apply_stops_nobody_and_can_be_looked_at() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = |ana: &Person| ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link(&ana));
    let mallory = Person::joins("Mallory", folder.path(), &link(&ana));
    let device = mallory.asks(&["status"])["device"].as_str().expect("a device").parse().expect("an id");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    ana.up();
    let outcomes = runtime.block_on(push(&relay, &mallory, unit(device)));
    assert!(matches!(&outcomes[..], [UnitOutcome::Visible { .. }]), "the relay judges headers alone: {outcomes:?}");
    ben.up();
    for person in [&ana, &ben] {
        person.shows(&GOOD.to_hex(), "summary", "Water the plants");
    }
    let ids = [ana.adds_contact("Carla"), ben.adds_contact("Dora")];
    ben.shows(&ids[0], "full_name", "Carla");
    ana.shows(&ids[1], "full_name", "Dora");
    let _: Value = ana.asks(&["edit", &BAD.to_hex(), "summary=Goes on"]);
    ben.shows(&BAD.to_hex(), "summary", "Goes on");
    for person in [&ana, &ben] {
        let status: Value = person.asks(&["status"]);
        assert_eq!(status["quarantine"]["changes"], 1, "{status}");
        assert_eq!(status["set_aside"][0]["seq"], 2, "{status}");
        let check: Value = person.asks(&["check"]);
        assert_eq!(check["set_aside"], 1, "{check}");
    }
    golden(&ana, folder.path());
    ana.stops();
    ben.stops();
    let list: Value = ana.asks(&["quarantine", "list"]);
    assert_eq!(list["changes"], 1, "it is there after a restart, and another try changed nothing: {list}");
}

fn golden(ana: &Person, folder: &Path) {
    let list: Value = ana.asks(&["quarantine", "list"]);
    let name = list["list"][0]["prefix"].as_str().expect("a name").to_owned();
    let file = folder.join("aside.changes");
    let path = file.display().to_string();
    let mut transcript = Transcript::of(ana, folder);
    for command in [
        &["quarantine", "list"][..],
        &["quarantine", "show", &name],
        &["quarantine", "show", "0000000000"],
        &["quarantine", "show", "../records"],
        &["quarantine", "retry"],
        &["quarantine", "retry", &name],
        &["quarantine", "export", &path],
        &["quarantine", "export", &path],
    ] {
        transcript.types(command);
    }
    let masked = transcript.masked();
    let lines: Vec<_> =
        masked.lines().map(|line| if line.contains("bytes  ") { "  bytes [count]" } else { line }).collect();
    insta::assert_snapshot!("quarantine", lines.join("\n"));
    let (header, rows) = quarantine_file::read(std::fs::File::open(&file).expect("the file")).expect("it reads back");
    assert!(header.program.starts_with("regard "), "{header:?}");
    assert_eq!((rows[0].document, rows[0].seq, rows[0].reason.cause), (BAD, 2, Cause::NotApplicable));
    gate::check(&rows[0].bytes).expect("the raw change");
}
