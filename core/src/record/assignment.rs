//! `field=value`, as people type it.
//!
//! | typed | means |
//! |---|---|
//! | `phone_note=…`, `notes=…` | set a field; an empty value empties it |
//! | `emails+=ana@x.org` | add an entry |
//! | `emails-=ana@x.org` | remove an entry |
//! | `emails[ana@x.org].label=work` | set what is known of an entry |

use super::schema::{self, Form};
use super::{Edit, Kind, Scalar};

/// Why a text is no assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAssignment {
    /// There is no `=`.
    #[error("“{0}” is not of the form field=value")]
    NoEquals(String),
    /// A number was expected.
    #[error("“{field}” takes a whole number, and “{value}” is none")]
    NotANumber {
        /// The field.
        field: String,
        /// What was given.
        value: String,
    },
    /// A date or time was expected.
    #[error("“{field}” takes a date or time such as 2026-11-22, 2026-11-22T18:30 or 2026-11-22T18:30[Europe/Berlin]")]
    NotAMoment {
        /// The field.
        field: String,
    },
    /// A bracket is not closed.
    #[error("“{0}” opens a bracket and does not close it")]
    OpenBracket(String),
}

/// Reads one assignment to a record of `kind`.
///
/// # Errors
/// [`BadAssignment`]; whether the field exists is seen when the edit is made.
pub fn parse(kind: Kind, text: &str) -> Result<Edit, BadAssignment> {
    let (place, operator, value) = split(text)?;
    if let Some((field, rest)) = place.split_once('[') {
        let (item, member) = rest.rsplit_once(']').ok_or_else(|| BadAssignment::OpenBracket(place.into()))?;
        let member = member.strip_prefix('.').map(str::to_owned);
        let value = member_value(member.as_deref(), value);
        return Ok(Edit::Put { field: field.into(), item: item.into(), member, value });
    }
    let field = place.to_owned();
    match operator {
        Operator::Add => Ok(Edit::Put { field, item: value.into(), member: None, value: value.into() }),
        Operator::Remove => Ok(Edit::Remove { field, item: value.into() }),
        Operator::Set if value.is_empty() => Ok(Edit::Clear(field)),
        Operator::Set => typed(kind, &field, value).map(|value| Edit::Set(field, value)),
    }
}

enum Operator {
    Set,
    Add,
    Remove,
}

fn split(text: &str) -> Result<(&str, Operator, &str), BadAssignment> {
    // An item may hold a '=': look for the sign behind the bracket, where there is one.
    let from = if text.find('[') < text.find('=') { text.find(']').unwrap_or(0) } else { 0 };
    let at = text[from..].find('=').map(|at| from + at);
    let at = at.ok_or_else(|| BadAssignment::NoEquals(text.chars().take(80).collect()))?;
    let (place, value) = (&text[..at], &text[at + 1..]);
    Ok(match place.as_bytes().last() {
        Some(b'+') => (&place[..at - 1], Operator::Add, value),
        Some(b'-') => (&place[..at - 1], Operator::Remove, value),
        _ => (place, Operator::Set, value),
    })
}

/// Whether an entry is the preferred one is a yes or a no.
fn member_value(member: Option<&str>, value: &str) -> Scalar {
    match (member, value) {
        (Some("preferred"), "yes" | "true") => Scalar::Flag(true),
        (Some("preferred"), "no" | "false") => Scalar::Flag(false),
        _ => value.into(),
    }
}

fn typed(kind: Kind, field: &str, value: &str) -> Result<Scalar, BadAssignment> {
    match schema::find(kind, field).map(|found| found.form) {
        Some(Form::Whole) => {
            let not_a_number = || BadAssignment::NotANumber { field: field.into(), value: value.into() };
            value.parse().map(Scalar::Whole).map_err(|_| not_a_number())
        }
        Some(Form::Moment) if !is_moment(value) => Err(BadAssignment::NotAMoment { field: field.into() }),
        _ => Ok(value.into()),
    }
}

/// Whether a text is a date or a time as records hold them.
pub(super) fn is_moment(text: &str) -> bool {
    // A birthday may lack its year (RFC 6350, section 6.2.5).
    let without_year =
        text.strip_prefix("--").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    without_year
        || text.parse::<jiff::Timestamp>().is_ok()
        || text.parse::<jiff::civil::DateTime>().is_ok()
        || text.split_once('[').is_some_and(|(local, _)| local.parse::<jiff::civil::DateTime>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<Edit, &str>) {
        assert_eq!(parse(Kind::Task, text).map_err(|e| e.to_string()), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn assignments_read_as_people_mean_them() {
        let put = |item: &str, member: Option<&str>, value: &str| {
            let (field, item) = ("attendees".to_owned(), item.to_owned());
            Ok(Edit::Put { field, item, member: member.map(str::to_owned), value: value.into() })
        };
        check("summary=a=b", Ok(Edit::Set("summary".into(), "a=b".into())));
        check("summary=", Ok(Edit::Clear("summary".into())));
        check("percent=50", Ok(Edit::Set("percent".into(), Scalar::Whole(50))));
        check("percent=half", Err("“percent” takes a whole number, and “half” is none"));
        check("due=2026-11-22", Ok(Edit::Set("due".into(), "2026-11-22".into())));
        check(
            "due=2026-11-22T18:30[Europe/Berlin]",
            Ok(Edit::Set("due".into(), "2026-11-22T18:30[Europe/Berlin]".into())),
        );
        check(
            "due=soon",
            Err("“due” takes a date or time such as 2026-11-22, 2026-11-22T18:30 or 2026-11-22T18:30[Europe/Berlin]"),
        );
        check("attendees+=ana@x.org", put("ana@x.org", None, "ana@x.org"));
        check("attendees[ana@x.org].answer=yes", put("ana@x.org", Some("answer"), "yes"));
        check("attendees[a=b].answer=c=d", put("a=b", Some("answer"), "c=d"));
        check("attendees-=ana", Ok(Edit::Remove { field: "attendees".into(), item: "ana".into() }));
        check("summary", Err("“summary” is not of the form field=value"));
        check("attendees[ana=1", Err("“attendees[ana” opens a bracket and does not close it"));
    }
}
