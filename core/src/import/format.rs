//! What a file holds, by its name and its beginning.

use mail_parser::{HeaderName, MessageParser};

use crate::record::document::guarded;

/// The kinds of files that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One message (`.eml`): see [`super::message`].
    Message,
    /// Many messages in one file (`.mbox`): see [`super::messages`].
    Mailbox,
    /// vCards (`.vcf`, `.vcard`): see [`super::cards`].
    Cards,
    /// iCalendar (`.ics`, `.ical`): see [`super::calendar`].
    Calendar,
}

impl Format {
    /// Finds the format by the file's extension, otherwise by its first bytes (some kilobytes are enough).
    #[must_use]
    pub fn detect(file_name: &str, start: &[u8]) -> Option<Self> {
        let extension = file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("eml") => Some(Self::Message),
            Some("mbox") => Some(Self::Mailbox),
            Some("vcf" | "vcard") => Some(Self::Cards),
            Some("ics" | "ical") => Some(Self::Calendar),
            _ => Self::of_content(start),
        }
    }

    fn of_content(start: &[u8]) -> Option<Self> {
        let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start).trim_ascii_start();
        let begins =
            |text: &str| start.get(..text.len()).is_some_and(|found| found.eq_ignore_ascii_case(text.as_bytes()));
        if begins("BEGIN:VCARD") {
            Some(Self::Cards)
        } else if begins("BEGIN:V") {
            Some(Self::Calendar)
        } else if start.starts_with(b"From ") {
            Some(Self::Mailbox)
        } else {
            is_message(start).then_some(Self::Message)
        }
    }
}

/// Text with a colon somewhere reads as a header, so a header that mail really has is asked for, on the very first line.
fn is_message(start: &[u8]) -> bool {
    guarded(|| {
        let message = MessageParser::default().parse_headers(start)?;
        let first = message.headers().first()?;
        let is_whole = !first.name.as_str().contains(char::is_whitespace);
        let known = message.headers().iter().any(|header| is_of_mail(&header.name));
        Some(first.offset_field == 0 && is_whole && known)
    })
    .is_ok_and(|found| found == Some(true))
}

/// Whether a header belongs to mail: one that says who, when or what.
pub(super) fn is_of_mail(name: &HeaderName<'_>) -> bool {
    matches!(
        name,
        HeaderName::From
            | HeaderName::To
            | HeaderName::Cc
            | HeaderName::Subject
            | HeaderName::Date
            | HeaderName::Sender
            | HeaderName::MessageId
            | HeaderName::Received
            | HeaderName::ReturnPath
            | HeaderName::DeliveredTo
            | HeaderName::MimeVersion
            | HeaderName::ContentType
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_extension_first_and_by_content_then() {
        let check = |name: &str, start: &[u8], expected| assert_eq!(Format::detect(name, start), expected, "{name}");
        check("a.EML", b"BEGIN:VCARD", Some(Format::Message));
        check("a.mbox", b"", Some(Format::Mailbox));
        check("a.vcard", b"", Some(Format::Cards));
        check("a.b.ical", b"", Some(Format::Calendar));
        check("a", b"From ana@example.org Sat Jan  3 01:05:34 1996\nSubject: x\n\n", Some(Format::Mailbox));
        check("a", b"\xef\xbb\xbfbegin:vcard\r\n", Some(Format::Cards));
        check("a", b"\r\nBEGIN:VCALENDAR\r\n", Some(Format::Calendar));
        check("a.txt", b"Received: from x\nSubject: y\n\nz", Some(Format::Message));
        check("a.txt", b"Dear all: see below\nFrom: now on", None);
        check("a.txt", b"note: something", None);
        check("vcf", b"", None);
        check("a", b"", None);
    }
}
