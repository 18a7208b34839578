use std::collections::BTreeMap;

use toml_edit::{Document as Toml, Item, TableLike, Value};

use super::{MARK, SheetError, TRACKING};
use crate::id::ChangeHash;
use crate::limits::SHEET_BYTES_MAX;
use crate::record::Kind;
use crate::record::read::Scalar;
use crate::record::schema::{self, Field, Form};

/// What a person wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub(super) kind: Kind,
    /// The changes of which the sheet was written; where it does not say so, only what it holds is meant.
    pub(super) base: Option<Vec<ChangeHash>>,
    pub(super) fields: BTreeMap<&'static str, (usize, Scalar)>,
    pub(super) entries: BTreeMap<&'static str, (usize, BTreeMap<String, Written>)>,
}

/// An item, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) line: usize,
    /// The item's own value and its members; the value is `None`'s.
    pub(super) values: BTreeMap<Option<String>, Scalar>,
}

impl Sheet {
    /// The changes of which the sheet was written, where it says so.
    #[must_use]
    pub fn base(&self) -> Option<&[ChangeHash]> {
        self.base.as_deref()
    }

    /// Says of which changes the sheet was written, where it does not say so itself.
    pub fn begun_on(&mut self, base: Vec<ChangeHash>) {
        self.base.get_or_insert(base);
    }

    /// The values of fields that link to other records, with their lines: people may have begun an id only.
    pub fn links(&mut self) -> impl Iterator<Item = (usize, &mut String)> {
        let kind = self.kind;
        let is_link = move |name: &str| schema::find(kind, name).is_some_and(|field| field.form == Form::Link);
        self.fields.iter_mut().filter_map(move |(name, (line, value))| match value {
            Scalar::Text(text) if is_link(name) && !text.is_empty() => Some((*line, text)),
            _ => None,
        })
    }
}

/// Reads a sheet of a record of `kind`.
///
/// # Errors
/// Everything that is wrong with it, each with its line.
pub fn read(kind: Kind, text: &str) -> Result<Sheet, Vec<SheetError>> {
    if text.len() > SHEET_BYTES_MAX {
        let message = format!("a sheet may have {SHEET_BYTES_MAX} bytes, and this one has {}", text.len());
        return Err(vec![SheetError { line: None, message }]);
    }
    let lines = Lines(text);
    let toml = Toml::parse(text).map_err(|error| {
        let line = error.span().map(|span| lines.at(span.start));
        vec![SheetError { line, message: error.message().trim().replace('\n', ", ") }]
    })?;
    let sheet = Sheet { kind, base: base(text), fields: BTreeMap::new(), entries: BTreeMap::new() };
    let mut reading = Reading { sheet, lines, errors: Vec::new() };
    for (name, item) in toml.as_table() {
        let span = toml.as_table().key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        reading.field(name, item, span.map_or(1, |span| reading.lines.at(span.start)));
    }
    if reading.errors.is_empty() { Ok(reading.sheet) } else { Err(reading.errors) }
}

/// What the mark at the beginning says.
fn base(text: &str) -> Option<Vec<ChangeHash>> {
    let mark = text.lines().take_while(|line| line.starts_with('#')).find_map(|line| line.strip_prefix(MARK))?;
    let (_, heads) = mark.split_once(" as of ")?;
    heads.trim().split(',').map(|head| head.parse().ok()).collect()
}

struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn at(&self, offset: usize) -> usize {
        self.0.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }
}

struct Reading<'a> {
    sheet: Sheet,
    lines: Lines<'a>,
    errors: Vec<SheetError>,
}

impl Reading<'_> {
    fn field(&mut self, name: &str, item: &Item, line: usize) {
        let kind = self.sheet.kind;
        let Some(field) = schema::find(kind, name) else {
            let names: Vec<_> = schema::fields(kind).map(|field| field.name).collect();
            let shown: String = name.chars().take(80).collect();
            return self.wrong(line, format!("{kind} records have no field “{shown}”; they have {}", names.join(", ")));
        };
        if name == TRACKING {
            return self.wrong(line, format!("“{name}” is shown only, and cannot be edited"));
        }
        match field.form {
            Form::Entries(_) => {
                if let Some(items) = self.items(field, item, line) {
                    self.sheet.entries.insert(field.name, (line, items));
                }
            }
            _ => match item.as_value().and_then(scalar) {
                Some(value) => drop(self.sheet.fields.insert(field.name, (line, value))),
                None => self.wrong(line, format!("“{name}” takes one value: text in quotes, or a whole number")),
            },
        }
    }

    fn items(&mut self, field: &Field, item: &Item, line: usize) -> Option<BTreeMap<String, Written>> {
        let mut items = BTreeMap::new();
        if let Some(array) = item.as_array() {
            for value in array {
                let line = value.span().map_or(line, |span| self.lines.at(span.start));
                let Value::String(text) = value else {
                    self.wrong(line, format!("“{}” lists texts in quotes", field.name));
                    return None;
                };
                let item = text.value().clone();
                let values = BTreeMap::from([(None, Scalar::from(item.as_str()))]);
                items.insert(item, Written { line, values });
            }
            return Some(items);
        }
        let Some(table) = item.as_table_like() else {
            self.wrong(line, format!("“{0}” has several entries: write [{0}.\"…\"] for each, or a list", field.name));
            return None;
        };
        for (name, entry) in table.iter() {
            let line = self.line_in(table, name, entry).unwrap_or(line);
            let written = self.entry(field, name, entry, line)?;
            items.insert(name.to_owned(), written);
        }
        Some(items)
    }

    fn entry(&mut self, field: &Field, item: &str, entry: &Item, line: usize) -> Option<Written> {
        let Some(table) = entry.as_table_like() else {
            self.wrong(line, format!("what is known of an entry stands below [{}.\"{item}\"]", field.name));
            return None;
        };
        let mut values = BTreeMap::from([(None, Scalar::from(item))]);
        for (member, value) in table.iter() {
            let line = self.line_in(table, member, value).unwrap_or(line);
            let Some(value) = value.as_value().and_then(scalar) else {
                self.wrong(line, format!("“{member}” takes one value: text in quotes, a whole number, true or false"));
                return None;
            };
            values.insert((member != "value").then(|| member.to_owned()), value);
        }
        Some(Written { line, values })
    }

    fn line_in(&self, table: &dyn TableLike, name: &str, item: &Item) -> Option<usize> {
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span())?;
        Some(self.lines.at(span.start))
    }

    fn wrong(&mut self, line: usize, message: String) {
        self.errors.push(SheetError { line: Some(line), message });
    }
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::String(text) => Some(Scalar::Text(text.value().clone())),
        Value::Integer(number) => Some(Scalar::Whole(*number.value())),
        Value::Boolean(flag) => Some(Scalar::Flag(*flag.value())),
        // Written without quotes, as TOML allows.
        Value::Datetime(moment) => Some(Scalar::Text(moment.value().to_string())),
        Value::Float(_) | Value::Array(_) | Value::InlineTable(_) => None,
    }
}
