//! Records of other versions: those that older versions wrote are read for ever, and what a newer one put into a record
//! survives an edit by this one.
//!
//! `core/tests/fixtures/records-1/` holds a record of each kind as the first version wrote it (`.automerge`) and what is read
//! of it (`.json`). They are never written again. A version that writes records in another way adds a folder of its own:
//! `REGARD_WRITE_FIXTURES=1 cargo test -p regard-core --test versions` writes those that are missing.

#![allow(clippy::disallowed_methods, reason = "core opens no file; its tests read fixtures")]

use std::path::{Path, PathBuf};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ObjType, ROOT, ScalarValue};
use regard_core::gate::{self, Checked};
use regard_core::id::{Actor, DeviceId, DocumentId};
use regard_core::inspect::{self, DocumentReport};
use regard_core::record::schema::{self, Form};
use regard_core::record::{Document, Edit, Kind, genesis};
use regard_core::time::Timestamp;

const AT: Timestamp = Timestamp(1_790_000_000_000);

fn actor(number: u8) -> Actor {
    Actor::of_device(DeviceId::from_bytes([number; 16]), [number; 4])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records-1")
}

/// A record with something in every field, made by two devices that did not know of each other's last edit.
fn full(kind: Kind) -> Document {
    let mut document = Document::new(kind);
    document.seed_notes("Met at the fair. Zażółć 🙂").expect("notes");
    let edits: Vec<Edit> = schema::fields(kind).flat_map(example).collect();
    document.edit(&edits, &actor(1), AT).expect("an edit");
    let mut other = Document::load(&document.save()).expect("what was saved");
    let title = schema::title(kind);
    document.edit(&[Edit::Set(title.into(), "One title".into())], &actor(1), AT).expect("an edit");
    other.edit(&[Edit::Set(title.into(), "Another title".into())], &actor(2), AT).expect("an edit");
    take(&mut document, &other);
    document
}

fn example(field: &schema::Field) -> Vec<Edit> {
    let name = field.name.to_owned();
    match field.form {
        Form::Line | Form::Block => vec![Edit::Set(name, format!("A {}", field.name).into())],
        Form::Moment => vec![Edit::Set(name, "2026-11-22T18:30:00[Europe/Berlin]".into())],
        Form::Whole => vec![Edit::Set(name, regard_core::record::Scalar::Whole(7))],
        Form::Link => vec![Edit::Set(name, DocumentId::from_bytes([9; 16]).to_string().into())],
        Form::Notes => Vec::new(),
        Form::Entries(members) => {
            let put = |member: Option<&str>| Edit::Put {
                field: name.clone(),
                item: "an item/with % signs".into(),
                member: member.map(str::to_owned),
                value: member.unwrap_or("An item").into(),
            };
            [None].into_iter().chain(members.iter().copied().map(Some)).map(put).collect()
        }
    }
}

fn take(to: &mut Document, from: &Document) {
    let missing = from.changes_since(&[]).into_iter().filter(|change| !to.has(change.hash));
    let missing: Vec<Checked> = missing.map(|change| gate::check(&change.bytes).expect("an honest change")).collect();
    assert!(gate::apply(to, &missing).iter().all(Result::is_ok));
}

/// What is read of a record. How compactly Automerge writes it is its own affair.
fn reading(document: &Document) -> DocumentReport {
    DocumentReport { bytes: 0, ..inspect::document(DocumentId::from_bytes([7; 16]), document) }
}

#[test]
fn records_that_older_versions_wrote_are_read_as_they_were() {
    for kind in Kind::ALL {
        let (record, read) = (folder().join(format!("{kind}.automerge")), folder().join(format!("{kind}.json")));
        if !record.exists() && std::env::var_os("REGARD_WRITE_FIXTURES").is_some() {
            std::fs::create_dir_all(folder()).expect("a folder");
            let document = full(kind);
            std::fs::write(&record, document.save()).expect("a file");
            let json = serde_json::to_string_pretty(&reading(&document)).expect("JSON");
            std::fs::write(&read, json + "\n").expect("a file");
        }
        let saved = std::fs::read(&record).unwrap_or_else(|error| panic!("{}: {error}", record.display()));
        let expected = std::fs::read_to_string(&read).unwrap_or_else(|error| panic!("{}: {error}", read.display()));
        let expected: DocumentReport = serde_json::from_str(&expected).expect("a reading");
        let mut document = Document::load(&saved).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(reading(&document), expected, "{kind}");
        let settled = Edit::Set(schema::title(kind).into(), "Settled".into());
        document.edit(&[settled], &actor(3), AT).expect("an edit").expect("a change");
        assert!(document.conflicts().is_empty(), "{kind}");
    }
}

/// A contact as a version to come may write it: a container made by a frozen change of its own, fields of forms that this
/// version does not know, and an unknown member of a known entry.
fn of_the_future() -> (Document, Vec<&'static str>) {
    let mut theirs = Automerge::load(&Document::new(Kind::Contact).save()).expect("a record");
    theirs.set_actor(ActorId::from(&b"regard/contact/2"[..]));
    let mut extension = theirs.transaction();
    extension.put_object(ROOT, "messaging", ObjType::Map).expect("a map");
    extension.put_object(ROOT, "biography", ObjType::Text).expect("a text");
    extension.commit_with(CommitOptions::default().with_time(0));
    theirs.set_actor(ActorId::from(actor(2).as_bytes()));
    let mut edit = theirs.transaction();
    let get = |from: &automerge::transaction::Transaction<'_>, name: &str| {
        automerge::ReadDoc::get(from, ROOT, name).expect("the root").expect("a container").1
    };
    let (messaging, biography, emails) = (get(&edit, "messaging"), get(&edit, "biography"), get(&edit, "emails"));
    edit.put(&messaging, "xmpp:ana@x", "xmpp:ana@x").expect("an entry");
    edit.splice_text(&biography, 0, 0, "Born in Lisbon.").expect("text");
    edit.put(ROOT, "pronouns", "she/her").expect("a scalar");
    edit.put(ROOT, "portrait", ScalarValue::Bytes(vec![0xff; 40])).expect("bytes");
    edit.put(ROOT, "score", 0.75).expect("a number");
    edit.put(ROOT, "visits", ScalarValue::counter(3)).expect("a counter");
    edit.put(&emails, "ana@x", "ana@x").expect("an entry");
    edit.put(&emails, "ana@x/verified", true).expect("a member");
    let path = edit.put_object(ROOT, "route", ObjType::List).expect("a list");
    let stop = edit.insert_object(&path, 0, ObjType::Map).expect("a map");
    edit.put(&stop, "city", "Porto").expect("a scalar");
    edit.put(ROOT, "full_name", "Ana").expect("a scalar");
    edit.commit_with(CommitOptions::default().with_time(AT.as_seconds()));
    let mut document = Document::new(Kind::Contact);
    let changes = theirs.get_changes(&[]);
    let changes: Vec<_> =
        changes.iter().map(|change| gate::check(change.raw_bytes()).expect("an honest one")).collect();
    assert!(
        gate::apply(&mut document, &changes).iter().all(Result::is_ok),
        "the gate lets a newer version's changes in"
    );
    let beyond =
        vec!["biography", "messaging[xmpp:ana@x]", "portrait", "pronouns", "route[0][city]", "score", "visits"];
    (document, beyond)
}

#[test]
fn what_a_newer_version_wrote_is_shown_and_survives_an_edit() {
    let (document, expected) = of_the_future();
    let report = reading(&document);
    let names: Vec<_> = report.beyond.iter().map(|place| place.place.as_str()).collect();
    assert_eq!(names, expected);
    assert!(report.places.iter().any(|place| place.place == "emails[ana@x].verified"));
    assert_eq!(document.text("full_name"), "Ana");
    assert!(document.conflicts().is_empty());

    let mut edited = Document::load(&document.save()).expect("what was saved");
    let edits = [
        Edit::Set("full_name".into(), "Ana Nunes".into()),
        Edit::Set("notes".into(), "Likes fado.".into()),
        Edit::Put { field: "emails".into(), item: "ana@x".into(), member: Some("label".into()), value: "work".into() },
        Edit::Put { field: "phones".into(), item: "+351".into(), member: None, value: "+351".into() },
    ];
    edited.edit(&edits, &actor(1), AT).expect("an edit").expect("a change");
    let edited = reading(&Document::load(&edited.save()).expect("what was saved"));
    assert_eq!(edited.beyond, report.beyond, "an edit leaves a newer version's fields alone");
    assert!(edited.places.iter().any(|place| place.place == "emails[ana@x].verified"));
    assert_eq!(edited.kind, Kind::Contact);
    assert!(genesis::kind_of_actor(b"regard/contact/2").is_none());
}

#[test]
fn concurrent_values_beyond_the_schema_are_shown_beside_each_other() {
    let (document, _) = of_the_future();
    let fork = |number: u8, value: &str| {
        let mut theirs = Automerge::load(&document.save()).expect("a record");
        theirs.set_actor(ActorId::from(actor(number).as_bytes()));
        let mut edit = theirs.transaction();
        edit.put(ROOT, "pronouns", value).expect("a scalar");
        edit.commit();
        theirs.get_last_local_change().expect("a change").raw_bytes().to_vec()
    };
    let changes = [fork(4, "they"), fork(5, "she")].map(|bytes| gate::check(&bytes).expect("an honest change"));
    let mut merged = document.clone();
    assert!(gate::apply(&mut merged, &changes).iter().all(Result::is_ok));
    let report = reading(&merged);
    let pronouns = report.beyond.iter().find(|place| place.place == "pronouns").expect("the place");
    let mut values = [pronouns.shown.value.to_string(), pronouns.others[0].value.to_string()];
    values.sort();
    assert_eq!(values, ["she", "they"]);
}
