use std::borrow::Cow;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::bytes::Bytes;
use super::header::{self, Header};
use crate::error::{Cause, Refusal};
use crate::id::ChangeHash;
use crate::limits::{CHANGE_BYTES_MAX, INFLATE_RATIO_MAX};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE: u8 = 1;
const DEFLATED_CHANGE: u8 = 2;

/// A change that passed [`check`]: its bytes are what they claim to be and within all bounds of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the change says of itself.
    pub header: Header,
    /// The whole chunk, not deflated; its hash is the header's.
    pub bytes: Vec<u8>,
}

/// Looks at the bytes of one change alone.
///
/// # Errors
/// A [`Refusal`] that says what is wrong. Takes time and memory in proportion to the bounds of [`crate::limits`] at most.
pub fn check(chunk: &[u8]) -> Result<Checked, Refusal> {
    within_bound(chunk.len())?;
    let mut bytes = Bytes::new(chunk);
    if bytes.array::<4>("first bytes")? != MAGIC {
        return Err(Refusal::new(Cause::Malformed, "the bytes are no Automerge chunk"));
    }
    let checksum: [u8; 4] = bytes.array("checksum")?;
    let [chunk_type] = bytes.array("chunk type")?;
    let length = bytes.bounded(CHANGE_BYTES_MAX, "length")?;
    let data = bytes.take(length, "end")?;
    if !bytes.is_empty() {
        return Err(Refusal::new(Cause::Malformed, "something follows the change"));
    }
    let data = match chunk_type {
        CHANGE => Cow::Borrowed(data),
        DEFLATED_CHANGE => Cow::Owned(inflate(data)?),
        other => return Err(Refusal::new(Cause::Malformed, format!("chunk type {other} is not a change"))),
    };
    let mut hashed = vec![CHANGE];
    write_unsigned(&mut hashed, data.len() as u64);
    let hash = ChangeHash(Sha256::new().chain_update(&hashed).chain_update(&data).finalize().into());
    if hash.0[..4] != checksum {
        return Err(Refusal::new(Cause::Damaged, "the checksum does not match the bytes"));
    }
    let header = header::parse(hash, &data)?;
    let bytes = match data {
        Cow::Borrowed(_) => chunk.to_vec(),
        Cow::Owned(data) => [&MAGIC[..], &checksum, &hashed, &data].concat(),
    };
    Ok(Checked { header, bytes })
}

fn within_bound(found: usize) -> Result<(), Refusal> {
    if found <= CHANGE_BYTES_MAX {
        return Ok(());
    }
    let detail = format!("the change has {found} bytes, and at most {CHANGE_BYTES_MAX} are allowed");
    Err(Refusal::new(Cause::TooLarge, detail))
}

/// Inflates at most what an honest change can grow to, reading on only to see that there is no more.
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Refusal> {
    let bound = inflated_max(deflated.len());
    let mut data = Vec::new();
    let mut decoder = flate2::read::DeflateDecoder::new(deflated).take(bound as u64 + 1);
    decoder
        .read_to_end(&mut data)
        .map_err(|error| Refusal::new(Cause::Damaged, format!("it does not inflate: {error}")))?;
    if data.len() > bound {
        let detail = format!("{} deflated bytes inflate to more than the {bound} allowed", deflated.len());
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    Ok(data)
}

/// The bytes that [`check`] reads of a chunk at most: of a deflated one those to which it may inflate.
pub(super) fn read_max(chunk: &[u8]) -> usize {
    const TYPE_AT: usize = 8;
    if chunk.get(TYPE_AT) == Some(&DEFLATED_CHANGE) { inflated_max(chunk.len()) } else { chunk.len() }
}

fn inflated_max(deflated: usize) -> usize {
    // A few hundred bytes may always grow: the ratio is meant for bombs, not for small repetitive changes.
    const ALWAYS_ALLOWED: usize = 64 << 10;
    deflated.saturating_mul(INFLATE_RATIO_MAX).clamp(ALWAYS_ALLOWED, CHANGE_BYTES_MAX)
}

fn write_unsigned(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push((value & 0x7f) as u8);
}
