//! What programs rely on that call the commands: JSON, exit codes, no colours, quiet pipes, one owner of a store.

use std::io::Read;
use std::process::Stdio;

use regard_tests::harness::{Person, RelayProcess, Said, mask};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn id_of(answer: &Value) -> String {
    answer["record"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn every_answer_is_json_where_json_is_wanted() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let founds = Person::founds("Dora", folder.path());
    let ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    let card = folder.path().join("card.vcf");
    std::fs::write(&card, "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Carla\r\nEND:VCARD\r\n").expect("a file");
    let id = id_of(&ana.asks(&["add", "task", "summary=One"]));
    let again = id.as_str();
    let card = card.display().to_string();
    let commands: [&[&str]; 15] = [
        &["edit", again, "percent=10"],
        &["show", again],
        &["inspect", "doc", again],
        &["list"],
        &["list", "lead"],
        &["delete", again],
        &["undelete", again],
        &["import", &card],
        &["import", &card],
        &["invite"],
        &["sync"],
        &["status"],
        &["offline"],
        &["status"],
        &["online"],
    ];
    for arguments in commands {
        let said = ana.does(&[&["--json"], arguments].concat());
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{arguments:?}: {said:#?}");
        let _: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
    let _: Value = founds.asks(&["status"]);
}

#[test]
fn several_records_deleted_at_once_are_answered_as_one_json_value() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let ids: Vec<_> =
        ["One", "Two"].map(|title| id_of(&ana.asks(&["add", "task", &format!("summary={title}")]))).into();
    let arguments: Vec<_> = ["delete"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let answer = ana.asks(&arguments);
    assert_eq!(answer["saves"].as_array().map(Vec::len), Some(2), "{answer}");
}

#[test]
fn every_error_is_json_with_its_code_where_json_is_wanted() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let empty = Person::new("Ben", folder.path());
    let firsts = (0..17).map(|_| id_of(&ana.asks(&["add", "task", "summary=1"]))[..1].to_owned());
    let firsts: Vec<_> = firsts.collect();
    // There are sixteen digits.
    let ambiguous = firsts.iter().find(|one| firsts.iter().filter(|other| other == one).count() > 1).expect("a pair");
    let cases: [(&Person, &[&str], i32, &str); 10] = [
        (&empty, &["list"], 3, "not-found"),
        (&ana, &["init"], 2, "invalid"),
        (&ana, &["join", "hello"], 2, "invalid"),
        (&ana, &["add", "task"], 2, "invalid"),
        (&ana, &["add", "task", "colour=red"], 2, "invalid"),
        (&ana, &["show", "ffffffff"], 3, "not-found"),
        (&ana, &["show", ambiguous], 4, "ambiguous"),
        (&ana, &["edit", "ffffffff", "percent=1"], 3, "not-found"),
        (&ana, &["sync"], 5, "offline"),
        (&ana, &["invite"], 5, "offline"),
    ];
    for (person, arguments, code, name) in cases {
        let said = person.does(&[&["--json"], arguments].concat());
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{arguments:?}: {said:#?}");
        let error: Value =
            serde_json::from_str(&said.stderr).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {said:#?}"));
        assert_eq!(error["error"]["code"], name, "{arguments:?}: {error}");
        assert!(error["error"]["message"].is_string(), "{arguments:?}: {error}");
    }
}

#[test]
fn a_pipe_gets_no_escape_codes_and_a_closed_one_is_quiet() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let adds =
        (0..40).map(|number| format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:{number}\r\nFN:C {number}\r\nEND:VCARD\r\n"));
    let cards = folder.path().join("cards.vcf");
    std::fs::write(&cards, adds.collect::<String>()).expect("a file can be written");
    let _: Value = ana.asks(&["import", &cards.display().to_string()]);
    for arguments in [&["list"] as &[&str], &["status"], &["show", "ffffffff"], &["--help"], &["add"]] {
        let said = ana.does(arguments);
        assert!(!format!("{}{}", said.stdout, said.stderr).contains('\u{1b}'), "{arguments:?}: {said:#?}");
    }
    for arguments in [&["list"] as &[&str], &["--json", "list"], &["status"], &["watch"]] {
        let mut child = ana
            .regard()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("regard can be run");
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!((child.wait().expect("it ends").code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn commands_reach_the_process_that_owns_the_store_and_it_is_one() {
    let folder = folder();
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let mut ana = Person::joins("Ana", folder.path(), &relay.found("Lisbon Trading"));
    ana.up();
    let twice = ana.does(&["up"]);
    assert_eq!(twice.code, Some(1), "{twice:#?}");
    assert!(twice.stderr.starts_with("Error: `regard up` runs already on this store"), "{twice:#?}");
    together(&ana);
    ana.settles();
    assert_eq!(ana.asks(&["status"])["records"]["task"], 6);
    ana.stops();
    // Without it each command opens the store by itself, and waits for the other.
    together(&ana);
    assert_eq!(ana.asks(&["status"])["records"]["task"], 12);
}

fn together(person: &Person) {
    let said: Vec<Said> = std::thread::scope(|scope| {
        let add = |number| scope.spawn(move || person.does(&["add", "task", &format!("summary=Task {number}")]));
        let running: Vec<_> = (0..6).map(add).collect();
        running.into_iter().map(|running| running.join().expect("the command was run")).collect()
    });
    for said in said {
        assert_eq!(said.code, Some(0), "{said:#?}");
    }
}

#[test]
fn up_runs_a_relay_where_there_is_none_and_says_what_to_type_next() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let mut up = ana.regard();
    up.args(["up", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "off").stdout(Stdio::piped()).stderr(Stdio::piped());
    let up = up.spawn().expect("regard can be run");
    let said = std::panic::catch_unwind(|| {
        let _: Value = Person::new("Ana", folder.path()).sees("the relay is reached", &["status"], |status| {
            status["settled"] == true && status["relay_embedded"] == true
        });
        let link = ana.asks(&["invite"])["link"].as_str().expect("a link").to_owned();
        let ben = Person::joins("Ben", folder.path(), &link);
        let _: Value = ana.asks(&["add", "task", "summary=Shared"]);
        ana.settles();
        let _: Value = ben.asks(&["sync"]);
        assert_eq!(ben.asks(&["status"])["records"]["task"], 1);
        let elsewhere = ana.does(&["up"]);
        assert_eq!(elsewhere.code, Some(1), "{elsewhere:#?}");
    });
    let told = std::process::Command::new("kill").arg("-TERM").arg(up.id().to_string()).status();
    assert!(told.is_ok_and(|status| status.success()));
    let ended: Said = up.wait_with_output().expect("it ends").into();
    said.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    // How often the connection came and went is another matter.
    let beside = mask::mask(&ended.stderr, folder.path());
    let beside: Vec<_> = beside.lines().filter(|line| !line.starts_with("[time]")).collect();
    let answer = mask::mask(&ended.stdout, folder.path());
    insta::assert_snapshot!("up", format!("{answer}---\n{}", beside.join("\n")));
}
