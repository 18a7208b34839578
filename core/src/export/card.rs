use crate::record::{Document, Kind, schema};

/// The card that a record is; none where it is no contact, account or lead.
#[must_use]
pub fn card(record: &Document) -> Option<String> {
    let is_card = matches!(record.kind(), Kind::Contact | Kind::Account | Kind::Lead);
    let name = record.text(schema::title(record.kind())).replace(['\\', ',', ';', '\n', '\r'], " ");
    is_card.then(|| format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{name}\r\nEND:VCARD\r\n"))
}
