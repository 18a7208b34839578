//! How two holders of a scope find out what differs, document by document, where no cursor says it.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::{Unit, codec};
use crate::error::{Cause, Refusal};
use crate::id::{ChangeHash, DeviceId, DocumentId};
use crate::time::Timestamp;

/// What stands for a document's heads, and so for its whole history: the first 8 bytes of SHA-256 over them, sorted. Two
/// histories of the same document pass for one with a chance of 2⁻⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct HeadsDigest(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 8],
);

impl HeadsDigest {
    /// The digest of these heads, in whatever order they come.
    #[must_use]
    pub fn of(heads: &[ChangeHash]) -> Self {
        let mut heads: Vec<_> = heads.iter().map(|head| head.0).collect();
        heads.sort_unstable();
        let mut hasher = Sha256::new();
        hasher.update(b"regard heads 1");
        for head in heads {
            hasher.update(head);
        }
        let digest = hasher.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }
}

/// A document and the digest of its heads.
pub type InventoryEntry = (DocumentId, HeadsDigest);

/// Bytes of an entry.
pub const INVENTORY_ENTRY_BYTES: usize = 24;

/// Writes entries one behind the other, [`INVENTORY_ENTRY_BYTES`] each: random bytes, which nothing compresses.
#[must_use]
pub fn pack_inventory(entries: &[InventoryEntry]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(entries.len() * INVENTORY_ENTRY_BYTES);
    for (document, digest) in entries {
        packed.extend_from_slice(document.as_bytes());
        packed.extend_from_slice(&digest.0);
    }
    packed
}

/// Reads what [`pack_inventory`] wrote.
///
/// # Errors
/// [`Cause::Malformed`] where the bytes are no entries or their documents do not grow from one to the next.
pub fn unpack_inventory(packed: &[u8]) -> Result<Vec<InventoryEntry>, Refusal> {
    let (whole, rest) = packed.as_chunks::<INVENTORY_ENTRY_BYTES>();
    let entries: Vec<InventoryEntry> = whole
        .iter()
        .map(|entry| {
            let (mut document, mut digest) = ([0; 16], [0; 8]);
            document.copy_from_slice(&entry[..16]);
            digest.copy_from_slice(&entry[16..]);
            (DocumentId::from_bytes(document), HeadsDigest(digest))
        })
        .collect();
    if !rest.is_empty() || !entries.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return Err(Refusal::new(Cause::Malformed, "the relay's list of records is cut off or out of order"));
    }
    Ok(entries)
}

/// Units from anywhere in the log, reduced to the changes of the documents that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Excerpt {
    /// In the order of the log.
    #[n(0)]
    pub units: Vec<Excerpted>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Excerpted {
    /// The device whose connection brought it.
    #[n(0)]
    pub carrier: DeviceId,
    /// Since when it is visible.
    #[n(1)]
    pub visible_at: Timestamp,
    /// The places of the changes, in their order.
    #[n(2)]
    pub seqs: Vec<u64>,
    /// The save, with a part of its changes or all of them.
    #[n(3)]
    pub unit: Unit,
}

impl Excerpt {
    /// Encodes and compresses it.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        codec::encode_batch(self)
    }

    /// Reads what [`Excerpt::pack`] wrote.
    ///
    /// # Errors
    /// Where the bytes are damaged, too large, or no excerpt; and where a change has no place.
    pub fn unpack(packed: &[u8]) -> Result<Self, Refusal> {
        let excerpt: Self = codec::decode_batch(packed, "excerpt")?;
        let is_placed = |unit: &Excerpted| unit.seqs.len() == unit.unit.changes.len() && !unit.seqs.is_empty();
        if !excerpt.units.iter().all(is_placed) {
            return Err(Refusal::new(Cause::Malformed, "an excerpt of the log has changes without a place"));
        }
        Ok(excerpt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_a_cut_or_unsorted_one_is_refused() {
        let entry = |n: u8| (DocumentId::from_bytes([n; 16]), HeadsDigest([n; 8]));
        let packed = pack_inventory(&[entry(1), entry(2)]);
        assert_eq!(unpack_inventory(&packed), Ok(vec![entry(1), entry(2)]));
        assert!(unpack_inventory(&packed[..47]).is_err());
        assert!(unpack_inventory(&pack_inventory(&[entry(2), entry(1)])).is_err());
        assert!(unpack_inventory(&pack_inventory(&[entry(1), entry(1)])).is_err());
    }

    #[test]
    fn heads_have_one_digest_in_any_order() {
        let (a, b) = (ChangeHash([1; 32]), ChangeHash([2; 32]));
        assert_eq!(HeadsDigest::of(&[a, b]), HeadsDigest::of(&[b, a]));
        assert_ne!(HeadsDigest::of(&[a, b]), HeadsDigest::of(&[a]));
    }
}
