//! The sample files and what becomes of them when their bytes are changed.

use proptest::prelude::*;

use super::{Format, Outcome, Skipped, calendar, cards, message, messages};
use crate::id::Actor;
use crate::limits::{CHANGE_BYTES_MAX, CHANGE_OPS_MAX};
use crate::record::{Document, Edit};
use crate::time::Timestamp;

const SAMPLES: &[(&str, &[u8])] = &[
    ("offer-1-request.eml", include_bytes!("../../../client/samples/offer-1-request.eml")),
    ("offer-2-question.eml", include_bytes!("../../../client/samples/offer-2-question.eml")),
    ("offer-3-answer.eml", include_bytes!("../../../client/samples/offer-3-answer.eml")),
    ("offer-4-offer.eml", include_bytes!("../../../client/samples/offer-4-offer.eml")),
    ("delivery-late.eml", include_bytes!("../../../client/samples/delivery-late.eml")),
    ("archive.mbox", include_bytes!("../../../client/samples/archive.mbox")),
    ("contacts.vcf", include_bytes!("../../../client/samples/contacts.vcf")),
    ("calendar.ics", include_bytes!("../../../client/samples/calendar.ics")),
];

fn import(format: Format, bytes: &[u8]) -> Vec<Outcome> {
    match format {
        Format::Message => vec![message(bytes)],
        Format::Mailbox => messages(bytes).map(|found| message(&found.expect("bytes in memory"))).collect(),
        Format::Cards => cards(bytes),
        Format::Calendar => calendar(bytes),
    }
}

/// Applies an outcome as a client does, and checks the bounds.
#[track_caller]
fn apply(outcome: &Outcome) {
    let imported = match outcome {
        Outcome::Record(imported) => imported,
        Outcome::Skipped(Skipped { what, reason }) => {
            assert!(!what.is_empty() && !reason.is_empty() && !reason.ends_with('.'), "{what}: {reason}");
            return;
        }
    };
    let mut document = Document::new(imported.kind);
    document.seed_notes(&imported.notes).expect("the notes");
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    let change = document.edit(&imported.edits, &actor, Timestamp(0)).expect("the edits");
    assert!(change.is_none_or(|change| change.bytes.len() <= CHANGE_BYTES_MAX));
    assert!(imported.edits.len() as u64 <= CHANGE_OPS_MAX);
}

#[test]
fn the_samples_import_without_a_skip() {
    let mut counts = std::collections::BTreeMap::new();
    for (name, bytes) in SAMPLES {
        let format = Format::detect(name, bytes).expect("a known extension");
        assert_eq!(Format::detect("", bytes), Some(format), "{name}");
        for outcome in import(format, bytes) {
            apply(&outcome);
            let Outcome::Record(imported) = outcome else { panic!("{name}: {outcome:?}") };
            *counts.entry(imported.kind.name()).or_insert(0) += 1;
            let truncated = |edit: &&Edit| matches!(edit, Edit::Put { item, .. } if item.starts_with("truncated"));
            assert_eq!(imported.edits.iter().find(truncated), None, "{name}");
        }
    }
    let expected = [("account", 1), ("appointment", 4), ("contact", 5), ("email", 8), ("task", 3)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}

/// What is put in: bytes that mean something to one of the parsers.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n\n",
    b"\n ",
    b"\r",
    b":",
    b";",
    b",",
    b"=",
    b"\"",
    b"<",
    b">",
    b"\\",
    b"\0",
    b"\xff\xfe",
    b"\x83",
    b"=?UTF-8?B?",
    b"=?iso-2022-jp?Q?=1b$B",
    b"--=_offer",
    b"--=_quay--",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"From ",
    b"BEGIN:VCARD\r\n",
    b"END:VCARD\r\n",
    b"BEGIN:VEVENT\r\n",
    b"END:VEVENT\r\n",
    b"RECURRENCE-ID:20261117T070000Z\r\n",
    b"RRULE:FREQ=",
    b"X-NEW;ENCODING=QUOTED-PRINTABLE;CHARSET=SHIFT_JIS:=83=\r\n",
    b"99999999999999999999",
    b"-",
    "ß\u{feff}".as_bytes(),
];

#[derive(Debug, Clone)]
enum Mutation {
    Flip(usize, u8),
    Insert(usize, usize),
    Delete(usize, usize),
    Repeat(usize, usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>();
    prop_oneof![
        (at, any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (at, 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at, 1..200_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (at, 1..60_usize, 1..400_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let place = |at: usize, bytes: &Vec<u8>| at % (bytes.len() + 1);
    match *mutation {
        Mutation::Flip(at, byte) if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        Mutation::Flip(..) => {}
        Mutation::Insert(at, piece) => {
            let at = place(at, bytes);
            bytes.splice(at..at, PIECES[piece].iter().copied());
        }
        Mutation::Delete(at, length) => {
            let at = place(at, bytes);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Mutation::Repeat(at, length, times) => {
            let at = place(at, bytes);
            let repeated = bytes[at..bytes.len().min(at + length)].repeat(times);
            bytes.splice(at..at, repeated);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn changed_bytes_give_outcomes_within_bounds(
        sample in 0..SAMPLES.len(),
        mutations in prop::collection::vec(mutation(), 1..12),
    ) {
        let (name, bytes) = SAMPLES[sample];
        let mut bytes = bytes.to_vec();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        let format = Format::detect(name, &bytes).expect("a known extension");
        import(format, &bytes).iter().for_each(apply);
    }

    #[test]
    fn any_bytes_give_outcomes_of_every_format(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for format in [Format::Message, Format::Mailbox, Format::Cards, Format::Calendar] {
            import(format, &bytes).iter().for_each(apply);
        }
    }
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// Each of these is larger than a field, a map or a change can be.
#[test]
fn what_is_too_large_is_cut_and_said() {
    let body = format!("Subject: {}\r\n\r\n{}", "ß ".repeat(100_000), "body ß\n".repeat(400_000));
    let html = format!(
        "Message-ID: <1>\r\nReferences: {}\r\nContent-Type: text/html\r\n\r\n<p>{}</p>",
        "<abc@def> ".repeat(300_000),
        "word ".repeat(600_000)
    );
    let card = format!(
        "BEGIN:VCARD\nFN:{}\n{}NOTE:{}\nEND:VCARD\n",
        "x".repeat(100_000),
        lines(5_000, |n| format!("EMAIL:{n}@example.org\nX-{}:%/%\n", "/".repeat(900))),
        "ß".repeat(100_000)
    );
    let attendee = |n| format!("ATTENDEE;CN={}:mailto:{n}{}@example.org\n", "n".repeat(900), "/".repeat(900));
    let event = lines(3_000, attendee);
    let event = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{event}END:VEVENT\nEND:VCALENDAR\n");
    for outcome in [message(body.as_bytes()), message(html.as_bytes())]
        .into_iter()
        .chain(cards(card.as_bytes()))
        .chain(calendar(event.as_bytes()))
    {
        apply(&outcome);
        let Outcome::Record(imported) = outcome else { panic!("{outcome:?}") };
        let said = |edit: &Edit| matches!(edit, Edit::Put { item, .. } if item.starts_with("truncated"));
        assert!(imported.edits.iter().any(said), "{:?}", imported.kind);
    }
}

/// The parser nests messages without recursion and without a bound, and dropping such a chain overflowed the stack, which no
/// `catch_unwind` catches.
#[test]
fn messages_nested_without_end_do_not_overflow_the_stack() {
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    apply(&message(format!("Subject: x\r\n{nested}").as_bytes()));
    let encoded = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    apply(&message(format!("Subject: x\r\n{encoded}{nested}").as_bytes()));
}
