//! What a calendar becomes when its record was edited, and random records that come back as they were.

use proptest::prelude::*;

use super::calendar;
use crate::id::Actor;
use crate::import::view::View;
use crate::import::{self, Outcome};
use crate::record::assignment;
use crate::record::{Document, Edit, Kind};
use crate::time::Timestamp;

const AT: Timestamp = Timestamp(1_790_000_000_000);

fn actor() -> Actor {
    Actor::from_bytes(&[1; 20]).expect("an actor")
}

fn imported(text: &str) -> Document {
    let outcomes = import::calendar(text.as_bytes());
    let [Outcome::Record(imported)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let mut document = Document::new(imported.kind);
    document.seed_notes(&imported.notes).expect("notes");
    document.edit(&imported.edits, &actor(), AT).expect("edits");
    document
}

/// The lines of the export, unfolded, without those that every file has.
fn lines(document: &Document) -> Vec<String> {
    let text = calendar(document).expect("a calendar");
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    let text = text.replace("\r\n ", "");
    let own = |line: &&str| {
        !["BEGIN:VCALENDAR", "END:VCALENDAR", "VERSION:2.0", "PRODID:-//Regard//Regard//EN"].contains(line)
    };
    text.split_terminator("\r\n").filter(own).map(str::to_owned).collect()
}

const EVENT: &str = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Here\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:1\r\n\
    DTSTAMP:20200101T000000Z\r\nSUMMARY;LANGUAGE=de;ALTREP=\"cid:1\":Runde\r\nDTSTART;TZID=Here;X-A=b:20261103T070000\r\n\
    DURATION:PT1H\r\nRRULE:INTERVAL=2;FREQ=DAILY\r\nRDATE:20270101T000000Z\r\nEXDATE;TZID=Here;X-B=c:20261105T070000,20261107T070000\r\n\
    ORGANIZER;CN=Ben;SENT-BY=\"mailto:c@x\":mailto:ben@x\r\n\
    ATTENDEE;CN=\"Doe, Ana\";RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:Ana@x\r\nATTENDEE;RSVP=TRUE:mailto:ben@x\r\n\
    CATEGORIES;LANGUAGE=de:rot,blau\r\nDESCRIPTION:Erst\\neins\r\nX-FOO;A=b:c\\d\r\n\
    BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nACTION:AUDIO\r\nREPEAT:2\r\nEND:VALARM\r\n\
    BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nACTION:AUDIO\r\nEND:VALARM\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID;TZID=Here:20261109T070000\r\nSUMMARY:Anders\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// Edits the event, and checks which lines are gone and which are new.
#[track_caller]
fn check(assignments: &[&str], gone: &[&str], new: &[&str]) {
    let mut document = imported(EVENT);
    let before = lines(&document);
    let edits: Vec<Edit> =
        assignments.iter().map(|text| assignment::parse(Kind::Appointment, text).expect("an assignment")).collect();
    document.edit(&edits, &actor(), AT).expect("an edit");
    let after = lines(&document);
    let minus = |these: &[String], others: &[String]| {
        let mut others = others.to_vec();
        let mut left = these.to_vec();
        left.retain(|line| match others.iter().position(|other| other == line) {
            Some(at) => {
                others.remove(at);
                false
            }
            None => true,
        });
        left
    };
    assert_eq!((minus(&before, &after), minus(&after, &before)), (owned(gone), owned(new)), "{assignments:?}");
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// The event was kept with the zone, beside being a record of its own, and every export of the record held both.
#[test]
fn an_event_in_a_time_zone_is_exported_once() {
    let event = "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Here:20261103T070000\nEND:VEVENT\n";
    let zone = "BEGIN:VTIMEZONE\nTZID:Here\nX-A:b\n";
    let record = imported(&format!("BEGIN:VCALENDAR\n{zone}{event}END:VTIMEZONE\nEND:VCALENDAR\n"));
    let text = calendar(&record).expect("a calendar");
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 1, "{text}");
    assert!(text.contains("TZID:Here\r\nX-A:b\r\nEND:VTIMEZONE"), "{text}");
    assert_eq!(imported(&text).content(), record.content());
}

/// The control character was left out of the export, which then began an event that nothing ended.
#[test]
fn what_is_no_beginning_does_not_become_one() {
    let record =
        imported("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nB\0EGIN:VEVENT\nX-A:b\0c\nEND:VEVENT\nEND:VCALENDAR\n");
    let text = calendar(&record).expect("a calendar");
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 1, "{text}");
    assert!(text.contains("X-A:bc\r\n"), "{text}");
    assert_eq!(calendar(&imported(&text)), Some(text));
}

#[test]
fn an_event_that_nobody_edited_comes_back_as_it_was() {
    let mut expected: Vec<String> = EVENT.split_terminator("\r\n").map(str::to_owned).collect();
    expected.retain(|line| !["BEGIN:VCALENDAR", "END:VCALENDAR", "DTSTAMP:20200101T000000Z"].contains(&line.as_str()));
    let mut found = lines(&imported(EVENT));
    assert_eq!(found.iter().filter(|line| *line == "DTSTAMP:20260921T141320Z").count(), 2);
    found.retain(|line| !line.starts_with("DTSTAMP"));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_edited_field_is_written_with_the_parameters_that_no_field_has() {
    check(
        &["summary=Round, two"],
        &["SUMMARY;LANGUAGE=de;ALTREP=\"cid:1\":Runde"],
        &["SUMMARY;LANGUAGE=de;ALTREP=\"cid:1\":Round\\, two"],
    );
    let start = ["DTSTART;TZID=Here;X-A=b:20261103T070000"];
    check(&["start=2026-11-03T08:00[Europe/Berlin]"], &start, &["DTSTART;TZID=Europe/Berlin;X-A=b:20261103T080000"]);
    check(&["start=2026-11-03"], &start, &["DTSTART;VALUE=DATE;X-A=b:20261103"]);
    check(&["start=2026-11-03T08:00:00+01:00"], &start, &["DTSTART;X-A=b:20261103T070000Z"]);
    check(&["start="], &start, &[]);
    check(&["end=2026-11-03T09:00Z"], &["DURATION:PT1H"], &["DTEND:20261103T090000Z"]);
    check(&["recurrence=FREQ=WEEKLY"], &["RRULE:INTERVAL=2;FREQ=DAILY"], &["RRULE:FREQ=WEEKLY"]);
    check(&["description=Zwei"], &["DESCRIPTION:Erst\\neins"], &["DESCRIPTION:Zwei"]);
    let organizer = ["ORGANIZER;CN=Ben;SENT-BY=\"mailto:c@x\":mailto:ben@x"];
    check(&["organizer=Benno <ben@x>"], &organizer, &["ORGANIZER;CN=Benno;SENT-BY=\"mailto:c@x\":mailto:ben@x"]);
    check(&["organizer=Ana <ana@x>"], &organizer, &["ORGANIZER;CN=Ana:mailto:ana@x"]);
}

#[test]
fn an_edited_entry_keeps_what_no_field_has_and_a_removed_one_takes_it_along() {
    let ana = ["ATTENDEE;CN=\"Doe, Ana\";RSVP=TRUE;PARTSTAT=NEEDS-ACTION:mailto:Ana@x"];
    check(
        &["attendees[ana@x].answer=ACCEPTED"],
        &ana,
        &["ATTENDEE;RSVP=TRUE;CN=\"Doe, Ana\";PARTSTAT=ACCEPTED:mailto:Ana@x"],
    );
    check(&["attendees-=ana@x"], &ana, &[]);
    check(&["attendees+=eva@x", "attendees[eva@x].role=CHAIR"], &[], &["ATTENDEE;ROLE=CHAIR:mailto:eva@x"]);
    check(
        &["categories-=rot", "categories+=grün"],
        &["CATEGORIES;LANGUAGE=de:rot,blau"],
        &["CATEGORIES;LANGUAGE=de:blau", "CATEGORIES:grün"],
    );
    let left_out = ["EXDATE;TZID=Here;X-B=c:20261105T070000,20261107T070000"];
    let one = "exceptions-=2026-11-05T07:00:00[Here]";
    check(&[one], &left_out, &["EXDATE;TZID=Here;X-B=c:20261107T070000"]);
    check(&[one, "exceptions-=2026-11-07T07:00:00[Here]"], &left_out, &[]);
    check(&["exceptions+=2026-11-08T07:00:00Z"], &[], &["EXDATE:20261108T070000Z"]);
    check(
        &["exceptions-=2026-11-09T07:00:00[Here]"],
        &[
            "BEGIN:VEVENT",
            "DTSTAMP:20260921T141320Z",
            "UID:1",
            "RECURRENCE-ID;TZID=Here:20261109T070000",
            "SUMMARY:Anders",
            "END:VEVENT",
        ],
        &[],
    );
}

#[test]
fn reminders_of_one_time_are_known_by_their_order() {
    let alarm = ["REPEAT:2", "BEGIN:VALARM", "TRIGGER:-PT5M", "ACTION:AUDIO", "END:VALARM"];
    check(&["reminders-=-PT5M"], &alarm, &[]);
    check(&["reminders[-PT5M].action=EMAIL"], &["ACTION:AUDIO"], &["ACTION:EMAIL"]);
    check(
        &["reminders+=-PT1H"],
        &[],
        &["BEGIN:VALARM", "TRIGGER:-PT1H", "ACTION:DISPLAY", "DESCRIPTION:Runde", "END:VALARM"],
    );
}

/// A zone is defined in the file for as long as something in it refers to it.
#[test]
fn a_definition_goes_with_the_last_that_refers_to_its_zone() {
    let all = ["start=2026-11-03", "exceptions-=2026-11-05T07:00:00[Here]", "exceptions-=2026-11-07T07:00:00[Here]"];
    let last = "exceptions-=2026-11-09T07:00:00[Here]";
    let edited = |assignments: &[&str]| {
        let mut document = imported(EVENT);
        for text in assignments {
            let edit = assignment::parse(Kind::Appointment, text).expect("an assignment");
            document.edit(&[edit], &actor(), AT).expect("an edit");
        }
        lines(&document).contains(&"BEGIN:VTIMEZONE".to_owned())
    };
    assert!(edited(&all));
    assert!(!edited(&[&all[..], &[last]].concat()));
}

/// Other programs write into records, too.
#[test]
fn no_text_breaks_out_of_its_place() {
    let put = |field: &str, item: &str, member: Option<&str>, value: &str| Edit::Put {
        field: field.into(),
        item: item.into(),
        member: member.map(str::to_owned),
        value: value.into(),
    };
    let mut document = Document::new(Kind::Task);
    let edits = [
        Edit::Set("description".into(), "a\nEND:VTODO\r\nb".into()),
        put("unknown", "X-A", None, "X-A:b\r\nEND:VTODO"),
        put("unknown", "END", None, "END:VCALENDAR"),
        put("unknown", "VALARM", None, "BEGIN:VALARM\nEND:VALARM\nEND:VTODO\nX:1"),
        put("unknown", "truncated notes", None, "ratio 1:2 kept"),
        put("exceptions", "x", Some("instance"), "BEGIN:VTODO\nSUMMARY:x\nBEGIN:X"),
        put("exceptions", "y", Some("instance"), "nothing"),
        put("categories", "c\nd", None, "c\nd"),
    ];
    document.edit(&edits, &actor(), AT).expect("edits");
    assert_eq!(
        lines(&document),
        [
            "BEGIN:VTODO",
            "DTSTAMP:20260921T141320Z",
            "CATEGORIES:c\\nd",
            "DESCRIPTION:a\\nEND:VTODO\\nb",
            "X-A:bEND:VTODO",
            "BEGIN:VALARM",
            "END:VALARM",
            "END:VTODO",
            "BEGIN:VTODO",
            "DTSTAMP:20260921T141320Z",
            "SUMMARY:x",
            "BEGIN:X",
            "END:X",
            "END:VTODO",
        ]
    );
}

#[test]
fn only_what_a_calendar_holds_is_written_and_an_id_where_it_has_none() {
    assert_eq!(calendar(&Document::new(Kind::Contact)), None);
    let with_uid = super::calendar_with_uid(&Document::new(Kind::Task), "7").expect("a task");
    assert!(with_uid.contains("\r\nUID:7\r\n"), "{with_uid}");
    let with_uid = super::calendar_with_uid(&imported(EVENT), "7").expect("an event");
    assert!(!with_uid.contains("UID:7"), "{with_uid}");
}

fn word() -> impl Strategy<Value = String> {
    // One line, without space at its ends and without the control characters that no calendar holds.
    "[a-zA-Zäß0-9:;,\"\\\\^=<>%/#\\[\\]{}'-][a-zA-Zß :;,\"\\\\^=.]{0,40}[a-z0-9\\\\;,\"^]".prop_map(|text| text)
}

fn moment() -> impl Strategy<Value = String> {
    let zone = prop_oneof![
        Just(String::new()),
        Just("Z".to_owned()),
        Just("[Europe/Berlin]".to_owned()),
        Just("[(UTC+01:00) A, B]".to_owned())
    ];
    let date = (1_i32..=9999, 1..=12, 1..=28).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"));
    let time = (0..24, 0..60, 0..60, zone)
        .prop_map(|(hour, minute, second, zone)| format!("T{hour:02}:{minute:02}:{second:02}{zone}"));
    (date, prop::option::of(time)).prop_map(|(date, time)| date + &time.unwrap_or_default())
}

fn edit(kind: Kind) -> BoxedStrategy<Vec<Edit>> {
    let set = |field: &'static str| move |value: String| vec![Edit::Set(field.into(), value.into())];
    let put = |field: &'static str, item: String, members: Vec<(&'static str, String)>| {
        let item_is_there =
            Edit::Put { field: field.into(), item: item.clone(), member: None, value: item.clone().into() };
        let members = members.into_iter().map(|(member, value)| Edit::Put {
            field: field.into(),
            item: item.clone(),
            member: Some(member.into()),
            value: value.into(),
        });
        std::iter::once(item_is_there).chain(members).collect::<Vec<_>>()
    };
    let whole = move |field: &'static str| {
        move |number: i64| vec![Edit::Set(field.into(), crate::record::Scalar::Whole(number))]
    };
    let (last, own) = if kind == Kind::Task { ("due", "completed") } else { ("end", "start") };
    prop_oneof![
        prop::sample::select(vec!["summary", "location", "uid"])
            .prop_flat_map(move |field| word().prop_map(set(field))),
        word().prop_map(set("description")),
        "[a-z ,;\n\\\\]{0,80}[a-z]".prop_map(set("description")),
        prop::sample::select(vec!["start", last, own]).prop_flat_map(move |field| moment().prop_map(set(field))),
        any::<i64>().prop_map(whole("priority")),
        (0_i64..9).prop_map(whole("sequence")),
        prop::sample::select(vec!["CONFIRMED", "TENTATIVE", "odd one"])
            .prop_map(move |text| set("status")(text.into())),
        prop::sample::select(vec!["PRIVATE", "X-OWN"]).prop_map(move |text| set("class")(text.into())),
        "FREQ=DAILY(;COUNT=[1-9])?".prop_map(set("recurrence")),
        "https://[a-z]{1,90}/\\?a=b,c;d".prop_map(set("url")),
        (word(), "[a-z]{1,9}@x").prop_map(move |(name, address)| set("organizer")(format!("{name} <{address}>"))),
        word().prop_map(move |text| put("categories", text, Vec::new())),
        ("[a-z]{1,3}@x", word()).prop_map(move |(address, name)| put(
            "attendees",
            address,
            vec![("name", name), ("role", "CHAIR".into()), ("answer", "X-MAYBE".into())]
        )),
        moment().prop_map(move |text| put("exceptions", text, Vec::new())),
        ("-?PT[1-9]M(;RELATED=END)?", prop::sample::select(vec!["DISPLAY", "AUDIO"]))
            .prop_map(move |(time, action)| put("reminders", time, vec![("action", action.into())])),
        "[0-9]{4}-0[1-9]-1[0-9]T10:00:00Z".prop_map(move |text| put(
            "reminders",
            text,
            vec![("action", "EMAIL".into())]
        )),
        ("X-[A-Z]{3}", word()).prop_map(|(name, value)| vec![Edit::Put {
            field: "unknown".into(),
            item: name.clone(),
            member: None,
            value: format!("{name};P=q:{value}").into(),
        }]),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Where it fails, proptest prints the record and keeps the seed.
    #[test]
    fn what_is_exported_imports_with_the_same_fields(
        (kind, edits) in prop::sample::select(vec![Kind::Task, Kind::Appointment])
            .prop_flat_map(|kind| (Just(kind), prop::collection::vec(edit(kind), 1..12)))
    ) {
        let mut document = Document::new(kind);
        document.edit(&edits.concat(), &actor(), AT).expect("edits");
        let text = calendar(&document).expect("a kind that calendars hold");
        let again = imported(&text);
        prop_assert_eq!(View::of(&again), View::of(&document), "{}", text);
        // A record of which nothing but a description is known was never changed at any time.
        let unstamped = |record: &Document| lines(record).into_iter().filter(|line| !line.starts_with("DTSTAMP")).collect::<Vec<_>>();
        prop_assert_eq!(unstamped(&again), unstamped(&document));
    }
}
