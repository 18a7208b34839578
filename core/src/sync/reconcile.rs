//! What two holders of a scope lack of each other, found by documents and the digests of their heads.

use std::cmp::Ordering;

use crate::id::DocumentId;
use crate::wire::{HeadsDigest, InventoryEntry};

/// A document that two holders have differently. At least one side has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The document.
    pub document: DocumentId,
    /// Here.
    pub ours: Option<HeadsDigest>,
    /// There.
    pub theirs: Option<HeadsDigest>,
}

/// Compares two lists, each in the order of the documents.
#[must_use]
pub fn differences(ours: &[InventoryEntry], theirs: &[InventoryEntry]) -> Vec<Difference> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    let mut differences = Vec::new();
    loop {
        let order = match (ours.peek(), theirs.peek()) {
            (None, None) => return differences,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((our, _)), Some((their, _))) => our.cmp(their),
        };
        let our = if order.is_le() { ours.next() } else { None };
        let their = if order.is_ge() { theirs.next() } else { None };
        let Some((document, _)) = our.or(their) else { return differences };
        let (ours, theirs) = (our.map(|entry| entry.1), their.map(|entry| entry.1));
        if ours != theirs {
            differences.push(Difference { document: *document, ours, theirs });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::id::ChangeHash;

    fn list(entries: &BTreeMap<u8, u8>) -> Vec<InventoryEntry> {
        let entry = |(document, heads): (&u8, &u8)| {
            (DocumentId::from_bytes([*document; 16]), HeadsDigest::of(&[ChangeHash([*heads; 32])]))
        };
        entries.iter().map(entry).collect()
    }

    proptest! {
        #[test]
        fn exactly_what_differs_is_named(
            ours in proptest::collection::btree_map(0_u8..20, 0_u8..3, 0..20),
            theirs in proptest::collection::btree_map(0_u8..20, 0_u8..3, 0..20),
        ) {
            let found = differences(&list(&ours), &list(&theirs));
            let differing: Vec<u8> = (0..20).filter(|document| ours.get(document) != theirs.get(document)).collect();
            let named: Vec<u8> = found.iter().map(|difference| difference.document.as_bytes()[0]).collect();
            prop_assert_eq!(named, differing);
            for difference in found {
                let document = difference.document.as_bytes()[0];
                prop_assert_eq!(difference.ours.is_some(), ours.contains_key(&document));
                prop_assert_eq!(difference.theirs.is_some(), theirs.contains_key(&document));
            }
        }
    }
}
