//! Words in what lists show: every record is looked at, most of them without being read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use redb::{ReadTransaction, ReadableTable};
use regard_core::record::{Kind, Life, Projection};

use super::super::Store;
use super::super::error::{During, StoreError};
use super::super::tables::{PROJECTIONS, Row};
use super::wanted::texts;
use super::{Listed, projection, with_id};
use crate::query::fold;

/// Words of one search; more narrow nothing down.
const WORDS_MAX: usize = 16;

impl Store {
    /// The records that hold all the words, whatever the case, in title, detail, company, addresses or categories, without deleted ones:
    /// first those whose title begins so, then those with words of the title that begin so, then the others; among equals the
    /// newest first. Of more than sixteen words the first count.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn search(&self, text: &str, kind: Option<Kind>, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let wanted = Words::of(text);
        if wanted.words.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.read(|reading| {
            let mut best = BinaryHeap::new();
            wanted.scan(reading, |row, shown| {
                if shown.life == Life::Deleted || kind.is_some_and(|kind| kind != shown.kind) {
                    return;
                }
                best.push((wanted.rank(&shown.title), Reverse((shown.changed_at, row))));
                if best.len() > limit {
                    best.pop();
                }
            })?;
            let projections = reading.open_table(PROJECTIONS.definition).during("open a table")?;
            let found = best.into_sorted_vec().into_iter();
            found.map(|(_, Reverse((_, row)))| with_id(reading, row, projection(&projections, row)?)).collect()
        })
    }
}

/// How well a record matches; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    TitleBegins,
    WordsBegin,
    Elsewhere,
}

/// Words that are looked for.
pub(super) struct Words {
    whole: String,
    words: Vec<String>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<String> = fold(text).split_whitespace().take(WORDS_MAX).map(str::to_owned).collect();
        Self { whole: words.join(" "), words }
    }

    /// Whether each of them begins a word of a text.
    pub(super) fn begin_words_of(&self, text: &str) -> bool {
        let text = fold(text);
        let begins =
            |word: &String| text.split(|c: char| !c.is_alphanumeric()).any(|own| own.starts_with(word.as_str()));
        // Words that hold signs, such as addresses, are looked for as they are.
        let stands = |word: &String| text.split_whitespace().any(|own| own.starts_with(word.as_str()));
        self.words.iter().all(|word| begins(word) || stands(word))
    }

    fn rank(&self, title: &str) -> Rank {
        if fold(title).starts_with(&self.whole) {
            Rank::TitleBegins
        } else if self.begin_words_of(title) {
            Rank::WordsBegin
        } else {
            Rank::Elsewhere
        }
    }

    /// Hands on every record whose texts hold all the words.
    pub(super) fn scan(
        &self,
        reading: &ReadTransaction,
        mut each: impl FnMut(Row, Projection),
    ) -> Result<(), StoreError> {
        let projections = reading.open_table(PROJECTIONS.definition).during("open a table")?;
        let plain: Vec<&[u8]> = self.words.iter().filter(|word| word.is_ascii()).map(String::as_bytes).collect();
        for entry in projections.iter().during("read rows")? {
            let (key, stored) = entry.during("read a row")?;
            let value = PROJECTIONS.value(&key.value(), stored.value())?;
            // Text stands in a row as it is: where a word is not among its bytes, the row need not be read.
            if !plain.iter().all(|word| holds_ascii(value, word)) {
                continue;
            }
            let shown: Projection = PROJECTIONS.decode(value)?;
            let texts: Vec<String> = texts(&shown).map(fold).collect();
            if self.words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str()))) {
                each(Row(key.value()), shown);
            }
        }
        Ok(())
    }
}

/// Whether bytes hold a word in small letters, whatever the case.
fn holds_ascii(bytes: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else { return true };
    let (small, great) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = bytes;
    while let Some(at) = from.iter().position(|byte| *byte == small || *byte == great) {
        from = &from[at + 1..];
        if from.get(..rest.len()).is_some_and(|next| next.eq_ignore_ascii_case(rest)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_bytes_whatever_the_case() {
        for (bytes, word, expected) in [
            ("Carla Nunes", "nunes", true),
            ("aaab", "aab", true),
            ("", "a", false),
            ("Nune", "nunes", false),
            ("x", "", true),
        ] {
            assert_eq!(holds_ascii(bytes.as_bytes(), word.as_bytes()), expected, "{bytes} {word}");
        }
    }

    #[test]
    fn a_title_that_begins_so_comes_before_words_that_do() {
        let rank = |text, title| Words::of(text).rank(title);
        assert_eq!(rank("hotel au", "Hotel Aurora"), Rank::TitleBegins);
        assert_eq!(rank("au hot", "Hotel Aurora"), Rank::WordsBegin);
        assert_eq!(rank("rora", "Hotel Aurora"), Rank::Elsewhere);
        assert_eq!(rank("ana@x", "Re: ana@x.example"), Rank::WordsBegin);
    }
}
