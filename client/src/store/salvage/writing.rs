use std::collections::BTreeMap;

use regard_core::id::{ChangeHash, DocumentId, Entropy, EpochId};
use regard_core::record::{Document, genesis};
use regard_core::wire::{Cursor, HeadsDigest, Scope, Unit, UnitChange};

use super::super::Store;
use super::super::documents::write_projection;
use super::super::error::{During, StoreError};
use super::super::index::COUNTS_KEY;
use super::super::migrate::MIGRATION_KEY;
use super::super::outbox::{GENESIS, LOOKED_UP, NEXT_PLACE_KEY};
use super::super::settings::{ACTOR_KEY, FORMAT_KEY};
use super::super::tables::{
    CURSORS, ChangeRef, DOCUMENTS, DocumentRow, OUTBOX, OutboxRow, Row, SAVES, SETTINGS, SaveRow,
};
use super::super::transaction::Writer;
use super::Part;
use super::found::Found;
use super::unsent::Unsent;

/// Rows that one transaction writes: what it holds in memory stays small.
const ROWS_TOGETHER: usize = 500;

/// The new store while it is filled.
pub(super) struct Rebuilding<'a> {
    store: &'a Store,
    found: &'a Found,
    /// Scopes of records whose own row is lost, by the saves that changed them.
    scopes: BTreeMap<u64, Scope>,
    records: Vec<(u64, DocumentRow, Document)>,
}

impl<'a> Rebuilding<'a> {
    pub(super) fn begin(store: &'a Store, found: &'a Found, entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        store.write(|writer| {
            // The actor is drawn anew: what cannot be read has numbers that must not be given twice.
            let derived = [ACTOR_KEY, COUNTS_KEY, MIGRATION_KEY, FORMAT_KEY];
            for (key, value) in found.settings.iter().filter(|(key, _)| !derived.contains(&key.as_str())) {
                SETTINGS.put_bytes(&mut writer.settings, key.as_str(), value)?;
            }
            let place: u64 = SETTINGS.get(&writer.settings, NEXT_PLACE_KEY)?.unwrap_or(1);
            let behind = found.outbox.keys().map(|(_, place)| place.saturating_add(1)).max();
            SETTINGS.put(&mut writer.settings, NEXT_PLACE_KEY, &place.max(behind.unwrap_or(1)))?;
            // No log has this epoch: the relay says so, and everything is compared with its log.
            let mut epoch = [0; 16];
            entropy.fill(&mut epoch);
            let workspace = store.identity().workspace;
            for scope in Scope::ALL {
                let none = Cursor::start(workspace, scope, EpochId::from_bytes(epoch));
                CURSORS.put(&mut writer.cursors, scope.number(), &Cursor { seq: 1, ..none })?;
            }
            Ok(())
        })?;
        let of_save = |save: &SaveRow| save.rows().into_iter().map(move |row| (row.0, save.scope)).collect::<Vec<_>>();
        let scopes = found.saves.values().flat_map(of_save).filter(|(row, _)| !found.documents.contains_key(row));
        Ok(Self { store, found, scopes: scopes.collect(), records: Vec::new() })
    }

    /// Puts a record into its row, folded.
    pub(super) fn record(&mut self, row: u64, id: DocumentId, document: &Document) -> Result<(), StoreError> {
        let kind = document.kind();
        let known = self.found.documents.get(&row);
        let scope = known.map(|meta| meta.scope).or_else(|| self.scopes.get(&row).copied()).unwrap_or(Scope::Records);
        let heads = HeadsDigest::of(&document.heads());
        let changes = document.count();
        let has_snapshot = document.heads() != [genesis::hash(kind)];
        // All changes are in the snapshot, and what names one looks it up there.
        let meta = DocumentRow { id, kind, scope, has_snapshot, next_change: 0, unfolded: 0, heads, changes };
        self.records.push((row, meta, document.clone()));
        if self.records.len() >= ROWS_TOGETHER { self.write_records() } else { Ok(()) }
    }

    fn write_records(&mut self) -> Result<(), StoreError> {
        let records = std::mem::take(&mut self.records);
        self.store.write_lazily(|writer| {
            for (row, meta, document) in &records {
                if meta.has_snapshot {
                    writer.snapshots.insert(row, document.save().as_slice()).during("write a row")?;
                }
                DOCUMENTS.put(&mut writer.documents, *row, meta)?;
                writer.ids.insert(meta.id.as_bytes(), row).during("write a row")?;
                write_projection(writer, Row(*row), document)?;
            }
            Ok(())
        })
    }

    /// Puts the saves back, each with those of its changes that are there.
    pub(super) fn saves(&mut self, parts: &BTreeMap<u64, Part>) -> Result<(), StoreError> {
        self.write_records()?;
        let found: Vec<_> = self.found.saves.iter().collect();
        for some in found.chunks(ROWS_TOGETHER) {
            self.store.write_lazily(|writer| {
                some.iter().try_for_each(|(number, save)| self.save(writer, **number, save, parts))
            })?;
        }
        Ok(())
    }

    fn save(
        &self,
        writer: &mut Writer<'_>,
        number: u64,
        save: &SaveRow,
        parts: &BTreeMap<u64, Part>,
    ) -> Result<(), StoreError> {
        let mut save = save.clone();
        save.changes.retain(|(row, hash)| self.has(parts, *row, *hash));
        if save.changes.is_empty() {
            return Ok(());
        }
        SAVES.put(&mut writer.saves, number, &save)?;
        save.rows()
            .into_iter()
            .try_for_each(|row| writer.saves_of.insert((row.0, number), ()).during("write a row").map(drop))
    }

    /// Whether the new store has a change.
    fn has(&self, parts: &BTreeMap<u64, Part>, row: Row, hash: ChangeHash) -> bool {
        match parts.get(&row.0) {
            Some(part) => part.is_placed && part.has.contains(&hash),
            None => self.found.id(row.0).is_some(),
        }
    }

    /// Puts what was never sent back into the outbox, as far as it can be applied.
    pub(super) fn outbox(&mut self, parts: &BTreeMap<u64, Part>, unsent: &mut Unsent) -> Result<(), StoreError> {
        let found: Vec<_> = self.found.outbox.iter().collect();
        for some in found.chunks(ROWS_TOGETHER) {
            self.store.write_lazily(|writer| {
                some.iter().try_for_each(|(key, row)| self.unsent(writer, **key, row, parts, unsent))
            })?;
        }
        Ok(())
    }

    fn unsent(
        &self,
        writer: &mut Writer<'_>,
        key: (u8, u64),
        row: &OutboxRow,
        parts: &BTreeMap<u64, Part>,
        unsent: &mut Unsent,
    ) -> Result<(), StoreError> {
        if row.changes.iter().all(|change| self.has(parts, change.row, change.hash)) {
            let is_noted = |save: &u64| self.found.saves.contains_key(save);
            let looked_up = |change: &ChangeRef| match change.number {
                GENESIS => *change,
                _ => ChangeRef { number: LOOKED_UP, ..*change },
            };
            let changes = row.changes.iter().map(looked_up).collect();
            let again = OutboxRow { changes, save: row.save.filter(is_noted), ..row.clone() };
            unsent.waiting += 1;
            return OUTBOX.put(&mut writer.outbox, key, &again);
        }
        let mut changes = Vec::new();
        for change in &row.changes {
            match self.bytes(parts, change)? {
                Some(bytes) => changes.push(bytes),
                None => unsent.lost += 1,
            }
        }
        if !changes.is_empty() {
            let OutboxRow { unit: id, author, saved_at, .. } = *row;
            unsent.put_apart(key.0, Unit { id, author, saved_at, changes, signature: None });
        }
        Ok(())
    }

    fn bytes(&self, parts: &BTreeMap<u64, Part>, change: &ChangeRef) -> Result<Option<UnitChange>, StoreError> {
        let Some(document) = self.found.id(change.row.0) else { return Ok(None) };
        let part = parts.get(&change.row.0);
        let bytes = match part.and_then(|part| part.loose.get(&change.hash)) {
            Some(bytes) => Some(bytes.clone()),
            None if genesis::kind_of(change.hash).is_some() => {
                genesis::kind_of(change.hash).map(|kind| genesis::bytes(kind).to_vec())
            }
            None if self.has(parts, change.row, change.hash) => {
                self.store.document(document)?.change(change.hash).map(|change| change.bytes)
            }
            None => None,
        };
        Ok(bytes.map(|bytes| UnitChange { document, bytes }))
    }

    /// Makes durable what was written.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.store.flush()
    }
}
