//! One message as an email record.

use mail_parser::{Address, HeaderName, HeaderValue, Message};

use super::draft::{Draft, content_identity};
use super::format::is_of_mail;
use super::text::one_line;
use super::{Outcome, Skipped, headers, part, structure};
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
    let texts = headers::FIELDS.map(|(_, name)| headers::said(message, &name));
    let fields = || headers::FIELDS.iter().map(|(field, _)| *field).zip(&texts);
    let said = |field: &str| fields().find(|(name, _)| *name == field).map_or("", |(_, said)| said.as_str());
    for (field, said) in fields() {
        if field == "references" {
            draft.block(field, said);
        } else {
            draft.line(field, said);
        }
    }
    headers::keep(message, &texts, &mut draft);
    let body = part::text_body(message);
    draft.block("body", &body);
    let attached = part::attachments(message, &mut draft);
    let html = part::html_body(message);
    draft.block_in_the_rest("body_html", &html);

    let from = headers::first(message, &HeaderName::From).and_then(HeaderValue::as_address).and_then(Address::first);
    let from = from.and_then(|from| from.address.as_deref().or(from.name.as_deref())).unwrap_or_default();
    let from = one_line(from).to_lowercase();
    let date = headers::sent(message).map(|sent| sent.in_utc).unwrap_or_default();
    let message_id = one_line(said("message_id")).into_owned();
    draft.finish(if message_id.is_empty() {
        // An invitation may have no text at all, so what is attached belongs to the content.
        let html = if body.is_empty() { html.as_str() } else { "" };
        let parts = [&from, said("to"), &date, &one_line(said("subject")), &body, html];
        content_identity(Kind::Email, parts.into_iter().chain(attached.iter().map(String::as_str)))
    } else {
        Identity::Message { message_id, from, date }
    })
}
