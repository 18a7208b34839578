use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;

use super::{BadSettings, Flags, Settings};

/// The beginning of the environment variables' names.
const PREFIX: &str = "REGARD_RELAY_";
/// The settings file in the data folder, read where no other is named.
const FILE: &str = "relay.toml";
/// Settings that name a file or a folder.
const PATHS: [&str; 3] = ["data", "tls_cert", "tls_key"];
/// Names of origins that need no particulars.
const DEFAULT: &str = "default";
const FLAG: &str = "flag";

/// The settings, and where each comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What the relay goes by.
    pub(crate) settings: Settings,
    /// The same, one by one, in the order of their names.
    pub(crate) all: Vec<Setting>,
}

/// One setting.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// Its name.
    pub(crate) name: String,
    /// Its value; null where there is none.
    pub(crate) value: serde_json::Value,
    /// Who says so: `default`, `file PATH`, `environment NAME`, or `flag`.
    pub(crate) origin: String,
}

/// Settings of one origin.
struct Layer {
    origin: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Loaded {
    /// Reads all settings. `config` and `data` are what the command line and the environment say of the file and the folder.
    pub(crate) fn read(config: Option<&Path>, data: Option<&Path>, flags: &Flags) -> Result<Self, BadSettings> {
        let environment = Env::prefixed(PREFIX).ignore(&["config", "data"]);
        Self::read_with(config, data, flags, environment)
    }

    fn read_with(
        config: Option<&Path>,
        data: Option<&Path>,
        flags: &Flags,
        environment: Env,
    ) -> Result<Self, BadSettings> {
        let defaults = values(&Serialized::defaults(Settings::default()))?;
        let mut figment = Figment::from(Layer { origin: DEFAULT.into(), values: defaults.clone() });
        if let Some(file) = file(config, data) {
            figment = figment.merge(read_file(&file, &defaults)?);
        }
        for (name, value) in values(&environment)? {
            if let Some(default) = defaults.get(&name) {
                let value = as_list_where(default.as_array().is_some(), value);
                let origin = format!("environment {PREFIX}{}", name.to_uppercase());
                figment = figment.merge(Layer { origin, values: Dict::from([(name, value)]) });
            } else {
                // Not refused: Kubernetes sets such variables by itself for a service of the relay's name.
                tracing::warn!("{PREFIX}{} is no setting and changes nothing", name.to_uppercase());
            }
        }
        figment = figment.merge(Layer { origin: FLAG.into(), values: values(&Serialized::defaults(flags))? });
        if let Some(data) = data {
            let origin = data_origin(data);
            let values = Dict::from([("data".to_owned(), Value::from(data.display().to_string()))]);
            figment = figment.merge(Layer { origin, values });
        }
        let mut settings: Settings = figment.extract()?;
        settings.check()?;
        let unwritable = |error: serde_json::Error| BadSettings::new(error.to_string(), "choose other values");
        let written = serde_json::to_value(&settings).map_err(unwritable)?;
        let all = defaults.keys().map(|name| setting(&figment, name, &written));
        Ok(Self { settings, all: all.collect::<Result<_, _>>()? })
    }
}

/// Lists are written with commas in the environment.
fn as_list_where(is_list: bool, value: Value) -> Value {
    match value.as_str() {
        Some(text) if is_list => text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>().into(),
        _ => value,
    }
}

/// The command line hides whether it has the folder from a flag or from the environment.
fn data_origin(data: &Path) -> String {
    let name = format!("{PREFIX}DATA");
    if std::env::var_os(&name).is_some_and(|set| set == data.as_os_str()) {
        format!("environment {name}")
    } else {
        FLAG.into()
    }
}

fn file(config: Option<&Path>, data: Option<&Path>) -> Option<PathBuf> {
    config.map(Path::to_owned).or_else(|| Some(data?.join(FILE)).filter(|file| file.exists()))
}

fn read_file(path: &Path, known: &Dict) -> Result<Layer, BadSettings> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let shown = path.display();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        BadSettings::new(format!("the settings file {shown} cannot be read: {error}"), "name another with --config")
    })?;
    let mut values = values(&Toml::string(&text)).map_err(|bad| {
        let sentence = bad.sentence.split_once(": ").map_or(bad.sentence.clone(), |(_, reason)| reason.to_owned());
        BadSettings::new(format!("the settings file {shown} is not TOML: {sentence}"), "mend it and try again")
    })?;
    if let Some(unknown) = values.keys().find(|name| !known.contains_key(*name)) {
        let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let sentence = format!("there is no setting `{unknown}`, which stands in {shown}");
        return Err(BadSettings::new(sentence, format!("there are {names}")));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    for name in PATHS {
        // A path in a file is meant from where the file is, not from where the relay happens to be started.
        if let Some(value) = values.get_mut(name)
            && let Some(text) = value.as_str()
        {
            *value = Value::from(folder.join(text).display().to_string());
        }
    }
    Ok(Layer { origin: format!("file {shown}"), values })
}

fn values(provider: &dyn Provider) -> Result<Dict, BadSettings> {
    let mut data = provider.data()?;
    Ok(data.remove(&Profile::Default).unwrap_or_default())
}

fn setting(figment: &Figment, name: &str, settings: &serde_json::Value) -> Result<Setting, BadSettings> {
    let tag = figment.find_value(name)?.tag();
    let origin = figment.get_metadata(tag).map_or(DEFAULT.into(), |metadata| metadata.name.to_string());
    Ok(Setting { name: name.to_owned(), value: settings[name].clone(), origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    /// Reads settings in a folder with this file and without an environment.
    fn read(folder: &Path, file: &str, flags: &Flags) -> Result<Loaded, BadSettings> {
        std::fs::write(folder.join(FILE), file).expect("a file");
        Loaded::read_with(None, Some(folder), flags, Env::raw().only(&[]))
    }

    #[track_caller]
    fn refused(file: &str, sentence: &str, hint: &str) {
        let folder = folder();
        let bad = read(folder.path(), file, &Flags::default()).expect_err(file);
        let place = std::path::absolute(folder.path()).expect("a path").display().to_string();
        assert_eq!((bad.sentence.replace(&place, "[data]").as_str(), bad.hint.as_str()), (sentence, hint), "{file}");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = folder();
        let file = "listen = \"127.0.0.1:1\"\naddress = \"https://relay.example/\"\ntls_name = [\"a\", \"b\"]\n";
        let flags = Flags { listen: Some("127.0.0.1:2".into()), ..Flags::default() };
        let loaded = read(folder.path(), file, &flags).expect("settings");
        assert_eq!(loaded.settings.listen.port(), 2);
        assert_eq!(loaded.settings.address.as_deref(), Some("https://relay.example"), "no slash at the end");
        assert_eq!(loaded.settings.data, folder.path());
        let set = loaded.all.iter().filter(|one| one.origin != DEFAULT);
        let origins: Vec<_> = set.map(|one| (one.name.as_str(), one.origin.as_str())).collect();
        let from_file = format!("file {}", folder.path().join(FILE).display());
        let expected =
            [("address", from_file.as_str()), ("data", "flag"), ("listen", "flag"), ("tls_name", from_file.as_str())];
        assert_eq!(origins, expected);
    }

    #[test]
    fn paths_in_a_file_are_meant_from_its_folder() {
        let folder = folder();
        let file = "tls_cert = \"relay.pem\"\ntls_key = \"/etc/key.pem\"\n";
        let settings = read(folder.path(), file, &Flags::default()).expect("settings").settings;
        assert_eq!(settings.tls_cert, Some(folder.path().join("relay.pem")));
        assert_eq!(settings.tls_key, Some("/etc/key.pem".into()));
    }

    #[test]
    fn lists_in_the_environment_have_commas() {
        let list = as_list_where(true, Value::from("a.example, 192.0.2.7"));
        assert_eq!(list.deserialize::<Vec<String>>().expect("a list"), ["a.example", "192.0.2.7"]);
        assert_eq!(as_list_where(false, Value::from("a, b")).as_str(), Some("a, b"));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place() {
        let names = "there are address, data, device_bytes, device_changes_per_second, device_documents, insecure_http, listen, \
             public_metrics, tls_cert, tls_key, tls_name, tls_self_signed, workspace_bytes, workspace_changes_per_second, \
             workspace_documents";
        refused("lisen = \"127.0.0.1:1\"", "there is no setting `lisen`, which stands in [data]/relay.toml", names);
        refused(
            "listen = \"somewhere\"",
            "the setting `listen` (file [data]/relay.toml) cannot be used: invalid socket address syntax",
            "give an address with a port, such as 0.0.0.0:7171",
        );
        refused(
            "insecure_http = \"perhaps\"",
            "the setting `insecure_http` (file [data]/relay.toml) cannot be used: string \"perhaps\" is not a boolean",
            "docs/hosting.md has every setting",
        );
        refused(
            "address = \"relay.example\"",
            "the `address` “relay.example” does not begin with http:// or https://",
            "an example is https://relay.example.org:7171",
        );
        let hint = "set tls_cert and tls_key, or tls_self_signed = true, or none of them";
        refused("tls_cert = \"a\"", "`tls_cert` is set, but not `tls_key`", hint);
        refused("tls_key = \"a\"", "`tls_key` is set, but not `tls_cert`", hint);
        let both = "tls_cert = \"a\"\ntls_key = \"b\"\ntls_self_signed = true";
        refused(both, "`tls_cert` and `tls_self_signed` are both set", hint);
        let folder = folder();
        let bad = read(folder.path(), "listen = ", &Flags::default()).expect_err("no TOML");
        assert!(bad.sentence.contains("relay.toml is not TOML: "), "{}", bad.sentence);
        let missing =
            Loaded::read_with(Some(Path::new("/nowhere/x.toml")), None, &Flags::default(), Env::raw().only(&[]));
        let missing = missing.expect_err("no file").sentence;
        assert!(missing.starts_with("the settings file /nowhere/x.toml cannot be read: No such file"), "{missing}");
    }
}
