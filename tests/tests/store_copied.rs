//! A store's folder is copied and both copies run. Nobody loops, and nothing is lost.

use regard_tests::harness::{Person, RelayProcess, stores};
use serde_json::Value;

#[test]
fn both_copies_of_a_store_go_on_and_keep_what_each_of_them_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    let id = ana.adds_contact("Dora");
    let _: Value = ana.asks(&["sync"]);
    let _: Value = ben.asks(&["sync"]);
    // With a save that waits, which both copies will send.
    let both = ana.adds_contact("Emil");
    let mut copy = Person::new("Copy", folder.path());
    std::fs::create_dir(copy.folder()).expect("a folder");
    std::fs::copy(ana.folder().join("store.redb"), copy.folder().join("store.redb")).expect("a copy");
    // Both number their next changes alike.
    for (person, field) in [(&ana, "company"), (&copy, "department")] {
        for round in ["once", "twice"] {
            let _: Value = person.asks(&["edit", &id, &format!("{field}={round}")]);
        }
    }
    for person in [&mut ana, &mut copy, &mut ben] {
        person.up();
    }
    for person in [&ana, &copy, &ben] {
        person.shows(&id, "company", "twice");
        person.shows(&id, "department", "twice");
        person.shows(&both, "full_name", "Emil");
    }
    let _: Value = copy.asks(&["edit", &id, "nickname=from the copy"]);
    let _: Value = ana.asks(&["edit", &id, "job_title=from the original"]);
    for person in [&ana, &copy, &ben] {
        person.shows(&id, "nickname", "from the copy");
        person.shows(&id, "job_title", "from the original");
    }
    [&ana, &copy, &ben].into_iter().for_each(Person::settles);
    let devices = [&ana, &copy].map(|person| person.asks(&["status"]));
    assert_ne!(devices[0]["device"], devices[1]["device"], "each is a device of its own");
    assert!(devices.iter().all(|status| status["link"]["state"] == "live"), "and both stay connected: {devices:?}");
    let copied = devices.iter().filter(|status| status["device_name"] == "laptop (copy)").count();
    assert_eq!(copied, 1);
    for person in [&mut ana, &mut copy, &mut ben] {
        person.stops();
    }
    let [ana, copy, ben] = [&ana, &copy, &ben].map(|person| stores::held(person.folder()));
    copy.equals(&ana);
    ben.equals(&ana);
    ana.is_the_log_once();
}
