//! The visibility stream, read over a plain socket and with `regard watch --stream`, over a relay that is killed.

use regard_tests::harness::{Person, RelayProcess, Streaming, Watching};
use serde_json::Value;

/// What is told of a change, in the form of both readers.
fn change(event: &Value) -> (String, String, String) {
    let text = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("{name}: {event}")).to_owned();
    (text("id"), text("record"), text("change"))
}

fn is(name: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == name
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().expect("a place")
}

/// The changes up to this place, which follow each other from the one after `after`.
fn changes(mut next: impl FnMut() -> Value, after: u64, up_to: u64) -> Vec<(String, String, String)> {
    let read = (after + 1..=up_to).map(|place| {
        let event = next();
        assert_eq!(seq(&event), place, "no gap, and nothing twice: {event}");
        change(&event)
    });
    read.collect()
}

#[test]
fn both_readers_get_every_save_once_over_a_relay_that_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let link = ana.asks(&["invite", "--reader"])["link"].as_str().expect("a link").to_owned();
    let mut ben = Person::joins("Ben", folder.path(), &link);
    let token = ben.asks(&["relay", "token"])["token"].as_str().expect("a token").to_owned();
    ben.up();
    let workspace = ana.asks(&["status"])["workspace"].as_str().expect("an id").to_owned();
    let path = format!("/v1/workspaces/{workspace}/visibility");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Accept", "application/x-ndjson")];

    let mut watching = Watching::stream(&ben, &[]);
    let mut reading = Streaming::open(&relay.url(), &path, &headers);
    assert!(reading.head[0].contains(" 200 "), "{:?}", reading.head);
    let first = ana.asks(&["add", "contact", "full_name=Ana Silva"])["record"]["id"].clone();
    let mut watched = changes(|| watching.next("visible"), 0, 2);
    let mut read = changes(|| reading.event(is("visible")).expect("a change"), 0, 2);
    assert_eq!(watched, read);
    assert_eq!(watched[0].1, first.as_str().expect("an id"));

    // Both lose the relay; what is saved meanwhile comes when it is back.
    relay.kill();
    assert_eq!(reading.event(is("visible")), None);
    let _: Value = watching.next("interrupted");
    let _: Value = ana.asks(&["add", "task", "summary=Call"]);
    relay.start_again();
    let _: Value = ana.asks(&["online"]);
    ana.settles();
    watched.extend(changes(|| watching.next("visible"), 2, 4));
    let last = read[1].0.clone();
    let resumed = [headers[0], headers[1], ("Last-Event-ID", &last)];
    let mut reading = Streaming::open(&relay.url(), &path, &resumed);
    read.extend(changes(|| reading.event(is("visible")).expect("a change"), 2, 4));
    assert_eq!(watched, read);

    // A filter by what people call things, and from a place in between.
    let since = format!("--since={last}");
    let mut tasks = Watching::stream(&ben, &["--kind", "task", "--member", "ana", &since]);
    assert_eq!(change(&tasks.next("visible")), watched[2]);
    let refused = ben.does(&["watch", "--stream", "--member", "nobody"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused.stderr.contains("there is no member “nobody”") && refused.stderr.contains("Ana, Ben"),
        "{refused:?}"
    );
    let refused = ben.does(&["watch", "--stream", "--since", "yesterday"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");

    let mut refused = Streaming::open(&relay.url(), &path, &[("Authorization", "Bearer wrong")]);
    assert!(refused.head[0].contains(" 401 "), "{:?}", refused.head);
    assert!(refused.line().is_some_and(|body| body.contains("not-allowed")));
    ben.stops();
    ana.stops();
}

#[test]
fn people_read_names_and_titles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let _: Value = ana.asks(&["add", "contact", "full_name=Zoe Carter"]);
    ana.settles();
    let mut lines = Watching::people(&ana, &["--stream"]);
    let saved = lines.first_line("a save", |line| line.contains(" saved "));
    assert!(saved.starts_with("Ana (laptop) saved ") && saved.contains(" contact Zoe Carter "), "{saved}");
    assert!(saved.contains("; visible since ") && saved.ends_with("(#1)"), "{saved}");
    let _: String = lines.first_line("the end of what was there", |line| line.contains("from now on it is new"));
    ana.stops();
}
