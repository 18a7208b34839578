use clap::CommandFactory;
use clap_complete::Shell;

use super::super::Cli;
use super::super::error::Failure;
use super::super::output::data;

/// Print what makes a shell complete this command.
///
/// For example: `regard completions bash > ~/.local/share/bash-completion/completions/regard`
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "regard", &mut script);
        data(&String::from_utf8_lossy(&script))
    }
}
