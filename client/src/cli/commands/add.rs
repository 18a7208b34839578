use std::io::IsTerminal;
use std::path::PathBuf;

use regard_core::record::Kind;

use super::super::Context;
use super::super::error::Failure;
use super::edit::{Sending, ask, may_open};
use super::{NOTHING, kind, tell_save};
use crate::api::Method;
use crate::api::types::edit::SheetView;
use crate::api::types::{AddRequest, SaveAnswer};

/// Make a record by hand.
///
/// For example: `regard add contact full_name='Ana Lima' emails+=ana@example.org`
///
/// Without fields, on a terminal, an empty record opens in your editor.
#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// email, contact, task, appointment, account or lead.
    #[arg(value_parser = kind)]
    kind: Kind,
    /// field=value; field+=entry for fields of several; field[entry].member=value for what is known of an entry.
    #[arg(value_name = "FIELD=VALUE")]
    assignments: Vec<String>,
    /// Write it in your editor.
    #[arg(long, conflicts_with_all = ["assignments", "from"])]
    edit: bool,
    /// Make it of a document from a file, or from standard input with -.
    #[arg(long, value_name = "FILE", conflicts_with = "assignments")]
    from: Option<PathBuf>,
}

impl Add {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let place = format!("/v1/sheets/{}", self.kind);
        let command = format!("regard add {}", self.kind);
        let sending = Sending { context, place: &place, command, mine: false };
        let name = format!("new-{}", self.kind);
        if let Some(file) = self.from {
            return sending.of_file(&file, &name).await;
        }
        let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if self.edit || self.assignments.is_empty() && is_terminal {
            may_open(context, "no fields are given")?;
            let view: SheetView = ask(context, Method::GET, &place, NOTHING).await?;
            return sending.through_editor(&view, &name).await;
        }
        let request = AddRequest { kind: self.kind, assignments: self.assignments };
        let answer: SaveAnswer = ask(context, Method::POST, "/v1/records", Some(&request)).await?;
        tell_save(context.output, &answer)
    }
}
