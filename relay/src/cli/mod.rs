//! The command line: arguments, the commands, and what a person is told when one fails.

mod device;
mod failure;
mod member;
mod operations;
mod serve;
mod serving;
mod settings;
mod workspace;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::settings::{Flags, Loaded};
use failure::Failure;

/// Hosts Regard workspaces: keeps the log of changes that a team's devices exchange.
#[derive(Parser)]
#[command(name = "regard-relay", version)]
struct Arguments {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// Where the relay's files and settings are.
#[derive(Args)]
struct Places {
    /// The folder with the relay's files; it is made where it is missing.
    #[arg(long, global = true, env = "REGARD_RELAY_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The settings file [default: relay.toml in the data folder, where there is one].
    #[arg(long, global = true, env = "REGARD_RELAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Places {
    /// All settings, with those on the command line.
    fn settings(&self, flags: &Flags) -> Result<Loaded, Failure> {
        Ok(Loaded::read(self.config.as_deref(), self.data.as_deref(), flags)?)
    }

    /// All settings, and the data folder for sure.
    fn settings_with_data(&self, flags: &Flags) -> Result<Loaded, Failure> {
        let loaded = self.settings(flags)?;
        if loaded.settings.data == Path::new("") {
            return Err(Failure {
                sentence: "It is not said in which folder the relay keeps its files".into(),
                hint: Some("give --data FOLDER, or set REGARD_RELAY_DATA".into()),
                is_usage: true,
            });
        }
        Ok(loaded)
    }
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Settings(settings::Settings),
    #[command(subcommand)]
    Workspace(workspace::Workspace),
    #[command(subcommand)]
    Member(member::Member),
    #[command(subcommand)]
    Device(device::Device),
    #[command(flatten)]
    Operation(operations::Operation),
}

/// Runs the command that the process was given.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        // A log that takes nothing, as on a full disk, is told of on stderr otherwise: the same log, and that would panic.
        .log_internal_errors(false)
        .init();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(perform(arguments)));
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn perform(arguments: Arguments) -> Result<ExitCode, Failure> {
    let places = &arguments.places;
    match arguments.command {
        Command::Serve(command) => command.run(places).await?,
        Command::Settings(command) => command.run(places)?,
        Command::Workspace(command) => command.run(places).await?,
        Command::Member(command) => command.run(places).await?,
        Command::Device(command) => command.run(places).await?,
        Command::Operation(command) => return command.run(places).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a line of data; a reader that has gone is no error.
fn print(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
