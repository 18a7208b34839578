//! Values of properties as text.

use calcard::vcard::{VCardEntry, VCardValue};

use super::super::text::{decode, one_line};

/// The whole value as text.
pub(super) fn text(entry: &VCardEntry) -> String {
    entry.values.iter().map(|value| value_text(value, ", ")).collect::<Vec<_>>().join(", ")
}

/// The whole value as one line.
pub(super) fn line_of(entry: &VCardEntry) -> String {
    one_line(&text(entry)).into_owned()
}

/// One component of a structured value.
pub(super) fn part(entry: &VCardEntry, at: usize, separator: &str) -> String {
    entry.values.get(at).map(|value| one_line(&value_text(value, separator)).into_owned()).unwrap_or_default()
}

/// The components that are there.
pub(super) fn join(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn is(text: &str, wanted: &str) -> bool {
    text.trim().eq_ignore_ascii_case(wanted)
}

fn value_text(value: &VCardValue, separator: &str) -> String {
    match value {
        VCardValue::Component(parts) => parts.join(separator),
        // Old cards in a character set that they do not name.
        VCardValue::Binary(data) => decode(&data.data).into_owned(),
        value => value.clone().into_text().map(std::borrow::Cow::into_owned).unwrap_or_default(),
    }
}
