//! No file or socket more can be opened: whoever is connected works on, nothing spins, and new ones get in when there is room.
#![cfg(target_os = "linux")]

use regard_tests::harness::{Person, RelayProcess, limit, until};
use rustix::process::Resource;
use serde_json::Value;

/// Processor time that a process may take in the second that it is watched without having anything to do, in ticks of 10 ms.
const IDLE_TICKS_MAX: u64 = 30;
/// Lines about it that a relay may log in that time: one a second.
const LINES_MAX: usize = 6;

fn open_files(process: u32) -> u64 {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process runs").count() as u64
}

fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_relay_without_descriptors_serves_who_is_there_and_takes_the_others_later() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    ana.up();
    ben.up();
    ana.settles();
    ben.settles();
    let process = relay.id().expect("it runs");
    limit(process, Resource::Nofile, Some(open_files(process)));
    let before = ticks(process);
    let waiting = std::thread::scope(|scope| {
        let asking = scope.spawn(|| relay.answers("/healthz"));
        let id = ana.adds_contact("Dora");
        ben.shows(&id, "full_name", "Dora");
        until("the relay says that it can take no more", || {
            let log = relay.log();
            if log.contains("can take no more connections") { Ok(()) } else { Err(log) }
        });
        let lines = relay.log().lines().filter(|line| line.contains("can take no more connections")).count();
        assert!(lines <= LINES_MAX, "{lines} lines");
        let spent = ticks(process) - before;
        assert!(spent <= IDLE_TICKS_MAX, "{spent} ticks");
        limit(process, Resource::Nofile, None);
        asking.join().expect("no panic")
    });
    let answer = waiting.expect("whoever waited is answered");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    ana.stops();
    ben.stops();
}

#[test]
fn a_device_without_descriptors_answers_and_saves_when_it_has_some_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ana = Person::founds("Ana", folder.path());
    ana.up();
    ana.settles();
    let process = ana.id().expect("it runs");
    limit(process, Resource::Nofile, Some(open_files(process)));
    let before = ticks(process);
    let typist = Person::new("Ana", folder.path());
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| typist.adds_contact("Dora"));
        // Nothing else can be seen from outside: a second passes in which it must not spin.
        std::thread::sleep(std::time::Duration::from_secs(1));
        let spent = ticks(process) - before;
        assert!(spent <= IDLE_TICKS_MAX, "{spent} ticks");
        limit(process, Resource::Nofile, None);
        let id = adding.join().expect("it is answered");
        ana.shows(&id, "full_name", "Dora");
    });
    let _: Value = ana.sees("it is connected to its relay", &["status"], |status| status["link"]["state"] == "live");
    ana.stops();
}
