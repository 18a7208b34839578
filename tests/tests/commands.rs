//! What the commands say: answers, errors and exit codes, as people read them.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p regard-tests --test commands`, and read the difference.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use regard_tests::harness::{Person, RelayProcess, Transcript};
use serde_json::Value;

const SECRET: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn id_of(answer: &Value) -> String {
    answer["record"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let folder = folder();
    let ana = Person::new("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["--help"]);
    transcript.types(&["edit", "--help"]);
    transcript.types(&["frobnicate"]);
    transcript.types(&["add", "contakt", "full_name=Ana"]);
    insta::assert_snapshot!("help", transcript.masked());
}

#[test]
fn a_workspace_is_made_once_in_a_folder() {
    let folder = folder();
    let ana = Person::new("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["list"]);
    transcript.types(&["init", "Lisbon Trading", "--member", "Ana", "--device", "laptop"]);
    transcript.types(&["init", "Another", "--member", "Ana", "--device", "laptop"]);
    transcript.types(&["status"]);
    transcript.types(&["invite"]);
    transcript.types(&["list"]);
    insta::assert_snapshot!("init", transcript.masked());
}

#[test]
fn an_invitation_is_good_for_one_use_and_its_faults_are_told() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let link = relay.found("Lisbon Trading");
    let (ana, ben) = (Person::new("Ana", folder.path()), Person::new("Ben", folder.path()));
    let mut transcript = Transcript::of(&ana, folder.path());
    let nobody = "0".repeat(32);
    let faulty = [
        "hello".to_owned(),
        link[..link.len() - 3].to_owned(),
        format!("http://127.0.0.1:1/join/{nobody}#{SECRET}"),
        format!("{}/join/{nobody}#{SECRET}", relay.url().replace("http", "https")),
        format!("{}/join/{nobody}#{SECRET}.x1", relay.url()),
        format!("{}/join/{nobody}#{SECRET}", relay.url()),
    ];
    for link in &faulty {
        transcript.types(&joining(link));
    }
    transcript.types(&joining(&link));
    transcript.types(&joining(&link));
    let used = ben.does(&joining(&link));
    transcript.notes(&joining(&link), &used);
    assert!(!ben.folder().exists(), "a join that failed leaves nothing behind");
    insta::assert_snapshot!("join", transcript.masked());
}

fn joining(link: &str) -> [&str; 6] {
    ["join", link, "--member", "Ana", "--device", "laptop"]
}

#[test]
fn records_are_made_and_changed_by_their_fields() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["add", "contact"]);
    transcript.types(&["add", "contact", "shoe_size=38"]);
    transcript.types(&["add", "task", "summary=Offer", "percent=half"]);
    transcript.types(&["add", "task", "summary=Offer", "due=soon"]);
    transcript.types(&["add", "task", "summary"]);
    transcript.types(&["add", "contact", "parent=Porto Ceramics"]);
    transcript.types(&["add", "contact", "emails=ana@x.example"]);
    transcript.types(&["add", "contact", "full_name+=Ana"]);
    transcript.types(&["add", "contact", "emails[ana@x.example].colour=red"]);
    transcript.types(&["list"]);
    let added = ["add", "contact", "full_name=Carla Nunes", "emails+=carla@x.example", "notes=Met at the fair."];
    transcript.types(&added);
    let id = ana.asks(&["list"])["records"][0]["id"].as_str().expect("an id").to_owned();
    transcript.types(&["edit", &id]);
    transcript.types(&["edit", &id, "job_title=Buyer", "emails[carla@x.example].label=work"]);
    transcript.types(&["edit", &id, "job_title=Buyer"]);
    transcript.types(&["edit", &id, "job_title=", "phones-=+351"]);
    transcript.types(&["edit", &id, "shoe_size=38"]);
    transcript.types(&["show", &id]);
    insta::assert_snapshot!("edit", transcript.masked());
}

/// Adds tasks until two ids begin with the same digit, and answers one of the two and the digit.
fn two_that_begin_alike(person: &Person) -> (String, String) {
    let mut digits = BTreeSet::new();
    loop {
        let id = id_of(&person.asks(&["add", "task", "summary=Send the price list"]));
        let digit = id[..1].to_owned();
        if !digits.insert(digit.clone()) {
            return (id, digit);
        }
    }
}

#[test]
fn a_record_is_named_by_as_much_of_its_id_as_is_needed() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let (id, digit) = two_that_begin_alike(&ana);
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["show", "ffffffff"]);
    transcript.types(&["show", "no/id"]);
    transcript.types(&["show", "hello"]);
    transcript.types(&["show", ""]);
    for command in ["show", "delete"] {
        transcript.types(&[command, &digit]);
    }
    transcript.types(&["edit", &digit, "percent=10"]);
    let before = ana.asks(&["inspect", "doc", &id]);
    transcript.types(&["show", &id]);
    assert_eq!(before["changes"].as_array().map(Vec::len), Some(2), "an ambiguous id does nothing: {before}");
    assert_eq!(ana.asks(&["show", before["url"].as_str().expect("a URL")])["id"], before["id"]);
    transcript.types(&["inspect", "doc", "ffffffff"]);
    let masked =
        transcript.masked().replace(&format!(" {digit}\n"), " [digit]\n").replace(&format!(" {digit} "), " [digit] ");
    insta::assert_snapshot!("show", masked.replace(&format!("“{digit}”"), "“[digit]”"));
}

#[test]
fn a_deleted_record_can_be_brought_back() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let id = id_of(&ana.asks(&["add", "task", "summary=Send the price list"]));
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["undelete", &id]);
    transcript.types(&["delete", &id]);
    transcript.types(&["delete", &id]);
    transcript.types(&["edit", &id, "percent=10"]);
    transcript.types(&["show", &id]);
    transcript.types(&["list"]);
    transcript.types(&["list", "--deleted"]);
    transcript.types(&["undelete", &id]);
    transcript.types(&["delete", "ffffffff", &id]);
    insta::assert_snapshot!("delete", transcript.masked());
}

fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(&path, bytes).expect("a file can be written");
    path.display().to_string()
}

#[test]
fn a_bad_file_is_told_and_stops_nothing() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mail = b"From: ana@x.example\r\nSubject: Offer\r\nMessage-ID: <1@x.example>\r\n\r\nHello.\r\n";
    let card = b"BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Carla Nunes\r\nEND:VCARD\r\n";
    let broken = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Cut o";
    write_file(folder.path(), "mail/1-good.eml", mail);
    write_file(folder.path(), "mail/2-broken.vcf", broken);
    write_file(folder.path(), "mail/3-empty.ics", b"");
    write_file(folder.path(), "mail/4-noise.eml", &[0, 159, 146, 150, 255, 0, 7]);
    write_file(folder.path(), "mail/5-good.vcf", card);
    write_file(folder.path(), "mail/6-picture.png", b"not looked at");
    let empty = write_file(folder.path(), "empty.eml", b"");
    let other = write_file(folder.path(), "notes.txt", b"Milk, bread.\n");
    let all = folder.path().join("mail").display().to_string();
    let missing = folder.path().join("missing.eml").display().to_string();
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["import"]);
    transcript.types(&["import", &missing]);
    transcript.types(&["import", &empty]);
    transcript.types(&["import", &other]);
    transcript.types(&["import", &all]);
    transcript.types(&["import", &all, &missing]);
    transcript.types(&["list"]);
    insta::assert_snapshot!("import", transcript.masked());
}

#[test]
fn status_says_how_things_stand_in_every_state() {
    let folder = folder();
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let alone = Person::founds("Dora", folder.path());
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let ben = Person::joins("Ben", folder.path(), ana.asks(&["invite"])["link"].as_str().expect("a link"));
    let mut text = String::new();
    let mut alones = Transcript::of(&alone, folder.path());
    alones.types(&["sync"]);
    alones.types(&["online"]);
    alones.types(&["offline"]);
    alones.types(&["add", "task", "summary=Alone"]);
    alones.types(&["status"]);
    text.push_str(&alones.masked());

    let mut say = |ana: &Person, title: &str, arguments: &[&str]| {
        let mut transcript = Transcript::of(ana, folder.path());
        transcript.types(arguments);
        let _ = write!(text, "# {title}\n{}", transcript.masked());
    };
    let _: Value = ana.asks(&["add", "task", "summary=One"]);
    say(&ana, "nothing runs", &["status"]);
    say(&ana, "nothing runs", &["sync"]);
    let _: Value = ben.asks(&["sync"]);
    ana.up();
    let ben_is_known = |status: &Value| status["devices"][0]["online"] == false && status["settled"] == true;
    let _: Value = ana
        .sees("Ben is known", &["status"], |status| ben_is_known(status) && !status["devices"][0]["since"].is_null());
    say(&ana, "`regard up` runs", &["status"]);
    say(&ana, "`regard up` runs", &["sync"]);
    say(&ana, "`regard up` runs", &["offline"]);
    let _: Value = ana.asks(&["add", "task", "summary=Two"]);
    let _: Value = ana.asks(&["add", "task", "summary=Three"]);
    say(&ana, "offline by choice", &["status"]);
    relay.kill();
    say(&ana, "the relay is dead", &["online"]);
    let is_waiting = |status: &Value| status["link"]["state"] == "waiting";
    let _: Value = ana.sees("the relay is away", &["status"], is_waiting);
    say(&ana, "the relay is dead", &["status"]);
    say(&ana, "the relay is dead", &["sync"]);
    relay.start_again();
    ana.settles();
    ana.stops();
    say(&ana, "stopped", &["offline"]);
    say(&ana, "stopped", &["status"]);
    say(&ana, "stopped", &["sync"]);
    say(&ana, "stopped", &["online"]);
    insta::assert_snapshot!("status", text);
}
