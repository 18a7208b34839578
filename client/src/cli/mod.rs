//! The `regard` command. Data goes to standard output, everything else to standard error.

mod commands;
mod editor;
mod error;
mod output;
mod pager;
mod times;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::commands as c;
use self::error::Failure;
use self::output::Output;
use crate::settings::{BadSettings, Colour, Flags, Loaded};

/// Records that a team tracks from its mail clients: on every device whole, offline too, merged without conflict.
#[derive(Debug, Parser)]
#[command(name = "regard", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// The folder of the store [default: regard in the user's data folder].
    #[arg(long, global = true, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    /// Whether there are colours [default: auto, on a terminal].
    #[arg(long, global = true, value_enum, alias = "color", value_name = "WHEN")]
    colour: Option<Colour>,
    /// Show long output at once, not through the pager.
    #[arg(long, global = true)]
    no_pager: bool,
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
    Search(c::search::Search),
    Delete(c::delete::Delete),
    Undelete(c::delete::Undelete),
    Import(c::import::Import),
    Export(c::export::Export),
    Sync(c::link::Sync),
    Status(c::status::Status),
    #[command(subcommand)]
    Outbox(c::outbox::Outbox),
    #[command(subcommand)]
    Quarantine(c::quarantine::Quarantine),
    Offline(c::link::Offline),
    Online(c::link::Online),
    Watch(c::watch::Watch),
    Inspect(c::inspect::Inspect),
    Backup(c::backup::Backup),
    Restore(c::backup::Restore),
    Check(c::check::Check),
    Undo(c::undo::Undo),
    Doctor(c::doctor::Doctor),
    #[command(subcommand)]
    Config(c::config::Config),
    Completions(c::completions::Completions),
    Man(c::man::Man),
    Demo(crate::demo::Demo),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    quiet_caught_panics();
    let cli = Cli::parse();
    let flags = Flags { store: cli.store.clone(), colour: cli.colour, pager: cli.no_pager.then(String::new) };
    let read = Loaded::read(&flags);
    let usable = match &read {
        Ok(loaded) => Ok(loaded.clone()),
        Err(_) => Loaded::without_files(&flags),
    };
    let (loaded, bad) = match usable {
        Ok(loaded) => (loaded, read.err()),
        Err(bad) => return Output::plain(cli.json).failure(&bad.into()),
    };
    let output = Output::new(cli.json, &loaded.settings);
    if let Some(bad) = bad.clone().filter(|_| !cli.command.works_without_settings()) {
        return output.failure(&bad.into());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failure(&Failure::new(format!("the program could not start: {error}"))),
    };
    let context = Context { folder: loaded.settings.store.clone(), output: &output, loaded, bad_settings: bad };
    start_log(&cli.command);
    let outcome = runtime.block_on(run(cli.command, &context));
    // Work that still waits for the disk must not keep a command from ending: what was acknowledged is durable.
    runtime.shutdown_timeout(regard_core::limits::SHUTDOWN_PATIENCE);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

async fn run(command: Command, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Init(command) => command.run(context),
        Command::Join(command) => command.run(context).await,
        Command::Up(command) => command.run(context).await,
        Command::Invite(command) => command.run(context).await,
        Command::Member(command) => command.run(context).await,
        Command::Device(command) => command.run(context).await,
        Command::Relay(command) => command.run(context).await,
        Command::Add(command) => command.run(context).await,
        Command::Edit(command) => command.run(context).await,
        Command::Show(command) => command.run(context).await,
        Command::List(command) => command.run(context).await,
        Command::Search(command) => command.run(context).await,
        Command::Delete(command) => command.run(context).await,
        Command::Undelete(command) => command.run(context).await,
        Command::Import(command) => command.run(context).await,
        Command::Export(command) => command.run(context).await,
        Command::Sync(command) => command.run(context).await,
        Command::Status(command) => command.run(context).await,
        Command::Outbox(command) => command.run(context).await,
        Command::Quarantine(command) => command.run(context).await,
        Command::Offline(command) => command.run(context).await,
        Command::Online(command) => command.run(context).await,
        Command::Watch(command) => command.run(context).await,
        Command::Inspect(command) => command.run(context).await,
        Command::Backup(command) => command.run(context).await,
        Command::Restore(command) => command.run(context),
        Command::Check(command) => command.run(context).await,
        Command::Undo(command) => command.run(context).await,
        Command::Doctor(command) => command.run(context).await,
        Command::Config(command) => command.run(context),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(context),
        Command::Demo(command) => command.run(context.output.is_json()).await.map_err(Failure::from),
    }
}

impl Command {
    /// Whether it tells of bad settings itself, mends them, or needs none.
    fn works_without_settings(&self) -> bool {
        matches!(self, Self::Doctor(_) | Self::Config(_) | Self::Completions(_) | Self::Man(_))
    }
}

/// What every command gets.
struct Context<'a> {
    folder: PathBuf,
    output: &'a Output,
    loaded: Loaded,
    /// Why the settings files are not gone by, where they are not.
    bad_settings: Option<BadSettings>,
}

impl Context<'_> {
    async fn client(&self) -> Result<crate::api::Client, Failure> {
        Ok(crate::api::Client::open(&self.folder).await?)
    }
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
    // A store of an older version may take a while to be brought to this one's format.
    let quiet = match command {
        Command::Up(_) | Command::Demo(_) => "warn,regard_client::store::migrate=info",
        _ => "error,regard_client::store::migrate=info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet.into());
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        // A log that takes nothing, as on a full disk, is told of on stderr otherwise: the same log, and that would panic.
        .log_internal_errors(false)
        .init();
}
