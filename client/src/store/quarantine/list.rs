use redb::{ReadableTable, ReadableTableMetadata};
use regard_core::error::Refusal;
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, UnitId};
use regard_core::time::Timestamp;
use regard_core::wire::Scope;
use serde::{Deserialize, Serialize};

use super::super::Store;
use super::super::error::{During, StoreError};
use super::super::tables::{QUARANTINE, QuarantineRow, SETTINGS};
use super::{DROPPED_KEY, DroppedRow, name_of};

/// A change that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// The change's hash, by which it is named. Where it cannot be read as a change, or its bytes are gone, the hash of the
    /// bytes.
    pub change: ChangeHash,
    /// The record that it says it belongs to.
    pub document: DocumentId,
    /// Why it was not accepted.
    pub reason: Refusal,
    /// Who brought it.
    pub carrier: DeviceId,
    /// Who made it, as it says.
    pub author: Option<DeviceId>,
    /// The save that it is part of.
    pub save: UnitId,
    /// The scope in whose log it stands.
    pub scope: Scope,
    /// The log's life.
    pub epoch: EpochId,
    /// Its place in the log.
    pub seq: u64,
    /// When it came.
    pub at: Timestamp,
    /// Its size in bytes; zero where they are not kept any more.
    pub bytes: usize,
}

/// The same with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedChange {
    /// What is known of it.
    pub known: Quarantined,
    /// When it was made, as it says.
    pub saved_at: Timestamp,
    /// Since when it is visible.
    pub visible_at: Timestamp,
    /// The raw change.
    pub bytes: Vec<u8>,
}

/// How much is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuarantineSummary {
    /// Changes.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Changes that are not kept any more, because there were too many or nothing came that they lacked.
    pub dropped: u64,
    /// How many bytes these had.
    pub dropped_bytes: u64,
}

impl Store {
    /// What was set aside, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        self.quarantined_some(usize::MAX)
    }

    /// The newest changes that were set aside, at most so many, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn quarantined_some(&self, at_most: usize) -> Result<Vec<Quarantined>, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(QUARANTINE.definition).during("open a table")?;
            let rows = table.iter().during("read rows")?.rev().take(at_most);
            rows.map(|entry| {
                let (key, value) = entry.during("read a row")?;
                Ok(known(&QUARANTINE.open(&key.value(), value.value())?))
            })
            .collect()
        })
    }

    /// Hands on each change that was set aside and whose bytes are kept, oldest first, until `each` fails.
    ///
    /// # Errors
    /// As the disk has it, or what `each` answers.
    pub fn each_quarantined<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(QuarantinedChange) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = 0;
        loop {
            let next = self.read(|transaction| {
                let table = transaction.open_table(QUARANTINE.definition).during("open a table")?;
                let next = table.range(after + 1..).during("read rows")?.next().transpose().during("read a row")?;
                next.map(|(key, value)| Ok((key.value(), QUARANTINE.open(&key.value(), value.value())?))).transpose()
            });
            let next: Option<(u64, QuarantineRow)> = next?;
            let Some((number, row)) = next else { return Ok(()) };
            after = number;
            if !row.bytes.is_empty() {
                let (known, QuarantineRow { saved_at, visible_at, bytes, .. }) = (known(&row), row);
                each(QuarantinedChange { known, saved_at, visible_at, bytes })?;
            }
        }
    }

    /// How much is set aside.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn quarantine_summary(&self) -> Result<QuarantineSummary, StoreError> {
        self.read(|transaction| {
            let table = transaction.open_table(QUARANTINE.definition).during("open a table")?;
            let settings = transaction.open_table(SETTINGS.definition).during("open a table")?;
            let dropped: DroppedRow = SETTINGS.get(&settings, DROPPED_KEY)?.unwrap_or_default();
            let mut bytes = 0;
            for entry in table.iter().during("read rows")? {
                let (key, value) = entry.during("read a row")?;
                let row: QuarantineRow = QUARANTINE.open(&key.value(), value.value())?;
                bytes += row.bytes.len() as u64;
            }
            let changes = table.len().during("count rows")?;
            Ok(QuarantineSummary { changes, bytes, dropped: dropped.changes, dropped_bytes: dropped.bytes })
        })
    }
}

fn known(row: &QuarantineRow) -> Quarantined {
    let QuarantineRow { document, bytes, reason, carrier, seq, at, epoch, scope, unit, author, .. } = row;
    Quarantined {
        change: name_of(bytes),
        document: *document,
        reason: reason.clone(),
        carrier: *carrier,
        author: *author,
        save: *unit,
        scope: *scope,
        epoch: *epoch,
        seq: *seq,
        at: *at,
        bytes: bytes.len(),
    }
}
