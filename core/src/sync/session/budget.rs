use std::collections::BTreeMap;

use crate::error::{Cause, Refusal};
use crate::id::DocumentId;
use crate::limits::{IDLE_FRAMES_MAX, RECONCILED_AGAIN_MAX, STUCK_DOCUMENTS_MAX, VOID_CURSORS_MAX};
use crate::sync::Difference;
use crate::wire::{HeadsDigest, Scope};

/// What a session cannot get any further with. It goes on with everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Why the last connection was given up, where it was because it got nowhere, and none has got anywhere since.
    pub reason: Option<Refusal>,
    /// Records that differed from the log in the same way after several comparisons. They are not fetched any more.
    pub documents: Vec<(Scope, DocumentId)>,
}

/// How often a scope went round without getting any further.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// How often in a row the relay said that the cursor is void.
    voids: u32,
    /// Frames in a row, on this connection, that brought nothing.
    idle: u32,
    /// Whether this connection has brought anything.
    has_moved: bool,
}

impl Budget {
    /// Another connection has bounds of its own.
    pub(super) fn renewed(&mut self) {
        (self.idle, self.has_moved) = (0, false);
    }

    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Something came, or something that was sent is visible.
    pub(super) fn moved(&mut self) {
        *self = Self { voids: 0, idle: 0, has_moved: true };
    }

    /// A comparison with the log brought something. That it is made again and again is counted all the same.
    pub(super) fn brought(&mut self) {
        (self.idle, self.has_moved) = (0, true);
    }

    /// # Errors
    /// Where that has been too often.
    pub(super) fn void(&mut self, scope: Scope) -> Result<(), Refusal> {
        self.voids += 1;
        if self.voids <= VOID_CURSORS_MAX {
            return Ok(());
        }
        self.voids = 0;
        Err(stuck(format!("the relay takes back again and again where the log of “{scope}” ends")))
    }

    /// A frame brought nothing.
    ///
    /// # Errors
    /// Where that has been too often.
    pub(super) fn idle(&mut self, scope: Scope, seq: u64) -> Result<(), Refusal> {
        self.idle += 1;
        if self.idle <= IDLE_FRAMES_MAX {
            return Ok(());
        }
        let detail =
            format!("the relay sends frame after frame of “{scope}”, and none leads on from place {seq} of its log");
        Err(stuck(detail))
    }
}

pub(super) fn stuck(detail: impl Into<String>) -> Refusal {
    Refusal::new(Cause::Unavailable, detail)
}

/// Documents that differ from a log however often they are compared and fetched.
#[derive(Debug, Default)]
pub(super) struct Unreconciled {
    /// Of the comparison before: how they differed, and how often they have in a row.
    before: BTreeMap<DocumentId, Differing>,
    /// Of the one under way.
    now: BTreeMap<DocumentId, Differing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Differing {
    ours: Option<HeadsDigest>,
    theirs: Option<HeadsDigest>,
    rounds: u32,
}

impl Unreconciled {
    /// A comparison begins.
    pub(super) fn begin(&mut self) {
        // One that was cut off has not looked at the others.
        for (document, differing) in std::mem::take(&mut self.now) {
            if self.before.len() < STUCK_DOCUMENTS_MAX || self.before.contains_key(&document) {
                self.before.insert(document, differing);
            }
        }
    }

    /// A document differs. Answers whether it has done so, in the same way, too often for being fetched once more.
    pub(super) fn note(&mut self, difference: &Difference) -> bool {
        let Difference { document, ours, theirs } = *difference;
        let known = self.before.get(&document).filter(|known| (known.ours, known.theirs) == (ours, theirs));
        let rounds = known.map_or(0, |known| known.rounds) + 1;
        if theirs.is_some() && self.now.len() < STUCK_DOCUMENTS_MAX {
            self.now.insert(document, Differing { ours, theirs, rounds });
        }
        rounds > RECONCILED_AGAIN_MAX
    }

    /// The comparison has come to its end: what did not differ is not stuck.
    pub(super) fn end(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    pub(super) fn stuck(&self) -> impl Iterator<Item = DocumentId> {
        let all = self.before.iter().chain(&self.now);
        all.filter(|(_, differing)| differing.rounds > RECONCILED_AGAIN_MAX).map(|(document, _)| *document)
    }
}
