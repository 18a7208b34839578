//! Appointments and tasks as iCalendar (RFC 5545, RFC 7986).

use crate::record::{Document, Kind};

/// The record as one iCalendar file with lines ended by CR LF; none for kinds that no calendar holds.
#[must_use]
pub fn calendar(record: &Document) -> Option<String> {
    let component = match record.kind() {
        Kind::Appointment => "VEVENT",
        Kind::Task => "VTODO",
        Kind::Email | Kind::Contact | Kind::Account | Kind::Lead => return None,
    };
    let summary = record.text("summary").replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    Some(format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Regard//Regard//EN\r\nBEGIN:{component}\r\nUID:{}\r\n\
         SUMMARY:{summary}\r\nEND:{component}\r\nEND:VCALENDAR\r\n",
        record.text("uid")
    ))
}
