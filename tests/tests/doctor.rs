//! `regard doctor`, in a state each.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use regard_tests::harness::{Person, RelayProcess, Transcript};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The states of the checks of this name, with their messages.
fn found(person: &Person, check: &str) -> Vec<(String, String)> {
    let said = person.does(&["--json", "doctor"]);
    let answer: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:#?}"));
    let checks = answer["checks"].as_array().expect("checks").iter();
    let checks: Vec<_> = checks.collect();
    let is_bad = checks.iter().any(|one| one["state"] == "problem");
    assert_eq!(said.code, Some(i32::from(is_bad)), "{said:#?}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks.iter().filter(|one| one["check"] == check).map(|one| (text(&one["state"]), text(&one["message"]))).collect()
}

#[track_caller]
fn has(person: &Person, check: &str, state: &str, message: &str) {
    let found = found(person, check);
    let is_there = found.iter().any(|(is, says)| is == state && says.contains(message));
    assert!(is_there, "{check} is {state} with “{message}”: {found:#?}");
}

fn rights(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("rights");
}

#[test]
fn a_device_alone_is_looked_at_from_settings_to_records() {
    let folder = folder();
    let ana = Person::new("Ana", folder.path());
    let mut text = String::new();
    let mut say = |ana: &Person| {
        let mut transcript = Transcript::of(ana, folder.path());
        transcript.types(&["doctor"]);
        let masked = transcript.masked();
        let masked = masked.lines().map(|line| if line.contains(" disk ") { "[disk]" } else { line });
        text.push_str(&masked.collect::<Vec<_>>().join("\n"));
        text.push('\n');
    };
    say(&ana);
    let _: Value = ana.asks(&["init", "Lisbon Trading", "--member", "Ana", "--device", "laptop"]);
    let _: Value = ana.asks(&["add", "task", "summary=Offer"]);
    say(&ana);
    std::fs::write(ana.folder().join("config.toml"), "colour = \"never\"\nlist_limit = 0\n").expect("a file");
    rights(ana.folder(), 0o755);
    say(&ana);
    std::fs::write(ana.folder().join("config.toml"), "").expect("a file");
    rights(&ana.folder().join("store.redb"), 0o644);
    say(&ana);
    insta::assert_snapshot!("doctor", text);
}

#[test]
fn the_relay_is_visited() {
    let folder = folder();
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    has(&ana, "relay", "ok", "answers and knows this device");
    has(&ana, "clock", "ok", "it goes with the relay's");
    has(&ana, "connection", "warning", "does not run");
    ana.up();
    has(&ana, "store", "ok", "`regard up` has it open");
    assert_eq!(found(&ana, "connection"), []);
    let _: Value = ana.asks(&["offline"]);
    has(&ana, "connection", "warning", "offline by choice");
    relay.kill();
    has(&ana, "relay", "problem", "");
    relay.start_again();
    let _: Value = ana.asks(&["online"]);
    ana.settles();
    let link = ana.asks(&["invite", "--own-device"])["link"].as_str().expect("a link").to_owned();
    let phone = Person::joins_with("Ana", "phone", folder.path(), &link);
    let _: Value = ana.asks(&["sync"]);
    let _: Value = ana.asks(&["device", "revoke", "Ana (phone)"]);
    has(&phone, "relay", "problem", "");
}

#[test]
fn what_waits_for_a_decision_is_counted() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let ben = Person::joins("Ben", folder.path(), &link);
    let (one, two) = (ana.adds_contact("Carla Nunes"), ana.adds_contact("Dora Pinto"));
    let sync = |people: [&Person; 3]| people.map(|person| person.asks(&["sync"]));
    sync([&ana, &ben, &ana]);
    let _: Value = ana.asks(&["edit", &one, "job_title=Buyer"]);
    let _: Value = ben.asks(&["edit", &one, "job_title=Director"]);
    let _: Value = ana.asks(&["delete", &two]);
    let _: Value = ben.asks(&["edit", &two, "job_title=Director"]);
    sync([&ana, &ben, &ana]);
    has(&ana, "conflicts", "warning", &format!("1 record is in conflict: {}", &one.replace('-', "")[..8]));
    has(
        &ana,
        "undecided",
        "warning",
        &format!("1 record was deleted while somebody edited: {}", &two.replace('-', "")[..8]),
    );
}
