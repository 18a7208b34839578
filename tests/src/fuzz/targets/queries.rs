use jiff::tz::TimeZone;
use regard_client::query::{self, Now, QUERY_CHARS_MAX, Test, Value, Weekdays, moment};

use super::records::AT;
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "queries",
    promise: "a filter that reads is written so that it reads the same, every date in it means a span of time that does not end \
              before it begins, and moments are told",
    form: Form::Text,
    words: &[
        b"due:<friday ",
        b"-tag:vip ",
        b"not ",
        b"company:=\"Acme, Inc\" ",
        b"percent:>=50",
        b"changed:today..+2w ",
        b"is:conflict ",
        b"kind:task ",
        b"date:2026-11",
        b"date:>=2026-11-22T18:30Z",
        b"..",
        b":=\"\"",
        b"\"",
        b"\\",
        b":",
        b"<",
        b">=",
        b"-9999-01-01",
        b"9999-12-31",
        b"+9999y",
        b"-9999m",
        b"message_id:<1@x>",
        b"regarding:01",
        "„ü“".as_bytes(),
        b"\0",
        b"monday",
        b"now",
        b"[Europe/Berlin]",
    ],
    seeds,
    run,
    short_run: 4_000,
};

fn run(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let first = text.lines().next().unwrap_or_default();
    let told = moments(first);
    match query::parse(&text) {
        Ok(query) => {
            let written = query.to_string();
            // Quotes and backslashes are added, and can be too many.
            if written.chars().count() <= QUERY_CHARS_MAX {
                assert_eq!(query::parse(&written).as_ref(), Ok(&query), "it reads the same: {written}");
            }
            let tests = query.terms.iter().map(|term| match &term.test {
                Test::Word(_) => "word".to_owned(),
                Test::Compare { key, operator, value } => {
                    span(value);
                    format!("{}{}", key.name(), operator.sign())
                }
                Test::Between { key, from, to } => {
                    from.iter().chain(to).for_each(span);
                    format!("{}:..", key.name())
                }
            });
            format!("{told} {}", tests.take(4).collect::<Vec<_>>().join(" "))
        }
        Err(bad) => format!("{told} {bad}"),
    }
}

fn span(value: &Value) {
    let Value::When(when) = value else { return };
    for (zone, at) in [("Pacific/Apia", AT.0), ("Europe/Berlin", 0), ("UTC", i64::MAX), ("UTC", i64::MIN)] {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let now = Now { at: regard_core::time::Timestamp(at), zone };
        for weekdays in [Weekdays::Coming, Weekdays::Past] {
            if let Some(span) = when.span(&now, weekdays) {
                assert!(span.start <= span.end, "{when:?} is {span:?}");
            }
        }
    }
}

fn moments(text: &str) -> String {
    let written = moment::as_written(text);
    let berlin = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let begins = moment::begins(text, &berlin);
    assert_eq!(written.is_some(), begins.is_some(), "a moment is one wherever it is read: {text}");
    if let (Some(written), Some(begins)) = (written, begins) {
        let apart = written.abs_diff(begins);
        // A day is told of by its beginning, which is midnight or the first time after it that exists.
        assert!(
            text.contains('[') || apart <= 2 * moment::AS_WRITTEN_OFF_BY_MS.unsigned_abs(),
            "{text}: {apart} ms apart"
        );
    }
    format!("{:?}", written.map(|_| text.contains('[')))
}

fn seeds() -> Vec<Vec<u8>> {
    let typed: &[&str] = &[
        "offer company:Acme due:<friday -tag:vip",
        "due:today..+2w percent:>=50 not is:deleted",
        "company:=\"Acme, Inc\" kind:task",
        "changed:>-3d date:2026 address:ana@x.org",
        "message_id:<1@x> regarding:0101",
        "due:..2026-11-22 title:\"a b\"",
        "2026-11-22",
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00[Europe/Berlin]",
        "2026-11-22T10:00:00+01:00",
        "2026-03-29T02:30:00",
    ];
    typed.iter().map(|text| text.as_bytes().to_vec()).collect()
}
