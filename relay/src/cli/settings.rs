use std::path::Path;

use clap::Args;
use regard_relay::tls::Tls;
use serde_json::{Value, json};

use super::failure::Failure;
use super::{Places, print};
use crate::settings::Flags;

/// Show every setting with its value and where it comes from.
///
/// The flags are those of `serve`: what is shown is what `serve` with the same flags goes by.
#[derive(Args)]
pub(super) struct Settings {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

impl Settings {
    pub(super) fn run(self, places: &Places) -> Result<(), Failure> {
        let loaded = places.settings(&self.flags)?;
        let data = &loaded.settings.data;
        let own = if data == Path::new("") { None } else { Tls::self_signed_fingerprint(data)? };
        if self.json {
            let own = own.map(|fingerprint| fingerprint.to_string());
            let answer = json!({ "settings": loaded.all, "self_signed_certificate": own });
            return print(&serde_json::to_string_pretty(&answer)?);
        }
        let rows: Vec<_> = loaded.all.iter().map(|one| (&one.name, shown(&one.value), &one.origin)).collect();
        let width = |of: &dyn Fn(usize) -> usize| (0..rows.len()).map(of).max().unwrap_or(0);
        let names = width(&|row| rows[row].0.chars().count());
        let values = width(&|row| rows[row].1.chars().count());
        for (name, value, origin) in &rows {
            print(&format!("{name:names$}  {value:values$}  {origin}"))?;
        }
        if let Some(own) = own {
            eprintln!("The certificate that the relay has made itself begins with {}: {own}", own.short());
        }
        Ok(())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".into(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
