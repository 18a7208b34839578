use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Folders below folders, at most: deeper ones are a loop or no mail folder.
const DEPTH_MAX: usize = 64;

/// The files below some paths.
pub(super) struct FoundFiles {
    /// In order of their names within each folder.
    pub(super) files: Vec<PathBuf>,
    /// Paths that could not be read.
    pub(super) unreadable: u64,
}

/// Finds files; a named file is taken whatever it is, and below a folder those that look like mail, cards or calendars.
pub(super) fn below(paths: &[PathBuf], unreadable: &mut dyn FnMut(&Path, String)) -> FoundFiles {
    let mut found = FoundFiles { files: Vec::new(), unreadable: 0 };
    let mut waiting: VecDeque<(PathBuf, usize)> = paths.iter().map(|path| (path.clone(), 0)).collect();
    while let Some((path, depth)) = waiting.pop_front() {
        let mut refuse = |reason: String| {
            found.unreadable += 1;
            unreadable(&path, reason);
        };
        match std::fs::metadata(&path) {
            Err(error) => refuse(error.to_string()),
            Ok(kind) if kind.is_file() => {
                if depth == 0 || looks_importable(&path) {
                    found.files.push(path);
                }
            }
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => match children(&path) {
                Ok(children) => children.into_iter().rev().for_each(|child| waiting.push_front((child, depth + 1))),
                Err(error) => refuse(error.to_string()),
            },
            Ok(kind) if kind.is_dir() => refuse(format!("it lies more than {DEPTH_MAX} folders deep")),
            Ok(_) => refuse("it is neither a file nor a folder".into()),
        }
    }
    found
}

fn children(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut children: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    children.sort();
    Ok(children)
}

/// Indexes, remarks and pictures lie beside mail; what has no known ending is left to being named.
fn looks_importable(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["eml", "mbox", "vcf", "vcard", "ics", "ical"];
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}
