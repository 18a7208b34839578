use std::path::Path;

use regard_client::settings::{Flags, Loaded, keys, set, unset};

use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "settings",
    promise: "a settings file is refused with its place and a hint or gone by, what counts is within its bounds, and a setting can be \
              set and taken away again without harm to the rest",
    form: Form::Text,
    words: &[
        b"colour = \"always\"\n",
        b"list_limit = 20\n",
        b"freshness_bound = 60\n",
        b"time_zone = \"Europe/Berlin\"\n",
        b"# ",
        b"\"\"\"",
        b"= ",
        b"listen = \"127.0.0.1:1\"\n",
        b"date_style = \"iso\"\n",
        b"pager = \"\"\n",
        b"[table]\n",
        b"editor.x = 1\n",
        b"-1",
        b"1_000",
        b"0x10",
        b"{ a = 1 }",
        b"[1, 2]",
        b"18446744073709551616",
        b"\\u0000",
        b"store = \"x\"\n",
        b"\xff",
        b"\0",
        b"address_book_every = 1\n",
    ],
    seeds,
    run,
    short_run: 300,
};

fn run(input: &[u8]) -> String {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder");
    }
    FOLDER.with(|folder| file(folder.path(), input))
}

fn file(folder: &Path, input: &[u8]) -> String {
    let file = folder.join("config.toml");
    std::fs::write(&file, input).expect("a file");
    let flags = Flags { store: Some(folder.to_owned()), ..Flags::default() };
    let before = match Loaded::read(&flags) {
        Ok(loaded) => loaded,
        Err(bad) => {
            assert!(!bad.sentence.is_empty() && !bad.hint.is_empty(), "{bad:?}");
            return bad.sentence.replace(&folder.display().to_string(), "");
        }
    };
    assert_eq!(before.settings.store, folder, "the flag says which store");
    for key in keys::KEYS {
        let setting = before.all.iter().find(|setting| setting.name == key.name).expect("every setting is told");
        let text = setting.value.as_str().map_or_else(|| setting.value.to_string(), ToOwned::to_owned);
        let is_unset = setting.value.is_null() || text.is_empty();
        assert!(is_unset || key.read(&text).is_some(), "{} is {text}", key.name);
    }
    set(&file, "list_limit", "17").expect("it can be set");
    let changed = Loaded::read(&flags).expect("and is gone by");
    assert_eq!(changed.settings.list_limit, 17);
    let expected = regard_client::settings::Settings { list_limit: 17, ..before.settings.clone() };
    assert_eq!(changed.settings, expected, "and nothing else has changed");
    unset(&file, "list_limit").expect("it can be taken away");
    Loaded::read(&flags).expect("and what is left is gone by");
    let set: Vec<_> =
        before.all.iter().filter(|one| one.origin.starts_with("file")).map(|one| one.name.clone()).collect();
    set.join(" ")
}

fn seeds() -> Vec<Vec<u8>> {
    let files: &[&str] = &[
        "",
        "# mine\n\ncolour = \"always\"\nlist_limit = 20\n",
        "freshness_bound = 60\naddress_book_every = 3600\n",
        "listen = \"127.0.0.1:7171\"\ntime_zone = \"Europe/Berlin\"\ndate_style = \"iso\"\n",
        "pager = \"less -R\"\neditor = \"vi\" # mine\n",
        "colour = \"purple\"\n",
    ];
    files.iter().map(|text| text.as_bytes().to_vec()).collect()
}
