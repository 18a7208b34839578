//! What the headers of a message say, in the words of the fields, and which headers the fields do not give back.
//!
//! [`crate::export`] asks the same functions what a header would become, so that it writes only what is read back the same.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::{Addr, Address, DateTime, Header, HeaderName, HeaderValue, Message};

use super::draft::Draft;
use super::structure;
use super::text::one_line;
use crate::export::generated_header;
use crate::limits::IMPORT_HEADERS_BYTES_MAX;

/// The fields of one value that are headers, in the order in which they are written.
pub(crate) const FIELDS: [(&str, HeaderName<'static>); 12] = [
    ("received", HeaderName::Received),
    ("date", HeaderName::Date),
    ("from", HeaderName::From),
    ("sender", HeaderName::Sender),
    ("reply_to", HeaderName::ReplyTo),
    ("to", HeaderName::To),
    ("cc", HeaderName::Cc),
    ("bcc", HeaderName::Bcc),
    ("subject", HeaderName::Subject),
    ("message_id", HeaderName::MessageId),
    ("in_reply_to", HeaderName::InReplyTo),
    ("references", HeaderName::References),
];

/// The item of `unknown` that holds the headers kept verbatim, in their order, one a line, folded as they were. One item
/// for all of them: an entry costs as much as a field, and a mail has thirty headers. No header's name has a space.
pub(crate) const HEADER_LINES: &str = "header lines";

/// What the headers of the part of an attachment are kept under, before its place.
pub(crate) const PART_LINES: &str = "part lines";

/// What headers get before their names in an exported message that say how the original was put together.
pub(crate) const FORM_PREFIX: &str = "X-Regard-";

/// The header of an exported message that says what did not fit when the original was imported: `body: 1 of 2 bytes are kept`.
pub(crate) const TRUNCATED: &str = "X-Regard-Truncated";

/// What the headers of this name say, as the field has it; empty where they say nothing. Longer than the field where that
/// is longer than its bound.
pub(crate) fn said(message: &Message<'_>, name: &HeaderName<'static>) -> String {
    match name {
        HeaderName::Subject => first(message, name).and_then(HeaderValue::as_text).unwrap_or_default().to_owned(),
        HeaderName::Date => sent(message).map(|sent| sent.written).unwrap_or_default(),
        HeaderName::Received => received(message).unwrap_or_default(),
        HeaderName::MessageId => ids(message, name).into_iter().next().unwrap_or_default(),
        HeaderName::InReplyTo | HeaderName::References => ids(message, name).join(" "),
        _ => addresses(message, name),
    }
}

/// The plain way to write a field's value: what most programs write and what is not kept beside the field.
pub(crate) fn plain(name: &HeaderName<'static>, value: &str) -> Option<String> {
    match name {
        HeaderName::Date => rfc5322(value),
        HeaderName::Received => rfc5322(value).map(|date| format!("by regard; {date}")),
        HeaderName::MessageId => Some(format!("<{value}>")),
        HeaderName::InReplyTo | HeaderName::References => {
            Some(value.split(' ').map(|id| format!("<{id}>")).collect::<Vec<_>>().join(" "))
        }
        _ => Some(value.to_owned()),
    }
}

/// Keeps every header that the fields do not give back as it was: those without a field, and those that say more than the
/// field has, such as the spelling of an address, a comment behind a date, or a second subject.
/// `said` is what [`said`] has found for each of [`FIELDS`].
pub(super) fn keep(message: &Message<'_>, said: &[String], draft: &mut Draft) {
    let headers = message.headers();
    let is_given_back: Vec<bool> =
        FIELDS.iter().zip(said).map(|((_, name), said)| is_given_back(message, name, said)).collect();
    let (mut lines, mut left_out) = (String::new(), 0_usize);
    for header in headers {
        let field = FIELDS.iter().position(|(_, name)| *name == header.name);
        let (is_kept, prefix) = match field {
            Some(field) => (!is_given_back[field], 0),
            None => match form_name(header.name.as_str()) {
                Some(TRUNCATED) => {
                    truncated(message, header, draft);
                    (false, 0)
                }
                Some(_) => (true, FORM_PREFIX.len()),
                None => (!is_form_alone(header), 0),
            },
        };
        if !is_kept {
            continue;
        }
        let line = verbatim(message, header, field.is_some());
        let line = line.get(prefix..).unwrap_or_default();
        if lines.len() + line.len() < IMPORT_HEADERS_BYTES_MAX {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(line);
        } else {
            left_out += 1;
        }
    }
    if !lines.is_empty() {
        draft.item("unknown", HEADER_LINES, &lines);
    }
    if left_out > 0 {
        let said = format!("{left_out} of {} headers are not kept", headers.len());
        draft.item("unknown", &format!("truncated {HEADER_LINES}"), &said);
    }
}

/// The headers of an attachment's part that its entry does not give back, as lines.
pub(super) fn part_lines(headers: &[Header<'_>], raw: &[u8], name: &str) -> String {
    let names_it = |value: Option<&str>| value.is_none_or(|found| one_line(found) == name);
    let is_given_back = |header: &Header<'_>| match (&header.name, header.value.as_content_type()) {
        (HeaderName::ContentTransferEncoding, _) => true,
        (HeaderName::ContentType, Some(found)) => {
            found.attributes().unwrap_or_default().iter().all(|attribute| attribute.name == "name")
                && names_it(found.attribute("name"))
        }
        (HeaderName::ContentDisposition, Some(found)) => {
            found.ctype() == "attachment"
                && found.attributes().unwrap_or_default().iter().all(|attribute| attribute.name == "filename")
                && names_it(found.attribute("filename"))
        }
        _ => false,
    };
    let lines: Vec<_> =
        headers.iter().filter(|header| !is_given_back(header)).map(|header| text_of(raw, header, false)).collect();
    lines.join("\n")
}

/// The first header of this name: relays and lists add theirs above, and what is repeated below is not what people are shown.
pub(super) fn first<'a>(message: &'a Message<'_>, name: &HeaderName<'static>) -> Option<&'a HeaderValue<'a>> {
    message.headers().iter().find(|header| header.name == *name).map(|header| &header.value)
}

/// When a message was sent.
pub(super) struct Sent {
    /// With the offset that the message gives.
    pub(super) written: String,
    /// The same in UTC.
    pub(super) in_utc: String,
}

pub(super) fn sent(message: &Message<'_>) -> Option<Sent> {
    moment(first(message, &HeaderName::Date)?.as_datetime()?)
}

/// Every relay writes its line above those before it, and ends it with the time.
fn received(message: &Message<'_>) -> Option<String> {
    let header = message.headers().iter().find(|header| header.name == HeaderName::Received)?;
    let text = String::from_utf8_lossy(value_of(&message.raw_message, header)?);
    let (_, date) = text.rsplit_once(';')?;
    moment(&DateTime::parse_rfc822(&format!("{}\n", one_line(date)))?).map(|received| received.written)
}

fn ids(message: &Message<'_>, name: &HeaderName<'static>) -> Vec<String> {
    let list = first(message, name).and_then(HeaderValue::as_text_list).unwrap_or_default();
    list.iter().map(|id| one_line(id).into_owned()).filter(|id| !id.is_empty()).collect()
}

/// All addresses of all headers of this name, in their order; the header as it stands where no address is found in it.
fn addresses(message: &Message<'_>, name: &HeaderName<'static>) -> String {
    let headers = message.headers().iter().filter(|header| header.name == *name);
    let texts = headers.filter_map(|header| header.value.as_address()).map(written_addresses);
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { raw(message, name).unwrap_or_default() } else { texts.join(", ") }
}

fn raw(message: &Message<'_>, name: &HeaderName<'static>) -> Option<String> {
    let header = message.headers().iter().find(|header| header.name == *name)?;
    let text = String::from_utf8_lossy(value_of(&message.raw_message, header)?).trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn written_addresses(address: &Address<'_>) -> String {
    let list = |addresses: &[Addr<'_>]| addresses.iter().filter_map(written_address).collect::<Vec<_>>().join(", ");
    match address {
        Address::List(addresses) => list(addresses),
        Address::Group(groups) => {
            let groups = groups.iter().map(|group| match group.name.as_deref() {
                Some(name) => format!("{}: {};", one_line(name), list(&group.addresses)),
                None => list(&group.addresses),
            });
            groups.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(", ")
        }
    }
}

fn written_address(addr: &Addr<'_>) -> Option<String> {
    let name = one_line(addr.name.as_deref().unwrap_or_default());
    let address = one_line(addr.address.as_deref().unwrap_or_default());
    match (name.is_empty(), address.is_empty()) {
        (true, true) => None,
        (true, false) => Some(address.into_owned()),
        (false, true) => Some(name.into_owned()),
        (false, false) if name.contains(['"', ',', ';', ':', '<', '>', '(', ')', '@', '\\']) => {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            Some(format!("\"{quoted}\" <{address}>"))
        }
        (false, false) => Some(format!("{name} <{address}>")),
    }
}

fn moment(date: &DateTime) -> Option<Sent> {
    let part = |number: u8| i8::try_from(number).ok();
    let local = jiff::civil::DateTime::new(
        i16::try_from(date.year).ok()?,
        part(date.month)?,
        part(date.day)?,
        part(date.hour)?,
        part(date.minute)?,
        // A leap second is the only sixtieth, and jiff has none.
        part(date.second.min(59))?,
        0,
    );
    let seconds = (i32::from(date.tz_hour) * 60 + i32::from(date.tz_minute)) * 60;
    let seconds = if date.tz_before_gmt { -seconds } else { seconds };
    let offset = jiff::tz::Offset::from_seconds(seconds).ok()?;
    let at = offset.to_timestamp(local.ok()?).ok()?;
    let in_utc = at.to_string();
    let written = if seconds == 0 { in_utc.clone() } else { at.display_with_offset(offset).to_string() };
    Some(Sent { written, in_utc })
}

/// A moment as mail writes it. One without an offset is taken as UTC that says nothing of its place (`-0000`).
fn rfc5322(moment: &str) -> Option<String> {
    use jiff::fmt::{strtime, temporal::Pieces};
    let pieces = Pieces::parse(moment).ok()?;
    let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    let text = strtime::format("%a, %-d %b %Y %H:%M:%S", local).ok()?;
    let zone = match pieces.to_numeric_offset() {
        Some(offset) => {
            let minutes = offset.seconds() / 60;
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
        None => "-0000".to_owned(),
    };
    Some(format!("{text} {zone}"))
}

/// Whether nothing is lost where the headers of this name are written from what they say.
fn is_given_back(message: &Message<'_>, name: &HeaderName<'static>, said: &str) -> bool {
    let raw = &message.raw_message;
    let mut headers = message.headers().iter().filter(|header| header.name == *name);
    let Some(header) = headers.next() else { return false };
    if said.is_empty() {
        return false;
    }
    let is_utf8 = |header: &Header<'_>| value_of(raw, header).is_some_and(|value| std::str::from_utf8(value).is_ok());
    let are_utf8 = is_utf8(header) && headers.clone().all(is_utf8);
    if !are_utf8 && said_by_kept(message, name).as_deref() != Some(said) {
        // What can be kept of such bytes says something else than they did.
        return true;
    }
    if headers.next().is_some() {
        return false;
    }
    let line = one_line(said);
    if *name == HeaderName::Subject {
        // Its text is all that it says, whatever it is encoded in.
        return line == said;
    }
    let value = value_of(raw, header).map(String::from_utf8_lossy).unwrap_or_default();
    let value = one_line(&value);
    if plain(name, &line).is_some_and(|plain| value == plain) {
        return true;
    }
    let is_encoded = value.contains("=?");
    is_encoded
        && generated_header(name, &line).is_some_and(|bytes| {
            let generated = String::from_utf8_lossy(&bytes);
            generated.split_once(':').is_some_and(|(_, generated)| one_line(generated) == value)
        })
}

/// What the headers of this name say in the form in which they would be kept.
fn said_by_kept(message: &Message<'_>, name: &HeaderName<'static>) -> Option<String> {
    let headers = message.headers().iter().filter(|header| header.name == *name);
    let lines: Vec<_> = headers.map(|header| text_of(&message.raw_message, header, true)).collect();
    let text = format!("{}\n\n", lines.join("\n"));
    structure::with_headers(text.as_bytes(), |message| said(message, name))
}

/// Whether a header says nothing but how the file was put together, which an export does in its own way.
fn is_form_alone(header: &Header<'_>) -> bool {
    match (&header.name, header.value.as_content_type()) {
        (HeaderName::ContentTransferEncoding, _) => true,
        (HeaderName::MimeVersion, _) => header.value.as_text().is_none_or(|version| version.trim() == "1.0"),
        (HeaderName::ContentType, Some(found)) => {
            let has_only = |name: &str| found.attributes().unwrap_or_default().iter().all(|found| found.name == name);
            match (found.ctype(), found.subtype()) {
                ("text", Some("plain" | "html")) => has_only("charset"),
                ("multipart", Some("mixed" | "alternative" | "related")) => has_only("boundary"),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Which of the headers that only exported messages have this is.
fn form_name(name: &str) -> Option<&str> {
    if name.eq_ignore_ascii_case(TRUNCATED) {
        return Some(TRUNCATED);
    }
    let begins = |text: &str, with: &str| text.get(..with.len()).is_some_and(|found| found.eq_ignore_ascii_case(with));
    let rest = name.get(FORM_PREFIX.len()..).filter(|_| begins(name, FORM_PREFIX))?;
    is_of_form(rest).then_some(rest)
}

/// Whether a header of this name belongs to the form of a file and not to the message.
pub(crate) fn is_of_form(name: &str) -> bool {
    const BEGIN: &str = "content-";
    name.eq_ignore_ascii_case("mime-version")
        || name.get(..BEGIN.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(BEGIN))
}

fn truncated(message: &Message<'_>, header: &Header<'_>, draft: &mut Draft) {
    let value = value_of(&message.raw_message, header).unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    if let Some((what, said)) = one_line(&value).split_once(": ") {
        draft.item("unknown", &format!("truncated {what}"), said);
    }
}

fn value_of<'a>(raw: &'a [u8], header: &Header<'_>) -> Option<&'a [u8]> {
    raw.get(usize::try_from(header.offset_start).ok()?..usize::try_from(header.offset_end).ok()?)
}

fn verbatim(message: &Message<'_>, header: &Header<'_>, has_field: bool) -> String {
    text_of(&message.raw_message, header, has_field)
}

/// The header with its name, folded as it was. Bytes that are not UTF-8 are read as the field reads them where there is
/// one, so that it is still seen to say the same; else as Windows-1252, in which no byte is lost.
fn text_of(raw: &[u8], header: &Header<'_>, has_field: bool) -> String {
    let bytes = raw.get(header.offset_field as usize..header.offset_end as usize).unwrap_or_default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match charset_decoder(b"windows-1252").filter(|_| !has_field) {
            Some(decode) => Cow::Owned(decode(bytes)),
            None => String::from_utf8_lossy(bytes),
        },
    };
    without_returns(&text.trim_end().replace("\r\n", "\n"))
}

/// The parser passes over a carriage return alone within a name. Kept with one, the line would not be seen to be that header, and
/// an export would write the header a second time.
fn without_returns(text: &str) -> String {
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    let colon = if name.len() < text.len() { ":" } else { "" };
    format!("{}{colon}{}", name.replace('\r', ""), value.replace('\r', " "))
}

/// The headers of a text as lines, each with what it was folded into. A line that begins a message in an mbox file is none, even
/// if it has a colon: in an exported message it would be taken for that beginning.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push('\n');
                last.push_str(line);
            }
            _ if line.starts_with("From ") => {}
            _ if line.split_once(':').is_some_and(|(name, _)| !name.trim().is_empty()) => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}
