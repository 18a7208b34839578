//! Properties as content lines of version 4: parsed, written, folded and compared.

use std::collections::BTreeSet;

use calcard::vcard::{
    VCardEntry, VCardParameter, VCardParameterName, VCardProperty as Property, VCardValue, VCardValueType,
};
use calcard::{Entry, Parser};

use crate::record::document::guarded;

/// The property that an unfolded line is; none where it is no property that may stand in a card.
pub(crate) fn parse(line: &str) -> Option<VCardEntry> {
    let name_end = line.find([':', ';'])?;
    if line.contains(['\r', '\n']) || !line[..name_end].chars().all(|c| is_of_name(c) || c == '.') {
        return None;
    }
    let card = format!("BEGIN:VCARD\r\nVERSION:4.0\r\n{line}\r\nEND:VCARD\r\n");
    let read = guarded(|| Parser::new(&card).entry()).ok()?;
    let Entry::VCard(card) = read else { return None };
    let is_version = |entry: &VCardEntry| entry.name == Property::Version;
    let mut entries = card.entries.into_iter().skip_while(is_version);
    let entry = entries.next().filter(|entry| !matches!(entry.name, Property::Begin | Property::End))?;
    entries.next().is_none().then_some(entry)
}

/// A name with `-` for what no name may have, as in the `X-GOOGLE TALK` of some programs.
pub(super) fn name(written: &str) -> String {
    written.chars().map(|c| if is_of_name(c) { c } else { '-' }).collect()
}

fn is_of_name(c: char) -> bool {
    // Names have no `_` by the book, but many do.
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The property as one unfolded line.
pub(crate) fn write(entry: &VCardEntry) -> String {
    let is_inline = entry.values.iter().any(|value| value.as_binary().is_some());
    if is_inline && matches!(entry.name, Property::Other(_)) && entry.params.iter().all(|param| !is_value_type(param)) {
        // Without it the content would read as text.
        let mut entry = entry.clone();
        entry.params.push(VCardParameter::value(VCardValueType::Uri));
        return data_uri(unfolded(&entry));
    }
    if is_inline { data_uri(unfolded(entry)) } else { unfolded(entry) }
}

/// The property as `calcard` writes it: what content without an id of its own is known by, see
/// [`crate::import::draft::content_identity`].
pub(super) fn unfolded(entry: &VCardEntry) -> String {
    let mut folded = String::new();
    // Writing to a string does not fail.
    let _ = entry.write_to(&mut folded, true);
    folded.replace("\r\n ", "").trim_end_matches(['\r', '\n']).to_owned()
}

/// `calcard` escapes the comma of a data URI, which no URI knows.
fn data_uri(line: String) -> String {
    match line.find(";base64\\,") {
        Some(at) => format!("{};base64,{}", &line[..at], &line[at + ";base64\\,".len()..]),
        None => line,
    }
}

fn is_value_type(param: &VCardParameter) -> bool {
    param.name == VCardParameterName::Value
}

/// Whether two properties mean the same, but for how versions write it: capitals in names and in TYPE, TYPE=INTERNET,
/// TYPE=PREF for PREF=1, empty components at the end, and the order of categories and parameters.
pub(crate) fn same(one: &VCardEntry, other: &VCardEntry) -> bool {
    let group = |entry: &VCardEntry| entry.group.as_ref().map(|group| group.to_lowercase());
    one.name.as_str().eq_ignore_ascii_case(other.name.as_str())
        && group(one) == group(other)
        && parameters(one) == parameters(other)
        && values(one) == values(other)
}

fn values(entry: &VCardEntry) -> Vec<VCardValue> {
    let mut values = entry.values.clone();
    while values.last().and_then(VCardValue::as_text) == Some("") {
        values.pop();
    }
    if entry.name == Property::Categories {
        values.sort_by(|one, other| one.as_text().cmp(&other.as_text()));
    }
    values
}

fn parameters(entry: &VCardEntry) -> BTreeSet<(String, String)> {
    let mut parameters = BTreeSet::new();
    for param in &entry.params {
        let name = param.name.as_str().to_uppercase();
        let value = param.value.clone().into_text().into_owned();
        if param.name != VCardParameterName::Type {
            parameters.insert((name, value));
            continue;
        }
        for word in value.split(',').map(|word| word.trim().to_lowercase()) {
            match word.as_str() {
                "internet" => {}
                "pref" => drop(parameters.insert(("PREF".into(), "1".into()))),
                _ => drop(parameters.insert((name.clone(), word))),
            }
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_property_or_none() {
        for line in ["X-FOO;A=1:bar\\;", "item1.TEL:1", "PHOTO:data:image/png;base64,AAAA", "NICKNAME:", "x_y:z"] {
            assert!(parse(line).is_some_and(|entry| parse(&write(&entry)) == Some(entry)), "{line}");
        }
        for line in
            ["3 bytes of image/jpeg, not kept", "TEL:1\r\nEMAIL:a@x", "BEGIN:VCARD", "END:VCARD", "VERSION:3.0", ""]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_versions_write_differently_is_the_same() {
        let check = |one: &str, other: &str, expected: bool| {
            let (one, other) = (parse(one).expect("a property"), parse(other).expect("a property"));
            assert_eq!(same(&one, &other), expected, "{one:?} {other:?}");
        };
        check("EMAIL;TYPE=INTERNET,WORK,PREF:a@x", "email;PREF=1;type=work:a@x", true);
        check("EMAIL;PREF=2:a@x", "EMAIL;PREF=1:a@x", false);
        check("EMAIL;X-A=b:a@x", "EMAIL;X-A=B:a@x", false);
        check("N:Doe;Jane;;;", "N:Doe;Jane", true);
        check("N:Doe;Jane,J", "N:Doe;Jane\\,J", false);
        check("CATEGORIES:b,a", "CATEGORIES:a,b", true);
        check("NICKNAME:b,a", "NICKNAME:a,b", false);
        check("a.TEL:1", "TEL:1", false);
        check("A.TEL:1", "a.TEL:1", true);
    }
}
