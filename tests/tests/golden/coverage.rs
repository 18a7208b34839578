//! Every command has golden runs, because a command that has none fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regard_tests::harness::{Program, command};

/// What a golden run cannot show, with the reason.
const ELSEWHERE: [(&str, Ending); 1] = [
    // It tells times and places as it goes; tests/tests/demo.rs plays it.
    ("regard demo", Ending::Done),
];
/// Options before a command that have a value.
const WITH_VALUE: [&str; 3] = ["--store", "--data", "--config"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Done,
    Failed,
}

#[test]
fn every_command_has_a_golden_run_that_ends_well_and_one_that_fails() {
    let commands: BTreeSet<String> = [("regard", Program::Regard), ("regard-relay", Program::Relay)]
        .into_iter()
        .flat_map(|(name, program)| commands_below(program, name, &[]))
        .collect();
    assert!(commands.contains("regard outbox list") && commands.contains("regard-relay check"), "{commands:#?}");
    let snapshots = snapshots(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"));
    assert!(!snapshots.is_empty(), "there are snapshots");
    let missing = missing(&commands, snapshots.iter().map(String::as_str));
    assert!(
        missing.is_empty(),
        "these commands have no golden run:\n{}\nAdd one to tests/tests/golden/, with `Transcript`.",
        missing.join("\n")
    );
}

fn missing<'a>(commands: &BTreeSet<String>, snapshots: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: BTreeMap<&str, BTreeSet<Ending>> = BTreeMap::new();
    for (name, ending) in ELSEWHERE {
        found.entry(name).or_default().insert(ending);
    }
    let runs: Vec<_> = snapshots.flat_map(runs).collect();
    for (typed, ending) in &runs {
        let called = commands.iter().find(|name| *name == typed || typed.starts_with(&format!("{name} ")));
        if let Some(name) = called {
            found.entry(name).or_default().insert(*ending);
        }
    }
    let lacks = |name: &str, ending| !found.get(name).is_some_and(|endings| endings.contains(&ending));
    let done = commands.iter().filter(|name| lacks(name, Ending::Done)).map(|name| format!("{name}: none ends well"));
    let failed = commands.iter().filter(|name| lacks(name, Ending::Failed)).map(|name| format!("{name}: none fails"));
    done.chain(failed).collect()
}

/// The commands of a snapshot as `regard member list …`, without options before them.
fn runs(snapshot: &str) -> Vec<(String, Ending)> {
    let mut runs: Vec<(String, Ending)> = Vec::new();
    for line in snapshot.lines() {
        if let Some(typed) = line.strip_prefix("$ ") {
            // Variables of the environment stand before the program.
            let mut words = typed.split_whitespace().skip_while(|word| !matches!(*word, "regard" | "regard-relay"));
            let mut called: Vec<_> = words.next().into_iter().collect();
            while let Some(word) = words.next() {
                if WITH_VALUE.contains(&word) {
                    words.next();
                } else if !word.starts_with('-') {
                    called.push(word);
                }
            }
            runs.push((called.join(" "), Ending::Done));
        } else if let (Some(code), Some(last)) = (line.strip_prefix("[exit "), runs.last_mut())
            && code != "0]"
        {
            last.1 = Ending::Failed;
        }
    }
    runs
}

/// All commands without further ones below them, as the program's help names them.
fn commands_below(program: Program, name: &str, path: &[String]) -> Vec<String> {
    let help = command(program).args(path).arg("--help").output().expect("it can be run");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let below = below(&help);
    if below.is_empty() {
        return vec![[&[name.to_owned()], path].concat().join(" ")];
    }
    below.into_iter().flat_map(|next| commands_below(program, name, &[path, &[next]].concat())).collect()
}

fn below(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

fn snapshots(folder: &Path) -> Vec<String> {
    let read =
        |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    regard_tests::corpus::files(folder)
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "snap"))
        .map(read)
        .collect()
}

#[test]
fn a_command_without_both_runs_is_found() {
    let commands: BTreeSet<_> = ["regard list", "regard relay show", "regard relay move"].map(String::from).into();
    let snapshot =
        "$ regard list\n\n$ regard relay show --json\n[exit 5]\n\n$ A=b regard --store x list --limit 0\n[exit 2]\n";
    let expected =
        ["regard relay move: none ends well", "regard relay show: none ends well", "regard relay move: none fails"];
    assert_eq!(missing(&commands, [snapshot].into_iter()), expected);
    assert_eq!(below("About\n\nCommands:\n  list  List\n        further\n  help  Print\n\nOptions:\n  -h\n"), ["list"]);
}
