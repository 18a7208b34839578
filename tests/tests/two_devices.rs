//! The main job: two people hold the same records, edit them offline, and lose nothing when they meet again.

use std::collections::BTreeSet;

use regard_core::id::{ChangeHash, DocumentId};
use regard_core::inspect::DocumentReport;
use regard_tests::corpus::corpus;
use regard_tests::harness::{Person, RelayProcess, Seed, stores};
use serde_json::Value;

/// Edits by each of the two while both are offline.
const EDITS: usize = 200;
/// Records on which those edits fall: few enough that many are edited by both.
const EDITED_RECORDS: usize = 60;

#[test]
fn what_two_people_edit_offline_is_merged_and_nothing_is_lost() {
    let name = "what_two_people_edit_offline_is_merged_and_nothing_is_lost";
    let Some(corpus) = corpus(name) else { return };
    let mut seed = Seed::of(name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let imported = ana.asks(&["import", &corpus.display().to_string()]);
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    ben.up();
    let records = ana.asks(&["status"])["records"].clone();
    let _: Value = ben
        .sees("all records are there", &["status"], |status| status["records"] == records && status["settled"] == true);
    println!("imported and fetched: {}", imported["summary"]);

    let edited = choose_records(&ana, &mut seed);
    for person in [&ana, &ben] {
        let _: Value = person.asks(&["offline"]);
    }
    let promised: BTreeSet<_> =
        [&ana, &ben].into_iter().flat_map(|person| edit_offline(person, &edited, &mut seed)).collect();
    for person in [&ana, &ben] {
        let waiting = person.asks(&["status"])["outbox"]["waiting"].as_u64();
        assert!(waiting >= Some(EDITS as u64 / 2), "offline edits wait: {waiting:?}");
        let _: Value = person.asks(&["online"]);
    }
    for person in [&ana, &ben] {
        person.settles();
    }
    // Ana may have been settled while Ben's last edits were on their way to the relay.
    ana.settles();
    ana.stops();
    ben.stops();

    let (anas, bens) = (stores::held(ana.folder()), stores::held(ben.folder()));
    anas.equals(&bens);
    anas.is_the_log_once();
    for (document, change) in &promised {
        assert!(anas.has(*document, *change), "change {change} of record {document} is lost");
    }
    assert!(promised.len() > EDITS, "{} changes were promised", promised.len());
    println!("{} records, {} changes, {} of them promised offline", anas.records(), anas.changes(), promised.len());
}

/// A record that is edited: its id and its kind.
struct Edited {
    id: String,
    kind: String,
}

fn choose_records(person: &Person, seed: &mut Seed) -> Vec<Edited> {
    let list = person.asks(&["list", "--limit", "10000"]);
    let records = list["records"].as_array().expect("records");
    let chosen = (0..EDITED_RECORDS).map(|_| seed.one_of(records));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    chosen.map(|record| Edited { id: text(&record["id"]), kind: text(&record["kind"]) }).collect()
}

/// Makes edits of all sorts, and answers the changes that were promised to be durable.
fn edit_offline(person: &Person, edited: &[Edited], seed: &mut Seed) -> Vec<(DocumentId, ChangeHash)> {
    let mut touched = BTreeSet::new();
    for number in 0..EDITS {
        let Edited { id, kind } = seed.one_of(edited);
        let value = format!("{} {number}", person.folder().display());
        let arguments = match seed.below(10) {
            0 => vec!["delete".to_owned(), id.clone()],
            1 => vec!["undelete".to_owned(), id.clone()],
            2 => {
                vec!["add".to_owned(), "task".to_owned(), format!("summary=Task {value}"), format!("percent={number}")]
            }
            3 | 4 => vec!["edit".to_owned(), id.clone(), format!("{}=Written by {value}. ", notes(kind))],
            5 | 6 => vec!["edit".to_owned(), id.clone(), format!("categories+=Entry {value}")],
            7 => vec!["edit".to_owned(), id.clone(), format!("categories+=Shared {}", number % 5), "owner=".to_owned()],
            _ => vec!["edit".to_owned(), id.clone(), format!("owner=Owner {value}")],
        };
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let said = person.does(&[&["--json"], arguments.as_slice()].concat());
        // The only thing that may go wrong is that a record has been deleted before.
        let is_deleted = said.stderr.contains("the record is deleted");
        assert!(said.code == Some(0) || is_deleted, "{arguments:?}: {said:#?}");
        if !is_deleted {
            let answer: Value = serde_json::from_str(&said.stdout).expect("JSON");
            let record = answer.pointer("/saves/0/record").unwrap_or(&answer["record"]);
            touched.insert(record["id"].as_str().expect("an id").to_owned());
        }
    }
    touched.iter().flat_map(|id| changes_of(person, id)).collect()
}

fn notes(kind: &str) -> &'static str {
    if matches!(kind, "task" | "appointment") { "description" } else { "notes" }
}

fn changes_of(person: &Person, id: &str) -> Vec<(DocumentId, ChangeHash)> {
    let report = person.asks(&["inspect", "doc", id]);
    let report: DocumentReport = serde_json::from_value(report).expect("the inside of a record");
    report.changes.iter().map(|change| (report.id, change.hash)).collect()
}
