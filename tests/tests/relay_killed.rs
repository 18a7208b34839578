//! The relay is killed while devices push to it and pull from it, several times, and started again on what its disk has.

use regard_tests::corpus::corpus;
use regard_tests::harness::{Person, RelayProcess, Seed, Watching, stores, until};
use serde_json::Value;

/// How often it is killed while Ana pushes, and again while Ben pulls.
const KILLS: usize = 4;

#[test]
fn a_relay_killed_in_the_middle_of_push_and_pull_loses_nothing_and_logs_nothing_twice() {
    let name = "a_relay_killed_in_the_middle_of_push_and_pull_loses_nothing_and_logs_nothing_twice";
    let Some(corpus) = corpus(name) else { return };
    let mut seed = Seed::of(name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    let _: Value = ana.asks(&["import", &corpus.display().to_string()]);
    let imported = stores::held(ana.folder());

    for person in [&mut ana, &mut ben] {
        let _: Value = person.asks(&["offline"]);
        person.up();
    }
    let kills = kill_while_pushing(&mut relay, &ana, &mut seed);
    assert!(kills >= 2, "only {kills} times was the relay killed while Ana pushed");
    ana.settles();
    let kills = kill_while_pulling(&mut relay, &ben, imported.records() as u64, &mut seed);
    assert!(kills >= 2, "only {kills} times was the relay killed while Ben pulled");
    ben.settles();
    ana.settles();
    ana.stops();
    ben.stops();

    let (anas, bens) = (stores::held(ana.folder()), stores::held(ben.folder()));
    bens.equals(&anas);
    anas.equals(&imported);
    bens.is_the_log_once();
    anas.is_the_log_once();
}

/// Answers how often saves were still waiting when the relay was dead.
fn kill_while_pushing(relay: &mut RelayProcess, ana: &Person, seed: &mut Seed) -> usize {
    let mut watching = ana.watches();
    let mut kills = 0;
    for _ in 0..KILLS {
        let waiting = waiting(ana);
        if waiting == 0 {
            break;
        }
        go_online(ana, &mut watching);
        let acknowledged = 1 + seed.below(usize::try_from(waiting / 8 + 1).expect("a count"));
        let mut seen = 0;
        while seen < acknowledged {
            let event = watching.first("a save becomes visible", |event| {
                ["visible", "missed"].iter().any(|wanted| event["event"] == *wanted)
            });
            seen += usize::try_from(event["count"].as_u64().unwrap_or(1)).expect("a count");
        }
        relay.kill();
        see_the_loss(ana);
        let left = self::waiting(ana);
        println!("killed after {seen} acknowledged saves; {left} of {waiting} still wait");
        // A relay that has lost its log is filled again by its clients, which would hide that it broke its word.
        assert!(left < waiting, "the relay has forgotten what it acknowledged: {waiting} waited, and now {left}");
        kills += usize::from(left > 0);
        relay.start_again();
    }
    go_online(ana, &mut watching);
    kills
}

/// Answers how often records were still missing when the relay was dead.
fn kill_while_pulling(relay: &mut RelayProcess, ben: &Person, all: u64, seed: &mut Seed) -> usize {
    let mut watching = ben.watches();
    let mut kills = 0;
    for _ in 0..KILLS {
        let before = records(ben);
        if before == all {
            break;
        }
        go_online(ben, &mut watching);
        for _ in 0..=seed.below(3) {
            let _: Value = watching.next("arrived");
        }
        relay.kill();
        see_the_loss(ben);
        let here = records(ben);
        println!("killed while Ben went from {before} to {here} of {all} records");
        kills += usize::from(here < all);
        relay.start_again();
    }
    go_online(ben, &mut watching);
    kills
}

fn go_online(person: &Person, watching: &mut Watching) {
    let _: Value = person.asks(&["online"]);
    let _: Value = watching.first("the connection is live", |event| event["link"]["state"] == "live");
}

/// Everything that the relay had sent before it died is taken in when this returns.
fn see_the_loss(person: &Person) {
    until("the loss of the relay is seen", || {
        let status = person.asks(&["status"]);
        if status["link"]["state"] == "live" { Err(status.to_string()) } else { Ok(()) }
    });
}

fn waiting(person: &Person) -> u64 {
    person.asks(&["status"])["outbox"]["waiting"].as_u64().expect("a count")
}

fn records(person: &Person) -> u64 {
    let status = person.asks(&["status"]);
    status["records"].as_object().expect("counts").values().filter_map(Value::as_u64).sum()
}
