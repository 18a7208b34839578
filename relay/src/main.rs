//! The command `regard-relay`: hosts workspaces.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
