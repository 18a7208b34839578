use std::collections::BTreeMap;
use std::fmt::Write;

use super::{MARK, TRACKING};
use crate::id::DocumentId;
use crate::record::read::{Entry, Scalar};
use crate::record::schema::{self, Field, Form};
use crate::record::{Document, Kind, Life};

const HOW_TO_EDIT: &str = "\
# Change what you like, save, and close the editor. An emptied value, or a line taken away, empties its field.
# Lines that begin with # say what there is and are not read.
";
const HOW_TO_BEGIN: &str = "\
# Take away the # before a line, write the value, save, and close the editor.
";

/// The sheet of a record.
#[must_use]
pub fn write(id: DocumentId, document: &Document) -> String {
    let kind = document.kind();
    let heads: Vec<_> = document.heads().iter().map(ToString::to_string).collect();
    let mut sheet = format!("{MARK}{kind} {id} as of {}\n{HOW_TO_EDIT}", heads.join(","));
    if document.life() != Life::Live {
        let _ = writeln!(sheet, "# The record is {}.", document.life());
    }
    let content = document.content();
    let (mut texts, mut unset, mut tables, mut examples) = <(String, String, String, String)>::default();
    sheet.push('\n');
    for field in schema::fields(kind).filter(|field| field.name != TRACKING) {
        if let Form::Entries(members) = field.form {
            match content.entries.get(field.name) {
                Some(items) if is_list(members, items) => list(&mut sheet, field, items),
                Some(items) => table(&mut tables, field, items),
                None => example(&mut unset, &mut examples, field),
            }
            continue;
        }
        match content.fields.get(field.name) {
            Some(Scalar::Text(text)) if is_long(field, text) => {
                let _ = writeln!(texts, "# {}\n{} = {}", field.meaning, field.name, long_string(text));
            }
            Some(value) => {
                also_written(&mut sheet, document, field);
                let _ = writeln!(sheet, "{} = {}  # {}", field.name, value_of(value), field.meaning);
            }
            None => line_to_fill(&mut unset, field),
        }
    }
    for part in [texts, unset, tables, examples] {
        if !part.is_empty() {
            let _ = write!(sheet, "\n{part}");
        }
    }
    tracking(&mut sheet, document);
    sheet
}

/// A sheet on which a new record is written.
#[must_use]
pub fn empty(kind: Kind) -> String {
    let mut sheet = format!("# A new {kind}.\n{HOW_TO_BEGIN}\n");
    let mut examples = String::new();
    for field in schema::fields(kind).filter(|field| field.name != TRACKING) {
        match field.form {
            Form::Entries(_) => example(&mut sheet, &mut examples, field),
            // The field by which it will be called waits to be filled.
            _ if field.name == schema::title(kind) => {
                let _ = writeln!(sheet, "{} = \"\"  # {}", field.name, field.meaning);
            }
            _ => line_to_fill(&mut sheet, field),
        }
    }
    format!("{sheet}\n{examples}")
}

fn line_to_fill(unset: &mut String, field: &Field) {
    let value = match field.form {
        Form::Whole => "0",
        Form::Notes => "\"\"\"\"\"\"",
        _ => "\"\"",
    };
    let _ = writeln!(unset, "# {} = {value}  # {}", field.name, field.meaning);
}

/// Items about which nothing more can be known are a list, where each is written as it is called.
fn is_list(members: &[&str], items: &BTreeMap<String, Entry>) -> bool {
    members.is_empty()
        && items.iter().all(|(item, entry)| {
            entry.members.is_empty() && entry.value == Some(item.as_str().into()) && !item.contains('\n')
        })
}

fn list(sheet: &mut String, field: &Field, items: &BTreeMap<String, Entry>) {
    let items: Vec<_> = items.keys().map(|item| string(item)).collect();
    let _ = writeln!(sheet, "{} = [{}]  # {}", field.name, items.join(", "), field.meaning);
}

fn table(tables: &mut String, field: &Field, items: &BTreeMap<String, Entry>) {
    let Form::Entries(members) = field.form else { return };
    if !tables.is_empty() {
        tables.push('\n');
    }
    let _ = writeln!(tables, "# {}{}", field.meaning, known_of(members));
    for (item, entry) in items {
        let _ = writeln!(tables, "[{}.{}]", field.name, key(item));
        if let Some(value) = entry.value.as_ref().filter(|value| **value != Scalar::from(item.as_str())) {
            let _ = writeln!(tables, "value = {}", value_of(value));
        }
        for (member, value) in &entry.members {
            let _ = writeln!(tables, "{} = {}", key(member), value_of(value));
        }
    }
}

fn example(unset: &mut String, examples: &mut String, field: &Field) {
    let Form::Entries(members) = field.form else { return };
    let _ = if members.is_empty() {
        writeln!(unset, "# {} = []  # {}", field.name, field.meaning)
    } else {
        writeln!(examples, "# [{}.\"…\"]  # {}{}", field.name, field.meaning, known_of(members))
    };
}

fn known_of(members: &[&str]) -> String {
    if members.is_empty() { String::new() } else { format!("; each with {}", members.join(", ")) }
}

fn also_written(sheet: &mut String, document: &Document, field: &Field) {
    for other in document.scalar(field.name).into_iter().flat_map(|shown| shown.others) {
        let _ = writeln!(sheet, "# In conflict; also written: {}", one_line(&other.value.to_string()));
    }
}

fn tracking(sheet: &mut String, document: &Document) {
    for (device, entry) in document.entries(TRACKING) {
        let known: Vec<_> = entry.members.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let _ = write!(sheet, "\n# Tracked by device {}", one_line(&format!("{device}: {}", known.join(", "))));
    }
    if !sheet.ends_with('\n') {
        sheet.push('\n');
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn is_long(field: &Field, text: &str) -> bool {
    field.form == Form::Notes || text.contains('\n')
}

fn value_of(value: &Scalar) -> String {
    match value {
        Scalar::Whole(number) => number.to_string(),
        Scalar::Flag(flag) => flag.to_string(),
        Scalar::Text(text) => string(text),
    }
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare { name.to_owned() } else { string(name) }
}

fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ => escaped(&mut quoted, c),
        }
    }
    quoted.push('"');
    quoted
}

/// Lines stand as they are, so that they can be edited; the newline behind the opening quotes is no part of the text.
fn long_string(text: &str) -> String {
    let mut quoted = String::from("\"\"\"\n");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Three in a row would close the string, and so would one at its end.
            '"' if matches!(chars.peek(), Some('"') | None) => quoted.push_str("\\\""),
            '"' | '\n' | '\t' => quoted.push(c),
            _ => escaped(&mut quoted, c),
        }
    }
    quoted.push_str("\"\"\"");
    quoted
}

fn escaped(quoted: &mut String, c: char) {
    match c {
        '\\' => quoted.push_str("\\\\"),
        '\r' => quoted.push_str("\\r"),
        c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
        c => quoted.push(c),
    }
}
