//! An email record as a message (RFC 5322 and MIME).
//!
//! Headers are written from the fields. Where the headers of the original are kept and still say what the field says, they
//! are written instead, and headers without a field are written as they were. The bodies are alternatives of each other. The
//! content of attachments is not kept, so each is a part that tells where it lies (`message/external-body`, RFC 2046): by its
//! digest. What the team adds (notes, links, categories, tracking) is not the sender's and stays out.

mod header;

pub(crate) use header::generated as generated_header;

use mail_builder::headers::Header;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use sha2::{Digest, Sha256};

use crate::id::to_hex;
use crate::import::headers::PART_LINES;
use crate::import::part::ACCESS_TYPE;
use crate::import::{headers, text};
use crate::record::{Document, Entry, Kind};

/// The message that a record is; none where it is no email.
///
/// It is UTF-8 throughout, its lines end with CR LF, and it is the same for the same record.
#[must_use]
pub fn message(record: &Document) -> Option<Vec<u8>> {
    if record.kind() != Kind::Email {
        return None;
    }
    let mut out = Vec::new();
    header::write_all(record, &mut out);
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    contents(record).write_part(&mut out);
    Some(out)
}

fn contents(record: &Document) -> MimePart<'static> {
    let (body, html) = (record.text("body"), record.text("body_html"));
    let attached = attachments(record);
    let boundary = boundary(&body, &html, &attached);
    let leaf =
        |kind: &'static str, text: String| MimePart::new(ContentType::new(kind).attribute("charset", "utf-8"), text);
    let several = |kind: &'static str, level: &str, parts: Vec<MimePart<'static>>| {
        MimePart::new(ContentType::new(kind).attribute("boundary", format!("{boundary}-{level}")), parts)
    };
    let text = leaf("text/plain", body);
    // Without an alternative the text would be made of the HTML again.
    let bodies = if html.is_empty() {
        text
    } else {
        several("multipart/alternative", "alternative", vec![text, leaf("text/html", html)])
    };
    if attached.is_empty() {
        return bodies;
    }
    let parts = std::iter::once(bodies).chain(attached.into_iter().map(MimePart::raw));
    several("multipart/mixed", "mixed", parts.collect())
}

/// What no line of the message begins with: that would take a collision of SHA-256.
fn boundary(body: &str, html: &str, attached: &[Vec<u8>]) -> String {
    let mut hasher = Sha256::new();
    for part in [body.as_bytes(), html.as_bytes()].into_iter().chain(attached.iter().map(Vec::as_slice)) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    format!("regard-{}", &to_hex(&hasher.finalize())[..32])
}

/// Each attachment as a part, in their order.
fn attachments(record: &Document) -> Vec<Vec<u8>> {
    let unknown = record.entries("unknown");
    let mut entries: Vec<_> = record.entries("attachments").into_iter().collect();
    entries.sort_by_cached_key(|(key, _)| (key.parse().unwrap_or(u64::MAX), key.clone()));
    let part = |(key, entry): (String, Entry)| {
        let lines = unknown.get(&format!("{PART_LINES} {key}")).and_then(|lines| lines.value.as_ref());
        external(&entry, &lines.map(ToString::to_string).unwrap_or_default())
    };
    entries.into_iter().map(part).collect()
}

/// The outer headers say what the record has, in parameters; the inner ones are those of the part that it stands for.
fn external(entry: &Entry, kept: &str) -> Vec<u8> {
    let said = |name: &str| entry.members.get(name).map(|value| text::one_line(&value.to_string()).into_owned());
    let mut outer = ContentType::new("message/external-body").attribute("access-type", ACCESS_TYPE);
    for name in ["sha256", "size", "type", "name"] {
        if let Some(value) = said(name).filter(|value| !value.is_empty()) {
            outer = with_parameter(outer, name, value);
        }
    }
    let name = said("name").filter(|name| !name.is_empty());
    let attachment = || {
        let disposition = ContentType::new("attachment");
        name.iter().fold(disposition, |disposition, name| with_parameter(disposition, "filename", name.clone()))
    };
    let mut out = Vec::new();
    write("Content-Type", &outer, &mut out);
    write("Content-Disposition", &attachment(), &mut out);
    out.extend_from_slice(b"\r\n");
    let lines = headers::lines(kept);
    let has = |name: &str| lines.iter().any(|line| header::name_of(line).eq_ignore_ascii_case(name));
    if !has("Content-Type") {
        let kind = said("type").filter(|kind| is_media_type(kind));
        write("Content-Type", &ContentType::new(kind.unwrap_or_else(|| UNKNOWN_TYPE.into())), &mut out);
    }
    if !has("Content-Disposition") {
        write("Content-Disposition", &attachment(), &mut out);
    }
    for line in &lines {
        header::write_verbatim(line, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Many programs decode encoded words in parameters, and a fold may take the place of several spaces: texts with either are
/// written with their bytes as numbers (RFC 2231).
fn with_parameter(to: ContentType<'static>, name: &'static str, value: String) -> ContentType<'static> {
    if !value.contains("=?") && !value.contains("  ") {
        return to.attribute(name, value);
    }
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let numbers: String = value.bytes().map(byte).collect();
    to.attribute(format!("{name}*"), format!("utf-8''{numbers}"))
}

const UNKNOWN_TYPE: &str = "application/octet-stream";

fn is_media_type(text: &str) -> bool {
    let is_token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

fn write(name: &str, value: &impl Header, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    value.write_header(out, name.len() + ": ".len());
}

#[cfg(test)]
mod tests;
