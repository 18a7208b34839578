//! The workspace keeps its architecture: who may name whom, in which files, and how large files may grow.
//!
//! The rules stand in `rules.rs`, in words and as code. Here they are held against the real workspace, and against planted
//! violations: a rule that cannot fail guards nothing. (How long a function may be is clippy's `too_many_lines`.)

mod packages;
mod rules;
mod scan;
mod sizes;

use std::path::{Path, PathBuf};

#[test]
fn every_source_file_keeps_the_import_rules() {
    let mut broken = Vec::new();
    for package in ["core", "relay", "client"] {
        for file in rust_files(&root().join(package).join("src")) {
            broken.extend(rules::check(&relative(&file), &read(&file)));
        }
    }
    assert!(broken.is_empty(), "import rules are broken:\n{}", broken.join("\n"));
}

#[test]
fn every_package_keeps_the_dependency_rules() {
    let broken = packages::check(&packages::workspace(&root()));
    assert!(broken.is_empty(), "dependency rules are broken:\n{}", broken.join("\n"));
}

#[test]
fn every_package_forbids_unsafe_code() {
    let manifests = ["Cargo.toml", "core/Cargo.toml", "relay/Cargo.toml", "client/Cargo.toml", "tests/Cargo.toml"];
    let manifests = manifests.map(|path| (path, read(&root().join(path))));
    let broken = packages::check_lints(&manifests);
    assert!(broken.is_empty(), "lints are not as they should be:\n{}", broken.join("\n"));
}

#[test]
fn files_stay_small() {
    let files = ["core", "relay", "client", "tests"].into_iter().flat_map(|package| rust_files(&root().join(package)));
    let sizes: Vec<_> = files.map(|file| (relative(&file), read(&file).lines().count())).collect();
    let broken = sizes::check(&sizes);
    assert!(broken.is_empty(), "files are too large:\n{}", broken.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

fn relative(file: &Path) -> String {
    file.strip_prefix(root()).expect("a file of the workspace").to_string_lossy().into_owned()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                found.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
