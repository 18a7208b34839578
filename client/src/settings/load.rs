use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};
use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};
use toml_edit::{Document, Item};

use super::{BadSettings, Flags, Key, Settings, keys};

/// The beginning of the environment variables' names.
const PREFIX: &str = "REGARD_";
/// The name of the settings files: the user's, in `regard` in the folder for settings, and the store's, in its folder.
const FILE: &str = "config.toml";
/// Settings of all programs, weaker than any of Regard's own. The first that is set counts.
const COMMON: [(&str, &str); 3] = [("pager", "PAGER"), ("editor", "VISUAL"), ("editor", "EDITOR")];
const DEFAULT: &str = "default";
const FLAG: &str = "flag";

/// The settings, and where each comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is gone by.
    pub settings: Settings,
    /// The same, one by one, in the order in which they are documented.
    pub all: Vec<Setting>,
    /// The files, whether they are there or not.
    pub files: Files,
    /// Environment variables that look like settings and are none.
    pub unknown: Vec<String>,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value; null where there is none.
    pub value: serde_json::Value,
    /// Who says so: `default`, `file PATH`, `environment NAME`, or `flag`.
    pub origin: String,
}

/// Where settings stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The user's own; absent where the machine has no folder for such.
    pub user: Option<PathBuf>,
    /// The store's, which counts before the user's.
    pub store: PathBuf,
}

/// What the environment says.
type Variables = Vec<(String, String)>;

/// Settings of one origin.
#[derive(Clone)]
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

impl Files {
    /// The user's own file, whichever files are gone by.
    #[must_use]
    pub fn of_user() -> Option<PathBuf> {
        user_file()
    }
}

impl Loaded {
    /// Reads all settings.
    ///
    /// # Errors
    /// [`BadSettings`] for the first that cannot be gone by, with its place.
    pub fn read(flags: &Flags) -> Result<Self, BadSettings> {
        Self::read_with(flags, &variables(), user_file(), data_folder(), true)
    }

    /// What is gone by where the settings cannot be read: the defaults, and the store that flag or environment name.
    ///
    /// # Errors
    /// [`BadSettings`] where the folder cannot be used at all.
    pub fn without_files(flags: &Flags) -> Result<Self, BadSettings> {
        let store = format!("{PREFIX}STORE");
        let named = variables().into_iter().filter(|(name, _)| *name == store).collect();
        let loaded = Self::read_with(flags, &named, None, data_folder(), false)?;
        Ok(Self { files: Files { user: user_file(), ..loaded.files }, ..loaded })
    }

    fn read_with(
        flags: &Flags,
        variables: &Variables,
        user: Option<PathBuf>,
        data: PathBuf,
        reads_store_file: bool,
    ) -> Result<Self, BadSettings> {
        let defaults = Settings { store: data.join("regard"), ..Settings::default() };
        let mut figment = Figment::from(Layer { origin: DEFAULT.into(), values: values(&defaults)? });
        for layer in common(variables) {
            figment = figment.merge(layer);
        }
        if let Some(file) = &user
            && let Some(layer) = read_file(file, false)?
        {
            figment = figment.merge(layer);
        }
        let own = own_variables(variables)?;
        let mut given = vec![Layer { origin: FLAG.into(), values: values(flags)? }];
        if let Some(store) = &flags.store {
            let values = Dict::from([("store".to_owned(), Value::from(store.display().to_string()))]);
            given.push(Layer { origin: FLAG.into(), values });
        }
        // The store's own file is found once it is known which store is meant.
        let named = own.layers.iter().chain(&given).cloned().fold(figment.clone(), Figment::merge);
        let mut settings: Settings = named.extract()?;
        if let Some(store) = &flags.store {
            settings.store.clone_from(store);
        }
        let store = std::path::absolute(&settings.store).map_err(|error| {
            let sentence = format!("the store's folder {} cannot be used: {error}", settings.store.display());
            BadSettings::new(sentence, "Name another with --store FOLDER.")
        })?;
        let files = Files { user, store: store.join(FILE) };
        if reads_store_file && let Some(layer) = read_file(&files.store, true)? {
            figment = figment.merge(layer);
        }
        for layer in own.layers.into_iter().chain(given) {
            figment = figment.merge(layer);
        }
        let settings = Settings { store, ..figment.extract()? };
        let written = serde_json::to_value(&settings)
            .map_err(|error| BadSettings::new(error.to_string(), "Choose other values."))?;
        let all = keys::KEYS.iter().map(|key| setting(&figment, key, &written)).collect();
        Ok(Self { settings, all, files, unknown: own.unknown })
    }
}

/// The layers of Regard's own variables, and the names of those that are no settings.
struct Own {
    layers: Vec<Layer>,
    unknown: Vec<String>,
}

fn own_variables(variables: &Variables) -> Result<Own, BadSettings> {
    let mut own = Own { layers: Vec::new(), unknown: Vec::new() };
    for (name, text) in variables {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !rest.starts_with("RELAY_")) else { continue };
        let key = keys::KEYS.iter().find(|key| key.name.to_uppercase() == rest);
        match key {
            None => own.unknown.push(name.clone()),
            // A variable that is set to nothing is one that a script has taken back.
            Some(key) if text.is_empty() && key.name != "pager" => {}
            Some(key) => {
                let value = key.read(text).ok_or_else(|| {
                    let sentence = format!("{name} takes {}, and this is “{text}”", key.expected());
                    BadSettings::new(sentence, format!("Set it to another value, or take it away: unset {name}"))
                })?;
                own.layers.push(Layer::one(format!("environment {name}"), key, value));
            }
        }
    }
    Ok(own)
}

fn common(variables: &Variables) -> Vec<Layer> {
    let set = |name: &str| variables.iter().find(|(found, text)| found == name && !text.is_empty());
    let mut layers = Vec::new();
    for key in ["pager", "editor"] {
        let found = COMMON.iter().filter(|(of, _)| *of == key).find_map(|(_, name)| set(name));
        let read = found.and_then(|(name, text)| Some((name, keys::find(key)?, text)));
        let layer =
            read.and_then(|(name, key, text)| Some(Layer::one(format!("environment {name}"), key, key.read(text)?)));
        layers.extend(layer);
    }
    if set("NO_COLOR").is_some() {
        let values = Dict::from([("colour".to_owned(), Value::from("never"))]);
        layers.push(Layer { origin: "environment NO_COLOR".into(), values });
    }
    layers
}

impl Layer {
    fn one(origin: String, key: &Key, value: Value) -> Self {
        Self { origin, values: Dict::from([(key.name.to_owned(), value)]) }
    }
}

fn variables() -> Variables {
    let all = std::env::vars_os();
    all.filter_map(|(name, text)| Some((name.into_string().ok()?, text.to_string_lossy().into_owned()))).collect()
}

fn user_file() -> Option<PathBuf> {
    Some(choose_base_strategy().ok()?.config_dir().join("regard").join(FILE))
}

/// Where the machine says nothing of such a folder, the store lies where the command is typed.
fn data_folder() -> PathBuf {
    choose_base_strategy().map(|base| base.data_dir()).unwrap_or_default()
}

fn read_file(path: &Path, is_of_store: bool) -> Result<Option<Layer>, BadSettings> {
    let shown = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let sentence = format!("the settings file {shown} cannot be read: {error}");
            return Err(BadSettings::new(sentence, "Mend the file or its rights, or take it away."));
        }
    };
    let line = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    let toml = Document::parse(&text).map_err(|error| {
        let at = error.span().map(|span| format!(", line {}", line(span.start))).unwrap_or_default();
        let message = error.message().trim().replace('\n', ", ");
        BadSettings::new(format!("the settings file {shown}{at} is not TOML: {message}"), "Mend it and try again.")
    })?;
    let mut values = Dict::new();
    for (name, item) in toml.as_table() {
        let span = toml.as_table().key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let place = format!("{shown}, line {}", span.map_or(1, |span| line(span.start)));
        let key = known(name, is_of_store, &place)?;
        let value = read_value(item).and_then(|value| key.check(value)).ok_or_else(|| {
            let given = item.to_string();
            let sentence =
                format!("the setting `{name}` ({place}) takes {}, and this is {}", key.expected(), given.trim());
            BadSettings::new(sentence, format!("Mend the file, or type: regard config set {name} VALUE"))
        })?;
        values.insert(name.to_owned(), from_file(key, value, path));
    }
    Ok(Some(Layer { origin: format!("file {shown}"), values }))
}

fn known(name: &str, is_of_store: bool, place: &str) -> Result<&'static Key, BadSettings> {
    let key = keys::find(name).ok_or_else(|| {
        let shown: String = name.chars().take(80).collect();
        let hint = format!("There are {}.", keys::names());
        BadSettings::new(format!("there is no setting `{shown}` ({place})"), hint)
    })?;
    if is_of_store && key.name == "store" {
        let sentence = format!("`store` ({place}) cannot be set in a store's own file");
        return Err(BadSettings::new(sentence, "Take the line away, and set it in your own file: regard config path"));
    }
    Ok(key)
}

fn read_value(item: &Item) -> Option<Value> {
    match item.as_value()? {
        toml_edit::Value::String(text) => Some(Value::from(text.value().as_str())),
        toml_edit::Value::Integer(number) => u64::try_from(*number.value()).ok().map(Value::from),
        _ => None,
    }
}

/// A path in a file is meant from where the file is, not from where a command happens to be typed.
fn from_file(key: &Key, value: Value, file: &Path) -> Value {
    match (key.takes, value.as_str(), file.parent()) {
        (keys::Takes::Folder, Some(text), Some(folder)) => Value::from(folder.join(text).display().to_string()),
        _ => value,
    }
}

fn values(of: &impl Serialize) -> Result<Dict, BadSettings> {
    let mut data = Serialized::defaults(of).data()?;
    Ok(data.remove(&Profile::Default).unwrap_or_default())
}

fn setting(figment: &Figment, key: &Key, settings: &serde_json::Value) -> Setting {
    let tag = figment.find_value(key.name).ok().map(|value| value.tag());
    let metadata = tag.and_then(|tag| figment.get_metadata(tag));
    let origin = metadata.map_or(DEFAULT.into(), |metadata| metadata.name.to_string());
    Setting { name: key.name.to_owned(), value: settings[key.name].clone(), origin }
}

#[cfg(test)]
mod tests {
    use super::super::{Colour, DateStyle};
    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn writes(&self, file: &str, text: &str) -> &Self {
            let path = self.0.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
            self
        }

        fn reads(&self, variables: &[(&str, &str)], flags: &Flags) -> Result<Loaded, BadSettings> {
            let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            Loaded::read_with(flags, &variables, Some(self.0.path().join("user.toml")), self.0.path().to_owned(), true)
        }

        #[track_caller]
        fn refuses(&self, variables: &[(&str, &str)], sentence: &str) {
            let bad = self.reads(variables, &Flags::default()).expect_err(sentence);
            assert_eq!(bad.sentence.replace(&self.0.path().display().to_string(), "[home]"), sentence);
        }
    }

    #[test]
    fn the_nearer_origin_wins_and_each_is_named() {
        let home = Home::new();
        home.writes("user.toml", "colour = \"always\"\nlist_limit = 20\npager = \"more\"\neditor = \"nano\"\n")
            .writes("regard/config.toml", "list_limit = 30\ndate_style = \"iso\"\nfreshness_bound = 60\n");
        let variables =
            [("NO_COLOR", "1"), ("PAGER", "most"), ("REGARD_FRESHNESS_BOUND", "30"), ("REGARD_RELAY_DATA", "x")];
        let flags = Flags { pager: Some(String::new()), ..Flags::default() };
        let loaded = home.reads(&variables, &flags).expect("settings");
        let settings = &loaded.settings;
        assert_eq!((settings.colour, settings.list_limit, settings.freshness_bound), (Colour::Always, 30, 30));
        assert_eq!((settings.pager.as_str(), settings.editor.as_str()), ("", "nano"));
        assert_eq!((settings.date_style, &settings.store), (DateStyle::Iso, &home.0.path().join("regard")));
        let place = home.0.path().display().to_string();
        let origins: Vec<_> =
            loaded.all.iter().map(|one| (one.name.as_str(), one.origin.replace(&place, "[home]"))).collect();
        let expected = [
            ("store", "default"),
            ("colour", "file [home]/user.toml"),
            ("pager", "flag"),
            ("editor", "file [home]/user.toml"),
            ("list_limit", "file [home]/regard/config.toml"),
            ("freshness_bound", "environment REGARD_FRESHNESS_BOUND"),
            ("address_book_every", "default"),
            ("listen", "default"),
            ("time_zone", "default"),
            ("date_style", "file [home]/regard/config.toml"),
        ];
        assert_eq!(origins, expected.map(|(name, origin)| (name, origin.to_owned())));
    }

    #[test]
    fn every_documented_setting_has_a_field_and_every_field_is_documented() {
        let defaults = values(&Settings::default()).expect("defaults");
        let mut names: Vec<_> = keys::KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        assert_eq!(defaults.keys().map(String::as_str).collect::<Vec<_>>(), names);
        for key in keys::KEYS {
            let value = defaults[key.name].clone();
            let is_unset = value.as_str() == Some("") || value.to_empty().is_some();
            assert!(is_unset || key.check(value).is_some(), "the default of {} is one that it takes", key.name);
        }
    }

    #[test]
    fn the_store_is_found_before_its_own_file_is_read() {
        let home = Home::new();
        home.writes("user.toml", "store = \"records\"\n").writes("records/config.toml", "list_limit = 7\n");
        let loaded = home.reads(&[], &Flags::default()).expect("settings");
        assert_eq!((&loaded.settings.store, loaded.settings.list_limit), (&home.0.path().join("records"), 7));
        let flags = Flags { store: Some(home.0.path().join("other")), ..Flags::default() };
        let loaded = home.reads(&[("REGARD_STORE", "/nowhere")], &flags).expect("settings");
        assert_eq!((&loaded.settings.store, loaded.settings.list_limit), (&home.0.path().join("other"), 50));
    }

    #[test]
    fn general_variables_give_way_to_files_and_the_first_of_them_counts() {
        let home = Home::new();
        let loaded = home.reads(&[("EDITOR", "nano"), ("VISUAL", "code --wait"), ("NO_COLOR", "")], &Flags::default());
        let settings = loaded.expect("settings").settings;
        assert_eq!((settings.editor.as_str(), settings.colour), ("code --wait", Colour::Auto));
        let loaded = home.reads(&[("REGARD_COLORS", "1"), ("REGARD_STORE", "")], &Flags::default()).expect("settings");
        assert_eq!(loaded.unknown, ["REGARD_COLORS"]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place_and_what_is_expected() {
        let home = Home::new();
        home.writes("user.toml", "# mine\n\ncolor = \"always\"\n");
        home.refuses(&[], "there is no setting `color` ([home]/user.toml, line 3)");
        home.writes("user.toml", "list_limit = 50\ncolour = \"purple\" # why not\n");
        let sentence = "the setting `colour` ([home]/user.toml, line 2) takes auto, always or never, and this is \
                        \"purple\"";
        home.refuses(&[], sentence);
        home.writes("user.toml", "list_limit = 50\nlist_limit = \n");
        let bad = home.reads(&[], &Flags::default()).expect_err("no TOML").sentence;
        assert!(bad.contains("user.toml, line 2 is not TOML: "), "{bad}");
        home.writes("user.toml", "").writes("regard/config.toml", "store = \"elsewhere\"\n");
        home.refuses(&[], "`store` ([home]/regard/config.toml, line 1) cannot be set in a store's own file");
        home.writes("regard/config.toml", "");
        let variable = [("REGARD_FRESHNESS_BOUND", "901")];
        home.refuses(&variable, "REGARD_FRESHNESS_BOUND takes a whole number of seconds, 1 to 900, and this is “901”");
    }
}
