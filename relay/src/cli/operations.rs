//! Copies of the relay's files, and looking at them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use regard_relay::admin::Admin;
use regard_relay::{Check, FileCheck, RelayError};

use super::failure::Failure;
use super::{Places, print};
use crate::settings::Flags;

/// The exit code for damage, as that of `regard`.
const DAMAGED: u8 = 8;

#[derive(Subcommand)]
pub(super) enum Operation {
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

impl Operation {
    pub(super) async fn run(self, places: &Places) -> Result<ExitCode, Failure> {
        let data = || Ok::<_, Failure>(places.settings_with_data(&Flags::default())?.settings.data);
        match self {
            Self::Backup { to } => {
                let data = data()?;
                if !data.exists() {
                    return Err(RelayError::Absent { path: data }.into());
                }
                let made = Admin::of(&data).await?.backup(&to).await?;
                print(&made.folder.display().to_string())?;
                eprintln!("The copy has {} rows and {} bytes.", made.rows, made.bytes);
                eprintln!(
                    "Warning: whoever reads it can read everything that the relay carries. Keep it as safe as the relay."
                );
                Ok(ExitCode::SUCCESS)
            }
            Self::Restore { from, replace } => {
                let data = data()?;
                let restored = regard_relay::restore(&from, &data, replace).await?;
                for file in restored.set_aside {
                    eprintln!("What was there is now {}", file.display());
                }
                eprintln!("The files are in {}. Devices bring what is younger when they connect.", data.display());
                Ok(ExitCode::SUCCESS)
            }
            Self::Check { folder, json } => {
                let folder = folder.map_or_else(data, Ok)?;
                // The database panics on some damage; it is told as damage, and a trace of it would only alarm.
                std::panic::set_hook(Box::new(|_| ()));
                let check = regard_relay::check(&folder).await?;
                if json {
                    print(&serde_json::to_string_pretty(&check)?)?;
                } else {
                    tell(&check)?;
                }
                Ok(if check.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
            }
        }
    }
}

fn tell(check: &Check) -> Result<(), Failure> {
    let told = |name: &str, file: &FileCheck| {
        for damage in &file.damage {
            print(&format!("{name}: {damage}"))?;
        }
        if file.untold > 0 {
            print(&format!("{name}: and {} more", file.untold))?;
        }
        Ok::<_, Failure>(())
    };
    told("log.redb", &check.log)?;
    told("access.redb", &check.access)?;
    let rows = check.log.rows + check.access.rows;
    if check.is_sound() {
        return print(&format!("Sound: {rows} rows, {} changes.", check.log.changes));
    }
    if !check.log.is_sound() {
        eprintln!(
            "Hint: set log.redb aside, or restore a backup; then start the relay: devices bring again what it lacks."
        );
    }
    if !check.access.is_sound() {
        eprintln!("Hint: restore access.redb from a backup; devices cannot bring it again.");
    }
    Ok(())
}
