//! Making a save again for devices that could not apply it.
//!
//! The change stays in the history of whoever has it, and in the log. So what it wrote is written once more by a change that
//! follows nothing of what those devices lack, and only where it still shows: equal values beside each other are no conflict.
//! Text would stand there twice where both are; a second change, behind everything, takes one of them away again. Where the
//! first is lacking the second cannot be applied either, and need not be.

use std::collections::{BTreeSet, HashSet};
use std::hash::BuildHasher;

use super::{Verdict, apply, check};
use crate::error::{Cause, Refusal};
use crate::id::{Actor, ChangeHash};
use crate::record::schema::{self, Form};
use crate::record::{Document, Edit, Entry, Life, Scalar, StoredChange, genesis, merge_text};
use crate::time::Timestamp;

/// A record in which a save has been made again.
#[derive(Debug)]
pub struct Again {
    /// The record, with the old changes and the new ones.
    pub document: Document,
    /// The change that says the same and follows nothing that is lacking.
    pub made: StoredChange,
    /// The change that takes away what stands twice now, where anything does.
    pub tidied: Option<StoredChange>,
}

/// Makes the changes of one save in `document` again, under `actor`, for devices that have nothing of `lacking` and nothing
/// that follows it. `None` where nothing of the save shows any more, or what it did cannot be said again without them.
///
/// # Errors
/// Where the new changes are beyond a bound, or Automerge does not take them.
pub fn again<S: BuildHasher + Clone>(
    document: &Document,
    lacking: &HashSet<ChangeHash, S>,
    save: &[ChangeHash],
    (actor, at): (&Actor, Timestamp),
) -> Result<Option<Again>, Refusal> {
    if lacking.contains(&genesis::hash(document.kind())) {
        return Ok(None);
    }
    let mut before: BTreeSet<ChangeHash> = save.iter().filter_map(|hash| document.deps(*hash)).flatten().collect();
    before.retain(|hash| !save.contains(hash));
    let before: Vec<_> = before.into_iter().collect();
    let states = [before.as_slice(), save].map(|heads| document.as_of(heads));
    let ([Some(before), Some(after)], Some(mut there)) = (states, without(document, lacking)) else { return Ok(None) };
    let edits = Saying { now: document, there: &there, before, after, save }.edits();
    let Some(made) = there.edit(&edits, actor, at).map_err(refused)? else { return Ok(None) };
    let mut both = document.clone();
    taken(&mut both, &made)?;
    let notes = schema::notes(document.kind());
    let tidy = Edit::Set(notes.into(), document.text(notes).into());
    let tidied =
        if both.text(notes) == document.text(notes) { None } else { both.edit(&[tidy], actor, at).map_err(refused)? };
    // Nothing that shows may change where everything has been all the time.
    Ok((both.content() == document.content()).then_some(Again { document: both, made, tidied }))
}

fn refused(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Cause::NotApplicable, error.to_string())
}

fn taken(document: &mut Document, change: &StoredChange) -> Result<(), Refusal> {
    match apply(document, &[check(&change.bytes)?]).pop() {
        Some(Ok(Verdict::New | Verdict::Duplicate)) | None => Ok(()),
        Some(Err(refusal)) => Err(refusal),
    }
}

/// The record as somebody has it who lacks these changes and all that follow them.
fn without<S: BuildHasher + Clone>(document: &Document, lacking: &HashSet<ChangeHash, S>) -> Option<Document> {
    let mut away = lacking.clone();
    let mut heads: BTreeSet<ChangeHash> = BTreeSet::new();
    // The history stands in an order in which each change follows those that it depends on.
    for change in document.changes_since(&[]) {
        let deps = document.deps(change.hash)?;
        if away.contains(&change.hash) || deps.iter().any(|dep| away.contains(dep)) {
            away.insert(change.hash);
        } else {
            heads.retain(|head| !deps.contains(head));
            heads.insert(change.hash);
        }
    }
    document.as_of(&heads.into_iter().collect::<Vec<_>>())
}

/// Finds what a save says that still shows here, and does not show there.
struct Saying<'a> {
    now: &'a Document,
    there: &'a Document,
    before: Document,
    after: Document,
    save: &'a [ChangeHash],
}

impl Saying<'_> {
    fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        for field in schema::fields(self.now.kind()) {
            match field.form {
                Form::Notes => edits.extend(self.notes(field.name)),
                Form::Entries(_) => edits.extend(self.entries(field.name)),
                _ => edits.extend(self.scalar(field.name)),
            }
        }
        edits.extend(self.life());
        edits
    }

    fn scalar(&self, name: &str) -> Option<Edit> {
        let value = |document: &Document| document.scalar(name).map(|shown| shown.winner.value);
        let did = value(&self.after);
        self.is_wanted([value(&self.before), did.clone(), value(self.now), value(self.there)], (name, None)).then(
            || match did {
                Some(value) => Edit::Set(name.into(), value),
                None => Edit::Clear(name.into()),
            },
        )
    }

    fn notes(&self, name: &str) -> Option<Edit> {
        let [then, did, there] = [&self.before, &self.after, self.there].map(|document| document.text(name));
        let is_contested = |document: &Document| document.scalar(name).is_some_and(|shown| !shown.others.is_empty());
        if then == did || is_contested(self.now) || is_contested(self.there) {
            return None;
        }
        let merged = merge_text(&then, &did, &there);
        (merged != there).then(|| Edit::Set(name.into(), merged.into()))
    }

    fn entries(&self, field: &str) -> Vec<Edit> {
        let [then, did, now, there] =
            [&self.before, &self.after, self.now, self.there].map(|document| document.entries(field));
        let items: BTreeSet<_> = then.keys().chain(did.keys()).collect();
        let mut edits = Vec::new();
        for item in items {
            let states = [then.get(item), did.get(item), now.get(item), there.get(item)];
            for member in states.into_iter().flatten().flat_map(keys).collect::<BTreeSet<_>>() {
                let values = states.map(|entry| entry.and_then(|entry| value(entry, member.as_deref())));
                let did = values[1].clone();
                if self.is_wanted(values, (field, Some((item, member.as_deref())))) {
                    let (field, item) = (field.to_owned(), item.clone());
                    edits.push(match did {
                        Some(value) => Edit::Put { field, item, member, value },
                        None => Edit::Forget { field, item, member },
                    });
                }
            }
        }
        edits
    }

    fn life(&self) -> Option<Edit> {
        let [then, did, now, there] = [&self.before, &self.after, self.now, self.there].map(Document::life);
        if then == did || now != did || there == did {
            return None;
        }
        match did {
            Life::Deleted => Some(Edit::Delete),
            Life::Live => Some(Edit::Restore),
            Life::Undecided => None,
        }
    }

    fn is_wanted(
        &self,
        [then, did, now, there]: [Option<Scalar>; 4],
        (field, item): (&str, Option<(&str, Option<&str>)>),
    ) -> bool {
        let stems = did.is_none() || self.now.writers(field, item).iter().any(|hash| self.save.contains(hash));
        then != did && now == did && there != did && stems
    }
}

/// The item itself first: what is known of it follows.
fn keys(entry: &Entry) -> impl Iterator<Item = Option<String>> {
    [None].into_iter().chain(entry.members.keys().cloned().map(Some))
}

fn value(entry: &Entry, member: Option<&str>) -> Option<Scalar> {
    match member {
        Some(member) => entry.members.get(member).cloned(),
        None => entry.value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeviceId;
    use crate::record::Kind;

    fn actor(device: u8, nonce: u8) -> Actor {
        Actor::of_device(DeviceId::from_bytes([device; 16]), [nonce; 4])
    }

    fn edit(document: &mut Document, by: &Actor, edits: &[Edit]) -> StoredChange {
        document.edit(edits, by, Timestamp(0)).expect("an edit").expect("a change")
    }

    fn set(field: &str, value: &str) -> Edit {
        Edit::Set(field.into(), value.into())
    }

    fn put(item: &str) -> Edit {
        Edit::Put { field: "emails".into(), item: item.into(), member: None, value: Scalar::Flag(true) }
    }

    /// Ana has made a save on what everybody has, and Ben one behind it. A third device could apply neither.
    struct Story {
        ana: Document,
        carl: Document,
        refused: StoredChange,
        follows: StoredChange,
    }

    fn story(edits: &[Edit]) -> Story {
        let mut base = Document::new(Kind::Contact);
        edit(&mut base, &actor(1, 1), &[set("full_name", "Carla"), set("notes", "Met in May."), set("company", "Old")]);
        let (mut ana, carl) = (base.clone(), base);
        let refused = edit(&mut ana, &actor(1, 1), edits);
        let follows = edit(&mut ana, &actor(2, 2), &[set("nickname", "Caz")]);
        Story { ana, carl, refused, follows }
    }

    fn make(story: &Story) -> Option<Again> {
        let lacking = HashSet::from([story.refused.hash, story.follows.hash]);
        again(&story.ana, &lacking, &[story.refused.hash], (&actor(1, 9), Timestamp(0))).expect("made again")
    }

    #[test]
    fn what_a_device_could_not_apply_is_there_and_nothing_changes_where_it_was() {
        let mut story = story(&[set("company", "Porto"), set("notes", "Met in May. Likes tea."), put("c@x.org")]);
        let made = make(&story).expect("something shows");
        taken(&mut story.carl, &made.made).expect("it follows nothing that is lacking");
        assert_eq!(story.carl.text("company"), "Porto");
        assert_eq!(story.carl.text("notes"), "Met in May. Likes tea.");
        assert_eq!(story.carl.entries("emails"), story.ana.entries("emails"));
        assert_eq!(made.document.content(), story.ana.content(), "the text stands there once");
        assert_eq!(made.document.conflicts(), Vec::new());
        let mut ben = story.ana.clone();
        for change in [Some(made.made), made.tidied].into_iter().flatten() {
            taken(&mut ben, &change).expect("everything is here");
        }
        assert_eq!((ben.heads(), ben.content()), (made.document.heads(), story.ana.content()));
        // A later version may apply the change after all, and what follows it.
        for change in story.ana.changes_since(&[]).into_iter().chain(ben.changes_since(&[])) {
            taken(&mut story.carl, &change).expect("in their order");
        }
        assert_eq!((story.carl.heads(), story.carl.content()), (ben.heads(), ben.content()));
    }

    #[test]
    fn what_shows_no_more_is_not_said_again() {
        let mut story = story(&[set("company", "Porto")]);
        edit(&mut story.ana, &actor(2, 2), &[set("company", "Lisbon")]);
        assert!(make(&story).is_none());
    }

    #[test]
    fn what_was_taken_away_and_deleted_is_taken_away_and_deleted_there_too() {
        for edits in [vec![Edit::Clear("company".into())], vec![Edit::Delete]] {
            let mut base = Document::new(Kind::Contact);
            edit(&mut base, &actor(1, 1), &[set("full_name", "Carla"), set("company", "Old")]);
            let (mut ana, mut carl) = (base.clone(), base);
            let refused = edit(&mut ana, &actor(1, 1), &edits);
            let lacking = HashSet::from([refused.hash]);
            let made = again(&ana, &lacking, &[refused.hash], (&actor(1, 9), Timestamp(0))).expect("made");
            let made = made.unwrap_or_else(|| panic!("{edits:?} shows"));
            taken(&mut carl, &made.made).expect("it follows nothing that is lacking");
            assert_eq!(carl.content(), ana.content(), "{edits:?}");
            assert_eq!(made.document.content(), ana.content(), "{edits:?}");
        }
    }
}
