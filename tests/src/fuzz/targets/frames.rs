use std::convert::Infallible;
use std::fmt::Debug;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use regard_core::error::{Cause, Refusal};
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, MemberId, WorkspaceId};
use regard_core::record::Kind;
use regard_core::sync::{Admission, DocumentIndex, IndexSource, Place, check_unit};
use regard_core::wire::{
    self, Applied, ClientFrame, Cursor, Directory, Fetch, Hello, KnownDevice, KnownMember, LogHead, Peer, PeerApplied,
    PollAnswer, Push, RelayFrame, Role, Scope, Subscribe, Unit, UnitOutcome, Welcome,
};

use super::records::{AT, begun, document};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "frames",
    promise: "whatever reads as a frame or a part of one is written and read back as the same",
    form: Form::Cbor,
    words: &[b"\x00\xa0", b"\xf6", b"\x9f\xff", b"\xbf\xff", b"\xc0", b"\x80"],
    seeds,
    run,
    short_run: 6_000,
};

fn run(input: &[u8]) -> String {
    let client = read::<ClientFrame>(input);
    let relay = read::<RelayFrame>(input);
    let found = [
        client.as_ref().map(variant),
        relay.as_ref().map(variant),
        read::<Hello>(input).map(|_| "Hello".into()),
        read::<Vec<Subscribe>>(input).map(|wishes| format!("poll {}", wishes.len().min(4))),
        read::<Vec<PollAnswer>>(input).map(|answers| format!("answers {}", answers.len().min(4))),
        read::<Directory>(input).map(|directory| format!("directory {}", directory.devices.len().min(4))),
        read::<Vec<Unit>>(input).map(|units| format!("units {}", units.len().min(4))),
        read::<Cursor>(input).map(|_| "cursor".into()),
        read::<Refusal>(input).map(|refusal| format!("{:?}", refusal.cause)),
    ];
    let index = DocumentIndex::decode(input);
    if let Ok(index) = &index {
        assert_eq!(DocumentIndex::decode(&index.encode()).as_ref(), Ok(index), "an index");
    }
    let index = index.map(|index| format!("index {}", index.count().min(4))).ok();
    let found: Vec<String> = found.into_iter().chain([index]).flatten().collect();
    if found.is_empty() {
        let error = |outcome: Result<RelayFrame, Refusal>| super::cause(&outcome);
        return format!(
            "{} {}",
            error(wire::decode(input, "frame")),
            super::cause(&wire::decode::<ClientFrame>(input, "frame"))
        );
    }
    found.join(" ")
}

fn read<T>(input: &[u8]) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + Debug,
{
    let value: T = wire::decode(input, "value").ok()?;
    let written = wire::encode(&value);
    let again: T = wire::decode(&written, "value").expect("what was written reads");
    assert_eq!(again, value, "what was written reads as it was");
    assert_eq!(wire::encode(&again), written, "and is written alike");
    Some(value)
}

/// The frame's name and the lengths of what is in it.
fn variant(frame: &impl Debug) -> String {
    let text = format!("{frame:?}");
    let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    format!("{name} {} {}", text.matches("None").count().min(3), text.len().ilog2() / 2)
}

fn cursor(seq: u64) -> Cursor {
    Cursor { seq, ..Cursor::start(WorkspaceId::from_bytes([1; 16]), Scope::Records, EpochId::from_bytes([2; 16])) }
}

fn directory() -> Directory {
    let (member, device) = (MemberId::from_bytes([3; 16]), DeviceId::from_bytes([4; 16]));
    let known = KnownMember { id: member, name: "Ana".into(), role: Role::Owner, removed_at: None };
    let phone = KnownDevice {
        id: device,
        member,
        name: "phone".into(),
        public_key: vec![5; 32],
        joined_at: AT,
        revoked_at: Some(AT),
    };
    Directory { version: 3, workspace: "Team".into(), members: vec![known], devices: vec![phone] }
}

/// What a relay keeps of a record that has these changes.
fn indexed(unit: &Unit) -> DocumentIndex {
    struct Nothing;
    impl IndexSource for Nothing {
        type Error = Infallible;
        fn load(&mut self, _: DocumentId) -> Result<DocumentIndex, Infallible> {
            Ok(DocumentIndex::default())
        }
        fn spilled(&self, _: DocumentId, _: ChangeHash) -> Result<Option<Place>, Infallible> {
            Ok(None)
        }
    }
    let checked = check_unit(unit.clone()).expect("an honest save");
    let headers: Vec<_> = checked.headers.iter().map(|header| (document(1), header)).collect();
    let mut admission = Admission::new(7);
    let Ok(admitted) = admission.admit(&headers, &|_| Ok(()), |_| Ok(()), &mut Nothing);
    admitted.expect("an honest save is admitted");
    admission.into_indexes().grown.into_iter().map(|(_, index)| index).next().unwrap_or_default()
}

fn seeds() -> Vec<Vec<u8>> {
    let scope = Scope::Records;
    let units = vec![begun(Kind::Task, document(1), 1).1];
    let wish = Subscribe { scope, from: Some(cursor(7)), witness: Some(cursor(9)) };
    let hello = Hello { versions: (1, 1), instance: 4, program: "regard 0.1".into(), features: vec!["x".into()] };
    let refusal = Refusal::new(Cause::OverQuota, "full");
    let from_device = [
        ClientFrame::Hello(hello.clone()),
        ClientFrame::Push(Push { scope, number: 1, units: wire::encode_batch(&units) }),
        ClientFrame::Subscribe(wish.clone()),
        ClientFrame::Applied(Applied { scope, cursor: cursor(8), except: vec![3, 4] }),
        ClientFrame::Reconcile(scope),
        ClientFrame::Fetch(Fetch { scope, documents: vec![document(1), document(2)] }),
        ClientFrame::Unsubscribe(Scope::AddressBook),
    ];
    let welcome = Welcome {
        version: 1,
        now: AT,
        logs: vec![LogHead { scope, cursor: cursor(8) }],
        directory: directory(),
        features: Vec::new(),
    };
    let applied = PeerApplied { scope, epoch: cursor(0).epoch, seq: 8, except: vec![3], at: AT };
    let peer = Peer { device: DeviceId::from_bytes([4; 16]), online: true, since: AT, applied: vec![applied] };
    let visible = UnitOutcome::Visible { seqs: vec![8, 9], at: AT };
    let outcomes = vec![visible, UnitOutcome::Refused(refusal.clone())];
    let from_relay = [
        RelayFrame::Welcome(welcome),
        RelayFrame::Pushed { scope, number: 1, outcomes, head: cursor(9) },
        RelayFrame::Segment { scope, packed: vec![1, 2, 3] },
        RelayFrame::CaughtUp { scope, cursor: cursor(9) },
        RelayFrame::Peers(vec![peer]),
        RelayFrame::Refused(refusal.clone()),
        RelayFrame::Inventory { scope, at: cursor(9), entries: vec![7; 48], last: true },
    ];
    let segments = vec![ByteVec::from(vec![1, 2, 3])];
    let answer = PollAnswer { scope, head: cursor(9), is_valid: true, segments, more: false };
    let mut seeds: Vec<Vec<u8>> = from_device.iter().map(wire::encode).collect();
    seeds.extend(from_relay.iter().map(wire::encode));
    seeds.push(indexed(&units[0]).encode());
    seeds.extend([wire::encode(&hello), wire::encode(&vec![wish]), wire::encode(&vec![answer])]);
    seeds.extend([wire::encode(&directory()), wire::encode(&units), wire::encode(&cursor(3)), wire::encode(&refusal)]);
    seeds
}
