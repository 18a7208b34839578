use redb::{ReadableTable, ReadableTableMetadata};
use regard_core::id::{DeviceId, DocumentId, UnitId};
use regard_core::limits::RECEIPTS_PER_DEVICE_MAX;
use regard_core::time::Timestamp;
use regard_core::visibility::{Place, Receipt};
use regard_core::wire::{Cursor, Peer, PeerApplied, Scope};

use super::Store;
use super::documents::{document_row, find_row, is_row_of};
use super::error::{During, StoreError};
use super::tables::{
    CURSORS, DOCUMENTS, IDS, PEERS, PeerRow, QUARANTINE, QuarantineRow, RECEIPTS, RECONCILED, ReceiptRow,
    ReconciledRow, Row, SAVES, SAVES_OF, SaveRow, VisibleRow, WITNESSES,
};
use super::transaction::{Writer, next_number};

/// A save of a record, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveState {
    /// Its id.
    pub unit: UnitId,
    /// The device that made it, as it says.
    pub author: Option<DeviceId>,
    /// The device that brought it to the relay; `None` while it has not left this one.
    pub carrier: Option<DeviceId>,
    /// When it was made, as it says.
    pub saved_at: Timestamp,
    /// The scope whose log it belongs to.
    pub scope: Scope,
    /// Its place in the log; `None` while the relay has not accepted it.
    pub place: Option<Place>,
    /// When it became durable on this device, by this device's clock.
    pub applied_at: Timestamp,
}

/// Another device, as the relay last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerState {
    /// The device.
    pub device: DeviceId,
    /// Whether it is connected.
    pub online: bool,
    /// Since when it is, or is not.
    pub since: Timestamp,
}

/// Notes a save for the records that it touches, and answers its row.
pub(super) fn note_save(writer: &mut Writer<'_>, save: &SaveRow) -> Result<u64, StoreError> {
    let number = next_number(&writer.saves)?;
    SAVES.put(&mut writer.saves, number, save)?;
    for row in save.rows() {
        writer.saves_of.insert((row.0, number), ()).during("write a row")?;
    }
    Ok(number)
}

pub(super) fn note_visible(
    writer: &mut Writer<'_>,
    save: u64,
    carrier: DeviceId,
    visible: VisibleRow,
) -> Result<(), StoreError> {
    let row: Option<SaveRow> = SAVES.get(&writer.saves, save)?;
    let mut row = row.ok_or_else(|| StoreError::damaged(format!("save {save} waits to be sent and is not there")))?;
    (row.carrier, row.visible) = (Some(carrier), Some(visible));
    SAVES.put(&mut writer.saves, save, &row)
}

/// Notes where a save that is here already stands now, unless its place is of this generation already.
pub(super) fn refresh_visible(
    writer: &mut Writer<'_>,
    row: Row,
    unit: UnitId,
    carrier: DeviceId,
    visible: VisibleRow,
) -> Result<(), StoreError> {
    let mut found = None;
    for entry in writer.saves_of.range((row.0, 0)..=(row.0, u64::MAX)).during("read rows")?.rev() {
        let number = entry.during("read a row")?.0.value().1;
        let save: Option<SaveRow> = SAVES.get(&writer.saves, number)?;
        if let Some(save) = save.filter(|save| save.unit == unit) {
            found = Some((number, save.visible));
            break;
        }
    }
    match found {
        Some((_, Some(known))) if known.generation >= visible.generation => Ok(()),
        Some((number, _)) => note_visible(writer, number, carrier, visible),
        None => Ok(()),
    }
}

/// To which comparison with the log the places belong that are noted now.
pub(super) fn generation(writer: &Writer<'_>, scope: Scope) -> Result<u64, StoreError> {
    let reconciled: Option<ReconciledRow> = RECONCILED.get(&writer.reconciled, scope.number())?;
    Ok(reconciled.map_or(0, |row| row.generation))
}

impl Store {
    /// The furthest end of a scope's log that an answer to a push has told.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn witness(&self, scope: Scope) -> Result<Option<Cursor>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(WITNESSES.definition).during("open a table")?;
            WITNESSES.get(&table, scope.number())
        })
    }

    /// How far a scope's log is applied.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn cursor(&self, scope: Scope) -> Result<Option<Cursor>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(CURSORS.definition).during("open a table")?;
            CURSORS.get(&table, scope.number())
        })
    }

    /// Places behind the cursor that were set aside, in order.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn exceptions(&self, scope: Scope) -> Result<Vec<u64>, StoreError> {
        let Some(cursor) = self.cursor(scope)? else { return Ok(Vec::new()) };
        self.read(|transaction| {
            let table = transaction.open_table(QUARANTINE.definition).during("open a table")?;
            let reconciled = transaction.open_table(RECONCILED.definition).during("open a table")?;
            let reconciled: Option<ReconciledRow> = RECONCILED.get(&reconciled, scope.number())?;
            let generation = reconciled.map_or(0, |row| row.generation);
            let mut places = Vec::new();
            for entry in table.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: QuarantineRow = QUARANTINE.open(&key.value(), value.value())?;
                let is_current = row.generation.is_none_or(|noted| noted >= generation);
                if is_current && row.scope == scope && row.epoch == cursor.epoch && row.seq <= cursor.seq {
                    places.push(row.seq);
                }
            }
            places.sort_unstable();
            places.dedup();
            Ok(places)
        })
    }

    /// Moves the cursor over what this device has brought itself.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn advance(&self, scope: Scope, cursor: Cursor) -> Result<(), StoreError> {
        self.write_lazily(|writer| CURSORS.put(&mut writer.cursors, scope.number(), &cursor))
    }

    /// The saves of a record, newest first.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`]; else as the disk has it.
    pub fn saves(&self, id: DocumentId, at_most: usize) -> Result<Vec<SaveState>, StoreError> {
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let saves_of = transaction.open_table(SAVES_OF).during("open a table")?;
            let saves = transaction.open_table(SAVES.definition).during("open a table")?;
            let reconciled = transaction.open_table(RECONCILED.definition).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let Row(row) = find_row(&ids, &documents, id)?.ok_or(StoreError::NoRecord(id))?;
            is_row_of(&document_row(&documents, Row(row))?, id)?;
            let newest = saves_of.range((row, 0)..=(row, u64::MAX)).during("read rows")?.rev().take(at_most);
            newest
                .map(|entry| {
                    let number = entry.during("read a row")?.0.value().1;
                    let save: Option<SaveRow> = SAVES.get(&saves, number)?;
                    let save = save.ok_or_else(|| StoreError::damaged(format!("save {number} is missing")))?;
                    let reconciled = RECONCILED.get(&reconciled, save.scope.number())?;
                    Ok(save_state(save, reconciled))
                })
                .collect()
        })
    }

    /// Keeps what the relay told of other devices, and answers which of them came or went.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn keep_peers(&self, peers: &[Peer]) -> Result<Vec<PeerState>, StoreError> {
        self.write_lazily(|writer| {
            let mut changed = Vec::new();
            for peer in peers {
                let Peer { device, online, since, applied } = peer;
                let key = *device.as_bytes();
                let before: Option<PeerRow> = PEERS.get(&writer.peers, key)?;
                if before.map(|row| row.online) != Some(*online) {
                    changed.push(PeerState { device: *device, online: *online, since: *since });
                }
                PEERS.put(&mut writer.peers, key, &PeerRow { online: *online, since: *since })?;
                applied.iter().try_for_each(|applied| keep_receipt(writer, key, applied))?;
            }
            Ok(changed)
        })
    }

    /// Other devices as last heard.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn peers(&self) -> Result<Vec<PeerState>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(PEERS.definition).during("open a table")?;
            let rows = table.iter().during("read rows")?;
            rows.map(|entry| {
                let (key, value) = entry.during("read a row")?;
                let row: PeerRow = PEERS.open(&key.value(), value.value())?;
                Ok(PeerState { device: DeviceId::from_bytes(key.value()), online: row.online, since: row.since })
            })
            .collect()
        })
    }

    /// The first report in which `device` says that it has applied `place`.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn receipt(&self, device: DeviceId, scope: Scope, place: &Place) -> Result<Option<Receipt>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(RECEIPTS.definition).during("open a table")?;
            let from = (*device.as_bytes(), scope.number(), place.seq);
            let mut set_aside = None;
            for entry in table.range(from..=(from.0, from.1, u64::MAX)).during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: ReceiptRow = RECEIPTS.open(&key.value(), value.value())?;
                if row.epoch != place.epoch {
                    continue;
                }
                let is_excepted =
                    place.is_exact && row.except.iter().any(|seq| (place.first_seq..=place.seq).contains(seq));
                if !is_excepted {
                    return Ok(Some(Receipt { at: row.at, set_aside: false }));
                }
                // A later report may say that it was applied after all.
                set_aside.get_or_insert(Receipt { at: row.at, set_aside: true });
            }
            Ok(set_aside)
        })
    }
}

fn save_state(save: SaveRow, reconciled: Option<ReconciledRow>) -> SaveState {
    let place = save.visible.map(|visible| match reconciled {
        // The log was another one then. What was equal when it was compared stands somewhere before its end.
        Some(ReconciledRow { generation, epoch, seq }) if visible.generation < generation => {
            Place { epoch, first_seq: seq, seq, at: visible.at, is_exact: false }
        }
        _ => {
            let VisibleRow { epoch, seq, at, first_seq, .. } = visible;
            Place { epoch, first_seq, seq, at, is_exact: true }
        }
    });
    let SaveRow { unit, author, carrier, saved_at, scope, applied_at, .. } = save;
    SaveState { unit, author, carrier, saved_at, scope, place, applied_at }
}

fn keep_receipt(writer: &mut Writer<'_>, device: [u8; 16], applied: &PeerApplied) -> Result<(), StoreError> {
    let key = (device, applied.scope.number(), applied.seq);
    let known: Option<ReceiptRow> = RECEIPTS.get(&writer.receipts, key)?;
    if known.is_some_and(|row| row.epoch == applied.epoch && row.except == applied.except) {
        return Ok(());
    }
    let row = ReceiptRow { epoch: applied.epoch, at: applied.at, except: applied.except.clone() };
    RECEIPTS.put(&mut writer.receipts, key, &row)?;
    drop_old_receipts(writer, device, applied.scope)
}

/// Receipts grow with every report; the oldest say least, because whoever asks about an old save is answered by any later
/// one. Each kind of count is kept within its bound by looking now and then: going through a thousand rows takes a while.
fn drop_old_receipts(writer: &mut Writer<'_>, device: [u8; 16], scope: Scope) -> Result<(), StoreError> {
    const LOOK_EVERY: u64 = 64;
    if writer.receipts.len().during("count rows")? % LOOK_EVERY != 0 {
        return Ok(());
    }
    let all = (device, scope.number(), 0)..=(device, scope.number(), u64::MAX);
    let keys: Vec<_> = {
        let rows = writer.receipts.range(all).during("read rows")?;
        rows.map(|entry| entry.during("read a row").map(|(key, _)| key.value())).collect::<Result<_, _>>()?
    };
    for key in keys.iter().take(keys.len().saturating_sub(RECEIPTS_PER_DEVICE_MAX)) {
        writer.receipts.remove(*key).during("remove a row")?;
    }
    Ok(())
}
