//! What a card becomes when it was imported, changed and exported.

use super::card;
use crate::id::Actor;
use crate::import::{Imported, Outcome, cards};
use crate::limits::IMPORT_BINARY_BYTES_MAX;
use crate::record::{Document, Edit, Kind, assignment};
use crate::time::Timestamp;

pub(super) fn actor() -> Actor {
    Actor::from_bytes(&[1; 20]).expect("an actor")
}

pub(super) fn import(text: &str) -> Imported {
    match cards(text.as_bytes()).remove(0) {
        Outcome::Record(imported) => *imported,
        Outcome::Skipped(skipped) => panic!("{skipped}: {text}"),
    }
}

pub(super) fn record(imported: &Imported) -> Document {
    let mut record = Document::new(imported.kind);
    record.seed_notes(&imported.notes).expect("the notes");
    record.edit(&imported.edits, &actor(), Timestamp(0)).expect("the edits");
    record
}

/// Imports the lines as a card, changes the record, and answers the lines of its card.
#[track_caller]
fn check(lines: &str, changes: &[&str], expected: &[&str]) {
    let mut record = record(&import(&format!("BEGIN:VCARD\n{lines}\nEND:VCARD\n")));
    let kind = record.kind();
    let edits: Vec<Edit> = changes.iter().map(|change| assignment::parse(kind, change).expect("a change")).collect();
    record.edit(&edits, &actor(), Timestamp(0)).expect("the changes");
    let written = card(&record).expect("a card");
    let written = written.replace("\r\n ", "");
    let found: Vec<&str> = written.split("\r\n").filter(|line| !line.is_empty()).collect();
    let frame = ["BEGIN:VCARD", "VERSION:4.0"].iter().chain(expected).chain(&["END:VCARD"]);
    assert_eq!(found, frame.copied().collect::<Vec<_>>());
}

#[test]
fn fields_are_written_as_properties_of_version_4() {
    check(
        "VERSION:2.1\nN:Weiß;Carla;Maria,Eva;Dr.\nTITLE:Owner\nORG:Harbour;Purchasing;Beans\nBDAY:1980-05-21\n\
         TEL;HOME;VOICE:+49 40 1\nEMAIL;INTERNET;PREF:Carla@Example.org\nADR;HOME:;;Am Kai 7;Hamburg;;20457;Germany\n\
         URL:https://example.org/?a=b,c;d\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:one=0Atw=C3=B6\nNICKNAME:Cara,Cari",
        &["owner=Ben", "role=Buyer", "categories+=a,b", "anniversary=--03-14"],
        &[
            "FN:Dr. Carla Maria Eva Weiß",
            "N:Weiß;Carla;Maria,Eva;Dr.;",
            "NICKNAME:Cara,Cari",
            "TITLE:Owner",
            "ROLE:Buyer",
            "ORG:Harbour;Purchasing;Beans",
            "BDAY:19800521",
            "ANNIVERSARY:--0314",
            "EMAIL;PREF=1:Carla@Example.org",
            "TEL;TYPE=home,voice:+49 40 1",
            "ADR;TYPE=home:;;Am Kai 7;Hamburg;;20457;Germany",
            "URL:https://example.org/?a=b,c;d",
            "CATEGORIES:a\\,b",
            "X-REGARD-OWNER:Ben",
            "NOTE:one\\ntwö",
        ],
    );
}

#[test]
fn what_no_field_holds_is_written_as_it_came() {
    let lines = [
        "FN;LANGUAGE=de:Ana",
        "NICKNAME;X-EMPTY=1:",
        "TITLE;X-RANK=1:Owner",
        "EMAIL;PREF=2;X-FOO=1:ana@example.org",
        "EMAIL:ANA@example.org",
        "item1.TEL:+49 40 1",
        "ADR;GEO=\"geo:1,2\":PO 7;;Am Kai 7,Haus 3;Hamburg;;;",
        "CATEGORIES;PID=1.1:b",
        "CATEGORIES:a",
        "NOTE:one",
        "NOTE;LANGUAGE=de:zwei",
        // What is no field comes last, in the order of names.
        "BDAY;VALUE=TEXT:circa 1800",
        "EMAIL:",
        "PHOTO:data:image/png;base64,AAAA",
        "REV:20260101T000000Z",
        "TITLE:Second",
        "item1.X-ABLabel:Desk",
        "X-FOO;A=\"b,c\":d\\,e",
        "X-PIN;VALUE=URI:data:image/png;base64,AAAA",
    ];
    check(&lines.join("\n"), &[], &lines);
}

#[test]
fn a_changed_field_takes_the_place_of_its_property_and_keeps_the_other_parameters() {
    let card = "FN;SORT-AS=Jon;LANGUAGE=de:Ana\nORG;PID=1:Harbour;a\\, b\nEMAIL;TYPE=work;X-FOO=1:ana@example.org\n\
                item1.TEL:1\nitem1.X-ABLabel:Desk\nADR;GEO=\"geo:1,2\";X-A=b;TYPE=home:PO 7;;Am Kai 7;;;;\nNOTE;PID=2:one\n\
                CATEGORIES;PID=3:a";
    let changes = [
        "full_name=Ana Doe",
        "company=Quay",
        "emails[ana@example.org].label=home",
        "phones[1].label=mobile",
        "addresses[home].street=Am Kai 8",
        "addresses[home]=Am Kai 8",
        "notes=two",
        "categories+=b",
    ];
    check(
        card,
        &changes,
        &[
            "FN;LANGUAGE=de:Ana Doe",
            "ORG;PID=1:Quay;a;b",
            "EMAIL;TYPE=home;X-FOO=1:ana@example.org",
            "TEL;TYPE=mobile:1",
            "ADR;TYPE=home;X-A=b:;;Am Kai 8;;;;",
            "CATEGORIES;PID=3:a,b",
            "NOTE;PID=2:two",
        ],
    );
    check(
        card,
        &["addresses[home].label=work"],
        &[
            "FN;SORT-AS=Jon;LANGUAGE=de:Ana",
            "ORG;PID=1:Harbour;a\\, b",
            "EMAIL;TYPE=WORK;X-FOO=1:ana@example.org",
            "item1.TEL:1",
            "ADR;TYPE=work;GEO=\"geo:1,2\";X-A=b;X-REGARD-KEY=home:PO 7;;Am Kai 7;;;;",
            "CATEGORIES;PID=3:a",
            "NOTE;PID=2:one",
            "item1.X-ABLabel:Desk",
        ],
    );
}

#[test]
fn what_was_removed_is_not_written() {
    check(
        "FN:Ana\nTITLE;X-A=1:Owner\nEMAIL;X-A=1:a@example.org\nEMAIL;X-A=2:A@example.org\nEMAIL:b@example.org\n\
         item1.TEL:1\nitem1.X-ABLabel:Desk\nitem2.ADR:;;Am Kai 7;;;;\nitem2.X-ABADR:de\nCATEGORIES;X-A=1:a",
        &["emails-=a@example.org", "phones-=1", "categories-=a", "job_title="],
        &["FN:Ana", "EMAIL:b@example.org", "item2.ADR:;;Am Kai 7;;;;", "item2.X-ABADR:de"],
    );
    check(
        "FN:Ana\nADR;TYPE=home:;;Am Kai 7;;;;\nADR;TYPE=home;X-A=1:;;Am Kai 8;;;;",
        &["addresses-=home"],
        &["FN:Ana", "ADR;TYPE=HOME;X-A=1;X-REGARD-KEY=\"home 2\":;;Am Kai 8;;;;"],
    );
}

#[test]
fn what_vcard_has_no_property_for_is_written_as_regards_own() {
    let link = "0190c2f8-0000-8000-8000-000000000001";
    let (parent, related) = (format!("parent={link}"), format!("related[{link}].label=Sister company"));
    let (written_parent, written_related) = (
        format!("X-REGARD-PARENT:{link}"),
        format!("X-REGARD-RELATED;TYPE=\"Sister company\";X-REGARD-LABEL=\"Sister company\":{link}"),
    );
    check(
        "KIND;X-A=1:org\nFN:Harbour\nX-REGARD-PARENT:nowhere",
        &["industry=Coffee", &parent, &related],
        &[
            "KIND;X-A=1:ORG",
            "FN:Harbour",
            "X-REGARD-INDUSTRY:Coffee",
            &written_parent,
            &written_related,
            "X-REGARD-PARENT:nowhere",
        ],
    );
    check(
        "X-REGARD-KIND:lead\nEMAIL:ana@example.org",
        &["topic=Beans", "status=open", "emails+=Ben@example.org", "addresses+=Am Kai 7", "phones[1].label=\"A\", b"],
        &[
            "X-REGARD-KIND:lead",
            "FN:ana@example.org",
            "X-REGARD-TOPIC:Beans",
            "X-REGARD-STATUS:open",
            "EMAIL;X-REGARD-KEY=Ben@example.org:Ben@example.org",
            "EMAIL:ana@example.org",
            "TEL;TYPE=b;X-REGARD-LABEL=\"^'A^', b\":1",
            "ADR;X-REGARD-KEY=\"Am Kai 7\":;;Am Kai 7;;;;",
        ],
    );
}

#[test]
fn what_a_peer_writes_into_a_record_breaks_no_card() {
    let mut record = record(&import("BEGIN:VCARD\nFN:Ana\nEND:VCARD\n"));
    for (item, value) in [
        ("X-A", "X-A:1\r\nEMAIL:b@example.org"),
        ("X-B", "END:VCARD"),
        ("X-C", "3 bytes of image/jpeg, not kept"),
        ("original FN", "BEGIN:VCARD"),
        ("original EMAIL b@example.org", "EMAIL:b@example.org"),
    ] {
        let (field, item, value) = ("unknown".to_owned(), item.to_owned(), value.into());
        record.edit(&[Edit::Put { field, item, member: None, value }], &actor(), Timestamp(0)).expect("an edit");
    }
    let expected = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ana\r\nEND:VCARD\r\n";
    assert_eq!(card(&record).as_deref(), Some(expected));
}

#[test]
fn a_picture_is_kept_up_to_its_bound() {
    let picture = |bytes: usize| {
        format!("BEGIN:VCARD\nFN:Ana\nPHOTO:data:image/png;base64,{}\nEND:VCARD\n", "AAAA".repeat(bytes / 3))
    };
    let small = picture(IMPORT_BINARY_BYTES_MAX / 3 * 3);
    let written = card(&record(&import(&small))).expect("a card");
    assert!(written.lines().all(|line| line.len() <= 75));
    assert_eq!(import(&written).edits, import(&small).edits);
    let large = import(&picture(IMPORT_BINARY_BYTES_MAX + 3));
    let said = format!("{} bytes of image/png did not fit", IMPORT_BINARY_BYTES_MAX + 1);
    let (field, item) = ("unknown".to_owned(), "truncated PHOTO".to_owned());
    assert_eq!(large.edits.last(), Some(&Edit::Put { field, item, member: None, value: said.into() }));
}

#[test]
fn other_kinds_are_no_cards() {
    let kinds = Kind::ALL.into_iter().filter(|kind| card(&Document::new(*kind)).is_some());
    assert_eq!(kinds.collect::<Vec<_>>(), [Kind::Contact, Kind::Account, Kind::Lead]);
}
