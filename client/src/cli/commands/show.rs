use std::fmt::Write;

use regard_core::record::{Life, schema};
use regard_core::visibility::Reached;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BOLD, DIM, WARN, id, plain};
use super::super::times::ago;
use super::{NOTHING, path_of};
use crate::api::Method;
use crate::api::types::{RecordView, SaveView};

/// Show a record: its fields, what is in conflict, and who can see its saves.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The record: the beginning of its id, its title or its e-mail address, as far as it is unambiguous.
    id: String,
}

impl Show {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let client = context.client().await?;
        let record: RecordView = client.call(Method::GET, &path_of(&self.id)?, NOTHING).await?;
        context.output.answer(&record, people)?;
        if record.line.life == Life::Undecided {
            let id = &record.line.prefix;
            context.output.warning("The record was deleted while somebody else edited it.");
            context
                .output
                .hint(format!("`regard undelete {id}` keeps it, `regard delete {id}` deletes it for good measure."));
        }
        client.close().await;
        Ok(())
    }
}

fn people(record: &RecordView) -> String {
    let mut text = String::new();
    let line = &record.line;
    let title = if line.title.is_empty() { "(without a title)" } else { &line.title };
    let life = if line.life == Life::Live { String::new() } else { format!(" ({})", line.life) };
    let _ = writeln!(text, "{} {} {BOLD}{title}{BOLD:#}{life}", id(line), line.kind);
    let fields = schema::fields(line.kind).filter_map(|field| Some((field.name, record.fields.get(field.name)?)));
    for (name, value) in fields {
        let value = plain(&value.to_string()).replace('\n', "\n                  ");
        let _ = writeln!(text, "  {name:<15} {value}");
    }
    for (name, items) in record.entries.iter().filter(|(name, _)| *name != "tracking") {
        for (item, members) in items {
            let known = members
                .iter()
                .filter(|(member, value)| *member != "value" || value.to_string().to_lowercase() != item.to_lowercase())
                .map(|(member, value)| format!("{member} {}", shortened(&value.to_string())));
            let known = known.collect::<Vec<_>>().join(", ");
            let _ = writeln!(
                text,
                "  {name:<15} {}{}",
                plain(item),
                if known.is_empty() { known } else { format!(" ({known})") }
            );
        }
    }
    for conflict in &record.conflicts_at {
        let _ = writeln!(text, "{WARN}In conflict:{WARN:#} {}", plain(&conflict.place));
        let _ = writeln!(
            text,
            "  shown           {} — {}",
            plain(&conflict.shown.value.value.to_string()),
            conflict.shown.by
        );
        for other in &conflict.others {
            let _ = writeln!(text, "  also written    {} — {}", plain(&other.value.value.to_string()), other.by);
        }
    }
    for save in &record.saves {
        let _ = writeln!(text, "{}", save_line(save));
    }
    text
}

/// What is known of an item, as far as a person reads it; the whole stands in the JSON. A picture has a hundred thousand digits.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let kept: String = text.chars().take(CHARS_MAX).collect();
    let more = if kept.len() < text.len() { format!("… ({} bytes)", text.len()) } else { String::new() };
    format!("{}{more}", plain(&kept))
}

fn save_line(save: &SaveView) -> String {
    let claimed = if save.visible.is_some() && !save.verified { " (as it says)" } else { "" };
    let ahead = save.visible.is_some_and(|place| save.saved_at.is_ahead_of(place.at));
    let ahead = if ahead { ", by a clock that is ahead," } else { "" };
    let saved = format!("Saved {}{ahead} by {}{claimed}", ago(save.saved_at), save.by);
    let Some(place) = save.visible else {
        return format!("{saved}; not visible to others yet");
    };
    let at = save.devices.iter().filter_map(|device| match device.reached {
        Reached::Author => None,
        Reached::Applied { at } => Some(format!("{} since {}", device.name, ago(at))),
        Reached::SetAside { at } => Some(format!("{} set it aside {}", device.name, ago(at))),
        Reached::NotYet => Some(format!("{} not yet", device.name)),
    });
    let at: Vec<_> = at.collect();
    let at = if at.is_empty() { String::new() } else { format!("; {}", at.join(", ")) };
    format!("{saved}; visible since {} {DIM}(#{}){DIM:#}{at}", ago(place.at), place.seq)
}
