//! The bodies and attachments of a message.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};
use sha2::{Digest, Sha256};

use super::draft::Draft;
use super::text::{one_line, plain_breaks};
use crate::id::to_hex;
use crate::limits::ENTRIES_MAX;
use crate::record::Scalar;

/// The text of a message: its text parts one after the other, HTML without a text form turned into text.
pub(super) fn text_body(message: &Message<'_>) -> String {
    let texts = message.text_bodies().filter_map(|part| match &part.body {
        PartType::Text(text) => Some(plain_breaks(text)),
        PartType::Html(html) => Some(plain_breaks(&html_to_text(html))),
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The HTML of a message; empty where it has none.
pub(super) fn html_body(message: &Message<'_>) -> String {
    let texts = message.html_bodies().filter_map(|part| match &part.body {
        PartType::Html(html) => Some(plain_breaks(html)),
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Lists the attached files, by their place.
pub(super) fn attachments(message: &Message<'_>, draft: &mut Draft) {
    for (place, part) in (1..).zip(message.attachments()) {
        let name = one_line(part.attachment_name().unwrap_or_default());
        let key = place.to_string();
        let value = if name.is_empty() { &key } else { name.as_ref() };
        if place > ENTRIES_MAX || draft.item("attachments", &key, value).is_none() {
            // Digests of thousands of parts that are not kept would cost time and tell nothing.
            draft.unknown("truncated attachments", &format!("the ones from {place} on did not fit"));
            return;
        }
        let content = content(message, part);
        draft.member("attachments", &key, "name", &name);
        draft.member("attachments", &key, "type", &media_type(part));
        let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
        draft.member_value("attachments", &key, "size", Scalar::Whole(size));
        draft.member("attachments", &key, "sha256", &to_hex(&Sha256::digest(&content)));
    }
}

/// Takes a message apart. The parser nests messages within messages as deep as the sender likes without recursion; dropping
/// such a chain recurses, and a stack that overflows cannot be caught.
pub(super) fn dismantle(message: Message<'_>) {
    let mut messages = vec![message];
    while let Some(message) = messages.pop() {
        messages.extend(message.parts.into_iter().filter_map(|part| match part.body {
            PartType::Message(inner) => Some(inner),
            _ => None,
        }));
    }
}

fn media_type(part: &MessagePart<'_>) -> String {
    match (part.content_type(), &part.body) {
        (Some(found), _) => match found.subtype() {
            Some(subtype) => format!("{}/{subtype}", found.ctype()).to_ascii_lowercase(),
            None => found.ctype().to_ascii_lowercase(),
        },
        (None, PartType::Message(_)) => "message/rfc822".into(),
        (None, PartType::Text(_)) => "text/plain".into(),
        (None, _) => "application/octet-stream".into(),
    }
}

/// The bytes of the file that was attached. The parser keeps text in UTF-8 and messages parsed, so theirs are decoded anew.
fn content<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>) -> Cow<'a, [u8]> {
    if let PartType::Binary(bytes) | PartType::InlineBinary(bytes) = &part.body {
        return Cow::Borrowed(bytes);
    }
    let range = part.offset_body as usize..part.offset_end as usize;
    let raw = message.raw_message.get(range).unwrap_or_default();
    match part.encoding {
        Encoding::None => None,
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
        Encoding::Base64 => base64_decode(raw),
    }
    .map_or(Cow::Borrowed(raw), Cow::Owned)
}
