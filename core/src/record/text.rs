//! Rewriting text that merges by character: what a person changed is found word by word, so that two people who rewrite the
//! same sentence end with both sentences, and not with the letters of both mixed.

use automerge::transaction::{Transactable, Transaction};
use automerge::{AutomergeError, ObjId, ReadDoc};
use similar::{Algorithm, ChangeTag, TextDiff};

/// Words of old text times words of new text, at most, for which the difference is looked for; it takes 50 ms. Beyond, what
/// lies between the common beginning and the common end is replaced as a whole.
const WORD_PAIRS_MAX: usize = 16_000_000;

/// Makes the text read `new`, deleting and inserting only words that differ.
pub(super) fn rewrite(to: &mut Transaction<'_>, text: &ObjId, new: &str) -> Result<(), AutomergeError> {
    let old = to.text(text)?;
    // From the end on, so that the places of what is still to come do not move.
    for Splice { at, delete, insert } in splices(&old, new).into_iter().rev() {
        let delete = isize::try_from(delete).unwrap_or(isize::MAX);
        to.splice_text(text, at, delete, &insert)?;
    }
    Ok(())
}

/// What becomes of `base` when two write it anew apart: words that either took away are gone, and what both added stands,
/// `theirs` first; what both added alike stands once. Where one took a word away that the other replaced, the space beside it stays, so
/// that words do not run together.
pub(crate) fn merge(base: &str, mine: &str, theirs: &str) -> String {
    let sides = [splices(base, theirs), splices(base, mine)];
    let is_gone = |side: &[Splice], at: usize| side.iter().any(|one| (one.at..one.at + one.delete).contains(&at));
    let added = |side: &[Splice], at: usize| {
        side.iter().find(|one| one.at == at).map(|one| one.insert.clone()).unwrap_or_default()
    };
    let base: Vec<char> = base.chars().collect();
    let mut merged = String::new();
    // A space that only the other side took away: where it would part a side's own word from its neighbour, it stays.
    let mut dropped: [Option<char>; 2] = [None, None];
    // Whether a side's own word stands right before here, and a space that is to follow it if anything does.
    let (mut ends_with_word, mut parting) = ([false, false], None::<char>);
    let mut push = |piece: &str, parting: Option<char>| {
        let runs_on =
            !merged.is_empty() && !merged.ends_with(char::is_whitespace) && !piece.starts_with(char::is_whitespace);
        merged.extend(parting.filter(|_| runs_on));
        merged.push_str(piece);
    };
    for at in 0..=base.len() {
        let inserts = [added(&sides[0], at), added(&sides[1], at)];
        for side in 0..2 {
            if inserts[side].is_empty() || (side == 1 && inserts[0] == inserts[1]) {
                continue;
            }
            push(&inserts[side], parting.take().or(dropped[side]));
            ends_with_word[side] = !inserts[side].ends_with(char::is_whitespace);
        }
        let Some(c) = base.get(at) else { break };
        let gone = [is_gone(&sides[0], at), is_gone(&sides[1], at)];
        let only_other = |side: usize| c.is_whitespace() && !gone[side] && gone[1 - side];
        if gone == [false, false] {
            push(c.encode_utf8(&mut [0; 4]), parting.take());
            (dropped, ends_with_word) = ([None, None], [false, false]);
        } else if (0..2).any(|side| only_other(side) && ends_with_word[side]) {
            (parting, dropped, ends_with_word) = (Some(*c), [None, None], [false, false]);
        } else {
            dropped = [0, 1].map(|side| only_other(side).then_some(*c));
        }
    }
    merged
}

/// At a place of the old text, in characters: delete so many, and insert this.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Splice {
    at: usize,
    delete: usize,
    insert: String,
}

fn splices(old: &str, new: &str) -> Vec<Splice> {
    let words = |text: &str| text.split_inclusive(char::is_whitespace).count();
    if words(old).saturating_mul(words(new)) > WORD_PAIRS_MAX {
        return middle(old, new);
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_words(old, new);
    let mut splices: Vec<Splice> = Vec::new();
    let mut at = 0;
    let mut continues = false;
    for change in diff.iter_all_changes() {
        let length = change.value().chars().count();
        if change.tag() == ChangeTag::Equal {
            at += length;
            continues = false;
            continue;
        }
        if !continues {
            splices.push(Splice { at, delete: 0, insert: String::new() });
            continues = true;
        }
        if let Some(splice) = splices.last_mut() {
            match change.tag() {
                ChangeTag::Delete => (splice.delete, at) = (splice.delete + length, at + length),
                _ => splice.insert.push_str(change.value()),
            }
        }
    }
    splices
}

fn middle(old: &str, new: &str) -> Vec<Splice> {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let at = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - at;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let insert = new[at..new.len() - end].iter().collect();
    vec![Splice { at, delete: old.len() - end - at, insert }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: usize) {
        for splices in [splices(old, new), middle(old, new)] {
            let mut chars: Vec<char> = old.chars().collect();
            for Splice { at, delete, insert } in splices.iter().rev() {
                chars.splice(*at..at + delete, insert.chars());
            }
            assert_eq!(chars.into_iter().collect::<String>(), new, "{splices:?}");
        }
        assert_eq!(splices(old, new).len(), expected, "{:?}", splices(old, new));
    }

    #[test]
    fn what_two_wrote_apart_stands_together() {
        for (base, mine, theirs, expected) in [
            ("Met at the fair.", "Met at the big fair.", "Met Ana at the fair.", "Met Ana at the big fair."),
            ("one two three", "one 2 three", "one two three four", "one 2 three four"),
            ("one two", "one", "one two", "one"),
            ("one two", "one zwei", "one deux", "one deuxzwei"),
            ("a b", "a b c", "a b c", "a b c"),
            ("a X b", "a b", "a Y b", "a Y b"),
            ("a X b", "a Y b", "a b", "a Y b"),
            ("a X", "a", "a Y", "a Y"),
            ("X b", "Y b", "b", "Y b"),
            ("Met. Wants more.", "Met.", "Met. Wants more. Writes.", "Met. Writes."),
            ("Met.\n", "Met. Wants more.\n", "Met Ana.", "Met Ana. Wants more."),
            ("", "mine", "", "mine"),
            ("Zażółć 🙂", "Zażółć 🙂 gęślą", "🙂", "🙂 gęślą"),
        ] {
            assert_eq!(merge(base, mine, theirs), expected, "{base} | {mine} | {theirs}");
        }
    }

    #[test]
    fn words_are_replaced_as_wholes_and_the_rest_is_left_alone() {
        check("", "", 0);
        check("", "Met at the fair.", 1);
        check("Met at the fair.", "", 1);
        check("Met at the fair.", "Met at the fair. Prefers mail.", 1);
        check("Met at the fair.", "Wants samples. Met at the fair.", 1);
        check("one two three", "one 2 three", 1);
        check("Zażółć 🙂 gęślą", "Zażółć 🙁 gęślą jaźń", 2);
        check("a\n\nb\n", "a\nb\n\n", 2);
    }
}
