//! What a filter asks of one record: answered from its projection where that is enough, else from the record itself.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use regard_core::id::DocumentId;
use regard_core::record::schema::{self, Form};
use regard_core::record::{Document, Kind, Life, Projection, Scalar};
use regard_core::time::Timestamp;

use super::super::error::StoreError;
use super::super::tables::Row;
use super::Filter;
use crate::query::{Key, Now, Operator, Query, Span, State, Term, Test, Value, Weekdays, fold, moment};

/// A filter with everything in it made comparable.
pub(super) struct Wanted {
    pub(super) checks: Vec<(bool, Check)>,
    /// The rows of the records that have unsent saves, where the filter asks for that.
    pub(super) unsent: BTreeSet<Row>,
    zone: TimeZone,
}

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    Kind(Option<Kind>),
    /// Title or detail hold this, folded.
    Text(String),
    /// Anything that lists show holds this, folded.
    Word(String),
    Title(Is),
    Address(Is),
    Tag(String),
    State(State),
    Changed(Times),
    Date(Times),
    Link(&'static str, Option<DocumentId>),
    Line(&'static str, Is),
    Number(&'static str, Numbers),
    Moment(&'static str, Times),
}

/// How text is compared, with folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Is {
    Holds(String),
    Exactly(String),
}

impl Is {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Holds(part) => fold(text).contains(part),
            Self::Exactly(whole) => fold(text) == *whole,
        }
    }

    /// Of several values one is enough; nothing is exactly nothing.
    fn any<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        let mut texts = texts.into_iter().peekable();
        match self {
            Self::Exactly(whole) if whole.is_empty() => texts.all(str::is_empty),
            _ => texts.any(|text| self.holds(text)),
        }
    }
}

/// Milliseconds from the first to before the last; a missing end is open. No time at all where it must be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Within { from: Option<i64>, before: Option<i64> },
    Missing,
}

impl Times {
    fn hold(self, at: Option<i64>) -> bool {
        match (self, at) {
            (Self::Missing, at) => at.is_none(),
            (Self::Within { .. }, None) => false,
            (Self::Within { from, before }, Some(at)) => {
                from.is_none_or(|from| from <= at) && before.is_none_or(|before| at < before)
            }
        }
    }
}

/// From one number to another, both included; no number at all where it must be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Within { from: i64, to: i64 },
    None,
    Missing,
}

impl Wanted {
    pub(super) fn of(filter: &Filter) -> Result<Self, StoreError> {
        let now = filter.now.clone().unwrap_or(Now { at: Timestamp(0), zone: TimeZone::UTC });
        let Query { terms } = &filter.query;
        let mut checks = terms
            .iter()
            .map(|Term { negated, test }| Ok((*negated, check(test, &now)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        checks.extend(filter.kind.map(|kind| (false, Check::Kind(Some(kind)))));
        checks.extend(filter.text.as_deref().map(|text| (false, Check::Text(fold(text)))));
        Ok(Self { checks, unsent: BTreeSet::new(), zone: now.zone })
    }

    /// What must hold, as opposed to what must not.
    pub(super) fn positive(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|(negated, _)| !negated).map(|(_, check)| check)
    }

    /// Whether it names a state, in either way.
    pub(super) fn asks_for(&self, state: State) -> bool {
        self.checks.iter().any(|(_, check)| *check == Check::State(state))
    }

    /// Whether all of it holds. `open` opens the record; it is called where the projection does not tell, once at most.
    pub(super) fn holds(
        &self,
        row: Row,
        shown: &Projection,
        open: impl FnOnce() -> Result<Document, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut untold = Vec::new();
        for (negated, check) in &self.checks {
            match self.shown_holds(check, row, shown) {
                Some(holds) if holds == *negated => return Ok(false),
                Some(_) => {}
                None => untold.push((*negated, check)),
            }
        }
        if untold.is_empty() {
            return Ok(true);
        }
        let document = open()?;
        Ok(untold.into_iter().all(|(negated, check)| self.held(check, &document) != negated))
    }

    /// None where the projection does not tell.
    fn shown_holds(&self, check: &Check, row: Row, shown: &Projection) -> Option<bool> {
        Some(match check {
            Check::Kind(kind) => *kind == Some(shown.kind),
            Check::Text(part) => [&shown.title, &shown.detail].iter().any(|text| fold(text).contains(part)),
            Check::Word(part) => texts(shown).any(|text| fold(text).contains(part)),
            Check::Title(is) => is.holds(&shown.title),
            Check::Address(is) => is.any(shown.addresses.iter().map(String::as_str)),
            Check::Tag(tag) => {
                let is = Is::Exactly(tag.clone());
                is.any(shown.categories.iter().map(String::as_str))
            }
            Check::State(State::Deleted) => shown.life == Life::Deleted,
            Check::State(State::Undecided) => shown.life == Life::Undecided,
            Check::State(State::Conflict) => shown.conflicts > 0,
            Check::State(State::Unsent) => self.unsent.contains(&row),
            Check::Changed(times) => times.hold(Some(shown.changed_at.0)),
            Check::Date(times) => times.hold(shown.moment.as_deref().and_then(|text| moment::begins(text, &self.zone))),
            Check::Link("regarding", target) => shown.regarding == *target,
            Check::Link("parent", target) => shown.parent == *target,
            Check::Link(name, _) | Check::Number(name, _) if schema::find(shown.kind, name).is_none() => {
                matches!(check, Check::Link(_, None) | Check::Number(_, Numbers::Missing))
            }
            Check::Link(..) | Check::Number(..) => return None,
            Check::Line(name, is) => is.any([shown_line(name, shown)?]),
            Check::Moment(name, times) => {
                let shows_it = schema::moment(shown.kind) == Some(*name);
                if !shows_it && schema::find(shown.kind, name).is_some() {
                    return None;
                }
                let text = shown.moment.as_deref().filter(|_| shows_it);
                times.hold(text.and_then(|text| moment::begins(text, &self.zone)))
            }
        })
    }

    fn held(&self, check: &Check, document: &Document) -> bool {
        match check {
            Check::Link(name, target) => document.text(name).parse::<DocumentId>().ok() == *target,
            Check::Number(name, numbers) => {
                let number = document.scalar(name).and_then(|shown| match shown.winner.value {
                    Scalar::Whole(number) => Some(number),
                    other => other.to_string().trim().parse().ok(),
                });
                match (numbers, number) {
                    (Numbers::Within { from, to }, Some(number)) => (*from..=*to).contains(&number),
                    (Numbers::Missing, number) => number.is_none(),
                    _ => false,
                }
            }
            Check::Moment(name, times) => times.hold(moment::begins(&document.text(name), &self.zone)),
            Check::Line(name, is) => line_holds(name, is, document),
            // Everything else is told by the projection.
            _ => false,
        }
    }
}

fn line_holds(name: &str, is: &Is, document: &Document) -> bool {
    match schema::find(document.kind(), name).map(|field| field.form) {
        None => is.any([]),
        Some(Form::Entries(_)) => {
            let entries = document.entries(name);
            let told = entries.iter().flat_map(|(item, entry)| {
                let values = entry.value.iter().chain(entry.members.values()).map(ToString::to_string);
                std::iter::once(item.clone()).chain(values)
            });
            let told: Vec<String> = told.collect();
            is.any(told.iter().map(String::as_str))
        }
        Some(_) => is.any([document.text(name).as_str()]),
    }
}

/// Everything of a record that words are looked for in.
pub(super) fn texts(shown: &Projection) -> impl Iterator<Item = &str> {
    let further = shown.company.iter().chain(&shown.addresses).chain(&shown.categories);
    [&shown.title, &shown.detail].into_iter().chain(further).map(String::as_str)
}

/// Whether every kind that has the field shows it as its moment.
pub(super) fn is_always_shown(name: &str) -> bool {
    Kind::ALL
        .into_iter()
        .filter(|kind| schema::find(*kind, name).is_some())
        .all(|kind| schema::moment(kind) == Some(name))
}

/// What the projection tells of a line, nothing where it has none; none where the record must be opened for it.
fn shown_line<'p>(name: &str, shown: &'p Projection) -> Option<&'p str> {
    if schema::find(shown.kind, name).is_none() {
        return Some("");
    }
    // What lists show instead of a missing name is not the name.
    let own_title = name == schema::title(shown.kind) && !matches!(shown.kind, Kind::Contact | Kind::Lead);
    let text = match (name, shown.kind) {
        _ if own_title => shown.title.as_str(),
        ("company", _) => shown.company.as_deref().unwrap_or_default(),
        ("owner", _) => shown.owner.as_deref().unwrap_or_default(),
        ("status", _) => shown.status.as_deref().unwrap_or_default(),
        ("message_id", _) => shown.message_id.as_deref().unwrap_or_default(),
        ("from", Kind::Email) | ("location", Kind::Appointment) => shown.detail.as_str(),
        _ => return None,
    };
    // A cut text may go on with what is looked for.
    (text.len() < Projection::TEXT_CHARS_MAX).then_some(text)
}

fn check(test: &Test, now: &Now) -> Result<Check, StoreError> {
    let (key, operator, value) = match test {
        Test::Word(word) => return Ok(Check::Word(fold(word))),
        Test::Between { key, from, to } => return between(*key, from.as_ref(), to.as_ref(), now),
        Test::Compare { key, operator, value } => (*key, *operator, value),
    };
    let is = |text: &str| match operator {
        Operator::Is => Is::Exactly(fold(text)),
        _ => Is::Holds(fold(text)),
    };
    Ok(match (key, value) {
        (Key::Kind, Value::Kind(kind)) => Check::Kind(Some(*kind)),
        (Key::Is, Value::State(state)) => Check::State(*state),
        (Key::Title, Value::Text(text)) => Check::Title(is(text)),
        (Key::Address, Value::Text(text)) => Check::Address(match (text.split_once('@'), operator) {
            // A whole address is that one, and no longer one that ends alike.
            (Some((name, host)), Operator::Has) if !name.is_empty() && !host.is_empty() => Is::Exactly(fold(text)),
            _ => is(text),
        }),
        (Key::Tag, Value::Text(text)) => Check::Tag(fold(text)),
        (Key::Changed | Key::Date, _) => times(key, compared(operator, span(value, now, key)?)),
        (Key::Field(field), value) => match (field.form, value) {
            (Form::Link, Value::Text(text)) => Check::Link(field.name, text.parse().ok()),
            (Form::Whole, Value::Number(number)) => Check::Number(field.name, numbers(operator, *number)),
            (Form::Whole, _) => Check::Number(field.name, Numbers::Missing),
            (Form::Moment, value) => times(key, compared(operator, span(value, now, key)?)),
            // A Message-ID is compared as mail compares it, but for its brackets.
            (_, Value::Text(text)) if field.name == "message_id" && operator == Operator::Has => {
                Check::Line(field.name, Is::Exactly(fold(text.trim_matches(['<', '>']))))
            }
            (_, Value::Text(text)) => Check::Line(field.name, is(text)),
            _ => return Err(misfit(key)),
        },
        (Key::Kind, _) => Check::Kind(None),
        _ => return Err(misfit(key)),
    })
}

fn between(key: Key, from: Option<&Value>, to: Option<&Value>, now: &Now) -> Result<Check, StoreError> {
    match (key, from, to) {
        (Key::Field(field), from, to) if field.form == Form::Whole => {
            let end = |value: Option<&Value>, open| match value {
                Some(Value::Number(number)) => *number,
                _ => open,
            };
            Ok(Check::Number(field.name, Numbers::Within { from: end(from, i64::MIN), to: end(to, i64::MAX) }))
        }
        _ => {
            let from = from.map(|from| span(from, now, key)).transpose()?.flatten();
            let to = to.map(|to| span(to, now, key)).transpose()?.flatten();
            let within = Times::Within { from: from.map(|span| span.start), before: to.map(|span| span.end) };
            Ok(times(key, within))
        }
    }
}

fn times(key: Key, times: Times) -> Check {
    match key {
        Key::Changed => Check::Changed(times),
        Key::Field(field) => Check::Moment(field.name, times),
        _ => Check::Date(times),
    }
}

/// None where there must be no date.
fn span(value: &Value, now: &Now, key: Key) -> Result<Option<Span>, StoreError> {
    match value {
        Value::When(when) => {
            // Changes lie behind us; whatever is due or begins is looked for ahead.
            let weekdays = if key == Key::Changed { Weekdays::Past } else { Weekdays::Coming };
            let found = when.span(now, weekdays);
            found.map(Some).ok_or_else(|| StoreError::Filter(format!("the calendar does not reach “{when}”")))
        }
        Value::Text(text) if text.is_empty() => Ok(None),
        _ => Err(misfit(key)),
    }
}

fn compared(operator: Operator, span: Option<Span>) -> Times {
    let Some(Span { start, end }) = span else { return Times::Missing };
    let (from, before) = match operator {
        Operator::Has | Operator::Is => (Some(start), Some(end)),
        Operator::Less => (None, Some(start)),
        Operator::AtMost => (None, Some(end)),
        Operator::Greater => (Some(end), None),
        Operator::AtLeast => (Some(start), None),
    };
    Times::Within { from, before }
}

fn numbers(operator: Operator, number: i64) -> Numbers {
    let within = |from, to| Numbers::Within { from, to };
    match operator {
        Operator::Has | Operator::Is => within(number, number),
        Operator::Less => number.checked_sub(1).map_or(Numbers::None, |to| within(i64::MIN, to)),
        Operator::AtMost => within(i64::MIN, number),
        Operator::Greater => number.checked_add(1).map_or(Numbers::None, |from| within(from, i64::MAX)),
        Operator::AtLeast => within(number, i64::MAX),
    }
}

fn misfit(key: Key) -> StoreError {
    StoreError::Filter(format!("“{}” cannot be compared with this", key.name()))
}
