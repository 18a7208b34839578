//! Works until it is killed; see [`regard_tests::kills`].

use std::process::ExitCode;

fn main() -> ExitCode {
    regard_tests::kills::as_victim().unwrap_or_else(|| {
        eprintln!("This program is started by tests, which kill it.");
        ExitCode::FAILURE
    })
}
