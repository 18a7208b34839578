use jiff::tz::TimeZone;
use proptest::prelude::*;
use regard_core::record::schema;
use regard_core::time::Timestamp;

use super::when::Unit;
use super::*;

#[track_caller]
fn check(typed: &str, printed: &str) {
    let query = parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
    assert_eq!(query.to_string(), printed, "{typed}: {query:?}");
    assert_eq!(parse(printed).as_ref(), Ok(&query), "{typed}");
}

#[test]
fn what_people_type_is_read() {
    check("", "");
    check("  offer   Porto ", "offer Porto");
    check("kind:Contacts company:Acme due:<friday tag:vip", "kind:contact company:Acme due:<friday tag:vip");
    check("due<=2026-11 percent>=50", "due:<=2026-11 percent:>=50");
    check("-tag:vip not offer not -is:deleted", "-tag:vip -offer is:deleted");
    check("company:=\"Acme, \\\"Inc\\\"\" company:=\"\"", "company:=\"Acme, \\\"Inc\\\"\" company:=\"\"");
    check(
        "due:today..+2w changed:-1d.. date:..2026-11-22T18:30:00Z",
        "due:today..+2w changed:-1d.. date:..2026-11-22T18:30:00Z",
    );
    check(
        "Due:Fri MODIFIED:yesterday message-id:<1@x>",
        "due:friday changed:yesterday message_id:<1@x>".replace("<1@x>", "\"<1@x>\"").as_str(),
    );
    check("\"kind:contact\" \"not\" not", "\"kind:contact\" \"not\" \"not\"");
    check("a..b - -- subject:a..b", "a..b \"-\" \"--\" subject:a..b");
    check("\"\" x", "x");
}

#[track_caller]
fn fails(typed: &str, at: usize, why: &str) {
    let error = parse(typed).expect_err(typed);
    assert!(error.at == at && error.why.contains(why) && !error.hint.is_empty(), "{typed}: {error:?}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    fails("é shoe_size:38", 3, "there is no field “shoe_size”");
    fails("x due:soon", 3, "“soon” is none");
    fails("due:2026-13", 1, "takes a date");
    fails("due:..", 1, "a range has no end");
    fails("percent:half", 1, "takes a whole number");
    fails("company:<Acme", 1, "has no order");
    fails("kind:dog", 1, "no kind");
    fails("is:odd", 1, "cannot be");
    fails("company:", 1, "compared with nothing");
    fails("a \"b", 3, "a quote is opened");
    fails(&"x".repeat(QUERY_CHARS_MAX + 1), 1, "at most");
    fails(&"x ".repeat(TERMS_MAX + 1), 1, "at most");
    assert!(parse("compnay:x").expect_err("no field").hint.contains("“company”"));
}

#[test]
fn a_field_is_compared_alike_in_all_kinds() {
    for field in Kind::ALL.into_iter().flat_map(schema::fields) {
        let found = Kind::ALL.into_iter().filter_map(|kind| schema::find(kind, field.name));
        for other in found {
            assert_eq!(Key::Field(other).takes(), Key::Field(field).takes(), "{}", field.name);
        }
        assert!(Key::named(field.name).is_some(), "{}", field.name);
    }
}

/// Sunday, 22 November 2026, 23:30 in Berlin; the 22nd too in UTC.
fn now() -> Now {
    let at = "2026-11-22T22:30:00Z".parse::<jiff::Timestamp>().expect("a time").as_millisecond();
    Now { at: Timestamp(at), zone: TimeZone::get("Europe/Berlin").expect("a zone") }
}

#[track_caller]
fn means(text: &str, weekdays: Weekdays, start: &str, end: &str) {
    let span = When::read(text).expect(text).span(&now(), weekdays).expect(text);
    let told = |ms| jiff::Timestamp::from_millisecond(ms).expect("a time").to_string();
    assert_eq!((told(span.start), told(span.end)), (start.to_owned(), end.to_owned()), "{text}");
}

#[test]
fn dates_mean_days_where_the_person_is() {
    let (sunday, monday) = ("2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z");
    means("today", Weekdays::Coming, sunday, monday);
    means("sunday", Weekdays::Coming, sunday, monday);
    means("sun", Weekdays::Past, sunday, monday);
    means("tomorrow", Weekdays::Coming, monday, "2026-11-23T23:00:00Z");
    means("friday", Weekdays::Coming, "2026-11-26T23:00:00Z", "2026-11-27T23:00:00Z");
    means("friday", Weekdays::Past, "2026-11-19T23:00:00Z", "2026-11-20T23:00:00Z");
    means("-2w", Weekdays::Coming, "2026-11-07T23:00:00Z", "2026-11-08T23:00:00Z");
    means("+1m", Weekdays::Coming, "2026-12-21T23:00:00Z", "2026-12-22T23:00:00Z");
    means("2026-10", Weekdays::Coming, "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z");
    means("2026", Weekdays::Coming, "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z");
    means("2026-11-22T18:30", Weekdays::Coming, "2026-11-22T17:30:00Z", "2026-11-22T17:31:00Z");
    means("2026-11-22T18:30:05Z", Weekdays::Coming, "2026-11-22T18:30:05Z", "2026-11-22T18:30:06Z");
    for none in [
        "",
        "soon",
        "2026-1",
        "2026-02-30",
        "26-01-01",
        "+d",
        "+99999d",
        "+3",
        "3d",
        "2026-11-22T18:30:00.5",
        "\u{2212}2w",
    ] {
        assert_eq!(When::read(none), None, "{none}");
    }
}

#[test]
fn moments_of_records_are_read_in_all_their_forms() {
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let told =
        |ms: Option<i64>| ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|time| time.to_string());
    for (text, begins, written) in [
        ("2026-11-22", "2026-11-21T23:00:00Z", "2026-11-22T00:00:00Z"),
        ("2026-11-22T12:00:00", "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-22T12:00:00-03:30", "2026-11-22T15:30:00Z", "2026-11-22T15:30:00Z"),
        ("2026-11-22T12:00:00[America/New_York]", "2026-11-22T17:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-22T12:00:00[Nowhere/Land]", "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"),
    ] {
        assert_eq!(told(moment::begins(text, &zone)).as_deref(), Some(begins), "{text}");
        assert_eq!(told(moment::as_written(text)).as_deref(), Some(written), "{text}");
    }
    for none in ["", "--05-01", "soon", "2026-13-01"] {
        assert_eq!((moment::begins(none, &zone), moment::as_written(none)), (None, None), "{none}");
    }
}

fn a_when() -> impl Strategy<Value = When> {
    let unit =
        prop_oneof![Just(Unit::Hours), Just(Unit::Days), Just(Unit::Weeks), Just(Unit::Months), Just(Unit::Years)];
    let date = (0i16..9999, 1i8..=12, 1i8..=28).prop_map(|(y, m, d)| jiff::civil::date(y, m, d));
    let time = (date.clone(), 0i8..24, 0i8..60, 0i8..60).prop_map(|(date, h, m, s)| date.at(h, m, s, 0));
    prop_oneof![
        (0i16..=9999).prop_map(When::Year),
        (0i16..=9999, 1i8..=12).prop_map(|(year, month)| When::Month(year, month)),
        date.prop_map(When::Day),
        time.clone().prop_map(When::Local),
        time.prop_map(When::Utc),
        Just(When::Now),
        (-1i8..=1).prop_map(When::Today),
        (1i8..=7).prop_map(|day| When::Weekday(jiff::civil::Weekday::from_monday_one_offset(day).expect("a day"))),
        (-9999i32..=9999, unit).prop_map(|(count, unit)| When::Offset(count, unit)),
    ]
}

fn a_test() -> impl Strategy<Value = Test> {
    let named = |name: &str| Key::named(name).expect("a key");
    let operator = prop_oneof![
        Just(Operator::Has),
        Just(Operator::Is),
        Just(Operator::Less),
        Just(Operator::AtMost),
        Just(Operator::Greater),
        Just(Operator::AtLeast)
    ];
    let text_key = prop_oneof![
        Just("title"),
        Just("company"),
        Just("tag"),
        Just("address"),
        Just("regarding"),
        Just("message_id")
    ];
    let when_key = prop_oneof![Just("due"), Just("changed"), Just("date"), Just("birthday")];
    let when = || a_when().prop_map(Value::When);
    prop_oneof![
        "\\PC{1,12}".prop_map(Test::Word),
        (text_key.clone(), "\\PC{1,12}").prop_map(move |(key, text)| Test::Compare {
            key: named(key),
            operator: Operator::Has,
            value: Value::Text(text)
        }),
        (text_key, "\\PC{0,12}").prop_map(move |(key, text)| Test::Compare {
            key: named(key),
            operator: Operator::Is,
            value: Value::Text(text)
        }),
        (when_key.clone(), operator.clone(), when()).prop_map(move |(key, operator, value)| Test::Compare {
            key: named(key),
            operator,
            value
        }),
        (operator, any::<i64>()).prop_map(move |(operator, number)| Test::Compare {
            key: named("percent"),
            operator,
            value: Value::Number(number)
        }),
        (when_key, proptest::option::of(when()), when()).prop_map(move |(key, from, to)| Test::Between {
            key: named(key),
            from,
            to: Some(to)
        }),
        (0..6usize).prop_map(move |at| Test::Compare {
            key: named("kind"),
            operator: Operator::Has,
            value: Value::Kind(Kind::ALL[at])
        }),
        (0..4usize).prop_map(move |at| Test::Compare {
            key: named("is"),
            operator: Operator::Has,
            value: Value::State(State::ALL[at])
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(terms in proptest::collection::vec((any::<bool>(), a_test()), 0..6)) {
        let query = Query { terms: terms.into_iter().map(|(negated, test)| Term { negated, test }).collect() };
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_read_prints_the_same(
        text in "([a-z]{0,3}|due|company|is|not|-|:|<|>=|=|\\.\\.|\"|\\\\| |2026-1|today|é|\\PC){0,24}",
    ) {
        if let Ok(query) = parse(&text) {
            prop_assert_eq!(parse(&query.to_string()), Ok(query), "{}", text);
        }
    }

    #[test]
    fn every_date_that_is_read_has_a_span_or_none(when in a_when()) {
        if let Some(span) = when.span(&now(), Weekdays::Coming) {
            prop_assert!(span.start < span.end, "{when}");
        }
    }
}
