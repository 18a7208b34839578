use regard_core::record::Kind;

use super::key::{Key, State, Takes};
use super::lexer::{OpenQuote, Piece, pieces};
use super::when::When;
use super::{Operator, QUERY_CHARS_MAX, Query, TERMS_MAX, Term, Test, Value};

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}, in “{piece}” at character {at} of the filter")]
pub struct BadQuery {
    /// What is wrong, as a sentence without a full stop.
    pub why: String,
    /// What to do next.
    pub hint: String,
    /// The part where it is wrong.
    pub piece: String,
    /// Where that part begins, in characters from 1.
    pub at: usize,
}

/// Reads a filter.
///
/// # Errors
/// [`BadQuery`] with the place: an unknown field, a value that the field does not take, an open quote, or too much of all.
pub fn parse(text: &str) -> Result<Query, BadQuery> {
    if text.chars().nth(QUERY_CHARS_MAX).is_some() {
        let why = format!("a filter has at most {QUERY_CHARS_MAX} characters");
        return Err(bad(text, 0, text.len(), why, "Look for less at once."));
    }
    let pieces = pieces(text).map_err(|OpenQuote(at)| {
        bad(
            text,
            at,
            text.len(),
            "a quote is opened and not closed",
            "Close it, or write \\\" for a quote inside quotes.",
        )
    })?;
    let terms = pieces.into_iter().filter_map(|piece| term(text, piece).transpose());
    let terms = terms.collect::<Result<Vec<_>, _>>()?;
    if terms.len() > TERMS_MAX {
        let why = format!("a filter has at most {TERMS_MAX} parts");
        return Err(bad(text, 0, text.len(), why, "Look for less at once."));
    }
    Ok(Query { terms })
}

fn bad(text: &str, from: usize, to: usize, why: impl Into<String>, hint: impl Into<String>) -> BadQuery {
    /// Longer parts are cut where they are told.
    const TOLD_CHARS_MAX: usize = 60;
    let piece = text[from..to].trim().chars().take(TOLD_CHARS_MAX).collect();
    BadQuery { why: why.into(), hint: hint.into(), piece, at: text[..from].chars().count() + 1 }
}

/// Nothing where the part says nothing.
fn term(text: &str, piece: Piece) -> Result<Option<Term>, BadQuery> {
    let Piece { at, end, negated, key, text: value, is_quoted } = piece;
    let wrong = |(why, hint): (String, String)| bad(text, at, end, why, hint);
    let Some((name, operator)) = key else {
        return Ok((!value.is_empty()).then_some(Term { negated, test: Test::Word(value) }));
    };
    let key = Key::named(&name).ok_or_else(|| wrong(unknown(&name)))?;
    let takes = key.takes();
    // Message-IDs are written in brackets.
    let (operator, value) = match operator {
        Operator::Less if key.name() == "message_id" && !is_quoted => (Operator::Has, format!("<{value}")),
        operator => (operator, value),
    };
    if operator.is_ordered() && !matches!(takes, Takes::Number | Takes::When) {
        let why = format!("“{}” has no order, so that nothing is less or greater", key.name());
        return Err(wrong((why, format!("Write {0}:TEXT, or {0}:=TEXT where it must be exactly that.", key.name()))));
    }
    if value.is_empty() && !(is_quoted && operator == Operator::Is) {
        let hint = format!("Write {0}:VALUE, or {0}:=\"\" where there must be none.", key.name());
        return Err(wrong((format!("“{}” is compared with nothing", key.name()), hint)));
    }
    let range = value.split_once("..").filter(|_| !is_quoted && operator == Operator::Has);
    let test = match (takes, range) {
        (Takes::Number | Takes::When, Some((from, to))) => {
            let end = |end: &str| (!end.is_empty()).then(|| read(key, end)).transpose();
            let (from, to) = (end(from).map_err(wrong)?, end(to).map_err(wrong)?);
            if from.is_none() && to.is_none() {
                let hint = format!("Write one end at least, as in {}:..VALUE.", key.name());
                return Err(wrong(("a range has no end".into(), hint)));
            }
            Test::Between { key, from, to }
        }
        _ if value.is_empty() => Test::Compare { key, operator, value: Value::Text(value) },
        _ => Test::Compare { key, operator, value: read(key, &value).map_err(wrong)? },
    };
    Ok(Some(Term { negated, test }))
}

fn unknown(name: &str) -> (String, String) {
    let hint = match Key::nearly(name) {
        Some(near) => format!("Is “{near}” meant? Put text that holds a colon into quotes."),
        None => "There are kind, title, address, tag, is, changed, date, and the fields of all kinds; put text that holds a \
                 colon into quotes."
            .into(),
    };
    (format!("there is no field “{name}”"), hint)
}

/// What is wrong and what to do.
type Wrong = (String, String);

fn read(key: Key, value: &str) -> Result<Value, Wrong> {
    match key.takes() {
        Takes::Text | Takes::Record => Ok(Value::Text(value.to_owned())),
        Takes::Number => value.parse().map(Value::Number).map_err(|_| {
            (format!("“{}” takes a whole number, and “{value}” is none", key.name()), format!("Write {}:>=50.", key.name()))
        }),
        Takes::When => When::read(value).map(Value::When).ok_or_else(|| {
            let why = format!("“{}” takes a date, and “{value}” is none", key.name());
            (why, "Dates are 2026, 2026-11, 2026-11-22, 2026-11-22T18:30, today, tomorrow, yesterday, friday, +3d or -2w.".into())
        }),
        Takes::Kind => value.parse::<Kind>().map(Value::Kind).map_err(|_| {
            let why = format!("“{value}” is no kind of record");
            (why, "Kinds are email, contact, task, appointment, account and lead.".into())
        }),
        Takes::State => {
            let state = State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(value));
            let why = || format!("a record cannot be “{value}”");
            state.map(Value::State).ok_or_else(|| (why(), "It can be deleted, undecided, conflict or unsent.".into()))
        }
    }
}
