//! What an address or a number is for, and which one is preferred.

use std::collections::BTreeMap;

use calcard::vcard::{
    VCardEntry, VCardParameter, VCardParameterName as Name, VCardParameterValue, VCardProperty as Property,
};

use super::super::syntax;
use super::super::text::one_line;
use super::line;
use super::value::{is, text};

/// The whole label, where the words of TYPE cannot say it.
pub(crate) const LABEL: &str = "X-REGARD-LABEL";
/// The key of the item, where it does not follow from what the property says.
pub(crate) const KEY: &str = "X-REGARD-KEY";
/// The item as it is written, where it does not follow from its parts.
pub(crate) const VALUE: &str = "X-REGARD-VALUE";

/// Labels by group. Apple's address book gives a property a group and writes its label as another property of that group.
pub(crate) type Labels = BTreeMap<String, String>;

pub(crate) fn labels<'a>(entries: impl IntoIterator<Item = &'a VCardEntry>) -> Labels {
    let is_label = |entry: &&VCardEntry| matches!(&entry.name, Property::Other(name) if is(name, "X-ABLabel"));
    let labels = entries.into_iter().filter(is_label).filter_map(|entry| {
        let text = text(entry);
        let text = one_line(text.trim_start_matches("_$!<").trim_end_matches(">!$_")).to_lowercase();
        let group = entry.group.as_ref().filter(|_| !text.is_empty())?;
        Some((group.to_lowercase(), text))
    });
    labels.collect()
}

/// The words that say what an address or number is for, and whether it is the preferred one.
pub(super) fn label(labels: &Labels, entry: &VCardEntry) -> (String, bool) {
    let mut is_preferred = entry.params.iter().any(|param| param.name == Name::Pref);
    let mut words: Vec<String> = Vec::new();
    for word in entry.parameters(&Name::Type).filter_map(|value| value.as_text()) {
        for word in syntax::decode(word).split(',').map(|word| word.trim().to_lowercase()) {
            match word.as_str() {
                "pref" => is_preferred = true,
                "" | "internet" => {}
                _ if words.contains(&word) => {}
                _ => words.push(word),
            }
        }
    }
    if let Some(own) = entry.group.as_ref().and_then(|group| labels.get(&group.to_lowercase()))
        && !words.contains(own)
    {
        words.push(own.clone());
    }
    (own_parameter(entry, LABEL).unwrap_or_else(|| words.join(", ")), is_preferred)
}

/// The parameters for a label.
pub(super) fn parameters(label: &str, is_preferred: bool) -> Vec<VCardParameter> {
    let is_type = |word: &&str| !word.is_empty() && !word.contains([',', '"', '^', '\\']);
    let words = label.split(", ").filter(is_type);
    let mut params: Vec<_> = words.map(|word| VCardParameter::typ(word.to_owned())).collect();
    if is_preferred {
        params.push(VCardParameter::pref(VCardParameterValue::Integer(1)));
    }
    let written = line::parse(&line::write(&VCardEntry::new(Property::Tel).with_params(params.clone())));
    let says = written.map(|entry| self::label(&Labels::new(), &entry));
    if says != Some((label.to_owned(), is_preferred)) {
        params.push(parameter(LABEL, label));
    }
    params
}

/// Whether a parameter belongs to the label.
pub(super) fn is_of_label(param: &VCardParameter) -> bool {
    matches!(param.name, Name::Type | Name::Pref) || matches!(&param.name, Name::Other(name) if is(name, LABEL))
}

pub(super) fn parameter(name: &str, text: &str) -> VCardParameter {
    VCardParameter::new(Name::Other(name.into()), VCardParameterValue::Text(syntax::encode(text)))
}

/// One of Regard's own parameters.
pub(super) fn own_parameter(entry: &VCardEntry, wanted: &str) -> Option<String> {
    let is_wanted = |param: &&VCardParameter| matches!(&param.name, Name::Other(name) if is(name, wanted));
    entry.params.iter().find(is_wanted)?.value.as_text().map(syntax::decode)
}
