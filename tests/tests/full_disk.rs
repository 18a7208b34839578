//! A disk that is full or read-only: what fails says so and what to do, nothing is acknowledged that is not there, and everything
//! goes on by itself when there is room again.
#![cfg(target_os = "linux")]

use regard_core::id::DocumentId;
use regard_tests::harness::{Person, RelayProcess, Said, SmallDisk, stores, until};
use serde_json::Value;

/// Room for an empty store or relay, some hundred records, and what opening takes.
const KILOBYTES: usize = 6 << 10;
/// What a full disk still takes in the pages that a file has already.
const SAVES_MAX: usize = 3_000;

fn workspace(ana: &Person) {
    let _: Value = ana.asks(&["init", "Lisbon Trading", "--member", "Ana", "--device", "laptop"]);
}

/// The new task's id, where the command said that it is saved; else what it said.
fn add(person: &Person, summary: &str) -> Result<DocumentId, Said> {
    let said = person.does(&["--json", "add", "task", &format!("summary={summary} {}", "x".repeat(4_000))]);
    if said.code != Some(0) {
        return Err(said);
    }
    let answer: Value = serde_json::from_str(&said.stdout).expect("JSON");
    Ok(answer["record"]["id"].as_str().expect("an id").parse().expect("an id"))
}

/// Saves until the disk takes no more; answers what was acknowledged.
fn add_until_full(person: &Person) -> Vec<DocumentId> {
    let mut acknowledged = Vec::new();
    for number in 0..SAVES_MAX {
        match add(person, &format!("Task {number}")) {
            Ok(id) => acknowledged.push(id),
            Err(said) => {
                says_to_make_room(&said);
                return acknowledged;
            }
        }
    }
    panic!("the disk is never full");
}

fn says_to_make_room(said: &Said) {
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(said.stderr.contains("Make room on the disk"), "{said:#?}");
}

#[test]
fn commands_on_a_full_disk_say_so_and_work_again_when_there_is_room() {
    let disk = SmallDisk::of_kilobytes(KILOBYTES);
    let ana = Person::on_disk("Ana", &disk);
    workspace(&ana);
    let before = add(&ana, "Before").expect("saved");
    disk.fill(&[]);
    let mut acknowledged = add_until_full(&ana);
    let cards = tempfile::tempdir().expect("a folder");
    let card = |number| format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{number}\r\nFN:Contact {number}\r\nEND:VCARD\r\n");
    std::fs::write(cards.path().join("cards.vcf"), (0..2_000).map(card).collect::<String>()).expect("written");
    says_to_make_room(&ana.does(&["import", &cards.path().display().to_string()]));
    let backup = disk.folder().join("copy").display().to_string();
    says_to_make_room(&ana.does(&["backup", &backup]));
    assert!(!disk.folder().join("copy").exists(), "half a copy is none");
    disk.make_room(&[]);
    acknowledged.extend([before, add(&ana, "After").expect("there is room again")]);
    let held = stores::held(ana.folder());
    assert!(acknowledged.iter().all(|id| held.has_record(*id)), "{} were acknowledged", acknowledged.len());
    let check = ana.does(&["check"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
}

#[test]
fn the_same_process_works_again_when_there_is_room() {
    let disk = SmallDisk::of_kilobytes(KILOBYTES);
    let mut ana = Person::on_disk("Ana", &disk);
    workspace(&ana);
    // The relay that it runs is on the same disk.
    ana.up();
    let before = add(&ana, "Before").expect("saved");
    let up = [ana.id().expect("it runs")];
    disk.fill(&up);
    let mut acknowledged = add_until_full(&ana);
    // It lives, and says again what is the matter.
    assert!(add(&ana, "While it is full").is_err_and(|said| said.code == Some(1)));
    disk.make_room(&up);
    let after = until("the same process saves again", || add(&ana, "After").map_err(|said| format!("{said:?}")));
    assert_eq!(ana.id(), Some(up[0]), "it was not started again");
    acknowledged.extend([before, after]);
    for id in &acknowledged {
        let said = ana.does(&["show", &id.to_string()]);
        assert_eq!(said.code, Some(0), "{said:#?}");
    }
    ana.stops();
    let held = stores::held(ana.folder());
    assert!(acknowledged.iter().all(|id| held.has_record(*id)), "{} were acknowledged", acknowledged.len());
}

#[test]
fn a_relay_on_a_full_disk_acknowledges_nothing_and_goes_on_by_itself() {
    let disk = SmallDisk::of_kilobytes(KILOBYTES);
    let mut relay = RelayProcess::on_disk(&disk);
    relay.start_again();
    let folder = tempfile::tempdir().expect("a folder");
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    ana.up();
    ana.settles();
    let serving = [relay.id().expect("it runs")];
    disk.fill(&serving);
    let mut waiting = 0;
    for number in 0..SAVES_MAX {
        let _ = add(&ana, &format!("Task {number}")).expect("her own disk has room");
        waiting = ana.asks(&["status"])["outbox"]["waiting"].as_u64().expect("a number");
        // One or two are on their way at any time.
        if waiting > 20 {
            break;
        }
    }
    assert!(waiting > 20, "the relay is never full");
    let ready = relay.answers("/readyz").expect("it answers");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("log.redb"), "{ready}");
    disk.make_room(&serving);
    ana.settles();
    assert_eq!(relay.id(), Some(serving[0]), "it was not started again");
    assert_eq!(ana.asks(&["status"])["outbox"]["refused"], 0, "what waited was not refused");
    // A device that comes new gets everything, so everything was logged.
    let ben = Person::joins("Ben", folder.path(), &link);
    let _: Value = ben.asks(&["sync"]);
    ana.stops();
    stores::held(ben.folder()).equals(&stores::held(ana.folder()));
    relay.kill();
    let check = relay.does(&["check", &relay.folder().display().to_string()]);
    assert_eq!(check.code, Some(0), "{check:#?}");
}

#[test]
fn what_cannot_be_written_at_all_is_told_with_what_to_do() {
    let disk = SmallDisk::of_kilobytes(KILOBYTES);
    let ana = Person::on_disk("Ana", &disk);
    workspace(&ana);
    let id = add(&ana, "Before").expect("saved");
    let mut relay = RelayProcess::on_disk(&disk);
    relay.start_again();
    relay.kill();
    disk.set_read_only(true);
    let said = add(&ana, "While it cannot").expect_err("nothing can be written");
    let mut told = vec![said];
    told.extend([&["import", "/dev/null"][..], &["up"], &["backup", "/tmp/never"]].map(|command| ana.does(command)));
    for said in told {
        assert_eq!(said.code, Some(1), "{said:#?}");
        assert!(said.stderr.contains("how its disk is mounted") || said.stderr.contains("Make room"), "{said:#?}");
    }
    let served = relay.does(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(served.code, Some(1), "{served:#?}");
    assert!(served.stderr.contains("Hint: "), "{served:#?}");
    disk.set_read_only(false);
    let shown = ana.does(&["show", &id.to_string()]);
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    let _ = add(&ana, "After").expect("it can be written again");
    relay.start_again();
}
