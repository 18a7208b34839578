//! What travels between devices and relays, and what the log is made of.
//!
//! Frames, segments and units are CBOR maps with integer keys, so that fields can be added; an unknown key is skipped.
//! Batches are compressed by zstd. The bounds are those of [`crate::limits`]. `docs/protocol.md` has the whole story.

pub mod access;
mod codec;
mod cursor;
mod fingerprint;
mod frame;
mod inventory;
mod segment;
mod unit;

pub use codec::{compress, decode, decode_batch, encode, encode_batch};
pub use cursor::{Cursor, RunningHash, Scope};
pub use fingerprint::Fingerprint;
pub use frame::{
    Applied, ClientFrame, Directory, Fetch, Hello, KnownDevice, KnownMember, LogHead, Peer, PeerApplied, PollAnswer,
    Push, RelayFrame, Role, Subscribe, UnitOutcome, Welcome,
};
pub use inventory::{
    Excerpt, Excerpted, HeadsDigest, INVENTORY_ENTRY_BYTES, InventoryEntry, pack_inventory, unpack_inventory,
};
pub use segment::{LoggedUnit, Segment};
pub use unit::{Unit, UnitChange};

/// The protocol that this build speaks. The bounds of the gate belong to it.
pub const PROTOCOL_VERSION: u16 = 1;
