//! Changes that cannot be applied here, kept with the reason, so that nothing is lost and nothing stops the others.
//!
//! They are tried again when what they lack comes, when the program is another one, and when the person asks for it. What is
//! too much loses its bytes and then its row, the oldest first; that is counted and told.

mod aside;
mod heal;
mod list;
#[cfg(test)]
mod tests;

pub(super) use aside::Aside;
pub use heal::Retried;
pub(super) use heal::{Which, heal, heal_changed, not_begun};
pub use list::{QuarantineSummary, Quarantined, QuarantinedChange};

use minicbor::{Decode, Encode};
use redb::ReadableTableMetadata;
use regard_core::error::Cause;
use regard_core::gate;
use regard_core::id::ChangeHash;
use regard_core::limits::{QUARANTINE_BYTES_MAX, QUARANTINE_MAX, QUARANTINE_ORPHAN_AGE};
use regard_core::time::Timestamp;
use sha2::{Digest, Sha256};

use self::aside::{Entry, Index};
use super::error::{During, StoreError};
use super::tables::{QUARANTINE, QuarantineRow, SETTINGS};
use super::transaction::{Writer, next_number};

const DROPPED_KEY: &str = "quarantine_dropped";

/// What went because there was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
struct DroppedRow {
    /// Changes whose bytes are not kept any more.
    #[n(0)]
    changes: u64,
    /// How many bytes these were.
    #[n(1)]
    bytes: u64,
}

/// By which a change that was set aside is named: its hash; where the gate does not read it, the hash of its bytes.
pub(super) fn name_of(bytes: &[u8]) -> ChangeHash {
    match gate::check(bytes) {
        Ok(checked) => checked.header.hash,
        Err(_) => gate::hash_of(bytes).unwrap_or_else(|| ChangeHash(Sha256::digest(bytes).into())),
    }
}

/// Whether it may apply once something else has come.
fn is_orphan(row: &QuarantineRow) -> bool {
    row.reason.cause == Cause::MissingDependency
}

/// The change by which an orphan is found when that comes: any that it follows.
fn waits_for(row: &QuarantineRow) -> Option<ChangeHash> {
    let checked = gate::check(&row.bytes).ok().filter(|_| is_orphan(row))?;
    checked.header.deps.first().copied()
}

/// Sets a change aside, in place of what is known of the same change already: it may stand elsewhere in the log now.
pub(super) fn set_aside(
    writer: &mut Writer<'_>,
    index: &mut Index,
    row: &QuarantineRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let change = name_of(&row.bytes);
    let number = match index.find(row.document, change) {
        Some(known) => known,
        None => next_number(&writer.quarantine)?,
    };
    QUARANTINE.put(&mut writer.quarantine, number, row)?;
    index.insert(number, Entry::of(row, change));
    // What is here since before was tried when the store was opened.
    heal::tried(writer)?;
    keep_within_bounds(writer, index, now)
}

fn keep_within_bounds(writer: &mut Writer<'_>, index: &mut Index, now: Timestamp) -> Result<(), StoreError> {
    let mut dropped = DroppedRow::default();
    while let Some(number) = index.oldest_beyond(QUARANTINE_BYTES_MAX, QUARANTINE_ORPHAN_AGE, now) {
        let row: Option<QuarantineRow> = QUARANTINE.get(&writer.quarantine, number)?;
        let Some(row) = row else { return Err(StoreError::damaged("a change that was set aside is missing")) };
        dropped = DroppedRow { changes: dropped.changes + 1, bytes: dropped.bytes + row.bytes.len() as u64 };
        // The row stays, so that the place is still told to the others.
        QUARANTINE.put(&mut writer.quarantine, number, &QuarantineRow { bytes: Vec::new(), ..row })?;
        index.emptied(number);
    }
    while writer.quarantine.len().during("count rows")? > QUARANTINE_MAX as u64 {
        let Some((number, bytes)) = index.take_oldest() else { break };
        writer.quarantine.remove(number).during("remove a row")?;
        if bytes > 0 {
            dropped = DroppedRow { changes: dropped.changes + 1, bytes: dropped.bytes + bytes };
        }
    }
    if dropped == DroppedRow::default() {
        return Ok(());
    }
    tracing::warn!(changes = dropped.changes, bytes = dropped.bytes, "the oldest changes that were set aside went");
    let before: DroppedRow = SETTINGS.get(&writer.settings, DROPPED_KEY)?.unwrap_or_default();
    let all = DroppedRow { changes: before.changes + dropped.changes, bytes: before.bytes + dropped.bytes };
    SETTINGS.put(&mut writer.settings, DROPPED_KEY, &all)
}
