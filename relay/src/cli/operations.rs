//! Copies of the relay's files, and looking at them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use regard_relay::admin::Admin;
use regard_relay::{Check, FileCheck, Quota, Quotas, RelayError};

/// The exit code for damage, as that of `regard`.
const DAMAGED: u8 = 8;

#[derive(Subcommand)]
pub(crate) enum Operation {
    /// Write a copy of the relay's files into a new folder, also while the relay runs.
    Backup {
        /// The folder; it must not be there yet.
        #[arg(value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Put a copy in the place of the files of a relay that is stopped.
    Restore {
        /// The folder with the copy.
        #[arg(value_name = "FOLDER")]
        from: PathBuf,
        /// Set aside the files that are there, under a new name.
        #[arg(long)]
        replace: bool,
    },
    /// Look at everything in the files of a relay that is stopped, or in a copy; exit code 8 where anything is damaged.
    Check {
        /// The folder with a copy [default: the relay's own].
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What workspaces and devices may use.
#[derive(clap::Args)]
pub(crate) struct QuotaArguments {
    /// Bytes of changes that each workspace may store.
    #[arg(long, env = "REGARD_RELAY_WORKSPACE_BYTES", value_name = "BYTES")]
    workspace_bytes: Option<u64>,
    /// Records that each workspace may store.
    #[arg(long, env = "REGARD_RELAY_WORKSPACE_DOCUMENTS", value_name = "COUNT")]
    workspace_documents: Option<u64>,
    /// Changes a second that each workspace may bring; faster ones wait.
    #[arg(long, env = "REGARD_RELAY_WORKSPACE_CHANGES_PER_SECOND", value_name = "COUNT")]
    workspace_changes_per_second: Option<u32>,
    /// Bytes of changes that each device may bring.
    #[arg(long, env = "REGARD_RELAY_DEVICE_BYTES", value_name = "BYTES")]
    device_bytes: Option<u64>,
    /// Records that each device may bring.
    #[arg(long, env = "REGARD_RELAY_DEVICE_DOCUMENTS", value_name = "COUNT")]
    device_documents: Option<u64>,
    /// Changes a second that each device may bring; faster ones wait.
    #[arg(long, env = "REGARD_RELAY_DEVICE_CHANGES_PER_SECOND", value_name = "COUNT")]
    device_changes_per_second: Option<u32>,
}

impl QuotaArguments {
    pub(crate) fn quotas(&self) -> Quotas {
        let Quotas { workspace, device } = Quotas::default();
        Quotas {
            workspace: Quota {
                bytes: self.workspace_bytes.unwrap_or(workspace.bytes),
                documents: self.workspace_documents.unwrap_or(workspace.documents),
                changes_per_second: self.workspace_changes_per_second.unwrap_or(workspace.changes_per_second),
            },
            device: Quota {
                bytes: self.device_bytes.unwrap_or(device.bytes),
                documents: self.device_documents.unwrap_or(device.documents),
                changes_per_second: self.device_changes_per_second.unwrap_or(device.changes_per_second),
            },
        }
    }
}

impl Operation {
    pub(crate) async fn run(self, data: &Path) -> Result<ExitCode, RelayError> {
        match self {
            Self::Backup { to } => {
                if !data.exists() {
                    return Err(RelayError::Absent { path: data.into() });
                }
                let made = Admin::of(data).await?.backup(&to).await?;
                say(&made.folder.display().to_string());
                eprintln!("The copy has {} rows and {} bytes.", made.rows, made.bytes);
                eprintln!(
                    "Warning: whoever reads it can read everything that the relay carries. Keep it as safe as the relay."
                );
                Ok(ExitCode::SUCCESS)
            }
            Self::Restore { from, replace } => {
                let restored = regard_relay::restore(&from, data, replace).await?;
                for file in restored.set_aside {
                    eprintln!("What was there is now {}", file.display());
                }
                eprintln!("The files are in {}. Devices bring what is younger when they connect.", data.display());
                Ok(ExitCode::SUCCESS)
            }
            Self::Check { folder, json } => {
                let folder = folder.as_deref().unwrap_or(data);
                // The database panics on some damage; it is told as damage, and a trace of it would only alarm.
                std::panic::set_hook(Box::new(|_| ()));
                let check = regard_relay::check(folder).await?;
                if json {
                    say(&serde_json::to_string_pretty(&check).unwrap_or_default());
                } else {
                    tell(&check);
                }
                Ok(if check.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
            }
        }
    }
}

fn tell(check: &Check) {
    let told = |name: &str, file: &FileCheck| {
        for damage in &file.damage {
            say(&format!("{name}: {damage}"));
        }
        if file.untold > 0 {
            say(&format!("{name}: and {} more", file.untold));
        }
    };
    told("log.redb", &check.log);
    told("access.redb", &check.access);
    let rows = check.log.rows + check.access.rows;
    if check.is_sound() {
        say(&format!("Sound: {rows} rows, {} changes.", check.log.changes));
        return;
    }
    if !check.log.is_sound() {
        eprintln!(
            "Hint: set log.redb aside, or restore a backup; then start the relay: devices bring again what it lacks."
        );
    }
    if !check.access.is_sound() {
        eprintln!("Hint: restore access.redb from a backup; devices cannot bring it again.");
    }
}

/// Writes a line of data; where nobody reads it, nobody misses it.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
