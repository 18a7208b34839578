//! The `regard` command. Data goes to standard output, everything else to standard error.

mod commands;
mod error;
mod output;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use etcetera::{BaseStrategy, choose_base_strategy};

use self::commands as c;
use self::error::Failure;
use self::output::Output;

/// Records that a team tracks from its mail clients: on every device whole, offline too, merged without conflict.
#[derive(Debug, Parser)]
#[command(name = "regard", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// The folder of the store [default: regard in the user's data folder].
    #[arg(long, global = true, env = "REGARD_STORE", value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 not well formed, 3 no such record or store, 4 several records meant, 5 relay not reached, \
6 relay refused, 7 in conflict, 8 stored bytes damaged.

Start with `regard demo` to see it work, or `regard init` to begin.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(c::init::Init),
    Join(c::join::Join),
    Up(c::up::Up),
    Invite(c::invite::Invite),
    #[command(subcommand)]
    Member(c::member::Member),
    #[command(subcommand)]
    Device(c::device::Device),
    #[command(subcommand)]
    Relay(c::relay::Relay),
    Add(c::add::Add),
    Edit(c::edit::Edit),
    Show(c::show::Show),
    List(c::list::List),
    Delete(c::delete::Delete),
    Undelete(c::delete::Undelete),
    Import(c::import::Import),
    Export(c::export::Export),
    Sync(c::link::Sync),
    Status(c::status::Status),
    #[command(subcommand)]
    Outbox(c::outbox::Outbox),
    Offline(c::link::Offline),
    Online(c::link::Online),
    Watch(c::watch::Watch),
    Inspect(c::inspect::Inspect),
    Backup(c::backup::Backup),
    Restore(c::backup::Restore),
    Check(c::backup::Check),
    Demo(crate::demo::Demo),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    quiet_caught_panics();
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&Failure::new(format!("the program could not start: {error}"))),
    };
    let outcome = runtime.block_on(run(cli, &output));
    // Work that still waits for the disk must not keep a command from ending: what was acknowledged is durable.
    runtime.shutdown_timeout(regard_core::limits::SHUTDOWN_PATIENCE);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

async fn run(cli: Cli, output: &Output) -> Result<(), Failure> {
    let context = Context { folder: folder(cli.store)?, output };
    start_log(&cli.command);
    match cli.command {
        Command::Init(command) => command.run(&context),
        Command::Join(command) => command.run(&context).await,
        Command::Up(command) => command.run(&context).await,
        Command::Invite(command) => command.run(&context).await,
        Command::Member(command) => command.run(&context).await,
        Command::Device(command) => command.run(&context).await,
        Command::Relay(command) => command.run(&context).await,
        Command::Add(command) => command.run(&context).await,
        Command::Edit(command) => command.run(&context).await,
        Command::Show(command) => command.run(&context).await,
        Command::List(command) => command.run(&context).await,
        Command::Delete(command) => command.run(&context).await,
        Command::Undelete(command) => command.run(&context).await,
        Command::Import(command) => command.run(&context).await,
        Command::Export(command) => command.run(&context).await,
        Command::Sync(command) => command.run(&context).await,
        Command::Status(command) => command.run(&context).await,
        Command::Outbox(command) => command.run(&context).await,
        Command::Offline(command) => command.run(&context).await,
        Command::Online(command) => command.run(&context).await,
        Command::Watch(command) => command.run(&context).await,
        Command::Inspect(command) => command.run(&context).await,
        Command::Backup(command) => command.run(&context).await,
        Command::Restore(command) => command.run(&context),
        Command::Check(command) => command.run(&context).await,
        Command::Demo(command) => command.run(output.is_json()).await.map_err(Failure::from),
    }
}

/// What every command gets.
struct Context<'a> {
    folder: PathBuf,
    output: &'a Output,
}

impl Context<'_> {
    async fn client(&self) -> Result<crate::api::Client, Failure> {
        Ok(crate::api::Client::open(&self.folder).await?)
    }
}

fn folder(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let folder = match named {
        Some(folder) => folder,
        None => {
            let base = choose_base_strategy().map_err(|error| {
                Failure::new(format!("your data folder is not known: {error}")).hint("Name one with --store FOLDER.")
            })?;
            base.data_dir().join("regard")
        }
    };
    std::path::absolute(&folder).map_err(|error| Failure::new(format!("{} cannot be used: {error}", folder.display())))
}

/// What hostile bytes provoke in a library is caught and told as a refusal; a trace of it would only alarm.
fn quiet_caught_panics() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !regard_core::record::panics_are_caught() {
            otherwise(panic);
        }
    }));
}

/// Short commands say what matters themselves; those that keep running log what they do.
fn start_log(command: &Command) {
    let quiet = if matches!(command, Command::Up(_) | Command::Demo(_)) { "warn" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet.into());
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}
