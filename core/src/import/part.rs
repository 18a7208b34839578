//! The bodies and attachments of a message.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{ContentType, Message, MessagePart, MimeHeaders, PartType};
use sha2::{Digest, Sha256};

use super::draft::Draft;
use super::headers::{self, PART_LINES};
use super::structure::{self, encoding, media_type};
use super::text::{one_line, plain_breaks};
use crate::id::to_hex;
use crate::record::Scalar;

/// The way (RFC 2046, 5.2.3) to a content that is not in an exported message: whoever has the file knows it by its digest.
pub(crate) const ACCESS_TYPE: &str = "x-regard-sha256";

/// The text of a message: its text parts one after the other, HTML without a text form turned into text.
pub(super) fn text_body(message: &Message<'_>) -> String {
    let texts = message.text_bodies().filter_map(|part| match &part.body {
        PartType::Text(_) => Some(plain_breaks(&text(message, part))),
        PartType::Html(_) => Some(plain_breaks(&html_to_text(&text(message, part)))),
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The HTML of a message; empty where it has none.
pub(super) fn html_body(message: &Message<'_>) -> String {
    let texts = message.html_bodies().filter_map(|part| match &part.body {
        PartType::Html(_) => Some(plain_breaks(&text(message, part))),
        _ => None,
    });
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Lists the attached files, by their place. Answers what tells them from others, in the same order: digests in which the
/// breaks of text do not count.
pub(super) fn attachments(message: &Message<'_>, draft: &mut Draft) -> Vec<String> {
    let mut known_by = Vec::new();
    for (place, part) in (1..).zip(message.attachments()) {
        let place: usize = place;
        let exported = exported(part);
        let name = exported.map_or_else(|| part.attachment_name(), |found| found.attribute("name"));
        let name = one_line(name.unwrap_or_default());
        let key = place.to_string();
        let value = if name.is_empty() { &key } else { name.as_ref() };
        if draft.item("attachments", &key, value).is_none() {
            // Digests of thousands of parts that are not kept would cost time and tell nothing.
            draft.unknown("truncated attachments", &format!("those from {place} on are not kept"));
            break;
        }
        draft.member("attachments", &key, "name", &name);
        let lines = match exported {
            Some(_) => structure::with_headers(&content(message, part), |inner| {
                headers::part_lines(inner.headers(), &inner.raw_message, &name)
            })
            .unwrap_or_default(),
            None => headers::part_lines(&part.headers, &message.raw_message, &name),
        };
        if !lines.is_empty() {
            draft.item("unknown", &format!("{PART_LINES} {key}"), &lines);
        }
        if let Some(found) = exported {
            known_by.push(describe(found, &key, draft));
            continue;
        }
        let content = content(message, part);
        let digest = to_hex(&Sha256::digest(&content));
        draft.member("attachments", &key, "type", &media_type(part));
        let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
        draft.member_value("attachments", &key, "size", Scalar::Whole(size));
        draft.member("attachments", &key, "sha256", &digest);
        known_by.push(match &part.body {
            PartType::Binary(_) | PartType::InlineBinary(_) => digest,
            _ => to_hex(&Sha256::digest(plain_breaks(&String::from_utf8_lossy(&content)))),
        });
    }
    known_by
}

/// What an exported message says of an attachment in the place of its content.
fn exported<'a>(part: &'a MessagePart<'_>) -> Option<&'a ContentType<'a>> {
    let found = part.content_type()?;
    let is_external = found.ctype() == "message" && found.subtype() == Some("external-body");
    Some(found).filter(|found| is_external && found.attribute("access-type") == Some(ACCESS_TYPE))
}

fn describe(found: &ContentType<'_>, key: &str, draft: &mut Draft) -> String {
    let said = |name: &str| found.attribute(name).unwrap_or_default();
    draft.member("attachments", key, "type", said("type"));
    if let Ok(size) = said("size").parse() {
        draft.member_value("attachments", key, "size", Scalar::Whole(size));
    }
    draft.member("attachments", key, "sha256", said("sha256"));
    said("sha256").to_owned()
}

/// The bytes of a part, decoded. What cannot be decoded is kept as it stands.
fn content<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>) -> Cow<'a, [u8]> {
    let range = part.offset_body as usize..part.offset_end as usize;
    let raw = match &part.body {
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes,
        // Text is in UTF-8 by now and a message has no bytes of its own.
        _ => message.raw_message.get(range).unwrap_or_default(),
    };
    let decoded = match encoding(part).as_str() {
        "base64" => base64_decode(raw),
        "quoted-printable" => quoted_printable_decode(raw),
        _ => None,
    };
    decoded.map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// The text of a part in the character set that it names; where it names none that is known, in UTF-8.
fn text<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>) -> Cow<'a, str> {
    let content = content(message, part);
    let charset = part.content_type().and_then(|found| found.attribute("charset"));
    match (charset.and_then(|charset| charset_decoder(charset.as_bytes())), content) {
        (Some(decode), content) => Cow::Owned(decode(&content)),
        (None, Cow::Borrowed(bytes)) => String::from_utf8_lossy(bytes),
        (None, Cow::Owned(bytes)) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
