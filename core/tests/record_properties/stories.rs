//! Single stories: deleting beside editing, notes, and edits that change nothing.

use regard_core::record::{Document, Edit, Entry, Kind, Life, Scalar, schema};

use super::replica::{Reading, Replica, actor, exchange};
use regard_core::time::Timestamp;

fn pair(kind: Kind) -> (Replica, Replica) {
    (Replica::new(kind, 1), Replica::new(kind, 2))
}

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

fn put(field: &str, item: &str) -> Edit {
    Edit::Put { field: field.into(), item: item.into(), member: None, value: item.into() }
}

#[test]
fn a_deletion_beside_an_edit_waits_for_a_decision_and_either_decision_settles_it() {
    for kind in Kind::ALL {
        for (decision, settled) in [(Edit::Delete, Life::Deleted), (Edit::Restore, Life::Live)] {
            let (mut ana, mut ben) = pair(kind);
            ana.edit(&[set(schema::title(kind), "before")]);
            ben.pull(&ana);
            ana.edit(&[Edit::Delete]);
            ben.edit(&[set(schema::title(kind), "beside")]);
            assert_eq!((ana.document.life(), ben.document.life()), (Life::Deleted, Life::Live));
            exchange(&mut ana, &mut ben);
            assert_eq!((ana.document.life(), ben.document.life()), (Life::Undecided, Life::Undecided));
            assert_eq!(ana.document.text(schema::title(kind)), "beside", "the edit is not lost");
            assert!(ben.edit(std::slice::from_ref(&decision)).is_some(), "{decision:?} decides");
            exchange(&mut ana, &mut ben);
            assert_eq!((ana.document.life(), ben.document.life()), (settled, settled), "{decision:?}");
        }
    }
}

#[test]
fn two_deletions_are_one() {
    let (mut ana, mut ben) = pair(Kind::Task);
    ana.edit(&[Edit::Delete]);
    ben.edit(&[Edit::Delete]);
    exchange(&mut ana, &mut ben);
    assert_eq!((ana.document.life(), ben.document.life()), (Life::Deleted, Life::Deleted));
    assert_eq!(ana.document.conflicts(), []);
}

#[test]
fn restoring_beside_deleting_once_more_waits_for_a_decision() {
    let (mut ana, mut ben) = pair(Kind::Lead);
    ana.edit(&[Edit::Delete]);
    ben.pull(&ana);
    ana.edit(&[Edit::Restore]);
    ana.edit(&[Edit::Delete]);
    ben.edit(&[Edit::Restore]);
    exchange(&mut ana, &mut ben);
    assert_eq!((ana.document.life(), ben.document.life()), (Life::Undecided, Life::Undecided));
}

#[test]
fn what_is_edited_after_a_deletion_leaves_it_deleted() {
    let (mut ana, mut ben) = pair(Kind::Contact);
    ana.edit(&[Edit::Delete]);
    ana.edit(&[set("full_name", "Ana")]);
    ben.pull(&ana);
    ben.edit(&[set("nickname", "A")]);
    exchange(&mut ana, &mut ben);
    assert_eq!((ana.document.life(), ben.document.life()), (Life::Deleted, Life::Deleted));
}

#[test]
fn what_both_type_into_the_notes_stays() {
    for kind in Kind::ALL {
        let notes = schema::notes(kind);
        let (mut ana, mut ben) = pair(kind);
        ana.edit(&[set(notes, "met at the fair")]);
        ben.pull(&ana);
        ana.edit(&[set(notes, "Tuesday: met at the fair")]);
        ben.edit(&[set(notes, "met at the fair, wants an offer")]);
        exchange(&mut ana, &mut ben);
        assert_eq!(ana.document.text(notes), "Tuesday: met at the fair, wants an offer");
        assert_eq!(Reading::of(&ana.document), Reading::of(&ben.document));
        assert_eq!(ana.document.conflicts(), []);
    }
}

#[test]
fn notes_seeded_apart_from_the_same_text_are_there_once() {
    for kind in Kind::ALL {
        let notes = schema::notes(kind);
        let (mut ana, mut ben) = pair(kind);
        let [seed, same] = [&mut ana, &mut ben].map(|replica| replica.document.seed_notes("Grüße\nfrom the card"));
        assert_eq!(seed, same);
        assert!(matches!(seed, Ok(Some(_))));
        assert!(ana.document.seed_notes("Grüße\nfrom the card").is_err(), "only a new record is seeded");
        ana.edit(&[set(schema::title(kind), "by Ana")]);
        exchange(&mut ana, &mut ben);
        assert_eq!(
            (ana.document.text(notes).as_str(), ben.document.text(notes)),
            ("Grüße\nfrom the card", ana.document.text(notes))
        );
        assert_eq!(ben.document.seed_notes(""), Ok(None));
    }
}

#[test]
fn equal_values_of_both_sides_are_no_conflict_and_differing_ones_are_one() {
    let (mut ana, mut ben) = pair(Kind::Contact);
    let phone = |label: &str| Edit::Put {
        field: "phones".into(),
        item: "+49 30 1".into(),
        member: Some("label".into()),
        value: label.into(),
    };
    ana.edit(&[set("company", "Acme"), set("job_title", "buyer"), put("phones", "+49 30 1"), phone("work")]);
    ben.edit(&[set("company", "Acme"), set("job_title", "seller"), put("phones", "+49 30 1"), phone("home")]);
    exchange(&mut ana, &mut ben);
    let places: Vec<_> = ana.document.conflicts().into_iter().map(|conflict| conflict.place).collect();
    assert_eq!(places, ["job_title", "phones[+49 30 1].label"]);
    assert_eq!(ana.edit(&[set("company", "Acme")]), None);
    let winner = ana.document.text("job_title");
    assert!(ana.edit(&[set("job_title", &winner)]).is_some(), "choosing the winner settles a conflict");
    exchange(&mut ana, &mut ben);
    assert_eq!(ben.document.conflicts().len(), 1);
}

/// Automerge writes nothing where the value that is put shows already: deleting once more left a record undecided, and who
/// settled a conflict by choosing what showed was overruled without a trace by somebody who had not seen the choice.
#[test]
fn choosing_what_shows_is_a_write_like_any_other() {
    let (mut ana, mut ben) = (Replica::new(Kind::Task, 1), Replica::new(Kind::Task, 2));
    ana.edit(&[set("status", "open")]);
    ben.edit(&[set("status", "done")]);
    exchange(&mut ana, &mut ben);
    let chosen = ana.document.text("status");
    ana.edit(&[set("status", &chosen)]);
    assert_eq!(ana.document.conflicts(), []);
    ben.edit(&[set("status", "late")]);
    exchange(&mut ana, &mut ben);
    let conflicts = ben.document.conflicts();
    let values = conflicts.iter().flat_map(|one| one.shown.others.iter().chain([&one.shown.winner]));
    let mut values: Vec<_> = values.map(|one| one.value.to_string()).collect();
    values.sort();
    let mut expected = vec![chosen, "late".to_owned()];
    expected.sort();
    assert_eq!(values, expected);
}

/// Three people, two of whom wrote the same: with Automerge's order of values between the equal ones, the loser was shown
/// twice.
#[test]
fn a_value_that_two_lost_with_is_shown_once() {
    let mut replicas = [1, 2, 3, 4].map(|number| Replica::new(Kind::Task, number));
    for (replica, status) in replicas.iter_mut().zip(["open", "done", "open", "late"]) {
        replica.edit(&[set("status", status)]);
    }
    let [first, rest @ ..] = &mut replicas;
    for other in rest.iter() {
        first.pull(other);
    }
    let shown = first.document.scalar("status").expect("a status");
    let mut others: Vec<_> = shown.others.iter().map(|other| other.value.to_string()).collect();
    others.push(shown.winner.value.to_string());
    others.sort();
    assert_eq!(others, ["done", "late", "open"]);
}

#[test]
fn additions_of_both_sides_stay_and_a_removal_beside_a_change_does_not_win() {
    let (mut ana, mut ben) = pair(Kind::Appointment);
    ana.edit(&[put("attendees", "cleo@x.org")]);
    ben.pull(&ana);
    ana.edit(&[put("attendees", "a/b%@x.org"), Edit::Remove { field: "attendees".into(), item: "cleo@x.org".into() }]);
    let coming = Edit::Put {
        field: "attendees".into(),
        item: "cleo@x.org".into(),
        member: None,
        value: "Cleo <cleo@x.org>".into(),
    };
    ben.edit(&[put("attendees", "dan@x.org"), coming]);
    exchange(&mut ana, &mut ben);
    let items: Vec<_> = ana.document.entries("attendees").into_keys().collect();
    assert_eq!(items, ["a/b%@x.org", "cleo@x.org", "dan@x.org"]);
}

/// The edits of one save were all compared with the record as it was before the save: an item that a save took away and
/// put back was gone, and so was a value that a later edit of the same save set back.
#[test]
fn the_edits_of_one_save_build_on_each_other() {
    let mut ana = Replica::new(Kind::Contact, 1);
    ana.edit(&[set("company", "Acme"), put("emails", "ana@x.org")]);
    ana.edit(&[Edit::Remove { field: "emails".into(), item: "ana@x.org".into() }, put("emails", "ana@x.org")]);
    assert!(ana.document.entries("emails").contains_key("ana@x.org"));
    ana.edit(&[set("company", "Other"), set("company", "Acme")]);
    assert_eq!(ana.document.text("company"), "Acme");
    ana.edit(&[Edit::Delete, Edit::Restore]);
    assert_eq!(ana.document.life(), Life::Live);
}

#[test]
fn a_refused_edit_leaves_the_record_as_it_was() {
    let mut ana = Replica::new(Kind::Contact, 1);
    ana.edit(&[set("company", "Acme")]);
    let before = Reading::of(&ana.document);
    let refused = [set("birthday", "two\nlines"), set("emails", "x"), set("no_such_field", "x"), put("company", "x")];
    for edit in refused {
        let edits = [set("company", "Other"), edit];
        assert!(ana.document.edit(&edits, &actor(1), Timestamp(0)).is_err(), "{edits:?}");
        assert_eq!(Reading::of(&ana.document), before);
    }
    assert!(ana.edit(&[set("company", "Other")]).is_some(), "the next edit is numbered right");
}

#[test]
fn a_members_value_shows_with_its_item_only() {
    let mut document = Document::new(Kind::Contact);
    let member = Edit::Put {
        field: "emails".into(),
        item: "x".into(),
        member: Some("label".into()),
        value: Scalar::Text("work".into()),
    };
    document.edit(&[put("emails", "x"), member], &actor(1), Timestamp(0)).expect("a good edit");
    let entry: Vec<Entry> = document.entries("emails").into_values().collect();
    assert_eq!(entry[0].members["label"], "work".into());
    let remove = Edit::Remove { field: "emails".into(), item: "x".into() };
    document.edit(&[remove], &actor(1), Timestamp(1)).expect("a good edit");
    assert!(document.entries("emails").is_empty());
}
