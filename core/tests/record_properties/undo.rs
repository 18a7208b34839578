//! Taking saves back: alone it leaves everything as it was; beside others it leaves what they wrote.

use std::collections::BTreeSet;

use proptest::prelude::*;
use regard_core::id::ChangeHash;
use regard_core::record::undo::{LeftAlone, Why, undo};
use regard_core::record::{Document, Edit, Kind, Life, genesis};

use super::config;
use super::edits::Wish;
use super::model::raw;
use super::replica::{Replica, exchange};

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec(Wish::any(), 1..4)
}

fn edit(replica: &mut Replica, wishes: &[Wish]) -> Option<ChangeHash> {
    let edits: Vec<_> = wishes.iter().map(|wish| wish.edit(&replica.document)).collect();
    replica.edit(&edits).map(|change| change.hash)
}

/// Takes a save back, and answers the hash of the change that does.
fn take_back(replica: &mut Replica, save: ChangeHash) -> Option<ChangeHash> {
    let undo = undo(&replica.document, &[save]).expect("a change of the history");
    replica.edit(&undo.edits).map(|change| change.hash)
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_save_taken_back_leaves_what_was_before_and_taken_back_again_what_was_after(
        kind in prop::sample::select(&Kind::ALL[..]),
        history in prop::collection::vec(wishes(), 0..4),
        save in wishes(),
    ) {
        let mut ana = Replica::new(kind, 1);
        for wishes in &history {
            edit(&mut ana, wishes);
        }
        let before = ana.document.content();
        let Some(save) = edit(&mut ana, &save) else { return Ok(()) };
        let after = ana.document.content();
        let undone = take_back(&mut ana, save);
        prop_assert_eq!(&ana.document.content(), &before);
        if let Some(undone) = undone {
            take_back(&mut ana, undone);
            prop_assert_eq!(ana.document.content(), after);
        }
    }

    #[test]
    fn what_others_wrote_beside_or_after_a_save_survives_its_taking_back(
        kind in prop::sample::select(&Kind::ALL[..]),
        history in prop::collection::vec(wishes(), 0..3),
        save in wishes(),
        is_seen in any::<bool>(),
        theirs in prop::collection::vec(wishes(), 1..3),
    ) {
        let (mut ana, mut ben) = (Replica::new(kind, 1), Replica::new(kind, 2));
        for wishes in &history {
            edit(&mut ana, wishes);
        }
        exchange(&mut ana, &mut ben);
        let Some(save) = edit(&mut ana, &save) else { return Ok(()) };
        if is_seen {
            exchange(&mut ana, &mut ben);
        }
        let before_theirs = raw(&ben.document);
        let written: BTreeSet<_> = theirs.iter().filter_map(|wishes| edit(&mut ben, wishes)).collect();
        let after_theirs = raw(&ben.document);
        exchange(&mut ana, &mut ben);
        let (stood, lived) = (raw(&ana.document), ana.document.life());
        take_back(&mut ana, save);
        let stands = raw(&ana.document);
        for (place, values) in &stood {
            for value in values.iter().filter(|(change, _)| written.contains(change)) {
                let still = stands.get(place).is_some_and(|values| values.contains(value));
                prop_assert!(still, "{} at {} was lost", value.1, place);
            }
        }
        if is_seen {
            for place in before_theirs.keys().filter(|place| !after_theirs.contains_key(*place)) {
                prop_assert!(!stands.contains_key(place), "{} was emptied by others and is back", place);
            }
        }
        if !written.is_empty() && lived != Life::Deleted {
            let hid = ana.document.life() == Life::Deleted && before_theirs != after_theirs;
            prop_assert!(!hid, "what others wrote was deleted with the record");
        }
    }
}

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

#[test]
fn notes_go_back_around_what_others_wrote_into_them() {
    let (mut ana, mut ben) = (Replica::new(Kind::Contact, 1), Replica::new(Kind::Contact, 2));
    ana.edit(&[set("notes", "Met at the fair.")]);
    let save = ana.edit(&[set("notes", "Met at the big fair. Wants samples.")]).expect("a change");
    exchange(&mut ana, &mut ben);
    ben.edit(&[set("notes", "Met Carla at the big fair. Wants samples. Prefers mail.")]);
    exchange(&mut ana, &mut ben);
    take_back(&mut ana, save.hash);
    assert_eq!(ana.document.text("notes"), "Met Carla at the fair. Prefers mail.");
}

#[test]
fn what_was_written_again_is_named_and_left_alone() {
    let (mut ana, mut ben) = (Replica::new(Kind::Contact, 1), Replica::new(Kind::Contact, 2));
    let save = ana.edit(&[set("job_title", "Buyer"), set("company", "Aurora")]).expect("a change");
    exchange(&mut ana, &mut ben);
    ben.edit(&[set("job_title", "Head of purchasing")]);
    exchange(&mut ana, &mut ben);
    let found = undo(&ana.document, &[save.hash]).expect("a change of the history");
    assert_eq!(found.edits, [Edit::Clear("company".into())]);
    assert_eq!(found.left_alone, [LeftAlone { place: "job_title".into(), why: Why::ChangedSince }]);
}

#[test]
fn a_record_that_was_made_is_deleted_unless_somebody_changed_it() {
    let (mut ana, mut ben) = (Replica::new(Kind::Task, 1), Replica::new(Kind::Task, 2));
    let made = ana.edit(&[set("summary", "Offer")]).expect("a change");
    let save = [genesis::hash(Kind::Task), made.hash];
    assert_eq!(undo(&ana.document, &save).expect("in the history").edits, [Edit::Delete]);
    exchange(&mut ana, &mut ben);
    ben.edit(&[set("status", "waiting")]);
    exchange(&mut ana, &mut ben);
    let found = undo(&ana.document, &save).expect("in the history");
    assert_eq!(found.edits, []);
    assert_eq!(found.left_alone, [LeftAlone { place: "deleted".into(), why: Why::ChangedSince }]);
}

#[test]
fn changes_that_are_not_here_are_told() {
    let document = Document::new(Kind::Lead);
    assert!(undo(&document, &[ChangeHash([7; 32])]).is_err());
    assert_eq!(undo(&document, &[]).expect("nothing").edits, []);
}
