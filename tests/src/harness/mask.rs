//! Ids, times and places made the same in every run, so that what programs say can be compared with snapshots.

use std::path::Path;

/// Replaces `folder` by `[folder]`, loopback ports by `[port]`, times by `[time]`, and ids and other long hexadecimal numbers
/// by `[id]`.
#[must_use]
pub fn mask(text: &str, folder: &Path) -> String {
    let text = text.replace(&folder.display().to_string(), "[folder]");
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
        if word == 0 {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        masked.push_str(&mask_word(&rest[..word]));
        rest = &rest[word..];
    }
    masked
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.')
}

fn mask_word(word: &str) -> String {
    let bare = word.trim_end_matches(['.', ':']);
    let end = &word[bare.len()..];
    if let Some(port) = bare.strip_prefix("127.0.0.1:")
        && is_number(port)
    {
        return format!("127.0.0.1:[port]{end}");
    }
    if is_time(bare) {
        return format!("[time]{end}");
    }
    if is_id(bare) {
        return format!("[id]{end}");
    }
    word.to_owned()
}

/// `18:40:07`, or an exact time of today such as `2026-11-22T18:40:07.123Z`.
fn is_time(word: &str) -> bool {
    let clock = word.rsplit_once('T').map_or(word, |(_, clock)| clock);
    let whole = clock.strip_suffix('Z').unwrap_or(clock);
    let whole = whole.split_once('.').map_or(whole, |(whole, _)| whole);
    let parts: Vec<_> = whole.split(':').collect();
    parts.len() == 3 && parts.iter().all(|part| part.len() == 2 && is_number(part))
}

/// At least eight hexadecimal digits: hardly a word of a language.
fn is_id(word: &str) -> bool {
    let digits = word.chars().filter(|c| *c != '-').count();
    let is_hex = word.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let is_date = word.len() == 10 && word.matches('-').count() == 2;
    digits >= 8 && is_hex && !is_date
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_run_to_run_is_masked() {
        for (said, expected) in [
            ("/tmp/x/ana is at http://127.0.0.1:21234.", "[folder]/ana is at http://127.0.0.1:[port]."),
            ("Saved 18:40:07 by Ana; due 2026-12-01", "Saved [time] by Ana; due 2026-12-01"),
            ("at 2026-11-22T18:40:07.123Z: 019a1f00 task", "at [time]: [id] task"),
            ("019a1f00-0000-7000-8000-00000000abcd", "[id]"),
            ("2026-12-01T09:00[Europe/Berlin] defaced", "2026-12-01T09:00[Europe/Berlin] defaced"),
        ] {
            assert_eq!(mask(said, Path::new("/tmp/x")), expected);
        }
    }
}
