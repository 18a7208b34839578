//! The corpus of real mail, cards and calendars. It lies beside the repository and is never copied into it: the mails' senders
//! keep their copyright.

use std::path::{Path, PathBuf};

/// The corpus, or none where it is not on this machine: then the test `name` says so and passes.
///
/// # Panics
/// Where the corpus is missing and `REGARD_REQUIRE_CORPUS` is set, as it is where releases are tested.
#[must_use]
pub fn corpus(name: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let corpus = workspace.parent()?.join("shared/corpus");
    if corpus.is_dir() {
        return Some(corpus);
    }
    assert!(
        std::env::var_os("REGARD_REQUIRE_CORPUS").is_none(),
        "{name} needs the corpus, and {} is not here",
        corpus.display()
    );
    eprintln!("skipped: {name}: ../shared/corpus is not here");
    None
}

/// All files of the corpus below `folder`, in the order of their names.
///
/// # Panics
/// Where a folder cannot be read: half a corpus would let a test pass.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
