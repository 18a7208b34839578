//! A message taken apart into its parts, without anything being decoded.
//!
//! mail-parser 0.11 reads a message within a message in a loop, except where the inner one is encoded: that one is decoded,
//! read and copied by recursion, as deep as the sender likes. A mail of 100 KB overflows the stack so, which ends the process
//! and cannot be caught. So the parser is told to decode nothing, attached messages that are encoded are shown to it as plain
//! attachments, and [`super::part`] decodes each part on its own. (mail-parser 1.0 bounds the depth, but asks for a newer
//! compiler than Regard does.)

use std::borrow::Cow;

use mail_parser::{GetHeader, HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use crate::record::document::guarded;

/// How often one message is read anew, each time with one more of its encoded messages shown as a plain attachment.
const ENCODED_MESSAGES_MAX: usize = 64;

/// Takes `bytes` apart and lets `read` look at the parts. Answers none where no header is found.
///
/// # Errors
/// A sentence without a full stop, where there are too many attached messages that are encoded.
pub(super) fn with_parts<T>(bytes: &[u8], read: impl FnOnce(&Message<'_>) -> T) -> Result<Option<T>, String> {
    let parser = parser();
    let mut bytes = Cow::Borrowed(bytes);
    for _ in 0..=ENCODED_MESSAGES_MAX {
        let Some(message) = parser.parse(&bytes) else { return Ok(None) };
        let Some(at) = encoded_message(&message) else {
            let found = read(&message);
            dismantle(message);
            return Ok(Some(found));
        };
        dismantle(message);
        match bytes.to_mut().get_mut(at) {
            Some(letter) => *letter = HIDDEN,
            None => break,
        }
    }
    Err(format!("it has more than {ENCODED_MESSAGES_MAX} attached messages that are encoded"))
}

/// Reads `bytes` as headers without a body and lets `read` look at them. Answers none where there are none.
pub(crate) fn with_headers<T>(bytes: &[u8], read: impl FnOnce(&Message<'_>) -> T) -> Option<T> {
    guarded(|| parser().parse_headers(bytes).map(|message| read(&message))).ok().flatten()
}

fn parser() -> MessageParser {
    MessageParser::new()
        .with_mime_headers()
        .with_date_headers()
        .with_address_headers()
        .with_message_ids()
        .header_text(HeaderName::Subject)
        // Read in another form than the parser looks for: so it decodes nothing.
        .header_content_type(HeaderName::ContentTransferEncoding)
}

/// Written over the first letter of the type of an attached message that is encoded (`xessage/rfc822`), or of its encoding.
const HIDDEN: u8 = b'x';

/// The media type of a part, in small letters, as its sender wrote it.
pub(super) fn media_type(part: &MessagePart<'_>) -> String {
    let written = part.content_type().map(|found| match found.subtype() {
        Some(subtype) => format!("{}/{subtype}", found.ctype()).to_ascii_lowercase(),
        None => found.ctype().to_ascii_lowercase(),
    });
    match (written, &part.body) {
        (Some(written), _) => match written.strip_prefix("xessage/") {
            Some(subtype) => format!("message/{subtype}"),
            None => written,
        },
        (None, PartType::Message(_)) => "message/rfc822".into(),
        (None, PartType::Text(_)) => "text/plain".into(),
        (None, _) => "application/octet-stream".into(),
    }
}

/// How a part is encoded, in small letters.
pub(super) fn encoding(part: &MessagePart<'_>) -> String {
    let header = part.headers.header(HeaderName::ContentTransferEncoding);
    let value = header.and_then(|header| header.value.as_content_type());
    value.map(|value| value.ctype().to_ascii_lowercase()).unwrap_or_default()
}

/// Where the first attached message that is encoded has the letter to be written over.
fn encoded_message(message: &Message<'_>) -> Option<usize> {
    let mut messages = vec![message];
    let mut first: Option<usize> = None;
    while let Some(inner) = messages.pop() {
        for part in &inner.parts {
            if let PartType::Message(inner) = &part.body {
                messages.push(inner);
            }
            let at = letter(part, &message.raw_message);
            first = [first, at].into_iter().flatten().min();
        }
    }
    first
}

fn letter(part: &MessagePart<'_>, raw: &[u8]) -> Option<usize> {
    if !["base64", "quoted-printable"].contains(&encoding(part).as_str()) {
        return None;
    }
    let is_message = part.content_type().is_some_and(|found| found.ctype().eq_ignore_ascii_case("message"));
    let name = match (is_message, &part.body) {
        (true, _) => HeaderName::ContentType,
        // In a digest a part without a type is a message.
        (false, PartType::Message(_)) => HeaderName::ContentTransferEncoding,
        (false, _) => return None,
    };
    let header = part.headers.header(name)?;
    let value = raw.get(header.offset_start as usize..header.offset_end as usize)?;
    let letter = value.iter().position(u8::is_ascii_alphabetic)?;
    Some(header.offset_start as usize + letter)
}

/// Takes a message apart without recursion: dropping a long chain of messages within messages would overflow the stack, too.
fn dismantle(message: Message<'_>) {
    let mut messages = vec![message];
    while let Some(message) = messages.pop() {
        messages.extend(message.parts.into_iter().filter_map(|part| match part.body {
            PartType::Message(inner) => Some(inner),
            _ => None,
        }));
    }
}
