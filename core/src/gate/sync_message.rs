//! Messages of Automerge's own synchronization, which other programs send.
//!
//! Automerge 0.12 trusts them: ten bytes with an empty bloom filter make it divide by zero, and fifteen make it ask for 17 GB.
//! Everything that a message holds is read here, so that no byte of it needs to reach Automerge: the changes pass the gate
//! like all others, and the filters answer by themselves.

use super::bytes::Bytes;
use super::chunk::read_max;
use super::{Checked, check};
use crate::error::{Cause, Refusal};
use crate::id::ChangeHash;
use crate::limits::{
    CHANGE_BYTES_MAX, CHANGE_DEPS_MAX, SYNC_CHANGES_MAX, SYNC_FILTER_BITS_MAX, SYNC_FILTER_ENTRIES_MAX,
    SYNC_FILTER_PROBES_MAX, SYNC_FLAGS_BYTES_MAX, SYNC_HAVES_MAX, SYNC_INFLATED_BYTES_MAX, SYNC_MESSAGE_BYTES_MAX,
};

/// The first byte of a message whose changes are changes. One that carries a whole document begins with another: it is
/// sent only to those who say that they take it.
const MESSAGE: u8 = 0x42;

/// A message within all bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncMessage {
    /// The sender's heads.
    pub heads: Vec<ChangeHash>,
    /// The changes that the sender asks for.
    pub need: Vec<ChangeHash>,
    /// What the sender has.
    pub have: Vec<Have>,
    /// The changes that it brings, in their order, each with its own verdict: a bad one stops no other.
    pub changes: Vec<Result<Checked, Refusal>>,
}

/// A summary of what the sender of a message has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Have {
    /// The heads up to which sender and receiver had the same.
    pub last_sync: Vec<ChangeHash>,
    /// What the sender has beyond them.
    pub filter: Filter,
}

/// A bloom filter that summarizes changes: what it does not contain the sender does not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    probes: u32,
    /// Empty where the filter summarizes nothing; at most [`SYNC_FILTER_ENTRIES_MAX`] times [`SYNC_FILTER_BITS_MAX`] bits.
    bits: Vec<u8>,
}

impl Filter {
    /// Whether the change is, as far as the filter can tell, among those that it summarizes. Takes at most
    /// [`SYNC_FILTER_PROBES_MAX`] steps.
    #[must_use]
    pub fn contains(&self, hash: ChangeHash) -> bool {
        let modulo = self.bits.len() as u64 * 8;
        if modulo == 0 {
            return false;
        }
        let part = |at: usize| u64::from(u32::from_le_bytes(std::array::from_fn(|byte| hash.0[at + byte]))) % modulo;
        let (mut x, mut y, z) = (part(0), part(4), part(8));
        (0..self.probes.max(1)).all(|_| {
            let byte = usize::try_from(x / 8).ok().and_then(|at| self.bits.get(at));
            let is_set = byte.is_some_and(|byte| byte & (1 << (x % 8)) != 0);
            (x, y) = ((x + y) % modulo, (y + z) % modulo);
            is_set
        })
    }

    fn read(data: &[u8]) -> Result<Self, Refusal> {
        let mut bytes = Bytes::new(data);
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let entries = bytes.bounded(SYNC_FILTER_ENTRIES_MAX, "number of changes in a bloom filter")?;
        let bits = bytes.bounded(SYNC_FILTER_BITS_MAX, "number of a bloom filter's bits for each")?;
        let probes = bytes.bounded(SYNC_FILTER_PROBES_MAX, "number of a bloom filter's probes")?;
        if entries == 0 || bits == 0 || probes == 0 {
            return Err(malformed("a bloom filter has no changes, no bits or no probes"));
        }
        let bits = bytes.take((entries * bits).div_ceil(8), "bloom filter's bits")?.to_vec();
        ends(&bytes, "a bloom filter")?;
        let probes = u32::try_from(probes).map_err(|_| malformed("a bloom filter has too many probes"))?;
        Ok(Self { probes, bits })
    }
}

/// Looks at the bytes of one message, and at each change in it as [`check`] does.
///
/// # Errors
/// A [`Refusal`] of the whole message where it is not of the form it should have, or beyond one of the bounds `SYNC_…` in
/// [`crate::limits`]. That of a single change stands in [`SyncMessage::changes`].
pub fn check_sync_message(message: &[u8]) -> Result<SyncMessage, Refusal> {
    if message.len() > SYNC_MESSAGE_BYTES_MAX {
        let detail =
            format!("the message has {} bytes, and at most {SYNC_MESSAGE_BYTES_MAX} are allowed", message.len());
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    let mut bytes = Bytes::new(message);
    let [first] = bytes.array("first byte")?;
    if first != MESSAGE {
        return Err(malformed(format!("{first:#x} does not begin a message of changes")));
    }
    let heads = hashes(&mut bytes, "number of heads")?;
    let need = hashes(&mut bytes, "number of changes asked for")?;
    let haves = bytes.bounded(SYNC_HAVES_MAX, "number of summaries")?;
    let have = (0..haves).map(|_| have(&mut bytes)).collect::<Result<_, _>>()?;
    let changes = changes(&mut bytes)?;
    if !bytes.is_empty() {
        // What the sender is able to do. Nothing here depends on it.
        let length = bytes.bounded(SYNC_FLAGS_BYTES_MAX, "length of the flags")?;
        bytes.take(length, "flags")?;
        ends(&bytes, "the message")?;
    }
    Ok(SyncMessage { heads, need, have, changes })
}

fn have(bytes: &mut Bytes<'_>) -> Result<Have, Refusal> {
    let last_sync = hashes(bytes, "number of heads of the last synchronization")?;
    let length = bytes.bounded(SYNC_MESSAGE_BYTES_MAX, "bloom filter's length")?;
    Ok(Have { last_sync, filter: Filter::read(bytes.take(length, "bloom filter")?)? })
}

fn hashes(bytes: &mut Bytes<'_>, what: &str) -> Result<Vec<ChangeHash>, Refusal> {
    let count = bytes.bounded(CHANGE_DEPS_MAX, what)?;
    (0..count).map(|_| bytes.array("hashes").map(ChangeHash)).collect()
}

fn changes(bytes: &mut Bytes<'_>) -> Result<Vec<Result<Checked, Refusal>>, Refusal> {
    let count = bytes.bounded(SYNC_CHANGES_MAX, "number of changes")?;
    let (mut changes, mut inflated) = (Vec::new(), 0);
    for _ in 0..count {
        let length = bytes.bounded(CHANGE_BYTES_MAX, "change's length")?;
        let chunk = bytes.take(length, "changes")?;
        let change = check(chunk);
        // One that is refused may have been inflated up to its bound before.
        inflated += change.as_ref().map_or_else(|_| read_max(chunk), |change| change.bytes.len());
        if inflated > SYNC_INFLATED_BYTES_MAX {
            let detail = format!("the message's changes have more than the {SYNC_INFLATED_BYTES_MAX} bytes allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        changes.push(change);
    }
    Ok(changes)
}

fn ends(bytes: &Bytes<'_>, what: &str) -> Result<(), Refusal> {
    if bytes.is_empty() { Ok(()) } else { Err(malformed(format!("something follows {what}"))) }
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Cause::Malformed, detail)
}
