use std::path::PathBuf;

use clap::CommandFactory;

use super::super::error::Failure;
use super::super::output::data;
use super::super::{Cli, Context};

/// Print the manual page, or write a page for every command.
///
/// For example: `regard man | man -l -`
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// Write a page for every command into this folder, which is made where it is missing.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let command = Cli::command();
        let Some(folder) = self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            return data(&String::from_utf8_lossy(&page));
        };
        let written = std::fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(command, &folder));
        written.map_err(|error| {
            Failure::new(format!("the pages cannot be written to {}: {error}", folder.display()))
                .hint("Name a folder of your own with --dir.")
        })?;
        let answer = serde_json::json!({ "folder": folder });
        context.output.answer(&answer, |_| format!("The pages are in {}", folder.display()))
    }
}
