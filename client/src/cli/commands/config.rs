use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{row, table};
use crate::settings::{self, Loaded, Setting, keys};

/// Show and change settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show every setting with its value.
    Show {
        /// And who says so: default, file, environment or flag.
        #[arg(long)]
        origin: bool,
    },
    /// Print the value of a setting.
    Get {
        /// Its name.
        key: String,
    },
    /// Set a setting in your own file, or in the store's.
    Set {
        /// Its name.
        key: String,
        /// Its value.
        value: String,
        /// For this store alone: in its own file, which counts before yours.
        #[arg(long)]
        store_only: bool,
    },
    /// Take a setting out of your own file, or out of the store's: what stood before it counts again.
    Unset {
        /// Its name.
        key: String,
        /// From the store's file.
        #[arg(long)]
        store_only: bool,
    },
    /// Say where the settings files are, whether they are there or not.
    Path,
}

impl Config {
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        match self {
            Self::Show { origin } => show(context, origin),
            Self::Get { key } => get(context, &key),
            Self::Set { key, value, store_only } => {
                let file = file(context, store_only)?;
                if store_only && key == "store" {
                    return Err(Failure::invalid("`store` cannot be set in a store's own file")
                        .hint("Without --store-only it is set in your own file."));
                }
                settings::set(&file, &key, &value)?;
                tell(context, &key, &file)
            }
            Self::Unset { key, store_only } => {
                let file = file(context, store_only)?;
                if settings::unset(&file, &key)? {
                    return tell(context, &key, &file);
                }
                let answer = serde_json::json!({ "file": file, "setting": null });
                context.output.answer(&answer, |_| format!("`{key}` does not stand in {}", file.display()))
            }
            Self::Path => {
                let paths = &context.loaded.files;
                context.output.answer(paths, |paths| {
                    let user = paths.user.iter().map(|file| format!("yours         {}", file.display()));
                    let store = format!("the store's   {}", paths.store.display());
                    user.chain([store]).collect::<Vec<_>>().join("\n")
                })
            }
        }
    }
}

#[derive(Serialize)]
struct Settings<'a> {
    settings: &'a [Setting],
}

fn show(context: &Context<'_>, origin: bool) -> Result<(), Failure> {
    usable(context)?;
    for name in &context.loaded.unknown {
        context.output.warning(format!("{name} is no setting and changes nothing."));
    }
    let all = &context.loaded.all;
    context.output.answer(&Settings { settings: all }, |answer| {
        let mut table = table(&[]);
        for one in answer.settings {
            let origin = origin.then(|| one.origin.clone());
            table.add_row(row([one.name.clone(), shown(&one.value)].into_iter().chain(origin)));
        }
        table.trim_fmt()
    })
}

fn get(context: &Context<'_>, name: &str) -> Result<(), Failure> {
    usable(context)?;
    let found = context.loaded.all.iter().find(|one| one.name == name);
    let found = found.ok_or_else(|| {
        Failure::invalid(format!("there is no setting `{name}`")).hint(format!("There are {}.", keys::names()))
    })?;
    context.output.answer(found, |found| match &found.value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// What is set can differ from what counts: a variable or the store's file may stand before it.
fn tell(context: &Context<'_>, name: &str, file: &std::path::Path) -> Result<(), Failure> {
    let loaded = Loaded::read(&crate::settings::Flags { store: Some(context.folder.clone()), ..Default::default() });
    let now = match (&loaded, name) {
        // The flag that names this store would be told of instead.
        (_, "store") => None,
        (Ok(loaded), _) => loaded.all.iter().find(|one| one.name == name),
        (Err(bad), _) => {
            context.output.warning(format!("What is set does not count yet: {}.", bad.sentence));
            context.output.hint(&bad.hint);
            None
        }
    };
    let answer = serde_json::json!({ "file": file, "setting": now });
    context.output.answer(&answer, |_| format!("Changed {}", file.display()))?;
    if let Some(now) = now.filter(|now| !now.origin.starts_with("file") && now.origin != "default") {
        let counts = format!("`{name}` is {}, because the {} says so.", shown(&now.value), now.origin);
        context.output.note(counts);
    }
    Ok(())
}

fn file(context: &Context<'_>, store_only: bool) -> Result<std::path::PathBuf, Failure> {
    let files = &context.loaded.files;
    if store_only {
        if !context.folder.exists() {
            return Err(crate::store::StoreError::Absent { folder: context.folder.clone() }.into());
        }
        return Ok(files.store.clone());
    }
    let user = crate::settings::Files::of_user();
    user.ok_or_else(|| {
        Failure::new("your folder for settings is not known").hint("Set XDG_CONFIG_HOME or HOME, or use --store-only.")
    })
}

fn usable(context: &Context<'_>) -> Result<(), Failure> {
    context.bad_settings.clone().map_or(Ok(()), |bad| Err(bad.into()))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
