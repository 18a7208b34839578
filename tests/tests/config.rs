//! Settings, completions and manual pages, with the real program.

use regard_tests::harness::{Person, Said, Transcript};
use serde_json::Value;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

struct Home<'a> {
    folder: &'a std::path::Path,
    ana: Person,
}

impl Home<'_> {
    /// Types a command in a home of its own.
    fn types(&self, transcript: &mut Transcript<'_>, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut regard = self.ana.regard();
        regard.args(arguments).env("XDG_CONFIG_HOME", self.folder.join("settings"));
        let said: Said = regard.envs(variables.iter().copied()).output().expect("regard can be run").into();
        transcript.notes(arguments, &said);
        said
    }
}

#[test]
fn settings_are_set_and_shown_with_who_says_so() {
    let folder = folder();
    let home = Home { folder: folder.path(), ana: Person::founds("Ana", folder.path()) };
    let mut transcript = Transcript::of(&home.ana, folder.path());
    let mut types = |arguments: &[&str], variables: &[(&str, &str)]| home.types(&mut transcript, arguments, variables);
    types(&["config", "path"], &[]);
    types(&["config", "set", "list_limit", "20"], &[]);
    types(&["config", "set", "date_style", "iso", "--store-only"], &[]);
    types(&["config", "set", "freshness_bound", "60"], &[("REGARD_FRESHNESS_BOUND", "30")]);
    types(&["config", "show"], &[]);
    let variables =
        [("REGARD_FRESHNESS_BOUND", "30"), ("NO_COLOR", "1"), ("VISUAL", "code --wait"), ("REGARD_LIMIT", "3")];
    types(&["config", "show", "--origin", "--no-pager"], &variables);
    types(&["config", "get", "list_limit"], &[]);
    types(&["--json", "config", "get", "date_style"], &[]);
    types(&["config", "unset", "list_limit"], &[]);
    types(&["config", "unset", "list_limit"], &[]);
    types(&["config", "get", "list_limit"], &[]);
    // How far columns stand apart depends on where the temporary folder is.
    let squeezed = |line: &str| line.split("  ").filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let text = transcript.masked().lines().map(squeezed).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("config", text);
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_what_is_expected() {
    let folder = folder();
    let home = Home { folder: folder.path(), ana: Person::founds("Ana", folder.path()) };
    let file = folder.path().join("settings").join("regard").join("config.toml");
    let writes = |text: &str| {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("a file");
    };
    let mut transcript = Transcript::of(&home.ana, folder.path());
    let mut types = |arguments: &[&str], variables: &[(&str, &str)]| home.types(&mut transcript, arguments, variables);
    types(&["config", "get", "color"], &[]);
    types(&["config", "set", "color", "never"], &[]);
    types(&["config", "set", "colour", "purple"], &[]);
    types(&["config", "set", "store", "x", "--store-only"], &[]);
    writes("# mine\ncolour = \"always\"\nlist_limit = \"many\"\n");
    types(&["list"], &[]);
    types(&["--json", "list"], &[]);
    types(&["config", "show"], &[]);
    types(&["config", "path"], &[]);
    types(&["config", "set", "list_limit", "20"], &[]);
    types(&["list"], &[("REGARD_TIME_ZONE", "Lisbonne")]);
    writes("[colours]\n");
    types(&["list"], &[]);
    writes("list_limit = \n");
    types(&["list"], &[]);
    types(&["config", "set", "list_limit", "20"], &[]);
    types(&["up", "--freshness-bound", "901"], &[]);
    insta::assert_snapshot!("config_wrong", transcript.masked());
}

#[test]
fn times_are_shown_in_the_zone_and_the_style_that_are_set_and_in_utc_to_programs() {
    let folder = folder();
    let ana = Person::founds("Ana", folder.path());
    let id = ana.adds_contact("Carla Nunes");
    let said: Said = ana
        .regard()
        .args(["show", &id])
        .env("REGARD_DATE_STYLE", "iso")
        .env("REGARD_TIME_ZONE", "Etc/GMT-5")
        .output()
        .expect("regard can be run")
        .into();
    let saved = ana.asks(&["show", &id])["saves"][0]["saved_at"].clone();
    let exact: String = match &saved {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    assert!(exact.ends_with('Z'), "{exact}");
    let utc: i64 = exact[11..13].parse().expect("an hour");
    let shown = said.stdout.lines().find_map(|line| line.strip_prefix("Saved ")).expect("a save");
    let local: i64 = shown[11..13].parse().unwrap_or_else(|_| panic!("an hour: {shown}"));
    assert_eq!((utc + 5) % 24, local, "{exact}: {shown}");
}

#[test]
fn shells_get_completions_and_every_command_a_manual_page() {
    let folder = folder();
    let ana = Person::new("Ana", folder.path());
    for shell in ["bash", "zsh", "fish"] {
        let said = ana.does(&["completions", shell]);
        assert_eq!(said.code, Some(0), "{shell}");
        assert!(said.stdout.contains("undelete"), "{shell}: {}", said.stdout);
    }
    let page = ana.does(&["man"]);
    assert!(page.stdout.contains(".TH regard 1") && page.stdout.contains("Exit codes"), "{}", page.stdout);
    let pages = folder.path().join("man");
    assert_eq!(ana.does(&["man", "--dir", &pages.display().to_string()]).code, Some(0));
    for name in ["regard.1", "regard-undo.1", "regard-config-set.1"] {
        assert!(pages.join(name).exists(), "{name}");
    }
}
