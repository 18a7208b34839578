//! The command `regard-relay`: hosts workspaces.

mod cli;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
