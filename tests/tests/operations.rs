//! What whoever looks after a relay or a device does: copies while work goes on, putting them back, looking for damage, watching
//! figures, a disk that is full.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use regard_tests::harness::{Person, Program, RelayProcess, command, stores, until};
use serde_json::Value;

/// One request over plain HTTP: status and body.
fn get(url: &str, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("the relay listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
}

fn relay_command(data: &Path, arguments: &[&str]) -> Output {
    command(Program::Relay).arg("--data").arg(data).args(arguments).output().expect("regard-relay can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn add(person: &Person, summary: &str) -> String {
    let answer: Value = person.asks(&["add", "task", &format!("summary={summary}")]);
    answer["record"]["id"].as_str().expect("an id").to_owned()
}

fn ids(person: &Person) -> BTreeSet<String> {
    let list = person.asks(&["list", "--limit", "1000"]);
    let records = list["records"].as_array().or_else(|| list.as_array()).expect("records").clone();
    records.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of the test")
}

#[test]
fn copies_made_while_saves_go_on_have_everything_that_was_acknowledged_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let before: BTreeSet<String> = (0..10).map(|number| add(&ana, &format!("before {number}"))).collect();
    ana.settles();
    let (relay_copy, device_copy) = (folder.path().join("relay-copy"), folder.path().join("ana.regard"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| {
            let mut saved = 0;
            while !is_over.load(Ordering::Relaxed) {
                let _: String = add(&ana, &format!("meanwhile {saved}"));
                saved += 1;
            }
            saved
        });
        let made = relay_command(relay.folder(), &["backup", text(&relay_copy)]);
        assert!(made.status.success(), "{}", said(&made));
        let copied = ana.does(&["backup", text(&device_copy)]);
        assert_eq!(copied.code, Some(0), "{}", copied.stderr);
        assert!(copied.stderr.contains("token and secrets"), "{}", copied.stderr);
        let again = ana.does(&["backup", text(&device_copy)]);
        assert_eq!(again.code, Some(2), "{}", again.stderr);
        is_over.store(true, Ordering::Relaxed);
        assert!(saving.join().expect("no panic") > 0);
    });
    assert_eq!(ana.asks(&["check"])["damage"], Value::Array(Vec::new()), "through the running process");

    // The device's copy, in a new folder.
    let copy = Person::new("Copy", folder.path());
    let restored = copy.does(&["restore", text(&device_copy)]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(ids(&copy).is_superset(&before));
    assert_eq!(copy.does(&["check"]).code, Some(0));
    assert_eq!(copy.does(&["restore", text(&device_copy)]).code, Some(2), "nothing is overwritten");

    // The relay's copy, as a relay of its own: a new device gets everything that was visible before.
    assert_eq!(relay_command(relay.folder(), &["check"]).status.code(), Some(1), "a relay that runs is not looked at");
    let checked = relay_command(relay.folder(), &["check", text(&relay_copy)]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    let data = folder.path().join("second");
    let put_back = relay_command(&data, &["restore", text(&relay_copy)]);
    assert!(put_back.status.success(), "{}", said(&put_back));
    assert!(!relay_command(&data, &["restore", text(&relay_copy)]).status.success(), "nothing is overwritten");
    let looked = relay_command(&data, &["check", "--json"]);
    let found: Value = serde_json::from_slice(&looked.stdout).expect("JSON");
    assert!(found["log"]["changes"].as_u64().expect("a count") >= 20, "{found}");
    ana.stops();
}

#[test]
fn damage_is_told_with_exit_code_8_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    for number in 0..5 {
        let _: String = add(&ana, &format!("A task that is called {number}"));
    }
    let _: Value = ana.asks(&["sync"]);
    relay.kill();
    for (file, check) in
        [(relay.folder().join("log.redb"), &["check"][..]), (relay.folder().join("access.redb"), &["check"])]
    {
        damage_of(&file);
        let checked = relay_command(relay.folder(), check);
        assert_eq!(checked.status.code(), Some(8), "{}: {}", file.display(), said(&checked));
        assert!(said(&checked).contains("Hint:"), "{}", said(&checked));
    }
    damage_of(&ana.folder().join("store.redb"));
    let checked = ana.does(&["check"]);
    assert_eq!(checked.code, Some(8), "{checked:?}");
    assert!(checked.stderr.contains("regard restore"), "{}", checked.stderr);
}

/// Flips a byte in everything that is stored: in each page that is not empty.
fn damage_of(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a file");
    let pages = bytes.len() / 4096;
    for page in 1..pages {
        let at = page * 4096 + 40;
        if bytes[page * 4096..(page + 1) * 4096].iter().any(|byte| *byte != 0) {
            bytes[at] ^= 0x20;
        }
    }
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn figures_move_and_the_log_of_requests_has_no_secrets() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let url = relay.url();
    assert_eq!(get(&url, "/readyz", ""), (200, r#"{"ready":true,"problems":[]}"#.to_owned()));
    let figure = |name: &str| {
        let (status, text) = get(&url, "/metrics", "");
        assert_eq!(status, 200, "{text}");
        let line = text.lines().find(|line| line.starts_with(name) && line[name.len()..].starts_with(' '));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .unwrap_or_else(|| panic!("no {name}: {text}"))
    };
    assert!(figure("regard_changes_accepted_total").abs() < 0.5);
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let _: String = add(&ana, "Call");
    ana.settles();
    assert!(figure("regard_changes_accepted_total") > 1.5, "the first change of a record and the edit");
    for moved in ["regard_connections", "regard_devices_online", "regard_pushes_total", "regard_commit_seconds_count"] {
        assert!(figure(moved) > 0.5, "{moved}");
    }
    assert!(figure("regard_log_file_bytes") > 4096.0);
    assert!(figure("regard_received_bytes_total") > 100.0);
    assert!(figure(r#"regard_http_requests_total{route="/readyz",status="200"}"#) > 0.5);

    assert_eq!(get(&url, "/metrics", "x-forwarded-for: 203.0.113.5\r\n").0, 403, "a proxy asks for another machine");
    let token = "5ec4e7".repeat(10) + "abcd";
    let workspace = ana.asks(&["status"])["workspace"].as_str().expect("an id").to_owned();
    let path = format!("/v1/workspaces/{workspace}/directory?token=quer1ed");
    assert_eq!(get(&url, &path, &format!("authorization: Bearer {token}\r\n")).0, 401);
    assert_eq!(get(&url, "/nowhere?secret=quer1ed", "").0, 404);
    let log = std::fs::read_to_string(relay.folder().with_extension("log")).expect("a log");
    assert!(log.contains("/v1/workspaces/{id}/directory") && log.contains("/nowhere"), "{log}");
    assert!(!log.contains("quer1ed") && !log.contains("5ec4e7") && !log.contains("Bearer"), "{log}");
    ana.stops();
}

/// A relay whose files cannot grow beyond a size: writes fail as on a full disk.
struct Confined(Child);

impl Confined {
    fn start(data: &Path, url: &str, log: &Path) -> Self {
        // Blocks of 512 bytes. A program that ignores the signal gets an error from writing, as from a full disk.
        let script = "trap '' XFSZ; ulimit -f 6000; exec \"$0\" \"$@\"";
        let mut serve = Command::new("sh");
        serve.arg("-c").arg(script).arg(Program::Relay.path()).arg("--data").arg(data);
        serve.args(["serve", "--listen", url.trim_start_matches("http://")]);
        let log = File::create(log).expect("a log");
        let child = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sh can be run");
        until("the confined relay listens", || {
            TcpStream::connect(url.trim_start_matches("http://")).map(drop).map_err(|error| error.to_string())
        });
        Self(child)
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_that_is_lost_and_everything_arrives_once_there_is_room() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let url = relay.url();
    relay.kill();
    let log = folder.path().join("confined.log");
    let confined = Confined::start(relay.folder(), &url, &log);
    ana.up();
    // Text that hardly compresses, more than there is room for.
    let mut state: u64 = 7;
    for _ in 0..200 {
        let noise: String = (0..10_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'!' + u8::try_from((state >> 33) % 90).expect("a small number"))
            })
            .collect();
        let _: String = add(&ana, &noise.replace('=', "-"));
    }
    until("the relay says that it is not ready", || match get(&url, "/readyz", "") {
        (503, body) if body.contains("log.redb") => Ok(()),
        (status, body) => Err(format!("{status} {body}")),
    });
    let status = ana.asks(&["status"]);
    assert!(status["outbox"]["waiting"].as_u64().expect("a count") > 0, "{status}");
    assert_eq!(status["outbox"]["refused"], 0, "what cannot be stored now is tried again: {status}");
    drop(confined);

    relay.start_again();
    ana.settles();
    assert_eq!(get(&url, "/readyz", "").0, 200);
    ana.stops();
    let held = stores::held(ana.folder());
    assert_eq!(held.records(), 200);
    // A relay that had acknowledged what it lost would have been filled again, under a new place.
    held.is_the_log_once();
    relay.kill();
    let checked = relay_command(relay.folder(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
}
