use super::effect::Effect;
use crate::error::{Cause, Refusal};
use crate::id::DocumentId;
use crate::limits::FETCH_DOCUMENTS_MAX;
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
    differing: Vec<Difference>,
    /// Of `differing`, how many have been fetched or need not be.
    fetched: usize,
}

impl Reconcile {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, at: None, listed: None, differing: Vec::new(), fetched: 0 }
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
        self.at = Some(at);
        self.listed = entries.last().map(|(document, _)| *document).or(after);
        Ok(Effect::Compare { scope: self.scope, after, entries, last })
    }

    pub(super) fn compared(&mut self, differing: Vec<Difference>, last: bool) -> Vec<Effect> {
        self.differing.extend(differing);
        if last { self.fetch_more() } else { Vec::new() }
    }

    pub(super) fn fetch_more(&mut self) -> Vec<Effect> {
        let is_there = |difference: &&Difference| difference.theirs.is_some();
        let mut documents = Vec::new();
        while documents.len() < FETCH_DOCUMENTS_MAX && self.fetched < self.differing.len() {
            documents.extend(self.differing.get(self.fetched).filter(is_there).map(|difference| difference.document));
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
