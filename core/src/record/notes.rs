//! Notes that another program replaced as a whole, while somebody typed into them.
//!
//! Regard types into the text object that the first change made, so that both sides' typing merges. A program that assigns
//! new notes instead puts another value over that object, and what is typed into it at the same time shows no more. It must
//! not be lost from sight: it is shown as a concurrent value, until somebody who has seen both writes the notes.

use std::cmp::Reverse;

use automerge::{ObjId, ROOT, ReadDoc};

use super::document::own;
use super::read::{Alternative, Scalar, Shown};
use super::{Document, genesis, schema};
use crate::id::Actor;

impl Document {
    /// The notes, with what was typed beside their replacement among the concurrent values.
    pub(super) fn shown_notes(&self) -> Option<Shown> {
        let name = schema::notes(self.kind());
        let mut shown = self.shown(&ROOT, name)?;
        let typed = self.typed_beside_replacement(name);
        let is_new = |typed: &Alternative| shown.others.iter().chain([&shown.winner]).all(|o| o.value != typed.value);
        if let Some(typed) = typed.filter(is_new) {
            shown.others.push(typed);
        }
        Some(shown)
    }

    fn typed_beside_replacement(&self, name: &str) -> Option<Alternative> {
        let first = genesis::notes(self.kind());
        let values = self.automerge.get_all(ROOT, name).unwrap_or_default();
        if values.iter().any(|(_, id)| id == first) {
            return None;
        }
        let replacements: Vec<_> = values.iter().filter_map(|(_, id)| self.automerge.hash_for_opid(id)).collect();
        let now = self.automerge.text(first).ok()?;
        if now == self.automerge.text_at(first, &replacements).ok()? {
            return None;
        }
        let (change, actor) = self.last_typing(first, &replacements)?;
        Some(Alternative { value: Scalar::Text(now), change, actor })
    }

    /// The change, of those that the replacements have not seen, that typed last; on every device the same.
    fn last_typing(&self, text: &ObjId, unseen_by: &[automerge::ChangeHash]) -> Option<(crate::id::ChangeHash, Actor)> {
        let mut unseen = self.automerge.get_changes_meta(unseen_by);
        unseen.sort_by_key(|change| Reverse((change.max_op, change.hash)));
        let typed = unseen.into_iter().find(|change| {
            let before = self.automerge.text_at(text, &change.deps);
            before.ok() != self.automerge.text_at(text, &[change.hash]).ok()
        })?;
        Some((own(typed.hash), Actor::from_bytes(typed.actor.to_bytes()).ok()?))
    }
}
