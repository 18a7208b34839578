//! Sheets: what is written is read again, and what a person changed is merged with what others wrote meanwhile.

use proptest::prelude::*;
use regard_core::id::DocumentId;
use regard_core::record::sheet::{self, Merged, SheetConflict};
use regard_core::record::{Content, Document, Edit, Kind, schema};

use super::config;
use super::edits::Wish;
use super::replica::{Replica, exchange};

const ID: DocumentId = DocumentId::from_bytes([7; 16]);

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    prop::collection::vec(Wish::any(), 0..6)
}

fn edit(replica: &mut Replica, wishes: &[Wish]) {
    for wish in wishes {
        let edit = wish.edit(&replica.document);
        if !matches!(edit, Edit::Delete | Edit::Restore) && !of_tracking(&edit) && has_moment(replica, &edit) {
            replica.edit(&[edit]);
        }
    }
}

/// What a sheet only shows.
fn of_tracking(edit: &Edit) -> bool {
    matches!(edit, Edit::Put { field, .. } | Edit::Remove { field, .. } if field == "tracking")
}

/// Random text is no date, which a sheet does not let through.
fn has_moment(replica: &Replica, edit: &Edit) -> bool {
    let Edit::Set(field, _) = edit else { return true };
    schema::find(replica.document.kind(), field).is_some_and(|field| field.form != schema::Form::Moment)
}

/// A sheet of `written` that says it was begun on `base`.
fn begun_on(base: &Document, written: &Document) -> String {
    let (base, written) = (sheet::write(ID, base), sheet::write(ID, written));
    let (mark, _) = base.split_once('\n').expect("a mark");
    let (_, rest) = written.split_once('\n').expect("a mark");
    format!("{mark}\n{rest}")
}

#[track_caller]
fn merge(text: &str, now: &Document, insists: bool) -> Merged {
    let sheet = sheet::read(now.kind(), text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    let base = now.as_of(sheet.base().expect("a base")).expect("a base in the history");
    sheet.merge(&base, now, insists).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}

/// A whole record, without what a sheet only shows, and without the difference between a member that is empty and none.
fn comparable(document: &Document) -> Content {
    let mut content = document.content();
    content.entries.remove("tracking");
    for (item, entry) in content.entries.values_mut().flat_map(|items| items.iter_mut()) {
        entry.members.retain(|_, value| *value != "".into());
        entry.value = entry.value.take().map(|value| if value == "".into() { item.as_str().into() } else { value });
    }
    content
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_sheet_is_read_as_it_was_written_whatever_the_record_holds(
        kind in prop::sample::select(&Kind::ALL[..]),
        wishes in wishes(),
        line in "[^\r\n]{0,20}",
        long in any::<String>(),
        quotes in "[\"\\\\\n a]{0,12}",
        items in prop::collection::vec(any::<String>(), 0..3),
    ) {
        let mut ana = Replica::new(kind, 1);
        edit(&mut ana, &wishes);
        let notes = format!("{long}{quotes}");
        ana.edit(&[
            Edit::Set(schema::title(kind).into(), line.as_str().into()),
            Edit::Set(schema::notes(kind).into(), notes.into()),
        ]);
        for item in &items {
            for (field, member) in [("related", Some("label".to_owned())), ("categories", None)] {
                let value = if member.is_some() { quotes.as_str() } else { item.as_str() };
                let (field, item) = (field.to_owned(), item.clone());
                ana.edit(&[Edit::Put { field, item, member, value: value.into() }]);
            }
        }
        let text = sheet::write(ID, &ana.document);
        prop_assert_eq!(merge(&text, &ana.document, false), Merged::default(), "{}", text);
    }

    #[test]
    fn what_the_person_changed_is_saved_and_what_others_changed_meanwhile_stays(
        kind in prop::sample::select(&Kind::ALL[..]),
        history in wishes(),
        mine in wishes(),
        theirs in wishes(),
    ) {
        let (mut ana, mut ben) = (Replica::new(kind, 1), Replica::new(kind, 2));
        edit(&mut ana, &history);
        exchange(&mut ana, &mut ben);
        let base = ana.document.clone();
        let mut wanted = Replica { document: base.clone(), actor: ana.actor.clone() };
        edit(&mut wanted, &mine);
        let text = begun_on(&base, &wanted.document);

        let alone = merge(&text, &base, false);
        prop_assert_eq!(&alone.conflicts, &[]);
        let mut saved = Replica { document: base.clone(), actor: ana.actor.clone() };
        saved.edit(&alone.edits);
        prop_assert_eq!(comparable(&saved.document), comparable(&wanted.document), "{}", text);

        edit(&mut ben, &theirs);
        ana.pull(&ben);
        let (base, wanted, now) = (comparable(&base), comparable(&wanted.document), comparable(&ana.document));
        let beside = merge(&text, &ana.document, false);
        if beside.conflicts.is_empty() {
            ana.edit(&beside.edits);
            let found = comparable(&ana.document);
            for field in schema::fields(kind).map(|field| field.name) {
                let of = |content: &Content| content.fields.get(field).cloned();
                if of(&wanted) == of(&base) {
                    prop_assert_eq!(of(&found), of(&now), "{} is theirs", field);
                } else if of(&now) == of(&base) {
                    prop_assert_eq!(of(&found), of(&wanted), "{} is mine", field);
                } else if of(&now) != of(&wanted) {
                    prop_assert_eq!(field, schema::notes(kind), "only words are merged in silence");
                }
                let of = |content: &Content| content.entries.get(field).cloned().unwrap_or_default();
                let (base, wanted, now, found) = (of(&base), of(&wanted), of(&now), of(&found));
                for item in base.keys().chain(wanted.keys()).chain(now.keys()) {
                    if wanted.get(item) == base.get(item) {
                        prop_assert_eq!(found.get(item), now.get(item), "{}[{}] is theirs", field, item);
                    } else if now.get(item) == base.get(item) {
                        prop_assert_eq!(found.get(item), wanted.get(item), "{}[{}] is mine", field, item);
                    }
                }
            }
        } else {
            let insisted = merge(&text, &ana.document, true);
            prop_assert_eq!(&insisted.conflicts, &[]);
            ana.edit(&insisted.edits);
            let found = comparable(&ana.document);
            for conflict in &beside.conflicts {
                if let Some(wanted) = wanted.fields.get(conflict.place.as_str()) {
                    prop_assert_eq!(found.fields.get(conflict.place.as_str()), Some(wanted));
                }
            }
        }
    }
}

fn set(field: &str, value: &str) -> Edit {
    Edit::Set(field.into(), value.into())
}

#[test]
fn both_values_of_a_conflict_are_told_and_words_are_merged() {
    let mut ana = Replica::new(Kind::Contact, 1);
    ana.edit(&[set("job_title", "Buyer"), set("notes", "Met at the fair.")]);
    let text = sheet::write(ID, &ana.document).replace("Buyer", "Head of purchasing").replace("Met at", "Met her at");
    ana.edit(&[set("job_title", "Purchasing manager"), set("notes", "Met at the fair. Prefers mail.")]);
    let merged = merge(&text, &ana.document, false);
    let (mine, theirs) = (Some("Head of purchasing".into()), Some("Purchasing manager".into()));
    assert_eq!(merged.conflicts, [SheetConflict { place: "job_title".into(), line: 5, mine, theirs }]);
    assert_eq!(merged.edits, [set("notes", "Met her at the fair. Prefers mail.")]);
}

#[test]
fn a_sheet_without_its_first_line_says_only_what_stands_in_it() {
    let mut ana = Replica::new(Kind::Contact, 1);
    ana.edit(&[set("job_title", "Buyer"), set("company", "Aurora")]);
    let sheet = sheet::read(Kind::Contact, "company = \"\"\nnickname = \"Caz\"\n").expect("a sheet");
    assert_eq!(sheet.base(), None);
    let merged = sheet.merge(&ana.document, &ana.document, false).expect("edits");
    assert_eq!(merged.edits, [set("nickname", "Caz"), Edit::Clear("company".into())]);
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line() {
    let refused = |text: &str| -> Vec<String> {
        let now = Document::new(Kind::Task);
        let errors = match sheet::read(Kind::Task, text) {
            Err(errors) => errors,
            Ok(sheet) => sheet.merge(&now, &now, false).expect_err("no edits"),
        };
        errors.iter().map(|error| error.to_string().chars().take(60).collect()).collect()
    };
    assert_eq!(
        refused(
            "summary = \"Offer\"\npercent = \"half\"\ndue = \"soon\"\n[attendees.\"ana@x.org\"]\ncolour = \"red\"\n"
        ),
        [
            "line 3: “due” takes a date or time such as 2026-11-22, 2026-",
            "line 2: “percent” takes a whole number",
            "line 4: “attendees” has no “colour”; an entry has name, role",
        ]
    );
    assert_eq!(
        refused("\nshoe_size = 38\nattendees = 3\nsummary = [1]\n[tracking.x]\n"),
        [
            "line 2: task records have no field “shoe_size”; they have su",
            "line 3: “attendees” has several entries: write [attendees.\"…",
            "line 4: “summary” takes one value: text in quotes, or a whol",
            "line 5: “tracking” is shown only, and cannot be edited",
        ]
    );
    assert_eq!(refused("summary = \"Offer\npercent = 1\n").len(), 1);
    assert!(refused("summary = \"Offer\npercent = 1\n")[0].starts_with("line 1: "));
}

#[test]
fn dates_may_stand_without_quotes_and_an_empty_sheet_asks_for_the_title() {
    let text = sheet::empty(Kind::Task)
        .replace("summary = \"\"", "summary = \"Offer\"")
        .replace("# due = \"\"", "due = 2026-12-01");
    let sheet = sheet::read(Kind::Task, &text).expect("a sheet");
    let now = Document::new(Kind::Task);
    let merged = sheet.merge(&now, &now, false).expect("edits");
    assert_eq!(merged.edits, [set("summary", "Offer"), set("due", "2026-12-01")]);
    for kind in Kind::ALL {
        let sheet = sheet::read(kind, &sheet::empty(kind)).expect("a sheet");
        assert_eq!(sheet.merge(&Document::new(kind), &Document::new(kind), false), Ok(Merged::default()), "{kind}");
    }
}
