//! Exporting records: each becomes a text in the wanted format, and the texts one file or many.

mod target;

pub use target::{Overwrite, Target};

use regard_core::export::{calendar_with_uid, card, mailbox_entry, message};
use regard_core::id::DocumentId;
use regard_core::record::Document;

use crate::api::types::transfer::Format;

/// Bytes of one piece of a record's text on its way to whoever writes it: a record may have megabytes.
pub const PIECE_BYTES_MAX: usize = 64 << 10;

/// A record as text; none where the format cannot hold it. JSON is the API's.
pub(crate) fn text_of(id: DocumentId, document: &Document, format: Format) -> Option<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match format {
        Format::Json => None,
        Format::Vcard => card(document),
        // An event must have an id of its own (RFC 5545); one that was made by hand has the record's.
        Format::Ical => calendar_with_uid(document, &id.to_string()),
        Format::Eml => message(document).map(text),
        Format::Mbox => message(document).map(|message| text(mailbox_entry(document, &message))),
    }
}

/// Cuts a text into pieces of whole characters.
pub(crate) fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let end = text.floor_char_boundary(PIECE_BYTES_MAX);
        let (piece, rest) = text.split_at(end);
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_of_whole_characters_and_nothing_is_lost() {
        for text in [String::new(), "a".into(), "ü".repeat(PIECE_BYTES_MAX), format!("a{}", "🙂".repeat(40_000))] {
            let found: Vec<_> = pieces(&text).collect();
            assert!(found.iter().all(|piece| piece.len() <= PIECE_BYTES_MAX));
            assert_eq!(found.concat(), text);
        }
    }
}
