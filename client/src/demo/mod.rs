//! Plays the main story with real processes in a temporary folder, says in plain words what happens, and checks every
//! claim against both stores.

mod cast;
mod claims;
mod samples;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::api::types::{Problem, ProblemCode};

/// See it work: two people edit offline, a relay is killed, everything is merged, and nothing is lost.
///
/// Runs by itself in a temporary folder with sample mail, cards and calendars, or with your own files, which are only
/// read. It ends with an error where a claim does not hold.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Files and folders to import instead of the samples.
    files: Vec<PathBuf>,
    /// Keep the folder, to look at it afterwards.
    #[arg(long)]
    keep: bool,
    /// Be the relay of the story. The story starts this itself.
    #[arg(long, hide = true, value_name = "FOLDER", requires = "listen")]
    relay: Option<PathBuf>,
    /// Where the relay of the story listens.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The workspace to found on the relay of the story, where it is new.
    #[arg(long, hide = true, value_name = "NAME")]
    found: Option<String>,
}

impl Demo {
    /// Plays it.
    ///
    /// # Errors
    /// Where a claim does not hold, or a process of the story failed.
    pub async fn run(self, json: bool) -> Result<(), Problem> {
        match (self.relay, self.listen) {
            (Some(folder), Some(listen)) => cast::be_the_relay(&folder, listen, self.found.as_deref()).await,
            _ => tokio::task::spawn_blocking(move || story::play(&self.files, self.keep, json))
                .await
                .unwrap_or_else(|error| Err(Problem::new(ProblemCode::Failed, format!("the story stopped: {error}")))),
        }
    }
}
