//! What must hold, known apart from all that is tested.

use std::collections::{BTreeMap, BTreeSet};

use regard_core::id::DocumentId;

use super::token::Token;

/// Every save that was acknowledged.
#[derive(Debug, Default)]
pub struct Oracle {
    saves: BTreeMap<Token, Known>,
}

/// What is known of an acknowledged save.
#[derive(Debug, Clone, Copy)]
struct Known {
    document: DocumentId,
    /// The device that acknowledged it and has it since then; none once that device was put back to an earlier state.
    device: Option<usize>,
    /// All that held it was taken away: a store put back to an earlier state before anybody else had it.
    is_excused: bool,
}

impl Oracle {
    /// A device has acknowledged a save.
    pub fn acknowledged(&mut self, device: usize, tokens: Vec<(DocumentId, Token)>) {
        for (document, token) in tokens {
            self.saves.insert(token, Known { document, device: Some(device), is_excused: false });
        }
    }

    /// How many saves were acknowledged, and how many of them may be gone.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.saves.len(), self.saves.values().filter(|known| known.is_excused).count())
    }

    /// The saves that one device has acknowledged and that may not be gone.
    #[must_use]
    pub fn of(&self, device: usize) -> BTreeSet<Token> {
        self.due(|known| known.device == Some(device))
    }

    /// All that may not be gone.
    #[must_use]
    pub fn all(&self) -> BTreeSet<Token> {
        self.due(|_| true)
    }

    fn due(&self, wanted: impl Fn(&Known) -> bool) -> BTreeSet<Token> {
        let due = self.saves.iter().filter(|(_, known)| !known.is_excused && wanted(known));
        due.map(|(token, _)| *token).collect()
    }

    /// A device was put back to an earlier state, in which it held these.
    pub fn went_back(&mut self, device: usize, held: &BTreeSet<Token>) {
        for (token, known) in &mut self.saves {
            known.device = known.device.filter(|found| *found != device || held.contains(token));
        }
    }

    /// Something was taken away by intent: what nobody holds any more may be gone.
    pub fn excuse_all_but(&mut self, held: &BTreeSet<Token>) {
        for (token, known) in &mut self.saves {
            known.is_excused |= !held.contains(token);
        }
    }

    /// Says which of `due` are missing in `held`, as a violation.
    ///
    /// # Errors
    /// Where any is missing.
    pub fn holds(&self, due: &BTreeSet<Token>, held: &BTreeSet<Token>, what: &str) -> Result<(), String> {
        let lost: Vec<_> = due.difference(held).collect();
        let Some(first) = lost.first() else { return Ok(()) };
        let first = self.saves.get(first).map(|known| {
            let device = known.device.map_or("no device that has it".into(), |device| format!("device {device}"));
            format!("; the first of them changed record {} on {device}", known.document)
        });
        let (missing, all) = (lost.len(), due.len());
        let lost: Vec<_> = lost.iter().map(ToString::to_string).collect();
        Err(format!(
            "{what}: {missing} of {all} acknowledged saves are lost: {}{}",
            lost.join(", "),
            first.unwrap_or_default()
        ))
    }
}
