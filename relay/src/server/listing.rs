//! Answers to devices that reconcile: what a log holds by documents, and whole documents of it.

use std::sync::Arc;

use regard_core::id::DocumentId;
use regard_core::limits::BATCH_BYTES_TARGET;
use regard_core::wire::{Excerpt, INVENTORY_ENTRY_BYTES, RelayFrame, Scope, pack_inventory};

use super::blocking;
use super::sender::{End, Sender};
use crate::store::StoreError;

/// Entries of one frame.
const ENTRIES_OF_A_FRAME: usize = BATCH_BYTES_TARGET / INVENTORY_ENTRY_BYTES;

impl Sender {
    pub(super) async fn send_inventory(&mut self, scope: Scope) -> Result<(), End> {
        let (relay, log) = (Arc::clone(&self.served.relay), self.log(scope));
        // A closed semaphore would only mean that nobody bounds this any more; it never is closed.
        let turn = Arc::clone(&relay.inventories).acquire_owned().await;
        let (at, entries) = blocking(move || relay.logs.inventory(&log)).await?;
        drop(turn);
        let mut pieces = entries.chunks(ENTRIES_OF_A_FRAME).peekable();
        loop {
            let entries = pack_inventory(pieces.next().unwrap_or_default());
            let last = pieces.peek().is_none();
            self.outlet.frame(&RelayFrame::Inventory { scope, at, entries, last }).await?;
            if last {
                return Ok(());
            }
        }
    }

    pub(super) async fn send_excerpt(&mut self, scope: Scope, documents: Vec<DocumentId>) -> Result<(), End> {
        let (relay, log) = (Arc::clone(&self.served.relay), self.log(scope));
        let documents = documents.into_iter().collect();
        let packed = blocking(move || {
            let mut excerpts = relay.logs.excerpt(&log, &documents)?;
            if excerpts.is_empty() {
                excerpts.push(Excerpt { units: Vec::new() });
            }
            Ok::<_, StoreError>(excerpts.iter().map(Excerpt::pack).collect::<Vec<_>>())
        });
        let mut packed = packed.await?.into_iter().peekable();
        while let Some(piece) = packed.next() {
            let last = packed.peek().is_none();
            self.outlet.frame(&RelayFrame::Excerpt { scope, packed: piece, last }).await?;
        }
        Ok(())
    }
}
