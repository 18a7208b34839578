//! Contacts, accounts and leads as vCards.

use crate::import::card::keep::Kept;
use crate::import::card::line;
use crate::import::syntax::folded;
use crate::import::view::View;
use crate::record::{Document, Kind};

/// A record as one vCard 4.0 (RFC 6350), lines ended by CR LF and folded at 75 bytes; none where the record is no contact,
/// account or lead.
///
/// Fields are written as properties, from those that the record was imported with as long as they say the same, and what
/// Regard has no field for verbatim. Tracking is not written: it is evidence of this workspace alone.
#[must_use]
pub fn card(record: &Document) -> Option<String> {
    if !matches!(record.kind(), Kind::Contact | Kind::Account | Kind::Lead) {
        return None;
    }
    let fields = View::of(record);
    let mut card = String::from("BEGIN:VCARD\r\nVERSION:4.0\r\n");
    for entry in Kept::of(&fields).merge(&fields) {
        card.push_str(&folded(&line::write(&entry)));
    }
    card.push_str("END:VCARD\r\n");
    Some(card)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
