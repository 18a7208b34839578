use std::fmt::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{WARN, plain};
use super::super::times::ago;
use super::{NOTHING, absolute};
use crate::api::Method;
use crate::api::types::access::{Exported, Imported, OutboxView, SavesFile};

/// Show what the relay does not have, and carry it to another device where this one cannot send it.
#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List the saves that wait, and those that the relay refused.
    List,
    /// Write these saves into a file, also offline or shut out. They stay here too.
    Export {
        /// The file; nothing is overwritten.
        file: PathBuf,
    },
    /// Take in the saves of such a file from another device of the workspace: they are applied here and sent from here.
    ///
    /// They keep their author, who is shown as not verified, since another device brought them. What is here already is
    /// skipped.
    Import {
        /// The file.
        file: PathBuf,
    },
}

impl Outbox {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let mut client = context.client().await?;
        match self {
            Self::List => {
                let outbox: OutboxView = client.call(Method::GET, "/v1/outbox", NOTHING).await?;
                client.close().await;
                context.output.answer(&outbox, list)
            }
            Self::Export { file } => {
                let request = SavesFile { path: absolute(&file)? };
                let exported: Exported = client.call(Method::POST, "/v1/outbox/export", Some(&request)).await?;
                client.close().await;
                context.output.answer(&exported, |exported| {
                    format!("Exported {} to {}", counted(exported.saves), exported.path.display())
                })?;
                context.output.hint("On another device of the workspace: regard outbox import FILE");
                Ok(())
            }
            Self::Import { file } => {
                client.serve()?;
                let request = SavesFile { path: absolute(&file)? };
                let imported: Imported = client.call(Method::POST, "/v1/outbox/import", Some(&request)).await?;
                client.close().await;
                context.output.answer(&imported, |imported| {
                    let (taken, from) = (counted(imported.taken), plain(&imported.from));
                    format!("Took in {taken} from {from}; {} here already", imported.existed)
                })?;
                for unit in &imported.refused {
                    let reason = plain(&unit.reason.detail);
                    context.output.warning(format!("save {} was not taken: {reason}", unit.save));
                }
                if !imported.refused.is_empty() {
                    context.output.hint("`regard sync`, then import again: what a save follows may be missing here.");
                }
                Ok(())
            }
        }
    }
}

fn list(outbox: &OutboxView) -> String {
    let mut text = String::new();
    for save in &outbox.saves {
        let records: Vec<_> = save.records.iter().map(|id| id.to_hex()[..8].to_owned()).collect();
        let _ = match &save.refused {
            Some(reason) => writeln!(
                text,
                "{}  {}  {WARN}refused:{WARN:#} {}",
                ago(save.saved_at),
                records.join(", "),
                plain(&reason.detail)
            ),
            None => writeln!(text, "{}  {}  waits", ago(save.saved_at), records.join(", ")),
        };
    }
    match (outbox.saves.is_empty(), outbox.more) {
        (true, _) => "Nothing waits, and nothing was refused.".into(),
        (_, 0) => text,
        (_, more) => text + &format!("and {more} more"),
    }
}

fn counted(saves: usize) -> String {
    if saves == 1 { "1 save".into() } else { format!("{saves} saves") }
}
