//! Editing a record as a document: in an editor, from a file, through a pipe; and beside others who edit it meanwhile.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use regard_tests::harness::{Person, Said, Transcript};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// An editor that does what a shell script says to the file `$1`.
fn editor(folder: &Path, script: &str) -> String {
    let path = folder.join("editor.sh");
    std::fs::write(&path, format!("#!/bin/sh\nset -e\n{script}\n")).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its rights");
    path.display().to_string()
}

/// Types a command with an editor, and answers to its questions.
fn types(person: &Person, arguments: &[&str], editor: &str, answers: &str) -> Said {
    let mut regard = person.regard();
    regard.args(arguments).env("EDITOR", editor);
    regard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = regard.spawn().expect("regard can be run");
    running.stdin.take().expect("its input").write_all(answers.as_bytes()).expect("it reads");
    running.wait_with_output().expect("it ends").into()
}

fn field(person: &Person, id: &str, name: &str) -> Value {
    person.asks(&["show", id])["fields"][name].clone()
}

fn kept(person: &Person) -> Vec<String> {
    let Ok(sheets) = std::fs::read_dir(person.folder().join("sheets")) else { return Vec::new() };
    sheets.map(|entry| entry.expect("an entry").path().display().to_string()).collect()
}

fn founded(folder: &Path) -> (Person, String) {
    let ana = Person::founds("Ana", folder);
    let added = [
        "add",
        "contact",
        "full_name=Carla Nunes",
        "job_title=Buyer",
        "emails[carla@aurora.example].label=work",
        "categories+=vip",
        "notes=Met at the fair.\nPrefers \"mail\".",
    ];
    let id = ana.asks(&added)["record"]["id"].as_str().expect("an id").to_owned();
    (ana, id)
}

#[test]
fn a_record_opens_as_a_document_and_what_is_changed_there_is_saved() {
    let folder = folder();
    let (ana, id) = founded(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["edit", &id, "--print"]);
    let script = "sed -i -e 's/\"Buyer\"/\"Head of purchasing\"/' -e 's/the fair/the big fair/' -e '/^categories/d' \
                  -e 's/^# nickname = \"\"/nickname = \"Caz\"/' -e 's/^label = .*/preferred = true/' \"$1\"";
    let said = types(&ana, &["edit", &id], &editor(folder.path(), script), "");
    transcript.notes(&["edit", &id], &said);
    transcript.types(&["show", &id]);
    let said = types(&ana, &["edit", &id], &editor(folder.path(), ":"), "");
    transcript.notes(&["edit", &id], &said);
    let said = types(&ana, &["edit", &id], &editor(folder.path(), ": > \"$1\""), "");
    transcript.notes(&["edit", &id], &said);
    let said = types(&ana, &["edit", &id], &editor(folder.path(), "exit 3"), "");
    transcript.notes(&["edit", &id], &said);
    let said = types(&ana, &["edit", &id], "/nowhere/editor", "");
    transcript.notes(&["edit", &id], &said);
    transcript.types(&["edit", &id]);
    insta::assert_snapshot!("sheet", transcript.masked().replace(&id[..8], "[id]"));
    assert_eq!(kept(&ana).len(), 1, "what was not saved is kept: {:?}", kept(&ana));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_can_be_mended_at_once() {
    let folder = folder();
    let (ana, id) = founded(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    // Wrong at first, mended when it is opened again.
    let script = "if grep -q shoe_size \"$1\"; then sed -i '/shoe_size/d' \"$1\"; else\n\
                  sed -i -e 's/\"Buyer\"/\"Head of purchasing\"/' -e '5i shoe_size = 38' \"$1\"; fi";
    let script = editor(folder.path(), script);
    let said = types(&ana, &["edit", &id], &script, "y\n");
    transcript.notes(&["edit", &id], &said);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_eq!((field(&ana, &id, "job_title"), kept(&ana)), ("Head of purchasing".into(), Vec::new()));
    let said = types(&ana, &["edit", &id], &editor(folder.path(), "echo 'summary = \"open' >> \"$1\""), "n\n");
    transcript.notes(&["edit", &id], &said);
    let [file] = &kept(&ana)[..] else { panic!("one sheet is kept: {:?}", kept(&ana)) };
    let text = std::fs::read_to_string(file).expect("the sheet");
    assert!(text.ends_with("summary = \"open\n"), "all that was typed is there: {text}");
    transcript.types(&["edit", &id, "--from", file]);
    transcript.types(&["edit", &id, "--from", "/nowhere/sheet.toml"]);
    transcript.types(&["edit", &id, "--from", file, "job_title=x"]);
    insta::assert_snapshot!("sheet_wrong", transcript.masked().replace(&id[..8], "[id]"));
}

#[test]
fn what_others_change_meanwhile_stays_and_the_same_place_is_a_conflict() {
    let folder = folder();
    let (ana, id) = founded(folder.path());
    let other =
        format!("'{}' --store '{}'", regard_tests::harness::Program::Regard.path().display(), ana.folder().display());
    let script = format!(
        "{other} edit {id} company=Aurora 'notes=Met Carla at the fair.' > /dev/null\n\
         sed -i -e 's/\"Buyer\"/\"Head of purchasing\"/' -e 's/the fair\\./the fair. Wants samples./' \"$1\""
    );
    let said = types(&ana, &["edit", &id], &editor(folder.path(), &script), "");
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_eq!(field(&ana, &id, "job_title"), "Head of purchasing");
    assert_eq!(field(&ana, &id, "company"), "Aurora", "what the sheet did not hold yet is not emptied");
    assert_eq!(field(&ana, &id, "notes"), "Met Carla at the fair. Wants samples.");

    let script = format!(
        "{other} edit {id} job_title=Director > /dev/null\nsed -i 's/\"Head of purchasing\"/\"Chief\"/' \"$1\""
    );
    let said = types(&ana, &["edit", &id[..8]], &editor(folder.path(), &script), "");
    let [file] = &kept(&ana)[..] else { panic!("one sheet is kept: {:?}", kept(&ana)) };
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.notes(&["edit", &id], &said);
    assert_eq!((said.code, field(&ana, &id, "job_title")), (Some(7), "Director".into()), "nothing is saved");
    transcript.types(&["--json", "edit", &id, "--from", file]);
    transcript.types(&["edit", &id, "--from", file, "--mine"]);
    assert_eq!(field(&ana, &id, "job_title"), "Chief");
    insta::assert_snapshot!("sheet_conflict", transcript.masked().replace(&id[..8], "[id]"));
}

#[test]
fn scripts_take_a_document_and_give_it_back() {
    let folder = folder();
    let (ana, id) = founded(folder.path());
    let sheet = ana.asks(&["edit", &id, "--print"])["sheet"].as_str().expect("a sheet").to_owned();
    let changed = sheet.replace("\"Buyer\"", "\"Head of purchasing\"");
    let said = types(&ana, &["edit", &id, "--from", "-"], "", &changed);
    assert_eq!((said.code, field(&ana, &id, "job_title")), (Some(0), "Head of purchasing".into()), "{said:#?}");
    let said = types(&ana, &["edit", &id, "--from", "-"], "", "company = \"Aurora\"\n");
    assert_eq!((said.code, field(&ana, &id, "company")), (Some(0), "Aurora".into()), "{said:#?}");
    assert_eq!(field(&ana, &id, "job_title"), "Head of purchasing", "a document of one line says nothing of the rest");
    let said = types(&ana, &["edit", &id, "--from", "-"], "", "company = 3\n");
    assert_eq!((said.code, kept(&ana).len()), (Some(2), 1), "what came through a pipe is kept: {said:#?}");
}

#[test]
fn a_new_record_is_written_on_an_empty_document() {
    let folder = folder();
    let (ana, account) = founded(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    let script = format!(
        "cp \"$1\" '{0}/seen'; sed -i -e 's/^summary = \"\"/summary = \"Offer\"/' \
                  -e 's/^# regarding = \"\"/regarding = \"{1}\"/' -e 's/^# due = \"\"/due = 2026-12-01/' \"$1\"",
        folder.path().display(),
        &account[..8]
    );
    let said = types(&ana, &["add", "task", "--edit"], &editor(folder.path(), &script), "");
    transcript.notes(&["add", "task", "--edit"], &said);
    transcript.remarks(&std::fs::read_to_string(folder.path().join("seen")).expect("a sheet").replace('\n', "\n# "));
    let task = ana.asks(&["list", "task"])["records"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!((field(&ana, &task, "regarding"), field(&ana, &task, "due")), (account.into(), "2026-12-01".into()));
    let said = types(&ana, &["add", "task", "--edit"], &editor(folder.path(), "sed -i /summary/d \"$1\""), "n\n");
    transcript.notes(&["add", "task", "--edit"], &said);
    transcript.types(&["add", "task"]);
    insta::assert_snapshot!("sheet_new", transcript.masked());
}
