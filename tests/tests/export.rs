//! `regard export`: every format, to standard output, files and folders.

use std::path::Path;

use regard_core::import::{self, Outcome};
use regard_tests::harness::{Person, Transcript};
use serde_json::Value;

const MAIL: &str = "Received: from a by b; Sun, 22 Nov 2026 09:00:01 +0000\r\nX-Mailer: Hand\r\nFrom: Ana <ana@x.example>\r\n\
    Subject: Offer\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@x.example>\r\n\r\nFrom me to you.\r\n";
const OTHER: &str = "From: ben@x.example\r\nSubject: Answer\r\nMessage-ID: <2@x.example>\r\n\r\nYes.\r\n";
const CARD: &str = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Carla Nunes\r\nEND:VCARD\r\n";
const EVENTS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Fair\r\nEND:VEVENT\r\n\
    BEGIN:VTODO\r\nUID:3\r\nSUMMARY:Pack\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

/// Ana with two mails, a card, an event and a to-do.
fn ana(folder: &Path) -> Person {
    let ana = Person::founds("Ana", folder);
    for (name, text) in [("1.eml", MAIL), ("2.eml", OTHER), ("3.vcf", CARD), ("4.ics", EVENTS)] {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file can be written");
        let _: Value = ana.asks(&["import", &path.display().to_string()]);
    }
    ana
}

fn id(ana: &Person, title: &str) -> String {
    let list = ana.asks(&["list"]);
    let records = list["records"].as_array().expect("records");
    let found = records.iter().find(|record| record["title"] == title).expect("the record");
    found["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn exported(ana: &Person, arguments: &[&str]) -> String {
    let said = ana.does(&[&["export"], arguments].concat());
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.stderr);
    said.stdout
}

#[test]
fn every_format_is_written_and_read_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ana = ana(folder.path());
    let offer = id(&ana, "Offer");
    let text = exported(&ana, &[&offer[..12]]);
    assert!(text.starts_with("Received: from a by b;") && text.contains("\r\nX-Mailer: Hand\r\n"), "{text}");
    assert!(matches!(import::message(text.as_bytes()), Outcome::Record(_)), "{text}");

    let mbox = exported(&ana, &["email"]);
    assert!(
        mbox.starts_with("From ana@x.example Sun Nov 22 09:00:00 2026\n") && mbox.contains("\n>From me to you."),
        "{mbox}"
    );
    assert_eq!(import::messages(mbox.as_bytes()).count(), 2, "{mbox}");
    assert_eq!(import::cards(exported(&ana, &["contact"]).as_bytes()).len(), 1);
    let calendar = exported(&ana, &["--all", "--format", "ical"]);
    assert_eq!(calendar.matches("BEGIN:VCALENDAR").count(), 1, "{calendar}");
    assert_eq!(import::calendar(calendar.as_bytes()).len(), 2, "{calendar}");

    let lines = exported(&ana, &["--all"]);
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(records.len(), 5, "{lines}");
    for record in records {
        let shown = ana.asks(&["show", record["id"].as_str().expect("an id")]);
        for member in ["id", "kind", "title", "life", "changed_at", "fields", "entries"] {
            assert_eq!(record[member], shown[member], "{member}");
        }
    }
    // The same through another process that has the store open.
    ana.up();
    assert_eq!(exported(&ana, &["email"]), mbox);
}

#[test]
fn what_is_exported_elsewhere_is_the_same_record() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = ana(folder.path());
    let mbox = folder.path().join("all.mbox").display().to_string();
    exported(&ana, &["email", "--output", &mbox]);
    let again = ana.asks(&["import", &mbox]);
    assert_eq!(again["summary"]["existed"], 2, "{again}");

    let ben = Person::founds("Ben", folder.path());
    let _: Value = ben.asks(&["import", &mbox]);
    for title in ["Offer", "Answer"] {
        let (mut here, mut there) = (ana.asks(&["show", &id(&ana, title)]), ben.asks(&["show", &id(&ben, title)]));
        assert_eq!(here["fields"], there["fields"]);
        for record in [&mut here, &mut there] {
            record["entries"].as_object_mut().expect("entries").remove("tracking");
        }
        assert_eq!(here["entries"], there["entries"]);
    }
}

#[test]
fn files_are_whole_and_never_replaced_unasked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = ana(folder.path());
    let file = folder.path().join("out.vcf").display().to_string();
    let mails = folder.path().join("mails");
    std::fs::create_dir(&mails).expect("a folder");
    let mails = mails.display().to_string();
    let offer = id(&ana, "Offer");
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["export"]);
    transcript.types(&["export", "ffffffff"]);
    transcript.types(&["export", "contact", "--format", "eml"]);
    transcript.types(&["export", "email", "--format", "eml"]);
    transcript.types(&["export", "email", "--format", "pdf"]);
    transcript.types(&["export", "email", &offer]);
    transcript.types(&["export", "contact", "--output", &file]);
    transcript.types(&["export", "contact", "--output", &file]);
    transcript.types(&["export", "contact", "--output", &file, "--force"]);
    transcript.types(&["export", "email", "--output", &mails]);
    transcript.types(&["export", "email", "--output", &mails]);
    transcript.types(&["export", "email", "--output", &mails, "--format", "mbox"]);
    transcript.types(&["delete", &offer]);
    transcript.types(&["export", &offer]);
    transcript.types(&["--json", "export", "email", "--output", &mails, "--force"]);
    insta::assert_snapshot!("export", transcript.masked());
    assert_eq!(std::fs::read_dir(&mails).expect("the folder").count(), 2);
    assert!(exported(&ana, &[&offer, "--deleted"]).contains("Subject: Offer"));
}
