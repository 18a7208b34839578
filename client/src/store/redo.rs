use std::collections::{BTreeMap, HashMap, HashSet};

use redb::ReadableTable;
use regard_core::error::Cause;
use regard_core::gate::{self, Redone};
use regard_core::id::{ACTOR_NONCE_BYTES, Actor, ChangeHash, Entropy};
use regard_core::limits::REDONE_MAX;
use regard_core::time::Timestamp;
use regard_core::wire::Scope;

use super::Store;
use super::documents::document_row;
use super::error::{During, StoreError};
use super::outbox::{LOOKED_UP, queue};
use super::quarantine::{Which, heal};
use super::settings::{ACTOR_KEY, ActorRow};
use super::tables::{ChangeRef, OUTBOX, OutboxRow, Row, SAVES, SETTINGS, SaveRow};
use super::transaction::Writer;

/// Changes that have others in their place.
type Made = HashMap<(Row, ChangeHash), ChangeHash>;

impl Store {
    /// Makes the saves of this store again that a relay refused because of how they were numbered or what they follow, under
    /// an actor that nobody else has, and takes in what had been set aside because of them. Answers the places of the log
    /// that are applied now; nothing where there was nothing to make again.
    ///
    /// # Errors
    /// As the disk has it. Everything is as it was then.
    pub fn redo(
        &self,
        scope: Scope,
        now: Timestamp,
        entropy: &mut dyn Entropy,
    ) -> Result<Option<Vec<u64>>, StoreError> {
        if !self.read_outbox_rows(scope)?.iter().any(|(_, row)| self.is_to_be_redone(row)) {
            return Ok(None);
        }
        self.write_documents(|writer, bench| {
            let rows = outbox_rows(&writer.outbox, scope)?;
            let refused = self.refused_changes(&rows);
            let actor = self.new_actor(writer, entropy)?;
            let mut made = Made::new();
            let mut healed = Vec::new();
            for (row, hashes) in refused {
                let meta = document_row(&writer.documents, row)?;
                let open = bench.open(self, writer, meta.id)?.ok_or(StoreError::NoRecord(meta.id))?;
                let Redone { document, made: changes } = gate::redo(&open.document, &hashes, &actor)?;
                made.extend(changes.into_iter().map(|(old, new)| ((row, old), new.hash)));
                open.replace(writer, document)?;
                // What collided with the numbers of these changes does so no more.
                healed.extend(heal(self, writer, bench, meta.id, (Which::All, now))?);
            }
            for (place, outbox_row) in rows {
                self.send_again(writer, scope, place, outbox_row, &made)?;
            }
            Ok(Some(healed))
        })
    }

    fn read_outbox_rows(&self, scope: Scope) -> Result<Vec<(u64, OutboxRow)>, StoreError> {
        self.read(|transaction| outbox_rows(&transaction.open_table(OUTBOX.definition).during("open a table")?, scope))
    }

    /// Others' saves are not remade in one's own name, and one that was refused again and again is shown instead.
    fn is_to_be_redone(&self, row: &OutboxRow) -> bool {
        let cause = row.refused.as_ref().map(|refusal| refusal.cause);
        let can_be_healed = matches!(
            cause,
            Some(Cause::SequenceTaken | Cause::OutOfOrder | Cause::MissingDependency | Cause::ForeignActor)
        );
        let is_own = row.author.is_some_and(|author| self.identity().is_own(author));
        can_be_healed && is_own && row.redone < REDONE_MAX
    }

    fn refused_changes(&self, rows: &[(u64, OutboxRow)]) -> BTreeMap<Row, HashSet<ChangeHash>> {
        let mut refused: BTreeMap<Row, HashSet<ChangeHash>> = BTreeMap::new();
        for (_, row) in rows.iter().filter(|(_, row)| self.is_to_be_redone(row)) {
            for change in &row.changes {
                refused.entry(change.row).or_default().insert(change.hash);
            }
        }
        refused
    }

    pub(super) fn new_actor(&self, writer: &mut Writer<'_>, entropy: &mut dyn Entropy) -> Result<Actor, StoreError> {
        let mut nonce = [0; ACTOR_NONCE_BYTES];
        entropy.fill(&mut nonce);
        SETTINGS.put(&mut writer.settings, ACTOR_KEY, &ActorRow { nonce })?;
        Ok(Actor::of_device(self.identity().device, nonce))
    }

    /// Puts a save that was made again, or that follows one, behind all others, in their order.
    fn send_again(
        &self,
        writer: &mut Writer<'_>,
        scope: Scope,
        place: u64,
        row: OutboxRow,
        made: &Made,
    ) -> Result<(), StoreError> {
        let is_remade = row.changes.iter().any(|change| made.contains_key(&(change.row, change.hash)));
        if !is_remade && !self.is_to_be_redone(&row) {
            return Ok(());
        }
        let device = Some(self.identity().device);
        if let Some(number) = row.save {
            let save: Option<SaveRow> = SAVES.get(&writer.saves, number)?;
            let mut save = save.ok_or_else(|| StoreError::damaged(format!("save {number} is missing")))?;
            for (row, hash) in &mut save.changes {
                *hash = made.get(&(*row, *hash)).copied().unwrap_or(*hash);
            }
            save.author = device;
            SAVES.put(&mut writer.saves, number, &save)?;
        }
        let again = |change: ChangeRef| match made.get(&(change.row, change.hash)) {
            Some(hash) => ChangeRef { number: LOOKED_UP, hash: *hash, ..change },
            None => change,
        };
        let changes = row.changes.into_iter().map(again).collect();
        writer.outbox.remove((scope.number(), place)).during("remove a row")?;
        let redone = row.redone + 1;
        queue(writer, scope, &OutboxRow { changes, author: device, refused: None, redone, is_refill: false, ..row })
    }
}

fn outbox_rows(
    outbox: &impl ReadableTable<(u8, u64), &'static [u8]>,
    scope: Scope,
) -> Result<Vec<(u64, OutboxRow)>, StoreError> {
    let all = outbox.range((scope.number(), 0)..=(scope.number(), u64::MAX)).during("read rows")?;
    all.map(|entry| {
        let (key, value) = entry.during("read a row")?;
        Ok((key.value().1, OUTBOX.open(&key.value(), value.value())?))
    })
    .collect()
}
