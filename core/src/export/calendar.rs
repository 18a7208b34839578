use crate::record::{Document, Kind};

/// The calendar that a record is; none where it is no task or appointment.
#[must_use]
pub fn calendar(record: &Document) -> Option<String> {
    let component = match record.kind() {
        Kind::Task => "VTODO",
        Kind::Appointment => "VEVENT",
        _ => return None,
    };
    let summary = record.text("summary").replace(['\\', ',', ';', '\n', '\r'], " ");
    let uid = record.text("uid");
    Some(format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Regard//Regard//EN\r\nBEGIN:{component}\r\nUID:{uid}\r\nSUMMARY:{summary}\r\n\
         END:{component}\r\nEND:VCALENDAR\r\n"
    ))
}
