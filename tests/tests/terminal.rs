//! What a person sees on a terminal: the pager, colours and the terminal's width. The terminal is a pseudo-terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use regard_tests::harness::{Person, Said};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

const COLUMNS: u16 = 60;
const ROWS: u16 = 20;
/// More than fit the terminal.
const TASKS: usize = 40;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn filled(folder: &Path) -> Person {
    let ana = Person::founds("Ana", folder);
    let todo =
        |number| format!("BEGIN:VTODO\r\nUID:{number}\r\nSUMMARY:Task {number} {}\r\nEND:VTODO\r\n", "x".repeat(70));
    let todos: String = (0..TASKS).map(todo).collect();
    let file = folder.join("tasks.ics");
    std::fs::write(&file, format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{todos}END:VCALENDAR\r\n")).expect("a file");
    let _: Value = ana.asks(&["import", &file.display().to_string()]);
    ana
}

/// Types a command on a terminal, and answers everything that it shows there.
fn on_terminal(person: &Person, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("its rights");
    unlockpt(&terminal).expect("its lock");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("a name");
    let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("its size");
    let side = || Stdio::from(File::options().read(true).write(true).open(&name).expect("its other side"));
    let mut regard = person.regard();
    regard.args(arguments).env("TERM", "xterm").envs(variables.iter().copied());
    regard.stdin(side()).stdout(side()).stderr(side());
    let reading = std::thread::spawn(move || read_all(terminal));
    let status = regard.spawn().expect("regard can be run").wait().expect("it ends");
    // The last hold on the terminal's other side goes with the command's description.
    drop(regard);
    let shown = reading.join().expect("a reader");
    assert!(status.success(), "{shown}");
    shown
}

/// Reading a terminal whose other side nobody holds any more fails.
fn read_all(terminal: OwnedFd) -> String {
    let (mut terminal, mut shown, mut chunk) = (File::from(terminal), Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = terminal.read(&mut chunk) {
        shown.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&shown).replace("\r\n", "\n")
}

#[test]
fn long_answers_go_through_the_pager_on_a_terminal_and_nowhere_else() {
    let folder = folder();
    let ana = filled(folder.path());
    let file = folder.path().join("paged");
    let pager = format!("sh -c 'cat > \"{}\"'", file.display());
    let paged = || {
        let text = std::fs::read_to_string(&file).ok();
        let _ = std::fs::remove_file(&file);
        text
    };
    let variables = [("REGARD_PAGER", pager.as_str())];
    let shown = on_terminal(&ana, &["list"], &variables);
    let text = paged().expect("a text");
    assert!(text.contains("Task 0 ") && text.contains("Task 39 "), "{text}");
    assert!(text.contains("\u{1b}["), "the pager gets the colours: {text}");
    assert!(!shown.contains("Task"), "what is paged is not shown twice: {shown}");

    on_terminal(&ana, &["list"], &[variables[0], ("NO_COLOR", "1")]);
    assert!(!paged().expect("a text").contains('\u{1b}'));

    for (arguments, set, why) in [
        (&["list", "--limit", "3"][..], pager.as_str(), "a short answer"),
        (&["list", "--no-pager"], pager.as_str(), "--no-pager"),
        (&["list"], "", "no pager is set"),
        (&["--json", "list"], pager.as_str(), "an answer for programs"),
    ] {
        let shown = on_terminal(&ana, arguments, &[("REGARD_PAGER", set)]);
        assert!(shown.contains("Task "), "{why}: {shown}");
        assert_eq!(paged(), None, "{why}");
    }
    let said: Said = ana.regard().arg("list").envs(variables).output().expect("regard can be run").into();
    assert!(said.stdout.contains("Task 39 ") && !said.stdout.contains('\u{1b}'), "{said:#?}");
    assert_eq!(paged(), None, "nobody reads a pipe on a terminal");
}

#[test]
fn a_pager_that_is_not_there_or_leaves_early_keeps_nothing_from_being_shown() {
    let folder = folder();
    let ana = filled(folder.path());
    let shown = on_terminal(&ana, &["list"], &[("REGARD_PAGER", "/nowhere/pager")]);
    assert!(shown.contains("The pager “/nowhere/pager” cannot be run") && shown.contains("Task 39 "), "{shown}");
    let shown = on_terminal(&ana, &["list"], &[("REGARD_PAGER", "true")]);
    assert!(!shown.contains("Error"), "{shown}");
}

#[test]
fn colours_are_shown_where_they_are_wanted() {
    let folder = folder();
    let ana = filled(folder.path());
    let arguments = ["list", "--limit", "1"];
    assert!(on_terminal(&ana, &arguments, &[]).contains("\u{1b}["));
    assert!(!on_terminal(&ana, &arguments, &[("NO_COLOR", "1")]).contains("\u{1b}["));
    assert!(!on_terminal(&ana, &["list", "--limit", "1", "--colour", "never"], &[]).contains("\u{1b}["));
    let piped = |colour: &str| -> Said {
        ana.regard().args(["list", "--limit", "1", "--color", colour]).output().expect("regard can be run").into()
    };
    assert!(piped("always").stdout.contains("\u{1b}["));
    assert!(!piped("auto").stdout.contains("\u{1b}["));
}

#[test]
fn tables_keep_to_the_width_of_the_terminal() {
    let folder = folder();
    let ana = filled(folder.path());
    for arguments in [&["list"][..], &["undo", "--list"]] {
        let shown = on_terminal(&ana, arguments, &[("NO_COLOR", "1"), ("REGARD_PAGER", "")]);
        let widest = shown.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= usize::from(COLUMNS)), "{widest:?}: {shown}");
        assert!(shown.contains('…'), "{shown}");
    }
}
