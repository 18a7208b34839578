use std::io::Write;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Value};

use super::{BadSettings, Key, keys};

/// Sets a setting in a file, which is made where it is missing; comments and everything else in it stay.
///
/// # Errors
/// [`BadSettings`] where there is no such setting, where it does not take the value, or where the file cannot be changed.
pub fn set(file: &Path, name: &str, text: &str) -> Result<(), BadSettings> {
    let key = known(name)?;
    key.read(text).ok_or_else(|| {
        let sentence = format!("`{name}` takes {}, and this is “{text}”", key.expected());
        BadSettings::new(sentence, format!("`{name}`: {}.", key.meaning))
    })?;
    // A folder is meant from where the command was typed, and stands in the file as it is.
    let value = match (key.takes, text.parse::<i64>()) {
        (keys::Takes::Whole { .. }, Ok(number)) => Value::from(number),
        (keys::Takes::Folder, _) => Value::from(absolute(text)?),
        _ => Value::from(text),
    };
    change(file, |document| {
        let decor = document.get(name).and_then(Item::as_value).map(|value| value.decor().clone());
        let mut value = value;
        if let Some(decor) = decor {
            *value.decor_mut() = decor;
        }
        match document.get_mut(name) {
            Some(item) => *item = Item::Value(value),
            None => drop(document.insert(name, Item::Value(value))),
        }
    })
}

/// Takes a setting out of a file, and answers whether it stood there.
///
/// # Errors
/// [`BadSettings`] where there is no such setting, or where the file cannot be changed.
pub fn unset(file: &Path, name: &str) -> Result<bool, BadSettings> {
    known(name)?;
    if !file.exists() {
        return Ok(false);
    }
    let mut was_there = false;
    change(file, |document| was_there = document.remove(name).is_some())?;
    Ok(was_there)
}

/// The setting with this name, or what there is instead.
fn known(name: &str) -> Result<&'static Key, BadSettings> {
    keys::find(name).ok_or_else(|| {
        let shown: String = name.chars().take(80).collect();
        BadSettings::new(format!("there is no setting `{shown}`"), format!("There are {}.", keys::names()))
    })
}

fn absolute(text: &str) -> Result<String, BadSettings> {
    let path = std::path::absolute(text).map_err(|error| {
        BadSettings::new(format!("{text} cannot be used: {error}"), "Give the whole path of a folder.")
    })?;
    Ok(path.display().to_string())
}

/// Through another file that takes its place: an interruption leaves the old one.
fn change(file: &Path, change: impl FnOnce(&mut DocumentMut)) -> Result<(), BadSettings> {
    let shown = file.display();
    let failed = |done: &str, error: &dyn std::fmt::Display| {
        BadSettings::new(
            format!("the settings file {shown} cannot be {done}: {error}"),
            "Mend it, or its folder's rights.",
        )
    };
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.map_err(|error| failed("read", &error))?,
    };
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| failed("read", &error.message()))?;
    change(&mut document);
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| failed("written", &error))?;
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed("written", &error))?;
    let written = beside.write_all(document.to_string().as_bytes()).and_then(|()| beside.as_file().sync_all());
    written.map_err(|error| failed("written", &error))?;
    beside.persist(file).map_err(|error| failed("written", &error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_written_where_it_stands_and_comments_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("regard").join("config.toml");
        let read = || std::fs::read_to_string(&file).expect("a file");
        set(&file, "list_limit", "20").expect("it is set");
        assert_eq!(read(), "list_limit = 20\n");
        std::fs::write(&file, "# mine\nlist_limit = 20 # rows\n\n# below\neditor = \"vi\"\n").expect("a file");
        set(&file, "list_limit", "30").expect("it is set");
        set(&file, "colour", "never").expect("it is set");
        assert_eq!(read(), "# mine\nlist_limit = 30 # rows\n\n# below\neditor = \"vi\"\ncolour = \"never\"\n");
        assert_eq!(unset(&file, "list_limit"), Ok(true));
        assert_eq!(unset(&file, "list_limit"), Ok(false));
        let bad = set(&file, "list_limit", "many").expect_err("no number");
        assert_eq!(bad.sentence, "`list_limit` takes a whole number of rows, 1 to 10000, and this is “many”");
        assert!(set(&file, "lisst", "1").is_err());
        assert!(!read().contains("list_limit"), "what is refused changes nothing");
    }
}
