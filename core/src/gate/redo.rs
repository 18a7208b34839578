//! Making refused changes again, under another actor.
//!
//! Two stores that began as copies of one number their changes alike, and a log takes only one change for each number. The
//! other is made again: the same operations, numbered by an actor of its own, behind everything that it followed.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::num::NonZeroU64;

use automerge::legacy::{ElementId, Key, ObjectId, OpId};
use automerge::{ActorId, ExpandedChange};

use super::{History, apply, check};
use crate::error::{Cause, Refusal};
use crate::id::{Actor, ChangeHash};
use crate::record::document::{foreign, guarded, own};
use crate::record::{Document, StoredChange};

/// A document in which refused changes have been made again.
#[derive(Debug)]
pub struct Redone {
    /// The document: what was not refused, and what was made again.
    pub document: Document,
    /// The refused changes and what stands in their place, in their order.
    pub made: Vec<(ChangeHash, StoredChange)>,
}

/// Makes the changes in `refused`, and all that follow one of them, again under `actor`, which must be new to the document.
/// Changes whose actor names no device are left as they are: they are the same for everybody.
///
/// # Errors
/// Where Automerge does not take in what was made again.
pub fn redo<S: BuildHasher>(
    document: &Document,
    refused: &HashSet<ChangeHash, S>,
    actor: &Actor,
) -> Result<Redone, Refusal> {
    let changes = document.automerge.get_changes(&[]);
    let mut away: HashSet<ChangeHash> = HashSet::new();
    let (mut kept, mut again) = (Vec::new(), Vec::new());
    for change in changes {
        let hash = own(change.hash());
        let is_by_a_device =
            Actor::from_bytes(change.actor_id().to_bytes()).is_ok_and(|actor| actor.device().is_some());
        let follows = change.deps().iter().any(|dep| away.contains(&own(*dep)));
        if follows || (is_by_a_device && refused.contains(&hash)) {
            away.insert(hash);
            again.push(change);
        } else {
            kept.push(change);
        }
    }
    let mut rest = Document::new(document.kind());
    let kept: Vec<_> = kept.iter().map(|change| check(change.raw_bytes())).collect::<Result<_, _>>()?;
    taken(apply(&mut rest, &kept))?;
    let mut maker = Maker { actor: ActorId::from(actor.as_bytes()), moved: Vec::new(), last: None, seq: 0 };
    let mut made = Vec::with_capacity(again.len());
    for change in again {
        let old = own(change.hash());
        let new = guarded(|| maker.make(change.decode(), &rest, &away)).map_err(not_applicable)?;
        taken(apply(&mut rest, &[check(&new.bytes)?]))?;
        maker.last = Some(new.hash);
        made.push((old, new));
    }
    Ok(Redone { document: rest, made })
}

fn taken<T>(verdicts: Vec<Result<T, Refusal>>) -> Result<(), Refusal> {
    verdicts.into_iter().try_for_each(|verdict| verdict.map(drop))
}

fn not_applicable(detail: String) -> Refusal {
    Refusal::new(Cause::NotApplicable, detail)
}

struct Maker {
    actor: ActorId,
    moved: Vec<Moved>,
    /// The last change that was made. Each follows the one before, as an actor's changes do.
    last: Option<ChangeHash>,
    seq: u64,
}

/// Operations that have other numbers now.
struct Moved {
    actor: ActorId,
    first: u64,
    last: u64,
    /// What is added to their counters.
    by: u64,
}

impl Maker {
    fn make(&mut self, mut change: ExpandedChange, document: &Document, away: &HashSet<ChangeHash>) -> StoredChange {
        let kept = change.deps.iter().copied().filter(|dep| !away.contains(&own(*dep)));
        let mut deps: Vec<automerge::ChangeHash> = kept.chain(self.last.map(foreign)).collect();
        deps.sort_unstable();
        deps.dedup();
        let followed = deps.iter().filter_map(|dep| document.known(own(*dep))).map(|known| known.max_op).max();
        let first = change.start_op.get();
        let start = first.max(followed.map_or(1, |max_op| max_op + 1));
        let count = change.operations.len() as u64;
        self.moved.push(Moved {
            actor: change.actor_id.clone(),
            first,
            last: (first + count).saturating_sub(1),
            by: start - first,
        });
        self.seq += 1;
        change.actor_id = self.actor.clone();
        (change.seq, change.deps, change.hash) = (self.seq, deps, None);
        change.start_op = NonZeroU64::new(start).unwrap_or(change.start_op);
        for operation in &mut change.operations {
            if let ObjectId::Id(id) = &mut operation.obj {
                self.renumber(id);
            }
            if let Key::Seq(ElementId::Id(id)) = &mut operation.key {
                self.renumber(id);
            }
            let preds = operation.pred.iter().cloned().map(|mut id| {
                self.renumber(&mut id);
                id
            });
            operation.pred = preds.collect::<Vec<_>>().into();
        }
        let made = automerge::Change::from(change);
        StoredChange { hash: own(made.hash()), bytes: made.raw_bytes().to_vec() }
    }

    fn renumber(&self, id: &mut OpId) {
        let moved = self
            .moved
            .iter()
            .find(|moved| moved.actor == *id.actor() && (moved.first..=moved.last).contains(&id.counter()));
        if let Some(moved) = moved {
            *id = OpId::new(id.counter() + moved.by, &self.actor);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::DeviceId;
    use crate::record::{Edit, Kind, Scalar};
    use crate::time::Timestamp;

    fn actor(device: u8, nonce: u8) -> Actor {
        Actor::of_device(DeviceId::from_bytes([device; 16]), [nonce; 4])
    }

    fn edit(document: &mut Document, by: &Actor, field: &str, value: &str) -> Option<ChangeHash> {
        let edit = Edit::Set(field.into(), Scalar::Text(value.into()));
        document.edit(&[edit], by, Timestamp(0)).expect("an edit").map(|change| change.hash)
    }

    fn content(document: &Document) -> (Vec<String>, String) {
        let names = ["full_name", "nickname"].into_iter().filter_map(|name| document.scalar(name));
        (names.map(|shown| format!("{:?}", shown.winner.value)).collect(), document.text("notes"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// What is shown stays what it was, everything that was made again is new, and a document that has the other
        /// store's change under the old number takes all of it.
        #[test]
        fn what_is_made_again_says_the_same_and_no_longer_collides(
            shared in proptest::collection::vec(("(full_name|nickname|notes)", "[a-c]{0,6}"), 0..4),
            own_edits in proptest::collection::vec(("(full_name|nickname|notes)", "[d-f]{0,6}"), 1..6),
        ) {
            let (old, new) = (actor(1, 1), actor(2, 2));
            let mut base = Document::new(Kind::Contact);
            for (field, value) in &shared {
                edit(&mut base, &old, field, value);
            }
            let mut ours = base.clone();
            let refused: HashSet<ChangeHash> =
                own_edits.iter().filter_map(|(field, value)| edit(&mut ours, &old, field, value)).take(1).collect();
            let mut theirs = base.clone();
            edit(&mut theirs, &old, "job_title", "the other copy's");
            let redone = redo(&ours, &refused, &new).expect("made again");
            prop_assert_eq!(content(&redone.document), content(&ours));
            let before = base.changes_since(&[]).len();
            prop_assert_eq!(redone.made.len(), ours.changes_since(&[]).len() - before);
            let changes: Vec<_> =
                redone.made.iter().map(|(_, change)| check(&change.bytes).expect("well formed")).collect();
            for verdict in apply(&mut theirs, &changes) {
                prop_assert_eq!(verdict, Ok(crate::gate::Verdict::New));
            }
            let reloaded = Document::load(&redone.document.save()).expect("it loads");
            prop_assert_eq!(reloaded.heads(), redone.document.heads());
        }
    }

    #[test]
    fn nothing_refused_changes_nothing() {
        let mut document = Document::new(Kind::Contact);
        edit(&mut document, &actor(1, 1), "full_name", "Ana");
        let redone = redo(&document, &HashSet::new(), &actor(2, 2)).expect("nothing to do");
        assert_eq!((redone.made, redone.document.heads()), (Vec::new(), document.heads()));
    }
}
