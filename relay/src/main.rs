//! The command `regard-relay`: hosts workspaces.

#[path = "cli/operations.rs"]
mod operations;

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use regard_core::wire::access::Invitation;
use regard_relay::admin::Admin;
use regard_relay::{Relay, RelayError, Settings, StoreError};

/// Hosts Regard workspaces: keeps the log of changes that a team's devices exchange.
#[derive(Parser)]
#[command(name = "regard-relay", version)]
struct Arguments {
    /// The folder with the relay's files; it is made where it is missing.
    #[arg(long, global = true, env = "REGARD_RELAY_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer devices until told to stop.
    Serve {
        /// Where to listen.
        #[arg(long, env = "REGARD_RELAY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7171")]
        listen: SocketAddr,
        /// Listen on other than a loopback address although nothing is encrypted.
        #[arg(long)]
        insecure_http: bool,
        /// Let everybody read /metrics, and not only programs on this machine.
        #[arg(long, env = "REGARD_RELAY_PUBLIC_METRICS")]
        public_metrics: bool,
        #[command(flatten)]
        quotas: operations::QuotaArguments,
    },
    /// Make and list workspaces, also while the relay runs.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    #[command(flatten)]
    Operation(operations::Operation),
}

#[derive(Subcommand)]
enum WorkspaceCommand {
    /// Make a workspace and print the invitation for its first member.
    Create {
        /// What people call it.
        name: String,
        /// Where devices reach the relay.
        #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7171", value_parser = address)]
        address: String,
    },
    /// List the workspaces.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let data = arguments.data.ok_or_else(|| Failure {
        sentence: "It is not said in which folder the relay keeps its files".into(),
        hint: Some("give --data FOLDER, or set REGARD_RELAY_DATA".into()),
        is_usage: true,
    })?;
    match arguments.command {
        Command::Operation(operation) => return Ok(operation.run(&data).await?),
        Command::Serve { listen, insecure_http, public_metrics, quotas } => {
            let settings = Settings { quotas: quotas.quotas(), public_metrics, ..Settings::default() };
            serve(&data, settings, listen, insecure_http).await?;
        }
        Command::Workspace(WorkspaceCommand::Create { name, address }) => {
            let created = Admin::of(&data).await?.create_workspace(&name).await?;
            let secret = created.secret.parse()?;
            let invitation = Invitation { relay: address, workspace: created.id, secret, namespace: None };
            print(&invitation.link())?;
            eprintln!("Give this link to the workspace's first member, an owner, who types: regard join LINK");
            eprintln!("It can be used once, within 7 days.");
        }
        Command::Workspace(WorkspaceCommand::List { json }) => {
            let workspaces = Admin::of(&data).await?.workspaces().await?;
            if json {
                print(&serde_json::to_string_pretty(&workspaces)?)?;
                return Ok(ExitCode::SUCCESS);
            }
            for workspace in &workspaces {
                let line = format!(
                    "{}  {}  ({} members, {} devices)",
                    workspace.id, workspace.name, workspace.members, workspace.devices
                );
                print(&line)?;
            }
            if workspaces.is_empty() {
                eprintln!("There are no workspaces yet. Hint: regard-relay workspace create NAME");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    data: &std::path::Path,
    settings: Settings,
    listen: SocketAddr,
    insecure_http: bool,
) -> Result<(), Failure> {
    if !listen.ip().is_loopback() && !insecure_http {
        return Err(Failure {
            sentence: format!(
                "The relay does not listen on {listen}: others on the network could read what it carries"
            ),
            hint: Some("put an encrypting proxy before a loopback address, or give --insecure-http".into()),
            is_usage: true,
        });
    }
    regard_relay::count_metrics()?;
    let relay = Relay::open_with(data, settings)?;
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| Failure {
        sentence: format!("The relay cannot listen on {listen}: {error}"),
        hint: Some("choose another address with --listen".into()),
        is_usage: false,
    })?;
    tracing::info!(address = %listener.local_addr()?, data = %data.display(), "the relay is ready");
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let stopped = move || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    };
    let administered = relay.clone().serve_admin(stopped());
    let admin = tokio::spawn(async move {
        if let Err(error) = administered.await {
            tracing::warn!(%error, "commands such as `workspace create` work only while the relay is stopped");
        }
    });
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("the relay is stopping");
        stop.send_replace(true);
    });
    relay.serve(listener, stopped()).await?;
    admin.abort();
    Ok(())
}

/// Completes at an interrupt or a request to terminate.
async fn stop_signal() {
    let mut terminate = match regard_relay::terminate_signal() {
        Ok(signal) => signal,
        Err(error) => {
            tracing::warn!(%error, "the relay cannot hear requests to terminate");
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn address(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err("an address begins with http:// or https://".into())
}

/// Writes a line of data; a reader that has gone is no error.
fn print(line: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// What a person is told when a command fails.
struct Failure {
    sentence: String,
    hint: Option<String>,
    is_usage: bool,
}

impl Failure {
    fn report(&self) -> ExitCode {
        eprintln!("Error: {}", self.sentence);
        if let Some(hint) = &self.hint {
            eprintln!("Hint: {hint}");
        }
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }

    fn of(error: &(dyn Error + 'static), hint: Option<&str>) -> Self {
        let mut sentence = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            sentence.push_str(": ");
            sentence.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { sentence, hint: hint.map(str::to_owned), is_usage: false }
    }
}

impl From<RelayError> for Failure {
    fn from(error: RelayError) -> Self {
        let hint = match &error {
            RelayError::Store(StoreError::InUse { .. }) => Some("another relay runs on this folder; stop it first"),
            RelayError::Store(StoreError::Damaged { .. }) => {
                Some("restore the file from a backup; devices refill a log that is lost")
            }
            RelayError::Store(StoreError::Format { .. }) => {
                Some("use the version of regard-relay that wrote the file, or a newer one")
            }
            RelayError::Running { .. } => Some("stop it first; `regard-relay backup` works while it runs"),
            RelayError::Exists { .. } => Some("name another folder; `restore` sets aside what is there with --replace"),
            RelayError::Absent { .. } => Some("give the folder with log.redb and access.redb"),
            RelayError::DamagedBackup { .. } => Some("`regard-relay check FOLDER` tells all of it; take another copy"),
            RelayError::Folder { .. } => Some("choose a folder that you can write with --data"),
            _ => None,
        };
        Self::of(&error, hint)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error, None)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::of(&error, None)
    }
}

impl From<regard_core::id::BadId> for Failure {
    fn from(error: regard_core::id::BadId) -> Self {
        Self::of(&error, None)
    }
}
