//! Golden runs of `regard-relay` beside those of `tests/tests/access.rs` and `tests/tests/relay_settings.rs`.

use regard_tests::harness::{Person, Program, RelayProcess, Transcript, command, free_port};

use super::{folder, host, steady, until_it_says};

#[test]
fn without_files_every_command_says_what_to_do() {
    let folder = folder();
    let nobody = Person::new("Nobody", folder.path());
    let mut transcript = Transcript::of(&nobody, folder.path());
    let missing = folder.path().join("missing").display().to_string();
    let copy = folder.path().join("copy").display().to_string();
    // The last ones make the folder that they are told of.
    let commands: [&[&str]; 15] = [
        &["workspace"],
        &["workspace", "create"],
        &["workspace", "create", "Porto"],
        &["workspace", "list"],
        &["settings", "--listen", "nowhere"],
        &["check"],
        &["--data", &missing, "backup", &copy],
        &["--data", &missing, "restore", &missing],
        &["--data", &missing, "check"],
        &["check", &missing],
        &["--data", &missing, "member", "add", "Porto", "--role", "boss"],
        &["--data", &missing, "member", "list", "Porto"],
        &["--data", &missing, "member", "remove", "Porto", "Ana"],
        &["--data", &missing, "device", "list", "Porto"],
        &["--data", &missing, "device", "revoke", "Porto", "Ana (laptop)"],
    ];
    for command in commands {
        let said = host(command);
        assert_ne!(said.code, Some(0), "{command:?}: {said:#?}");
        transcript.notes_of_host(command, &said);
    }
    insta::assert_snapshot!("no_files", steady(&transcript));
}

#[test]
fn a_relay_is_served_copied_and_looked_at() {
    let folder = folder();
    let data = folder.path().join("relay");
    let shown = data.display().to_string();
    let relay = RelayProcess::start(&data);
    let nobody = Person::new("Nobody", folder.path());
    let mut transcript = Transcript::of(&nobody, folder.path());
    let copy = folder.path().join("copy").display().to_string();
    let does = |transcript: &mut Transcript<'_>, arguments: &[&str]| {
        let arguments = [&["--data", shown.as_str()], arguments].concat();
        transcript.notes_of_host(&arguments, &host(&arguments));
    };
    transcript.remarks("while it serves");
    does(&mut transcript, &["workspace", "list"]);
    does(&mut transcript, &["workspace", "create", "Porto Ceramics", "--address", &relay.url()]);
    does(&mut transcript, &["workspace", "create", "Porto Ceramics", "--address", "porto"]);
    does(&mut transcript, &["workspace", "list"]);
    does(&mut transcript, &["serve", "--listen", &format!("127.0.0.1:{}", free_port())]);
    does(&mut transcript, &["backup", &copy]);
    does(&mut transcript, &["backup", &copy]);
    does(&mut transcript, &["restore", &copy, "--replace"]);
    drop(relay);
    transcript.remarks("while it is stopped");
    does(&mut transcript, &["check"]);
    does(&mut transcript, &["restore", &copy]);
    does(&mut transcript, &["restore", &copy, "--replace"]);
    std::fs::write(data.join("log.redb"), "Milk, bread.\n").expect("a file can be written");
    does(&mut transcript, &["check"]);
    does(&mut transcript, &["check", &copy]);
    let mut other = command(Program::Relay);
    let listen = format!("127.0.0.1:{}", free_port());
    let other_data = folder.path().join("other").display().to_string();
    let arguments = ["--data", &other_data, "serve", "--listen", &listen];
    let served = until_it_says(other.args(arguments), "ready", |_| ());
    transcript.notes_of_host(&arguments, &served);
    let masked = steady(&transcript);
    let masked = masked.lines().map(|line| match line.split_once("replaced-") {
        Some((before, _)) => format!("{before}replaced-[number]\n"),
        None => format!("{line}\n"),
    });
    insta::assert_snapshot!("operations", masked.collect::<String>());
}
