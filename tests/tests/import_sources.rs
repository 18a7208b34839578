//! Where mail, cards and calendars come from: files, Maildirs, standard input; and what is said of what cannot be read.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use regard_tests::corpus::{corpus, files};
use regard_tests::harness::{Person, Said};
use serde_json::{Value, json};

fn mail(number: u32) -> String {
    format!(
        "From: ana@x.example\r\nSubject: Offer {number}\r\nMessage-ID: <{number}@x.example>\r\n\r\nHello {number}.\r\n"
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    std::fs::write(path, text).expect("a file can be written");
}

/// `regard import -` with a file as its standard input.
fn imports_stream(person: &Person, input: &Path, arguments: &[&str]) -> Said {
    let file = File::open(input).expect("the input");
    let mut regard = person.regard();
    regard.args(["--json", "import", "-"]).args(arguments).stdin(Stdio::from(file));
    regard.output().expect("regard can be run").into()
}

fn answer(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    serde_json::from_str(&said.stdout).expect("JSON")
}

#[test]
fn a_maildir_and_its_folders_become_records() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = Person::founds("Ana", folder.path());
    let maildir = folder.path().join("Maildir");
    for (number, name) in ["cur/1.h:2,RS", "new/2.h", "tmp/3.h", "cur/4.h:2,ST", ".Sent/cur/5.h:2,S", ".Sent/tmp/6.h"]
        .into_iter()
        .enumerate()
    {
        write(&maildir, name, &mail(u32::try_from(number).expect("a small number")));
    }
    write(&maildir, ".Sent/new/7.h", &mail(7));
    write(&maildir, "dovecot-uidlist", "3 V1\n");
    let answer = ana.asks(&["import", &maildir.display().to_string()]);
    assert_eq!(answer["summary"]["created"], json!({"email": 4}), "{answer}");
    assert_eq!(answer["summary"]["skipped"], 1, "the one marked as thrown away is told: {answer}");
}

#[test]
fn standard_input_is_imported_whatever_it_holds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ana = Person::founds("Ana", folder.path());
    let input = folder.path().join("input");
    let mbox = format!("From a\n{}\nFrom b@c Sat Jan  3 01:05:34 1996\n{}", mail(1), mail(2));
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:Carla Nunes\r\nEND:VCARD\r\n";
    let event =
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Fair\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let check = |ana: &Person, text: &str, arguments: &[&str], created: Value| {
        std::fs::write(&input, text).expect("the input");
        let answer = answer(&imports_stream(ana, &input, arguments));
        assert_eq!(answer["summary"]["created"], created, "{answer}");
        answer
    };
    check(&ana, &mail(3), &[], json!({"email": 1}));
    check(&ana, &mbox, &[], json!({"email": 2}));
    check(&ana, card, &[], json!({"contact": 1}));
    check(&ana, event, &[], json!({"appointment": 1}));
    let answer = check(&ana, "Dear all\n", &[], json!({}));
    assert_eq!(answer["skipped"][0]["file"], "standard input");
    check(&ana, "X-Only: this\nSubject: later\n\nHi\n", &["--format", "eml"], json!({"email": 1}));
    // Through the socket of another process, while it is sent: more than any buffer on the way holds.
    let body = "x\n".repeat(1_000);
    let many = (100..1_100)
        .fold(String::new(), |many, number| many + "From a Sat Jan  3 01:05:34 1996\n" + &mail(number) + &body + "\n");
    ana.up();
    check(&ana, &many, &[], json!({"email": 1_000}));
    ana.stops();

    let said = ana.does(&["import", "-", "x.eml"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
    let said = ana.does(&["import", "--format", "json", "x.eml"]);
    assert_eq!(said.code, Some(2), "{}", said.stderr);
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = Person::founds("Ana", folder.path());
    write(folder.path(), "1.eml", &mail(1));
    let (here, gone) =
        (folder.path().join("1.eml").display().to_string(), folder.path().join("gone").display().to_string());
    let said = ana.does(&["import", &gone]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(3), ""), "{}", said.stderr);
    let said = ana.does(&["import", &gone, &here]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stdout.starts_with("1 new records") && said.stderr.contains("gone does not exist"), "{}", said.stderr);
}

#[test]
fn each_file_of_the_corpus_becomes_records_or_has_a_reason() {
    let Some(corpus) = corpus("each_file_of_the_corpus_becomes_records_or_has_a_reason") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = Person::founds("Ana", folder.path());
    for path in
        files(&corpus.join("nasty-mail")).into_iter().filter(|path| path.extension().is_some_and(|e| e == "eml"))
    {
        let answer = ana.asks(&["import", &path.display().to_string()]);
        let summary = &answer["summary"];
        let records = summary["created"]["email"].as_u64().unwrap_or(0) + summary["existed"].as_u64().unwrap_or(0);
        let reasons = answer["skipped"].as_array().map_or(0, Vec::len) as u64;
        assert!(records + reasons == 1, "{}: {answer}", path.display());
    }
    let all = ana.asks(&["import", &corpus.display().to_string()]);
    let skipped = all["skipped"].as_array().expect("what was skipped");
    assert!(skipped.iter().all(|skipped| skipped["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
}
