//! A real relay is attacked from all sides, while honest devices work with it.

use regard_core::limits::{
    COMMIT_BYTES_MAX, DEVICE_CONNECTIONS_MAX, FRAME_BYTES_MAX, RECENT_SEGMENTS_BYTES_MAX, STREAM_PAGES_BYTES_MAX,
};
use regard_tests::harness::{Attack, Attackers, Insider, Person, RelayProcess, until};
use serde_json::Value;

/// Saves that must arrive under attack.
const SAVES: usize = 25;
/// A relay that does nothing takes some 20 MB; files that are read and what one request takes for a moment are beside it.
const BASE_BYTES: u64 = 64 << 20;
/// What an open socket may take: its buffers, its task, and a request's head.
const SOCKET_BYTES: u64 = 64 << 10;

/// What a relay may hold at the most, by its limits. A message on its way lies in a buffer that grows, so twice while it does.
fn bound(sockets: u64) -> u64 {
    let shared = RECENT_SEGMENTS_BYTES_MAX + STREAM_PAGES_BYTES_MAX + 2 * COMMIT_BYTES_MAX;
    let of_the_insider = 2 * DEVICE_CONNECTIONS_MAX * FRAME_BYTES_MAX;
    BASE_BYTES + (shared + of_the_insider) as u64 + sockets * SOCKET_BYTES
}

#[test]
fn honest_devices_go_on_while_a_relay_is_attacked_and_its_memory_stays_bounded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let invite = |owner: &Person, name: &str| {
        let link = owner.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
        Person::joins(name, folder.path(), &link)
    };
    let (mut ben, mallory) = (invite(&ana, "Ben"), invite(&ana, "Mallory"));
    ana.up();
    ben.up();
    let attackers = Attackers::start(relay.address(), &Insider::of(&mallory), &Attack::ALL);
    let all = Attack::ALL.iter().map(|(_, count)| count).sum();
    until("all attackers are at it", || {
        let (begun, _) = attackers.begun_and_ended();
        if begun >= all { Ok(()) } else { Err(format!("{begun} of {all}")) }
    });
    let mut last = String::new();
    for number in 0..SAVES {
        last = ana.adds_contact(&format!("Contact {number}"));
    }
    ben.shows(&last, "full_name", &format!("Contact {}", SAVES - 1));
    let id = ben.adds_contact("Of Ben");
    ana.shows(&id, "full_name", "Of Ben");
    // A device that comes new gets in too.
    let mut carla = invite(&ana, "Carla");
    carla.up();
    carla.shows(&last, "full_name", &format!("Contact {}", SAVES - 1));
    let (begun, ended) = attackers.begun_and_ended();
    let metrics = relay.metrics();
    let sockets = figure(&metrics, "regard_sockets");
    println!(
        "{begun} attacks, {ended} ended, {sockets} sockets; {:?} MB",
        relay.peak_memory().map(|bytes| bytes >> 20)
    );
    assert!(ended > 0, "nobody was let go");
    assert!(sockets >= 100, "the sockets of attackers are counted: {metrics}");
    let bound = bound(sockets);
    assert!(relay.peak_memory().is_none_or(|bytes| bytes <= bound), "{:?} of {bound}", relay.peak_memory());
    for person in [&mut ana, &mut ben, &mut carla] {
        let _: Value = person.sees("it is still connected", &["status"], |status| status["link"]["state"] == "live");
        person.stops();
    }
}

fn figure(metrics: &str, name: &str) -> u64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {metrics}")).trim().parse().expect("a number")
}
