use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use super::Mutator;
use super::bytes::leb128;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Magic, checksum and type.
const HEAD_BYTES: usize = 9;
const CHANGE: u8 = 1;
const DEFLATED_CHANGE: u8 = 2;

/// Whether these bytes begin as a chunk of Automerge's does.
pub(super) fn is_chunk(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC) && bytes.len() > HEAD_BYTES
}

impl Mutator<'_> {
    /// A change of what is in an Automerge chunk, with a length and a checksum that are right again.
    pub(super) fn chunk(&mut self, chunk: &[u8]) -> Vec<u8> {
        let length_bytes = chunk[HEAD_BYTES..].iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let body = chunk.get(HEAD_BYTES + length_bytes..).unwrap_or_default().to_vec();
        let body = self.bytes(body);
        if self.one_in(12) {
            return deflated(&body);
        }
        let chunk_type = if self.one_in(24) { self.byte() } else { CHANGE };
        whole(chunk_type, &body, &body)
    }
}

/// A change of which everything but the body is right.
pub(super) fn whole(chunk_type: u8, plain: &[u8], stored: &[u8]) -> Vec<u8> {
    let hashed = [&[CHANGE][..], &leb128(plain.len() as u64), plain].concat();
    let hash = Sha256::digest(hashed);
    [&MAGIC[..], &hash[..4], &[chunk_type], &leb128(stored.len() as u64), stored].concat()
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    match encoder.write_all(plain).and_then(|()| encoder.finish()) {
        Ok(stored) => whole(DEFLATED_CHANGE, plain, &stored),
        // Writing into memory does not fail; if it did, the plain form is as good an input.
        Err(_) => whole(CHANGE, plain, plain),
    }
}
