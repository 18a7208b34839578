//! Taking saves back, with the real program: alone, and beside others.

use std::path::Path;

use regard_tests::harness::{Person, RelayProcess, Transcript};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn adds(person: &Person, arguments: &[&str]) -> String {
    person.asks(&[&["add"], arguments].concat())["record"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn the_last_save_is_taken_back_and_brought_again() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["undo"]);
    transcript.types(&["undo", "--list"]);
    let id = adds(&ana, &["contact", "full_name=Carla Nunes", "job_title=Buyer", "notes=Met at the fair."]);
    let edit =
        ["edit", &id, "job_title=Head of purchasing", "emails+=carla@aurora.example", "notes=Met at the big fair."];
    transcript.types(&edit);
    transcript.types(&["undo", "--dry-run"]);
    transcript.types(&["undo"]);
    transcript.types(&["show", &id]);
    transcript.types(&["undo"]);
    transcript.types(&["show", &id]);
    transcript.types(&["delete", &id]);
    transcript.types(&["undo"]);
    transcript.types(&["undo", "--list"]);
    transcript.types(&["undo", "ffffffff"]);
    transcript.types(&["undo", "what"]);
    insta::assert_snapshot!("undo", transcript.masked());
}

#[test]
fn a_certain_save_is_taken_back_as_far_as_it_still_stands() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let id = adds(&ana, &["contact", "full_name=Carla Nunes"]);
    let save =
        ana.asks(&["edit", &id, "job_title=Buyer", "company=Aurora"])["save"].as_str().expect("a save").to_owned();
    let _: Value = ana.asks(&["edit", &id, "job_title=Director"]);
    let mut transcript = Transcript::of(&ana, folder.path());
    let undone = ana.asks(&["undo", &save]);
    assert_eq!(undone["undone"], save.as_str());
    assert_eq!(undone["records"][0]["left_alone"][0]["place"], "job_title");
    transcript.types(&["undo", &save]);
    transcript.types(&["show", &id]);
    let made = ana.asks(&["undo", "--list"])["saves"].as_array().and_then(|saves| saves.last().cloned());
    transcript.types(&["undo", made.expect("a save")["save"].as_str().expect("an id")]);
    insta::assert_snapshot!("undo_certain", transcript.masked());
}

#[test]
fn an_imported_record_goes_and_comes_back() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let card = folder.path().join("carla.vcf");
    std::fs::write(&card, "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Carla Nunes\r\nNOTE:Met.\r\nEND:VCARD\r\n")
        .expect("a card");
    let _: Value = ana.asks(&["import", &card.display().to_string()]);
    let _: Value = ana.asks(&["undo"]);
    assert_eq!(ana.asks(&["list"])["records"].as_array().map(Vec::len), Some(0));
    let _: Value = ana.asks(&["undo"]);
    assert_eq!(ana.asks(&["list"])["records"][0]["title"], "Carla Nunes");
}

#[test]
fn what_a_colleague_wrote_survives_and_the_undo_reaches_the_colleague() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let (ana, ben) = pair(folder.path(), &relay);
    let id = adds(&ana, &["contact", "full_name=Carla Nunes", "notes=Met at the fair."]);
    let _: Value =
        ana.asks(&["edit", &id, "job_title=Buyer", "company=Aurora", "notes=Met at the fair. Wants samples."]);
    sync(&[&ana, &ben]);
    let _: Value = ben.asks(&["edit", &id, "job_title=Director", "notes=Met Carla at the fair. Wants samples."]);
    sync(&[&ben, &ana]);
    let _: Value = ana.asks(&["undo"]);
    sync(&[&ana, &ben]);
    for person in [&ana, &ben] {
        let fields = person.asks(&["show", &id])["fields"].clone();
        assert_eq!(fields["job_title"], "Director", "{fields}");
        assert_eq!(fields["company"], Value::Null, "{fields}");
        assert_eq!(fields["notes"], "Met Carla at the fair.", "{fields}");
    }
    assert_eq!(ben.does(&["undo"]).code, Some(0), "Ben's own last save");
    assert_eq!(ben.asks(&["show", &id])["fields"]["job_title"], "Buyer");
}

fn pair(folder: &Path, relay: &RelayProcess) -> (Person, Person) {
    let ana = Person::joins("Ana", folder, &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let ben = Person::joins("Ben", folder, &link);
    (ana, ben)
}

fn sync(people: &[&Person]) {
    for person in people {
        let _: Value = person.asks(&["sync"]);
    }
}
