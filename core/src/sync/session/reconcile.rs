use std::collections::HashSet;

use super::effect::Effect;
use crate::error::{Cause, Refusal};
use crate::id::DocumentId;
use crate::limits::{FETCH_DOCUMENTS_MAX, INVENTORY_DOCUMENTS_MAX};
use crate::sync::Difference;
use crate::wire::{ClientFrame, Cursor, Fetch, Scope, unpack_inventory};

/// Finds out what a log and this device lack of each other where no cursor tells: compares the lists of documents, fetches
/// what is only there, and has the rest put into the outbox.
#[derive(Debug)]
pub(super) struct Reconcile {
    scope: Scope,
    /// The end of the log when its list was made.
    at: Option<Cursor>,
    /// The last document of the list so far.
    listed: Option<DocumentId>,
    /// How many it has named.
    count: usize,
    differing: Vec<Difference>,
    /// Of `differing`, those that are not fetched: it has been in vain.
    skipped: HashSet<DocumentId>,
    /// Of `differing`, how many have been fetched or need not be.
    fetched: usize,
}

impl Reconcile {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, at: None, listed: None, count: 0, differing: Vec::new(), skipped: HashSet::new(), fetched: 0 }
    }

    /// The end of the log with which this device is compared.
    pub(super) fn seq(&self) -> u64 {
        self.at.map_or(0, |at| at.seq)
    }

    pub(super) fn ask(&self) -> Effect {
        Effect::Send(ClientFrame::Reconcile(self.scope))
    }

    pub(super) fn inventory(&mut self, at: Cursor, entries: &[u8], last: bool) -> Result<Effect, Refusal> {
        let entries = unpack_inventory(entries)?;
        let after = self.listed;
        let begins = entries.first().map(|(document, _)| *document);
        let is_next = begins.is_none_or(|begins| after.is_none_or(|after| after < begins));
        if !is_next || self.at.is_some_and(|known| known != at) || (entries.is_empty() && !last) {
            return Err(Refusal::new(Cause::Malformed, "the relay's list of records is cut off or out of order"));
        }
        self.count += entries.len();
        if self.count > INVENTORY_DOCUMENTS_MAX {
            let detail =
                format!("the relay's list names more than {INVENTORY_DOCUMENTS_MAX} records of “{}”", self.scope);
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        self.at = Some(at);
        self.listed = entries.last().map(|(document, _)| *document).or(after);
        Ok(Effect::Compare { scope: self.scope, after, entries, last })
    }

    pub(super) fn compared(
        &mut self,
        differing: Vec<Difference>,
        last: bool,
        mut is_skipped: impl FnMut(&Difference) -> bool,
    ) -> Vec<Effect> {
        let skipped = differing.iter().filter(|difference| is_skipped(difference));
        self.skipped.extend(skipped.map(|difference| difference.document));
        self.differing.extend(differing);
        if last { self.fetch_more() } else { Vec::new() }
    }

    pub(super) fn fetch_more(&mut self) -> Vec<Effect> {
        let is_wanted =
            |difference: &&Difference| difference.theirs.is_some() && !self.skipped.contains(&difference.document);
        let mut documents = Vec::new();
        while documents.len() < FETCH_DOCUMENTS_MAX && self.fetched < self.differing.len() {
            documents.extend(self.differing.get(self.fetched).filter(is_wanted).map(|difference| difference.document));
            self.fetched += 1;
        }
        if !documents.is_empty() {
            return vec![Effect::Send(ClientFrame::Fetch(Fetch { scope: self.scope, documents }))];
        }
        let Some(at) = self.at else { return Vec::new() };
        let differing = std::mem::take(&mut self.differing);
        vec![Effect::Refill { scope: self.scope, at, differing }]
    }
}
