//! Whole runs of the commands as snapshots: what goes to standard output, what to standard error (`!`), and the exit code.
//!
//! [`coverage`] sees to it that every command of both programs has a run that ends well and one that fails, here or in the
//! other suites with snapshots.
//!
//! After a change that is meant: `INSTA_UPDATE=always cargo test -p regard-tests --test golden`, and read the difference.

mod coverage;
mod device;
mod relay;

use regard_tests::harness::{Program, Running, Said, Transcript, command};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// `regard-relay` with nothing but these arguments.
fn host(arguments: &[&str]) -> Said {
    command(Program::Relay).args(arguments).output().expect("regard-relay can be run").into()
}

/// Runs a command that keeps running until it has said this, and does `then` before it ends.
fn until_it_says(command: &mut std::process::Command, wanted: &str, then: impl FnOnce(&mut Running)) -> Said {
    let mut running = Running::start(command);
    running.says(wanted, |line| line.contains(wanted));
    then(&mut running);
    running.stops()
}

/// The transcript without what else differs from day to day: the day that stands before a time, and URLs of records.
fn steady(transcript: &Transcript<'_>) -> String {
    let masked = transcript.masked();
    let lines = masked.lines().map(|line| {
        let day = line.split_once(" until ").and_then(|(before, rest)| Some((before, rest.split_once("[time]")?.1)));
        match (day, line.starts_with("automerge:")) {
            (Some((before, after)), _) => format!("{before} until [time]{after}\n"),
            (None, true) => "automerge:[id]\n".into(),
            (None, false) => format!("{line}\n"),
        }
    });
    lines.collect()
}
