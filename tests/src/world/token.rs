//! Marks in saved values, by which a save is recognized in whatever history it ends up in.

use std::collections::BTreeSet;
use std::fmt;

use regard_client::store::{Store, StoreError};
use regard_core::id::DocumentId;

const MARK: &[u8] = b"tk=";
const DIGITS: usize = 6;

/// The mark of one save. A change that is made again under another actor has another hash and the same mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u32);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tk={:0DIGITS$}", self.0)
    }
}

/// The marks in some bytes: in a change, values stand as they are.
pub fn in_bytes(bytes: &[u8], found: &mut BTreeSet<Token>) {
    for window in bytes.windows(MARK.len() + DIGITS) {
        if let Some(digits) = window.strip_prefix(MARK)
            && digits.iter().all(u8::is_ascii_digit)
        {
            found.insert(Token(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))));
        }
    }
}

/// The marks in the histories of all records of a store, whether they are shown or not.
///
/// # Errors
/// As the store has it.
pub fn in_store(store: &Store) -> Result<BTreeSet<Token>, StoreError> {
    let mut found = BTreeSet::new();
    for id in store.ids()? {
        in_record(store, id, &mut found)?;
    }
    Ok(found)
}

fn in_record(store: &Store, id: DocumentId, found: &mut BTreeSet<Token>) -> Result<(), StoreError> {
    for change in store.document(id)?.changes_since(&[]) {
        in_bytes(&change.bytes, found);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        let mut found = BTreeSet::new();
        in_bytes(format!("x{}{}y tk=12", Token(7), Token(123_456)).as_bytes(), &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [Token(7), Token(123_456)]);
    }
}
