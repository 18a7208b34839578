//! One message as an email record.

use mail_parser::{Addr, Address, DateTime, HeaderName, HeaderValue, Message};

use super::draft::{Draft, content_identity};
use super::format::is_of_mail;
use super::text::one_line;
use super::{Outcome, Skipped, part, structure};
use crate::limits::IMPORT_ITEM_BYTES_MAX;
use crate::record::Kind;
use crate::record::document::guarded;
use crate::record::identity::Identity;

/// Reads one message (RFC 5322), with or without the `From ` line of an mbox file before it.
#[must_use]
pub fn message(bytes: &[u8]) -> Outcome {
    let what = "the message";
    if bytes.len() > IMPORT_ITEM_BYTES_MAX {
        let said = format!("it has {} bytes, and at most {IMPORT_ITEM_BYTES_MAX} are read", bytes.len());
        return Outcome::Skipped(Skipped::new(what, said));
    }
    // Lines of white space before the headers would end them.
    let bytes = without_separator(bytes.trim_ascii_start());
    if bytes.trim_ascii().is_empty() {
        return Outcome::Skipped(Skipped::new(what, "it is empty"));
    }
    let read = guarded(|| {
        structure::with_parts(bytes, |message| {
            message.headers().iter().any(|header| is_of_mail(&header.name)).then(|| email(message))
        })
    });
    let reason = match read {
        Ok(Ok(Some(Some(outcome)))) => return outcome,
        Ok(Ok(_)) => "it has no header of an e-mail".into(),
        Ok(Err(reason)) => reason,
        Err(panic) => format!("it cannot be read ({panic})"),
    };
    Outcome::Skipped(Skipped::new(what, reason))
}

fn without_separator(bytes: &[u8]) -> &[u8] {
    let is_separated = bytes.starts_with(b"From ") || bytes.starts_with(b">From ");
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) if is_separated => &bytes[end + 1..],
        _ => bytes,
    }
}

fn email(message: &Message<'_>) -> Outcome {
    let mut draft = Draft::new(Kind::Email);
    let subject = first(message, &HeaderName::Subject).and_then(HeaderValue::as_text).unwrap_or_default();
    draft.line("subject", subject);
    let mut addresses = Vec::new();
    for (field, name) in &ADDRESSES {
        let text = addresses_of(message, name);
        draft.line(field, &text);
        addresses.push(text);
    }
    let sent = first(message, &HeaderName::Date).and_then(HeaderValue::as_datetime).and_then(moment);
    match &sent {
        Some(sent) => draft.line("date", &sent.written),
        None => raw(message, &HeaderName::Date).into_iter().for_each(|text| draft.unknown("Date", &text)),
    }
    let message_id = ids(message, &HeaderName::MessageId).into_iter().next().unwrap_or_default();
    draft.line("message_id", &message_id);
    draft.line("in_reply_to", &ids(message, &HeaderName::InReplyTo).join(" "));
    draft.block("references", &ids(message, &HeaderName::References).join(" "));
    let body = part::text_body(message);
    draft.block("body", &body);
    let attached = part::attachments(message, &mut draft);
    let html = part::html_body(message);
    draft.block_in_the_rest("body_html", &html);

    let from = first(message, &HeaderName::From).and_then(HeaderValue::as_address).and_then(Address::first);
    let from = from.and_then(|from| from.address.as_deref().or(from.name.as_deref())).unwrap_or_default();
    let from = one_line(from).to_lowercase();
    let date = sent.map(|sent| sent.in_utc).unwrap_or_default();
    let message_id = one_line(&message_id).into_owned();
    draft.finish(if message_id.is_empty() {
        // An invitation may have no text at all, so what is attached belongs to the content.
        let html = if body.is_empty() { html.as_str() } else { "" };
        let parts = [&from, addresses[TO].as_str(), &date, &one_line(subject), &body, html];
        content_identity(Kind::Email, parts.into_iter().chain(attached.iter().map(String::as_str)))
    } else {
        Identity::Message { message_id, from, date }
    })
}

const ADDRESSES: [(&str, HeaderName<'static>); 6] = [
    ("from", HeaderName::From),
    ("sender", HeaderName::Sender),
    ("reply_to", HeaderName::ReplyTo),
    ("to", HeaderName::To),
    ("cc", HeaderName::Cc),
    ("bcc", HeaderName::Bcc),
];
const TO: usize = 3;

/// The first header of this name: relays and lists add theirs above, and what is repeated below is not what people are shown.
fn first<'a>(message: &'a Message<'_>, name: &HeaderName<'static>) -> Option<&'a HeaderValue<'a>> {
    message.headers().iter().find(|header| header.name == *name).map(|header| &header.value)
}

fn raw(message: &Message<'_>, name: &HeaderName<'static>) -> Option<String> {
    let header = message.headers().iter().find(|header| header.name == *name)?;
    let range = usize::try_from(header.offset_start).ok()?..usize::try_from(header.offset_end).ok()?;
    let text = String::from_utf8_lossy(message.raw_message.get(range)?).trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn ids(message: &Message<'_>, name: &HeaderName<'static>) -> Vec<String> {
    let list = first(message, name).and_then(HeaderValue::as_text_list).unwrap_or_default();
    list.iter().map(|id| one_line(id).into_owned()).filter(|id| !id.is_empty()).collect()
}

/// All addresses of all headers of this name, in their order; the header as it stands where no address is found in it.
fn addresses_of(message: &Message<'_>, name: &HeaderName<'static>) -> String {
    let headers = message.headers().iter().filter(|header| header.name == *name);
    let texts = headers.filter_map(|header| header.value.as_address()).map(written_addresses);
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { raw(message, name).unwrap_or_default() } else { texts.join(", ") }
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

struct Sent {
    /// With the offset that the message gives.
    written: String,
    in_utc: String,
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
