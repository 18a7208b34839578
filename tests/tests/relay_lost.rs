//! A relay goes back to an older copy of its files, or loses its log, while everybody has gone on. Whoever connects notices,
//! and between them the devices bring everything back, also what only one of them has.

use std::path::Path;

use regard_tests::harness::{Person, RelayProcess, stores};
use serde_json::Value;

struct Team {
    relay: RelayProcess,
    ana: Person,
    ben: Person,
    /// A further device of Ben's.
    phone: Person,
    /// A reader.
    carla: Person,
}

impl Team {
    fn meet(folder: &Path) -> Self {
        let relay = RelayProcess::start(&folder.join("relay"));
        let ana = Person::joins("Ana", folder, &relay.found("Lisbon Trading"));
        let invited = |arguments: &[&str]| ana.asks(arguments)["link"].as_str().expect("a link").to_owned();
        let ben = Person::joins("Ben", folder, &invited(&["invite"]));
        let own = ben.asks(&["invite", "--own-device"])["link"].as_str().expect("a link").to_owned();
        let phone = Person::joins("Phone", folder, &own);
        let carla = Person::joins("Carla", folder, &invited(&["invite", "--reader"]));
        Self { relay, ana, ben, phone, carla }
    }

    fn up(&mut self) {
        for person in [&mut self.ana, &mut self.ben, &mut self.phone, &mut self.carla] {
            person.up();
        }
    }

    /// Everybody ends with the same records, with every change once in the log.
    fn end_alike(mut self) -> stores::Held {
        // A second round: what one of them brought last has reached the others by then.
        for _ in 0..2 {
            [&self.ana, &self.ben, &self.phone, &self.carla].into_iter().for_each(Person::settles);
        }
        for person in [&mut self.ana, &mut self.ben, &mut self.phone, &mut self.carla] {
            person.stops();
        }
        let ana = stores::held(self.ana.folder());
        for person in [&self.ben, &self.phone, &self.carla] {
            stores::held(person.folder()).equals(&ana);
        }
        ana.is_the_log_once();
        ana
    }
}

fn edit(person: &Person, id: &str, assignment: &str) {
    let answer: Value = person.asks(&["edit", id, assignment]);
    assert_eq!(answer["outcome"], "changed");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in ["log.redb", "access.redb"] {
        std::fs::copy(from.join(file), to.join(file)).expect("a copy");
    }
}

#[test]
fn a_relay_that_went_back_to_an_older_copy_is_filled_up_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut team = Team::meet(folder.path());
    let shared = team.ana.adds_contact("Dora");
    team.up();
    team.ben.shows(&shared, "full_name", "Dora");
    team.carla.shows(&shared, "full_name", "Dora");
    for person in [&team.ana, &team.ben, &team.phone, &team.carla] {
        person.settles();
    }
    team.relay.kill();
    copy(team.relay.folder(), &folder.path().join("backup"));
    team.relay.start_again();

    // After the copy: Ana's edits reach Ben, then Ben's reach nobody but the relay; Carla and Ben's phone stay behind all of it.
    for person in [&team.carla, &team.phone] {
        let _: Value = person.asks(&["offline"]);
    }
    edit(&team.ana, &shared, "company=Porto");
    let later = team.ana.adds_contact("Emil");
    team.ben.shows(&later, "full_name", "Emil");
    team.ana.settles();
    let _: Value = team.ana.asks(&["offline"]);
    edit(&team.ben, &later, "company=Braga");
    team.ben.settles();
    let _: Value = team.ben.asks(&["offline"]);
    team.relay.kill();
    copy(&folder.path().join("backup"), team.relay.folder());
    team.relay.start_again();

    // These two are not ahead of the copy, and others push before whoever lost something is back.
    for person in [&team.carla, &team.phone] {
        let _: Value = person.asks(&["online"]);
    }
    let _: Value = team.ana.asks(&["online"]);
    edit(&team.ana, &shared, "nickname=Do");
    team.ana.settles();
    let _: Value = team.ben.asks(&["online"]);
    team.carla.shows(&later, "company", "Braga");
    team.carla.shows(&shared, "company", "Porto");
    team.ben.shows(&shared, "nickname", "Do");
    let visible = |record: &Value| {
        record["saves"].as_array().is_some_and(|saves| saves.iter().all(|save| !save["visible"].is_null()))
    };
    let _: Value = team.ana.sees("all saves are visible again", &["show", &later], visible);
    team.end_alike();
}

#[test]
fn a_relay_that_lost_its_log_is_filled_by_its_devices() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut team = Team::meet(folder.path());
    let ids: Vec<String> = (0..20).map(|number| team.ana.adds_contact(&format!("Contact {number}"))).collect();
    team.up();
    for (number, id) in ids.iter().enumerate() {
        team.ben.shows(id, "full_name", &format!("Contact {number}"));
        edit(&team.ben, id, "company=Porto");
    }
    [&team.ana, &team.ben, &team.carla].into_iter().for_each(Person::settles);
    // Edits that nobody has seen wait on both sides.
    for person in [&team.ana, &team.ben] {
        let _: Value = person.asks(&["offline"]);
    }
    edit(&team.ana, &ids[3], "nickname=Ana's");
    edit(&team.ben, &ids[3], "department=Ben's");
    team.relay.kill();
    std::fs::remove_file(team.relay.folder().join("log.redb")).expect("the log is gone");
    team.relay.start_again();
    for person in [&team.ana, &team.ben] {
        let _: Value = person.asks(&["online"]);
    }
    team.carla.shows(&ids[3], "nickname", "Ana's");
    team.carla.shows(&ids[3], "department", "Ben's");
    let record = team.ben.asks(&["show", &ids[7]]);
    let saves = record["saves"].as_array().expect("saves");
    assert_eq!(saves.len(), 2, "each save is still one: {record}");
    assert!(saves.iter().all(|save| save["by"] != "another program"), "and its author is known: {record}");
    let status = team.carla.asks(&["status"]);
    assert_eq!(status["refused"], serde_json::json!([]), "a reader offers nothing: {status}");
    let held = team.end_alike();
    assert_eq!(held.records(), ids.len());
}
