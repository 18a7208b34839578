use regard_client::saves_file::{Header, Reader, Writer};
use regard_core::error::Refusal;
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::record::Kind;
use regard_core::wire::{Scope, Unit};
use sha2::{Digest, Sha256};

use super::records::{AT, begun, document};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "saves",
    promise: "a file of exported saves reads to its end only where its checksum matches, and what was read is written and read as the \
              same",
    form: Form::Bytes,
    words: &[b"regard saves v1\n", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xa0", b"\x28\xb5\x2f\xfd"],
    seeds,
    run,
    short_run: 2_000,
};

type Saves = (Header, Vec<(Scope, Vec<Unit>)>);

const DIGEST_BYTES: usize = 32;

/// Read as it is, and with a checksum that is right: behind it nothing would ever be tried.
fn run(input: &[u8]) -> String {
    let as_it_is = read(input);
    let body = &input[..input.len().saturating_sub(DIGEST_BYTES)];
    let digest = Sha256::digest(body);
    let right = [body, &digest[..]].concat();
    if as_it_is.is_ok() {
        assert_eq!(input, right, "the checksum is right, and nothing follows it");
    }
    let saves = read(&right);
    if let Ok((header, batches)) = &saves {
        let mut writer = Writer::begin(Vec::new(), header).expect("memory takes everything");
        for (scope, units) in batches {
            writer.units(*scope, units).expect("memory takes everything");
        }
        let written = writer.end().expect("memory takes everything");
        assert_eq!(read(&written).as_ref(), Ok(&(header.clone(), batches.clone())), "it reads as it was");
    }
    format!("{} {}", super::cause(&as_it_is), super::cause(&saves))
}

fn read(input: &[u8]) -> Result<Saves, Refusal> {
    let (mut reader, header) = Reader::begin(input)?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_units()? {
        batches.push(batch);
    }
    Ok((header, batches))
}

fn seeds() -> Vec<Vec<u8>> {
    let header =
        Header { workspace: WorkspaceId::from_bytes([1; 16]), device: DeviceId::from_bytes([2; 16]), written_at: AT };
    let file = |batches: &[Vec<Unit>]| {
        let mut writer = Writer::begin(Vec::new(), &header).expect("memory takes everything");
        for units in batches {
            writer.units(Scope::Records, units).expect("memory takes everything");
        }
        writer.end().expect("memory takes everything")
    };
    let unit = |kind, n| begun(kind, document(n), n).1;
    vec![
        file(&[]),
        file(&[vec![unit(Kind::Task, 1)]]),
        file(&[vec![unit(Kind::Lead, 2), unit(Kind::Email, 3)], Vec::new()]),
    ]
}
