use redb::ReadableTable;
use regard_core::id::DeviceId;
use regard_core::time::Timestamp;
use regard_core::wire::{Cursor, Scope};

use super::Store;
use super::error::{During, StoreError};
use super::tables::{CURSORS, RECEIPTS, ReceiptRow, SAVES, SaveRow};

/// Saves that are looked at for the newest place of the log: more than can be on the way at the same time.
const NEWEST_SAVES: usize = 64;

impl Store {
    /// How many changes another device lacks of what this one knows to be in the logs, and when that device last told how
    /// far it is. `None` where this device knows of no log.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn behind(&self, device: DeviceId) -> Result<Option<(u64, Option<Timestamp>)>, StoreError> {
        self.read(|transaction| {
            let cursors = transaction.open_table(CURSORS.definition).during("open a table")?;
            let receipts = transaction.open_table(RECEIPTS.definition).during("open a table")?;
            let saves = transaction.open_table(SAVES.definition).during("open a table")?;
            let mut found = None;
            for scope in Scope::ALL {
                let Some(cursor) = CURSORS.get::<Cursor>(&cursors, scope.number())? else { continue };
                let end = end_of_log(&saves, scope, &cursor)?;
                let (seq, at) = last_receipt(&receipts, device, scope, &cursor)?.unzip();
                let (changes, told): &mut (u64, Option<Timestamp>) = found.get_or_insert((0, None));
                *changes += end.saturating_sub(seq.unwrap_or(0));
                *told = (*told).max(at);
            }
            Ok(found)
        })
    }
}

/// The cursor moves over own changes only when the relay says so, which may be later than the answer to their push.
fn end_of_log(
    saves: &impl ReadableTable<u64, &'static [u8]>,
    scope: Scope,
    cursor: &Cursor,
) -> Result<u64, StoreError> {
    let mut end = cursor.seq;
    for entry in saves.iter().during("read rows")?.rev().take(NEWEST_SAVES) {
        let (key, value) = entry.during("read a row")?;
        let row: SaveRow = SAVES.open(&key.value(), value.value())?;
        let place = row.visible.filter(|visible| visible.epoch == cursor.epoch && row.scope == scope);
        end = end.max(place.map_or(0, |visible| visible.seq));
    }
    Ok(end)
}

fn last_receipt(
    receipts: &impl ReadableTable<([u8; 16], u8, u64), &'static [u8]>,
    device: DeviceId,
    scope: Scope,
    cursor: &Cursor,
) -> Result<Option<(u64, Timestamp)>, StoreError> {
    let all = (*device.as_bytes(), scope.number(), 0)..=(*device.as_bytes(), scope.number(), u64::MAX);
    for entry in receipts.range(all).during("read rows")?.rev() {
        let (key, value) = entry.during("read a row")?;
        let row: ReceiptRow = RECEIPTS.open(&key.value(), value.value())?;
        if row.epoch == cursor.epoch {
            return Ok(Some((key.value().2, row.at)));
        }
    }
    Ok(None)
}
