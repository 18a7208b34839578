//! Cards of the corpus, imported and exported: every property of the file stands in the card that the record becomes, and
//! importing that card gives the same fields.

use std::collections::{BTreeMap, BTreeSet};

use calcard::vcard::{
    VCardEntry, VCardParameterName as Name, VCardParameterValue, VCardProperty as Property, VCardValue,
};
use calcard::{Entry, Parser};
use regard_core::export;
use regard_core::id::Actor;
use regard_core::import::{self, Imported, Outcome};
use regard_core::record::Document;
use regard_core::time::Timestamp;
use regard_tests::corpus::{corpus, files};

/// What a card may lack or say differently after import and export. Each line is one property of one file, as this test
/// writes it, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[(
    "nuovo-Example3.0.vcf",
    "REV:PartialDateTime { year: Some(2008), month: Some(4), day: Some(24), hour: Some(19), minute: Some(52), \
     second: Some(43), tz_hour: Some(0), tz_minute: Some(0), tz_minus: false }",
    "its AGENT is a whole card, not escaped, and import takes the END of that card for the end of this one",
)];

#[test]
fn every_property_of_a_card_stands_in_its_export() {
    let Some(corpus) = corpus("every_property_of_a_card_stands_in_its_export") else { return };
    let mut lost = BTreeSet::new();
    let (mut cards, mut properties) = (0, 0);
    for path in files(&corpus.join("vcard")) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (text, imported) in imported(&name, &bytes) {
            let written = exported(&imported);
            let mut found = listed(&parsed(&written));
            for (property, count) in listed(&parsed(&text)) {
                properties += count;
                let left = found.entry(property.clone()).or_default();
                if *left < count {
                    lost.insert((name.clone(), property));
                }
            }
            cards += 1;
        }
    }
    println!("{cards} cards with {properties} properties");
    assert!(cards > 150, "the corpus has {cards} cards only");
    let explained: BTreeSet<_> =
        DIFFERENCES.iter().map(|(file, line, _)| ((*file).to_owned(), (*line).to_owned())).collect();
    let unlisted: Vec<_> = lost.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&lost).collect();
    assert!(unlisted.is_empty() && gone.is_empty(), "lost: {unlisted:#?}\nlisted, and not lost: {gone:#?}");
}

#[test]
fn an_exported_card_imports_to_the_same_record() {
    let Some(corpus) = corpus("an_exported_card_imports_to_the_same_record") else { return };
    for path in files(&corpus.join("vcard")) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (_, imported) in imported(&name, &bytes) {
            let written = exported(&imported);
            assert!(written.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{name}: {written}");
            let mut outcomes = import::cards(written.as_bytes());
            let Some(Outcome::Record(again)) = outcomes.pop() else { panic!("{name}: {written}") };
            assert!(outcomes.is_empty(), "{name}: {written}");
            assert_eq!(again.kind, imported.kind, "{name}");
            assert_eq!(shown(&again), shown(&imported), "{name}: {written}");
        }
    }
}

/// The records of a file, each with the text of its card.
fn imported(name: &str, bytes: &[u8]) -> Vec<(String, Imported)> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let mut texts: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case("BEGIN:VCARD") {
            texts.push(String::new());
        }
        if let Some(text) = texts.last_mut() {
            text.push_str(line);
        }
    }
    let mut records = Vec::new();
    let mut skipped = 0;
    for text in texts {
        match import::cards(text.as_bytes()).pop() {
            Some(Outcome::Record(imported)) => records.push((text, *imported)),
            _ => skipped += 1,
        }
    }
    let all = import::cards(bytes).into_iter().filter(|outcome| matches!(outcome, Outcome::Record(_))).count();
    assert_eq!(
        records.len(),
        all,
        "{name}: the test takes the file apart otherwise than import does ({skipped} skipped)"
    );
    records
}

fn record(imported: &Imported) -> Document {
    let mut record = Document::new(imported.kind);
    record.seed_notes(&imported.notes).expect("the notes");
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    record.edit(&imported.edits, &actor, Timestamp(0)).expect("the edits");
    record
}

fn exported(imported: &Imported) -> String {
    export::card(&record(imported)).expect("a card")
}

fn shown(imported: &Imported) -> Vec<(String, String)> {
    let places = record(imported).places();
    places.into_iter().map(|(place, shown)| (place, shown.winner.value.to_string())).collect()
}

fn parsed(text: &str) -> Vec<VCardEntry> {
    match Parser::new(text).entry() {
        Entry::VCard(card) => card.entries,
        other => panic!("{other:?}: {text}"),
    }
}

/// Each property in a form of its own, and how often it is there. What is equal in it is equal in a card:
///
/// - VERSION, BEGIN and END belong to the file.
/// - Names, groups and words of TYPE have no case; parameters and words of TYPE have no order, and categories neither.
/// - What no name may have, such as a space, is a `-` in it.
/// - TYPE=INTERNET says nothing; TYPE=PREF is PREF=1, and so is a bare PREF.
/// - A parameter without a name is a word of TYPE; 7BIT and 8BIT say how a file is written.
/// - Empty components at the end of a value are as good as none; an FN without a name says nothing.
/// - Inline content is inline content, be it written with an ENCODING or as a data URI with VALUE=URI.
/// - REV is a time: a date is its first second.
fn listed(entries: &[VCardEntry]) -> BTreeMap<String, usize> {
    let mut listed = BTreeMap::new();
    for entry in entries {
        let is_empty_name = entry.name == Property::Fn && entry.values.iter().all(|value| value.as_text() == Some(""));
        if !matches!(entry.name, Property::Version | Property::Begin | Property::End) && !is_empty_name {
            *listed.entry(form(entry)).or_default() += 1;
        }
    }
    listed
}

fn form(entry: &VCardEntry) -> String {
    let is_inline = entry.values.iter().any(|value| value.as_binary().is_some());
    let mut params = BTreeSet::new();
    for param in &entry.params {
        let text = param.value.clone().into_text().into_owned();
        let name = param.name.as_str().to_uppercase();
        let is_bare = param.value == VCardParameterValue::Null;
        match &param.name {
            Name::Type => params.extend(text.split(',').map(type_word)),
            Name::Pref if is_bare => drop(params.insert("PREF=1".into())),
            Name::Other(word) if is_bare => drop(params.insert(type_word(word))),
            Name::Value if is_inline && text.eq_ignore_ascii_case("uri") => {}
            _ => drop(params.insert(format!("{name}={text}"))),
        }
    }
    for nothing in ["", "TYPE=internet", "TYPE=7bit", "TYPE=8bit"] {
        params.remove(nothing);
    }
    let mut values: Vec<String> = entry.values.iter().map(|value| value_form(entry, value)).collect();
    while values.last().is_some_and(String::is_empty) {
        values.pop();
    }
    if entry.name == Property::Categories {
        values.sort();
    }
    let group = entry.group.as_ref().map(|group| format!("{}.", group.to_lowercase())).unwrap_or_default();
    let params = params.iter().map(|param| format!(";{param}")).collect::<Vec<_>>().concat();
    let name = entry.name.as_str().to_uppercase();
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c), "-");
    format!("{group}{name}{params}:{}", values.join(";"))
}

fn type_word(word: &str) -> String {
    match word.trim().to_lowercase() {
        word if word == "pref" => "PREF=1".into(),
        word => format!("TYPE={word}"),
    }
}

fn value_form(entry: &VCardEntry, value: &VCardValue) -> String {
    match value {
        VCardValue::Text(text) => text.replace('\\', "\\\\").replace([';', ','], "\\,"),
        VCardValue::Component(parts) => parts.join(","),
        VCardValue::Binary(data) => format!("{} bytes {:?}", data.data.len(), data.data.get(..16.min(data.data.len()))),
        VCardValue::PartialDateTime(time) if entry.name == Property::Rev => {
            let mut time = time.clone();
            for part in [&mut time.hour, &mut time.minute, &mut time.second] {
                part.get_or_insert(0);
            }
            format!("{time:?}")
        }
        value => value.as_text().map_or_else(|| format!("{value:?}"), str::to_owned),
    }
}
