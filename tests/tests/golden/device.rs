//! Golden runs of `regard` beside those of `tests/tests/commands.rs` and `tests/tests/access.rs`.

use regard_tests::harness::{Person, RelayProcess, Said, Transcript, free_port};
use serde_json::Value;

use super::{folder, steady, until_it_says};

#[test]
fn without_a_store_every_command_says_what_to_do() {
    let folder = folder();
    let nobody = Person::new("Nobody", folder.path());
    let mut transcript = Transcript::of(&nobody, folder.path());
    let id = "8b53159c";
    let commands: [&[&str]; 32] = [
        &["up"],
        &["invite"],
        &["member", "list"],
        &["member", "role", "Ben", "reader"],
        &["member", "remove", "Ben"],
        &["device", "list"],
        &["device", "revoke", "Ben (phone)"],
        &["relay", "show"],
        &["relay", "token"],
        &["relay", "move", "http://127.0.0.1:1"],
        &["relay", "adopt"],
        &["add", "task", "summary=One"],
        &["edit", id, "summary=One"],
        &["show", id],
        &["delete", id],
        &["undelete", id],
        &["import", "mail.eml"],
        &["sync"],
        &["status"],
        &["outbox", "list"],
        &["outbox", "export", "unsent.saves"],
        &["outbox", "import", "unsent.saves"],
        &["quarantine", "list"],
        &["quarantine", "show", id],
        &["quarantine", "retry"],
        &["quarantine", "export", "aside.changes"],
        &["offline"],
        &["online"],
        &["watch"],
        &["inspect", "doc", id],
        &["backup", "a.backup"],
        &["check"],
    ];
    for command in commands {
        let said = transcript.types(command);
        assert_eq!(said.code, Some(3), "{command:?}: {said:#?}");
    }
    insta::assert_snapshot!("no_store", steady(&transcript));
}

#[test]
fn what_is_typed_wrongly_is_told() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    let commands: [&[&str]; 13] = [
        &["init", "One", "Two"],
        &["join"],
        &["show"],
        &["list", "due:<soonish"],
        &["list", "--limit", "many"],
        &["member"],
        &["member", "role", "Ben", "boss"],
        &["relay", "mend"],
        &["outbox", "export"],
        &["inspect"],
        &["up", "--listen", "7171"],
        &["up", "--freshness-bound", "0"],
        &["demo", "--forever"],
    ];
    for command in commands {
        transcript.types(command);
    }
    insta::assert_snapshot!("mistyped", steady(&transcript));
}

#[test]
fn a_device_alone_can_be_looked_at_copied_and_restored() {
    let folder = folder();
    let dora = Person::founds("Dora", folder.path());
    let id = dora.adds_contact("Carla Nunes");
    let mut transcript = Transcript::of(&dora, folder.path());
    let [copy, other] = ["monday.backup", "notes.txt"].map(|name| folder.path().join(name).display().to_string());
    std::fs::write(&other, "Milk, bread.\n").expect("a file can be written");
    transcript.types(&["outbox", "list"]);
    transcript.types(&["relay", "show"]);
    transcript.types(&["relay", "token"]);
    transcript.types(&["watch", "--stream"]);
    transcript.types(&["watch", "--since", "now"]);
    transcript.types(&["inspect", "doc", &id]);
    transcript.types(&["check"]);
    transcript.types(&["backup", &copy]);
    transcript.types(&["backup", &copy]);
    transcript.types(&["backup", &folder.path().join("missing/a.backup").display().to_string()]);
    transcript.types(&["restore", &copy]);
    let second = Person::new("Second", folder.path());
    transcript.remarks("in a folder where there is no store");
    for command in
        [&["restore", other.as_str()], &["restore", "/nowhere/a.backup"], &["restore", &copy], &["check", "--json"]]
    {
        transcript.notes(command, &second.does(command));
    }
    transcript.notes(&["list"], &second.does(&["list"]));
    insta::assert_snapshot!("copies", steady(&transcript));
}

#[test]
fn a_damaged_store_is_told_and_rebuilt() {
    let folder = folder();
    let dora = Person::founds("Dora", folder.path());
    let id = dora.adds_contact("Carla Nunes");
    let mut transcript = Transcript::of(&dora, folder.path());
    transcript.types(&["check", "--rebuild"]);
    let file = dora.folder().join("store.redb");
    let mut bytes = std::fs::read(&file).expect("the file");
    bytes[..4096].fill(0);
    std::fs::write(&file, &bytes).expect("written");
    transcript.remarks("the beginning of the file is gone");
    transcript.types(&["check"]);
    transcript.types(&["show", &id]);
    transcript.types(&["check", "--rebuild"]);
    transcript.types(&["list"]);
    transcript.types(&["check", "--rebuild", "--json"]);
    bytes.fill(0);
    std::fs::write(&file, &bytes).expect("written");
    transcript.remarks("everything in the file is gone");
    transcript.types(&["check", "--rebuild"]);
    let said = steady(&transcript);
    let kept = dora.folder().read_dir().expect("the folder").filter_map(Result::ok).map(|entry| entry.file_name());
    let kept = kept.map(|name| name.to_string_lossy().into_owned()).find(|name| name.contains("damaged"));
    insta::assert_snapshot!("rebuilt", said.replace(&kept.expect("the damaged file"), "store.redb.damaged-[time]"));
}

#[test]
fn watching_tells_what_happens() {
    let folder = folder();
    let dora = Person::founds("Dora", folder.path());
    let mut transcript = Transcript::of(&dora, folder.path());
    // How the connection came there depends on who is quicker.
    let settled = |said: Said| {
        let is_on_the_way = |line: &str| {
            line.contains("connecting") || line.contains("by choice") || line.contains(r#""state":"offline""#)
        };
        let stdout = said.stdout.split_inclusive('\n').filter(|line| !is_on_the_way(line)).collect();
        Said { stdout, ..said }
    };
    let first = until_it_says(dora.regard().args(["--json", "watch"]), "waiting", |watching| {
        let _ = dora.adds_contact("Carla Nunes");
        watching.says("a save", |line| line.contains("saved"));
    });
    transcript.notes(&["--json", "watch"], &settled(first));
    let second = until_it_says(dora.regard().arg("watch"), "no relay", |watching| {
        let _ = dora.adds_contact("Duarte Reis");
        watching.says("a save", |line| line.contains("saved"));
    });
    transcript.notes(&["watch"], &settled(second));
    insta::assert_snapshot!("watch", steady(&transcript));
}

#[test]
fn two_devices_exchange_what_they_have() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| address.to_string()).expect("an address");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let mut transcript = Transcript::of(&ana, folder.path());
    let link = transcript.types(&["invite", "--reader"]).stdout.trim().to_owned();
    transcript.types(&["invite", "--own-device", "--reader"]);
    let secrets = link.split_once('#').map(|(_, secrets)| secrets.to_owned()).unwrap_or_default();
    let ben = Person::joins("Ben", folder.path(), &link);
    transcript.types(&["sync"]);
    transcript.types(&["member", "role", "Ben", "member"]);
    transcript.types(&["member", "list"]);
    transcript.types(&["device", "list"]);
    transcript.types(&["relay", "token"]);
    let _: Value = ana.asks(&["add", "task", "summary=Offer"]);
    transcript.types(&["outbox", "list"]);
    transcript.types(&["outbox", "export", &folder.path().join("unsent.saves").display().to_string()]);
    transcript.remarks("Ben");
    let file = folder.path().join("unsent.saves").display().to_string();
    for command in [&["outbox", "import", file.as_str()][..], &["sync"], &["list", "task"]] {
        transcript.notes(command, &ben.does(command));
    }
    transcript.remarks("Ana");
    let up = until_it_says(ana.regard().arg("up"), " online", |_| {
        let _ = ana.sees("everything is sent", &["status"], |status| status["outbox"]["waiting"] == 0);
        transcript.types(&["up"]);
        transcript.types(&["offline"]);
        transcript.types(&["online"]);
    });
    // What comes behind the first connection depends on who is quicker.
    let first = up.stderr.find(" online").map_or(up.stderr.len(), |at| at + " online\n".len());
    transcript.notes(&["up"], &Said { stderr: up.stderr[..first].to_owned(), ..up });
    let dora = Person::founds("Dora", folder.path());
    let elsewhere = format!("0.0.0.0:{}", free_port());
    transcript.remarks("Dora, who has no relay");
    for command in [["up", "--listen", &taken], ["up", "--listen", &elsewhere]] {
        transcript.notes(&command, &dora.does(&command));
    }
    let masked = steady(&transcript).replace(&elsewhere, "0.0.0.0:[port]").replace(&secrets, "[secret]");
    insta::assert_snapshot!("exchange", masked);
}

/// The first lines of an answer that is long and whose form is a library's.
fn beginning(said: Said) -> Said {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = said.stdout.lines().take(SHOWN).collect();
    let stdout = format!("{}\n…\n", shown.join("\n"));
    Said { stdout, ..said }
}

#[test]
fn pages_completions_and_settings_are_told_or_refused() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    for command in [["completions", "fish"].as_slice(), &["man"]] {
        transcript.notes(command, &beginning(ana.does(command)));
    }
    let pages = folder.path().join("pages").display().to_string();
    for command in [
        &["completions", "klingon"][..],
        &["man", "--dir", &pages],
        &["man", "--dir", "/dev/null/pages"],
        &["config", "path", "nowhere"],
        &["config", "unset", "favourite_colour"],
    ] {
        transcript.types(command);
    }
    assert!(folder.path().join("pages/regard-list.1").exists(), "each command has a page");
    insta::assert_snapshot!("pages", steady(&transcript));
}
