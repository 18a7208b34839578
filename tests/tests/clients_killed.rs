//! `regard up` is killed while it saves, imports and fetches, and started again.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use regard_core::id::DocumentId;
use regard_tests::harness::{Person, RelayProcess, Said, Seed, stores, until};
use serde_json::{Value, json};

const CARDS: usize = 1_500;
const CARDS_IN_A_FILE: usize = 50;

#[test]
fn what_a_command_acknowledged_survives_killing_the_process_that_owns_the_store() {
    let mut seed = Seed::of("what_a_command_acknowledged_survives_killing_the_process_that_owns_the_store");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let acknowledged = std::sync::Mutex::new(Vec::<DocumentId>::new());
    let enough = AtomicBool::new(false);
    // The writers have the store's folder and not the person, whose `up` is killed meanwhile.
    let typist = Person::new("Ana", folder.path());
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (typist, acknowledged, enough) = (&typist, &acknowledged, &enough);
            scope.spawn(move || {
                for number in 0.. {
                    if enough.load(Ordering::Relaxed) {
                        return;
                    }
                    if let Some(id) = add_task(typist, &format!("Task {number} of writer {writer}")) {
                        acknowledged.lock().expect("no writer panicked").push(id);
                    }
                }
            });
        }
        for _ in 0..3 {
            let count = || acknowledged.lock().expect("no writer panicked").len();
            let wanted = count() + 3 + seed.below(15);
            until("tasks are acknowledged", || if count() >= wanted { Ok(()) } else { Err(count().to_string()) });
            ana.kill();
            ana.up();
        }
        enough.store(true, Ordering::Relaxed);
    });
    ana.settles();
    ana.stops();

    let held = stores::held(ana.folder());
    let acknowledged = acknowledged.into_inner().expect("no writer panicked");
    for id in &acknowledged {
        assert!(held.has_record(*id), "task {id} was acknowledged and is lost");
    }
    held.is_the_log_once();
    println!("{} tasks were acknowledged, {} are there", acknowledged.len(), held.records());
}

/// The new task's id, where the command said that it is saved.
fn add_task(person: &Person, summary: &str) -> Option<DocumentId> {
    let said = person.does(&["--json", "add", "task", &format!("summary={summary}")]);
    if said.code == Some(0) {
        let answer: Value = serde_json::from_str(&said.stdout).expect("JSON");
        return Some(answer["record"]["id"].as_str().expect("an id").parse().expect("an id"));
    }
    let error: Value = serde_json::from_str(&said.stderr).expect("an error is JSON");
    let message = error["error"]["message"].as_str().expect("a message");
    assert!(message.contains("ended"), "the only reason to fail is that the owner of the store was killed: {message}");
    None
}

#[test]
fn an_import_and_a_first_fetch_go_on_where_they_were_killed() {
    let mut seed = Seed::of("an_import_and_a_first_fetch_go_on_where_they_were_killed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    let cards = folder.path().join("cards");
    write_cards(&cards);

    ana.up();
    let imported = kill_while_importing(&mut ana, &cards, &mut seed);
    let before = records(&ana);
    println!("killed after {imported} were told to be imported; {before} are there");
    assert!((imported..CARDS as u64).contains(&before), "{imported} were imported and {before} are there");
    let again = ana.asks(&["import", &cards.display().to_string()]);
    let expected = json!({ "contact": CARDS as u64 - before });
    assert_eq!(again["summary"]["created"], expected, "only what was missing is new: {again}");
    ana.settles();

    let _: Value = ben.asks(&["offline"]);
    ben.up();
    for _ in 0..3 {
        kill_while_fetching(&mut ben, &mut seed);
        println!("Ben was killed with {} records", records(&ben));
    }
    let _: Value = ben.asks(&["online"]);
    ben.settles();
    ana.stops();
    ben.stops();
    let (anas, bens) = (stores::held(ana.folder()), stores::held(ben.folder()));
    assert_eq!(anas.records(), CARDS);
    anas.equals(&bens);
    bens.is_the_log_once();
}

/// Answers how many records were told to be durable before the process was killed.
fn kill_while_importing(ana: &mut Person, cards: &Path, seed: &mut Seed) -> u64 {
    let mut watching = ana.watches();
    let mut import = ana.regard();
    import.arg("import").arg(cards).stdout(Stdio::piped()).stderr(Stdio::piped());
    let import = import.spawn().expect("regard can be run");
    let mut imported = 0;
    for _ in 0..=seed.below(3) {
        imported += watching.next("imported")["saves"].as_u64().expect("a count");
    }
    ana.kill();
    let said: Said = import.wait_with_output().expect("the import ends").into();
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(said.stderr.contains("ended before it had answered"), "{said:#?}");
    ana.up();
    imported
}

fn kill_while_fetching(ben: &mut Person, seed: &mut Seed) {
    let mut watching = ben.watches();
    let _: Value = ben.asks(&["online"]);
    let _: Value = watching.first("the connection is live", |event| event["link"]["state"] == "live");
    let arrivals = 1 + seed.below(2);
    for _ in 0..arrivals {
        if ben.asks(&["status"])["settled"] == true {
            break;
        }
        let _: Value = watching.next("arrived");
    }
    ben.kill();
    let _: Value = ben.asks(&["offline"]);
    ben.up();
}

fn records(person: &Person) -> u64 {
    person.asks(&["status"])["records"]["contact"].as_u64().expect("a count")
}

fn write_cards(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder can be made");
    for file in 0..CARDS / CARDS_IN_A_FILE {
        let cards = (0..CARDS_IN_A_FILE).map(|number| {
            let number = file * CARDS_IN_A_FILE + number;
            format!(
                "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:card-{number}\r\nFN:Contact {number}\r\nEMAIL:c{number}@x.example\r\n\
                 NOTE:{}\r\nEND:VCARD\r\n",
                format!("What is known of contact {number}. ").repeat(12)
            )
        });
        std::fs::write(folder.join(format!("{file:03}.vcf")), cards.collect::<String>())
            .expect("a file can be written");
    }
}
