use std::path::Path;

use super::Finding;
use crate::settings::{BadSettings, Loaded};
use crate::unix;

/// Free bytes below which saves may soon fail: a day of mail of a busy person, with room for folding a store.
const FREE_BYTES_NEEDED: u64 = 100 << 20;
/// Free bytes below which somebody should know.
const FREE_BYTES_WANTED: u64 = 1 << 30;
/// The files that hold a token and secrets, in the store's folder.
const SECRET_FILES: [&str; 1] = ["store.redb"];

pub(super) fn settings(loaded: &Loaded, bad: Option<&BadSettings>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match bad {
        Some(bad) => findings.push(Finding::problem("settings", &bad.sentence, &bad.hint)),
        None => {
            let set = loaded.all.iter().filter(|one| one.origin != "default").count();
            findings.push(Finding::ok("settings", format!("{set} of {} are set", loaded.all.len())));
        }
    }
    for name in &loaded.unknown {
        let hint = format!("Take it away: unset {name}. `regard config show` has the settings that there are.");
        findings.push(Finding::warning("settings", format!("{name} is no setting and changes nothing"), hint));
    }
    findings
}

/// Nothing where there is no folder: opening the store says so.
pub(super) fn folder(folder: &Path) -> Vec<Finding> {
    if !folder.exists() {
        return Vec::new();
    }
    vec![rights(folder), space(folder)]
}

fn rights(folder: &Path) -> Finding {
    let is_open = |path: &Path| unix::is_open_to_others(path).unwrap_or(false);
    for file in SECRET_FILES.map(|name| folder.join(name)) {
        if is_open(&file) {
            let shown = file.display();
            let message = format!("others may read or write {shown}, which holds this device's token and secrets");
            return Finding::problem("rights", message, format!("Type: chmod 600 '{shown}'"));
        }
    }
    if is_open(folder) {
        let shown = folder.display();
        let message = format!("others may look into the store's folder {shown}");
        return Finding::warning("rights", message, format!("Type: chmod 700 '{shown}'"));
    }
    Finding::ok("rights", "the store's folder is yours alone")
}

fn space(folder: &Path) -> Finding {
    match unix::free_bytes(folder) {
        Ok(free) => space_of(free, folder),
        Err(error) => {
            let message = format!("how much room is left for the store is not known: {error}");
            Finding::warning("disk", message, "Look whether its disk is there.")
        }
    }
}

fn space_of(free: u64, folder: &Path) -> Finding {
    let message = format!("{} MB are free where the store is", free >> 20);
    let hint = format!("Make room on the disk of {}: nothing can be saved on a full one.", folder.display());
    match free {
        0..FREE_BYTES_NEEDED => Finding::problem("disk", message, hint),
        FREE_BYTES_NEEDED..FREE_BYTES_WANTED => Finding::warning("disk", message, hint),
        _ => Finding::ok("disk", message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_disk_that_fills_up_is_told_before_it_is_full() {
        for (free, expected) in [
            (0, State::Problem),
            (FREE_BYTES_NEEDED - 1, State::Problem),
            (FREE_BYTES_NEEDED, State::Warning),
            (FREE_BYTES_WANTED, State::Ok),
            (u64::MAX, State::Ok),
        ] {
            assert_eq!(space_of(free, Path::new("/records")).state, expected, "{free}");
        }
    }
}
