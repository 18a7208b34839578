use std::collections::HashMap;

use automerge::{Automerge, Change};

use super::admit::not_far_ahead;
use super::{Checked, History, Verdict, admit};
use crate::error::{Cause, Refusal};
use crate::id::ChangeHash;
use crate::record::document::{foreign, guarded};
use crate::record::{Document, genesis};

/// Begins a record with its first change.
///
/// # Errors
/// [`Cause::NotARecord`] where the change is none of the frozen constants.
pub fn begin(first: &Checked) -> Result<Document, Refusal> {
    let kind = genesis::kind_of(first.header.hash);
    kind.map(Document::new)
        .ok_or_else(|| Refusal::new(Cause::NotARecord, "the document does not begin with the first change of a record"))
}

/// Applies changes in their order and answers for each whether it is new, was there, or why it was refused. A refused one
/// has no effect, on the document or on the others, except that those which follow it lack a dependency.
pub fn apply(document: &mut Document, changes: &[Checked]) -> Vec<Result<Verdict, Refusal>> {
    if let Some(verdicts) = apply_together(document, changes) {
        return verdicts;
    }
    if let [change] = changes {
        return vec![apply_one(document, change)];
    }
    // Something in it is not honest. By halves it is found without looking at each honest one alone.
    let (first, second) = changes.split_at(changes.len() / 2);
    let mut verdicts = apply(document, first);
    verdicts.extend(apply(document, second));
    verdicts
}

fn apply_one(document: &mut Document, change: &Checked) -> Result<Verdict, Refusal> {
    let verdict = admit(&change.header, document)?;
    if verdict == Verdict::New {
        document.automerge = applied(&document.automerge, &[change])?;
    }
    Ok(verdict)
}

/// The common case in one go: everything is honest. `None` where anything is not, and nothing has happened then.
fn apply_together(document: &mut Document, changes: &[Checked]) -> Option<Vec<Result<Verdict, Refusal>>> {
    let mut new: Vec<&Checked> = Vec::with_capacity(changes.len());
    let mut beside: HashMap<ChangeHash, u64> = HashMap::with_capacity(changes.len());
    let mut verdicts = Vec::with_capacity(changes.len());
    let mut max_op = History::max_op(document);
    for change in changes {
        let header = &change.header;
        let is_new = !document.has(header.hash) && !beside.contains_key(&header.hash);
        verdicts.push(Ok(if is_new { Verdict::New } else { Verdict::Duplicate }));
        if !is_new {
            continue;
        }
        let in_order = header.deps.iter().all(|dep| {
            let known = beside.get(dep).copied();
            known.or_else(|| document.known(*dep).map(|known| known.max_op)).is_some_and(|last| last < header.start_op)
        });
        let forged = header.deps.is_empty() || genesis::kind_of_actor(header.actor.as_bytes()).is_some();
        if !in_order || forged || not_far_ahead(header, max_op).is_err() {
            return None;
        }
        max_op = max_op.max(header.max_op());
        beside.insert(header.hash, header.max_op());
        new.push(change);
    }
    if !new.is_empty() {
        document.automerge = applied(&document.automerge, &new).ok()?;
    }
    Some(verdicts)
}

/// A copy of `base` with `changes`; Automerge's panics, errors and silent omissions all end as a refusal.
fn applied(base: &Automerge, changes: &[&Checked]) -> Result<Automerge, Refusal> {
    let outcome = guarded(|| -> Result<Automerge, String> {
        let parsed: Result<Vec<Change>, _> = changes.iter().map(|change| Change::try_from(&change.bytes[..])).collect();
        let mut copy = base.clone();
        copy.apply_changes(parsed.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
        gives_back(&copy, &base.get_heads(), changes)?;
        Ok(copy)
    });
    outcome.and_then(|result| result).map_err(|detail| Refusal::new(Cause::NotApplicable, detail))
}

/// Looks whether the document has the changes, byte for byte. Automerge keeps the operations and encodes a change anew when
/// it is asked for: one that was encoded in another way than Automerge's own comes back with another hash, or panics, then
/// and whenever the document is saved and loaded.
fn gives_back(document: &Automerge, before: &[automerge::ChangeHash], changes: &[&Checked]) -> Result<(), String> {
    let there: HashMap<_, _> = document.get_changes(before).into_iter().map(|change| (change.hash(), change)).collect();
    for change in changes {
        let hash = change.header.hash;
        let found = there.get(&foreign(hash));
        let found = found.ok_or_else(|| format!("change {hash} was taken without an error and is not there"))?;
        if found.raw_bytes() != change.bytes {
            return Err(format!("change {hash} was taken and does not come back as it was"));
        }
    }
    Ok(())
}
