//! Changes built by hand, honest and otherwise, always with the right checksum.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const DOCUMENT: u8 = 0;
pub(crate) const CHANGE: u8 = 1;
const DEFLATED: u8 = 2;

/// A change before it is encoded. Each field can be what no honest program would write.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) deps: Vec<[u8; 32]>,
    pub(crate) deps_claimed: Option<u64>,
    pub(crate) actor: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    pub(crate) message: Vec<u8>,
    pub(crate) actors: Vec<Vec<u8>>,
    pub(crate) columns: Vec<(u64, Vec<u8>)>,
}

impl Draft {
    /// Sets so many fields at the root, all with the same key, to nothing.
    pub(crate) fn new(deps: &[[u8; 32]], start_op: u64, ops: i64) -> Self {
        let run = |value: u8| [signed(ops), vec![value]].concat();
        let key = [signed(ops), vec![1, b'k']].concat();
        Self {
            deps: deps.to_vec(),
            deps_claimed: None,
            actor: vec![7; 20],
            seq: 1,
            start_op,
            message: Vec::new(),
            actors: Vec::new(),
            columns: vec![
                (0x15, key),
                (0x34, unsigned(ops.unsigned_abs())),
                (0x42, run(1)),
                (0x56, run(0)),
                (0x70, run(0)),
            ],
        }
    }

    pub(crate) fn chunk(&self) -> Vec<u8> {
        chunk(CHANGE, &self.data())
    }

    pub(crate) fn data(&self) -> Vec<u8> {
        let prefixed = |bytes: &[u8]| [unsigned(bytes.len() as u64), bytes.to_vec()].concat();
        let mut data = unsigned(self.deps_claimed.unwrap_or(self.deps.len() as u64));
        data.extend(self.deps.concat());
        data.extend(prefixed(&self.actor));
        data.extend(unsigned(self.seq));
        data.extend(unsigned(self.start_op));
        data.extend(signed(0));
        data.extend(prefixed(&self.message));
        data.extend(unsigned(self.actors.len() as u64));
        self.actors.iter().for_each(|actor| data.extend(prefixed(actor)));
        data.extend(unsigned(self.columns.len() as u64));
        for (specification, column) in &self.columns {
            data.extend(unsigned(*specification));
            data.extend(unsigned(column.len() as u64));
        }
        self.columns.iter().for_each(|(_, column)| data.extend(column));
        data
    }
}

/// A chunk of this type with these contents.
pub(crate) fn chunk(chunk_type: u8, data: &[u8]) -> Vec<u8> {
    let body = [vec![chunk_type], unsigned(data.len() as u64), data.to_vec()].concat();
    let digest = Sha256::digest(&body);
    [&MAGIC[..], &digest[..4], &body].concat()
}

/// The same change, deflated: its checksum is that of the plain one.
pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("memory");
    let small = encoder.finish().expect("memory");
    [&chunk(CHANGE, data)[..8], &[DEFLATED], &unsigned(small.len() as u64), &small].concat()
}

/// What stands in a plain chunk behind its header.
pub(crate) fn data_of(chunk: &[u8]) -> &[u8] {
    let length = chunk[9..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &chunk[9 + length..]
}

pub(crate) fn unsigned(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
    bytes
}

pub(crate) fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [byte, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
