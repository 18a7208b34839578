use sha2::{Digest, Sha256};

use crate::id::ChangeHash;

/// Where a chunk's checksum stands; what it is a checksum of follows.
const CHECKSUM: std::ops::Range<usize> = 4..8;
const CHANGE: u8 = 1;

/// The hash of a change that is not deflated, whatever stands in it: also of one that [`super::check`] refuses. `None` where
/// the bytes do not match their checksum.
#[must_use]
pub fn hash_of(chunk: &[u8]) -> Option<ChangeHash> {
    let hashed = chunk.get(CHECKSUM.end..).filter(|hashed| hashed.first() == Some(&CHANGE))?;
    let hash = ChangeHash(Sha256::digest(hashed).into());
    (chunk.get(CHECKSUM) == hash.0.get(..CHECKSUM.len())).then_some(hash)
}
