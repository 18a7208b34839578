//! `regard demo`: the main story, played by itself.

use regard_tests::harness::{Person, Said};
use serde_json::Value;

const MAIL: &str = "\
From: Ana <ana@lisbon.example>
To: Ben <ben@lisbon.example>
Subject: One mail of my own
Date: Fri, 20 Nov 2026 10:00:00 +0000
Message-ID: <own-1@lisbon.example>

Hello Ben.
";
const CARD: &str =
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:own-card\r\nFN:Dora Duarte\r\nEMAIL:dora@lisbon.example\r\nEND:VCARD\r\n";

fn demo(arguments: &[&str]) -> Said {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = Person::new("Ana", folder.path()).does(&[&["demo"], arguments].concat());
    assert_eq!(said.code, Some(0), "{said:#?}");
    said
}

#[test]
fn the_demo_ends_well_and_its_last_line_names_what_to_type_next() {
    let said = demo(&[]);
    let last = said.stdout.lines().last().unwrap_or_default();
    assert!(last.contains("`regard up`"), "{last}");
    assert!(said.stdout.contains("kill -9"), "{}", said.stdout);
    assert!(!said.stdout.contains('\u{1b}'), "escape codes where nobody looks: {}", said.stdout);
    assert_eq!(said.stderr, "");
}

#[test]
fn the_demo_answers_programs_in_json() {
    let said = demo(&["--json"]);
    let answer: Value = serde_json::from_str(&said.stdout).expect("one JSON value");
    let told = answer["told"].as_array().expect("what was told");
    assert!(told.iter().all(Value::is_string) && told.len() > 10, "{answer}");
}

#[test]
fn the_demo_plays_on_files_of_ones_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mail, card) = (folder.path().join("one.eml"), folder.path().join("one.vcf"));
    std::fs::write(&mail, MAIL).expect("a file can be written");
    std::fs::write(&card, CARD).expect("a file can be written");
    let said = demo(&[&mail.display().to_string(), &card.display().to_string()]);
    assert!(said.stdout.contains("Imported: 1 contact, 1 email from 2 files; 0 skipped."), "{}", said.stdout);
}
