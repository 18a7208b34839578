//! How large files may grow: in every project that was looked at, the largest files were the worst to read.

/// Lines of one file.
const LINES_MAX: usize = 600;
/// Lines that half of the files stay below.
const MEDIAN_MAX: usize = 200;

/// What is too large, a line each. `files` are paths with their lines.
pub(crate) fn check(files: &[(String, usize)]) -> Vec<String> {
    let too_long = files.iter().filter(|(_, lines)| *lines > LINES_MAX);
    let mut broken: Vec<_> = too_long
        .map(|(path, lines)| format!("{path}:{}: {lines} lines, and at most {LINES_MAX} are allowed", LINES_MAX + 1))
        .collect();
    let mut sizes: Vec<_> = files.iter().map(|(_, lines)| *lines).collect();
    sizes.sort_unstable();
    if let Some(median) = sizes.get(sizes.len() / 2).filter(|median| **median >= MEDIAN_MAX) {
        broken.push(format!("half of the files have {median} lines or more, and it should be less than {MEDIAN_MAX}"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn broken(sizes: &[usize], expected: &[&str]) {
        let files: Vec<_> = sizes.iter().map(|lines| ("a.rs".to_owned(), *lines)).collect();
        assert_eq!(check(&files), expected, "{sizes:?}");
    }

    #[test]
    fn a_long_file_and_a_high_median_are_found() {
        broken(&[], &[]);
        broken(&[10, 199, 600], &[]);
        broken(&[10, 20, 601], &["a.rs:601: 601 lines, and at most 600 are allowed"]);
        broken(&[10, 200, 300], &["half of the files have 200 lines or more, and it should be less than 200"]);
    }
}
