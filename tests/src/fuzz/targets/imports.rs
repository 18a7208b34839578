use regard_core::export;
use regard_core::import::{self, Format, Imported, Outcome};
use regard_core::record::{Document, Projection, sheet};
use regard_core::{id::DocumentId, inspect};

use super::records::{AT, FILLED, actor, document};
use crate::fuzz::{Form, Target};

const MAIL_WORDS: &[&[u8]] = &[
    b"Content-Type: multipart/mixed; boundary=b\n",
    b"Content-Type: message/rfc822\n\n",
    b"--b\n",
    b"--b--\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"=?UTF-8?B?w7w=?=",
    b"=?iso-2022-jp?Q?=1b$B",
    b"Date: Sun, 22 Nov 2026 10:00:00 +0100\n",
    b"Message-ID: <1@x>\n",
    b"References: <a@x> <b@x>\n",
    b"From ",
    b">From ",
    b"Content-Disposition: attachment; filename*=utf-8''a%20b\n",
    b"X-Regard-Truncated: 1\n",
    b";",
    b",",
    b":",
    b"<",
    b">",
    b"\"",
    b"\\",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\n ",
    b"charset=utf-7",
    b"Subject: ",
    b"X-Regard-Notes: x\n",
];
const CARD_WORDS: &[&[u8]] = &[
    b"BEGIN:VCARD\n",
    b"END:VCARD\n",
    b"VERSION:3.0\n",
    b"EMAIL;TYPE=work;PREF=1:a@x.org\n",
    b"TEL;VALUE=uri:tel:+1\n",
    b"item1.X-ABLabel:_$!<HomePage>!$_\n",
    b"item1.URL:http://x\n",
    b"ENCODING=QUOTED-PRINTABLE;CHARSET=SHIFT_JIS:",
    b"=83=\n",
    b"NOTE:a\\nb\\,c\n",
    b"BDAY:--0412\n",
    b"N:a;b;c;d;e\n",
    b"ORG:a;b\n",
    b"PHOTO;ENCODING=b:AAAA\n",
    b"X-REGARD-KIND:lead\n",
    b"X-REGARD-KEY=",
    b"X-REGARD-LABEL=",
    b"\"",
    b"\\",
    b";",
    b":",
    b",",
    b"\n ",
    b"\0",
    b"\xff",
    b"^n",
    b"^'",
    b"KIND:org\n",
    b"CATEGORIES:a,b\n",
    b"REV:2026\n",
    b"UID:4711\n",
    b"ADR;LABEL=x:;;s;c;r;p;n\n",
    b"RELATED;TYPE=spouse:x\n",
];
const CALENDAR_WORDS: &[&[u8]] = &[
    b"BEGIN:VEVENT\n",
    b"END:VEVENT\n",
    b"BEGIN:VTODO\n",
    b"END:VTODO\n",
    b"BEGIN:VALARM\n",
    b"END:VALARM\n",
    b"BEGIN:VCALENDAR\n",
    b"END:VCALENDAR\n",
    b"BEGIN:VTIMEZONE\n",
    b"END:VTIMEZONE\n",
    b"TZID:Europe/Berlin\n",
    b"DTSTART;TZID=Europe/Berlin:20261122T100000\n",
    b"RRULE:FREQ=DAILY;COUNT=3\n",
    b"RECURRENCE-ID:20261117T070000Z\n",
    b"EXDATE:20261118\n",
    b"DURATION:PT1H\n",
    b"UID:1\n",
    b"ATTENDEE;CN=\"Ana, B\";PARTSTAT=ACCEPTED:mailto:a@x.org\n",
    b"DESCRIPTION;ALTREP=\"x\":a\\nb\n",
    b"PERCENT-COMPLETE:50\n",
    b"SEQUENCE:7\n",
    b"CATEGORIES:a,b\n",
    b"DUE;VALUE=DATE:20261122\n",
    b"99999999999999999999",
    b"-",
    b"\"",
    b"\\",
    b";",
    b":",
    b",",
    b"\n ",
    b"\0",
    b"\xff",
    b"^n",
    b"X-REGARD-",
    b"ORGANIZER:mailto:a@x.org\n",
    b"STATUS:CANCELLED\n",
];

const PROMISE: &str = "what is imported is accepted as a record, can be read, edited as a sheet and exported, and from its second \
                       export on it exports and imports as the same";

const fn target(
    name: &'static str,
    words: &'static [&'static [u8]],
    seeds: fn() -> Vec<Vec<u8>>,
    run: fn(&[u8]) -> String,
) -> Target {
    Target { name, promise: PROMISE, form: Form::Text, words, seeds, run, short_run: 150 }
}

pub(super) const MAIL: Target =
    target("mail", MAIL_WORDS, mails, |input| outcomes(Format::Message, vec![import::message(input)], input));
pub(super) const MAILBOX: Target = target("mailbox", MAIL_WORDS, mailboxes, |input| {
    let messages = import::messages(input).map(|message| import::message(&message.expect("memory is read")));
    outcomes(Format::Mailbox, messages.collect(), input)
});
pub(super) const CARDS: Target =
    target("cards", CARD_WORDS, cards, |input| outcomes(Format::Cards, import::cards(input), input));
pub(super) const CALENDARS: Target =
    target("calendars", CALENDAR_WORDS, calendars, |input| outcomes(Format::Calendar, import::calendar(input), input));

/// Records of one input that are looked at whole.
const RECORDS_MAX: usize = 3;

fn outcomes(format: Format, outcomes: Vec<Outcome>, input: &[u8]) -> String {
    let mut ways: Vec<String> = outcomes
        .into_iter()
        .take(RECORDS_MAX)
        .map(|outcome| match outcome {
            Outcome::Skipped(skipped) => skipped.reason,
            Outcome::Record(imported) => {
                let shape = format!("{} {:?}", imported.kind, fields(&imported));
                let record = record(&imported);
                shown(&record);
                round(format, &record);
                shape
            }
        })
        .collect();
    ways.sort();
    ways.dedup();
    format!("{:?} {}", Format::detect("", input), ways.join("; "))
}

/// Which fields an import filled.
fn fields(imported: &Imported) -> Vec<String> {
    use regard_core::record::Edit;
    let mut names: Vec<String> = imported
        .edits
        .iter()
        .map(|edit| match edit {
            Edit::Set(name, _) => name.clone(),
            Edit::Put { field, member, .. } => format!("{field}.{}", member.as_deref().unwrap_or_default()),
            _ => String::new(),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

fn record(imported: &Imported) -> Document {
    let mut record = Document::new(imported.kind);
    record.seed_notes(&imported.notes).expect("the notes are accepted");
    record.edit(&imported.edits, &actor(1), AT).expect("the edits are accepted");
    record
}

fn shown(record: &Document) {
    let (projection, id): (_, DocumentId) = (Projection::of(record), document(1));
    assert_eq!(projection.conflicts, 0, "nobody else wrote");
    let _ = inspect::document(id, record);
    let sheet = sheet::read(record.kind(), &sheet::write(id, record)).expect("a sheet that was written reads");
    let merged = sheet.merge(record, record, false).expect("and can be merged");
    assert_eq!((merged.edits.len(), merged.conflicts.len()), (0, 0), "and changes nothing: {:?}", merged.edits);
}

fn exported(format: Format, record: &Document) -> Option<Vec<u8>> {
    match format {
        Format::Message => export::message(record),
        Format::Mailbox => export::message(record).map(|message| export::mailbox_entry(record, &message)),
        Format::Cards => export::card(record).map(String::into_bytes),
        Format::Calendar => export::calendar(record).map(String::into_bytes),
    }
}

fn imported(format: Format, bytes: &[u8]) -> Vec<Outcome> {
    match format {
        Format::Message => vec![import::message(bytes)],
        Format::Mailbox => {
            import::messages(bytes).map(|message| import::message(&message.expect("memory is read"))).collect()
        }
        Format::Cards => import::cards(bytes),
        Format::Calendar => import::calendar(bytes),
    }
}

/// Out and in again: from the second export on nothing differs any more. What a file said twice is said once by then.
fn round(format: Format, record: &Document) {
    let Some(first) = exported(format, record) else { return };
    let second = exported(format, &one(format, &first)).expect("it is exported again");
    let again = one(format, &second);
    let third = exported(format, &again).expect("and again");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&third), text(&second), "an export, imported and exported again");
    assert_eq!(again.content(), one(format, &third).content(), "and what it was imported as");
}

fn one(format: Format, bytes: &[u8]) -> Document {
    let mut outcomes = imported(format, bytes);
    assert_eq!(outcomes.len(), 1, "one record is exported as one:\n{}", String::from_utf8_lossy(bytes));
    match outcomes.remove(0) {
        Outcome::Record(imported) => self::record(&imported),
        Outcome::Skipped(skipped) => panic!("{skipped}, after it was exported:\n{}", String::from_utf8_lossy(bytes)),
    }
}

fn mails() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        &include_bytes!("../../../../client/samples/offer-1-request.eml")[..],
        include_bytes!("../../../../client/samples/offer-4-offer.eml"),
        include_bytes!("../../../../client/samples/delivery-late.eml"),
        b"From: =?UTF-8?Q?J=C3=BCrgen?= <j@x>\nTo: \"Doe, Ana\" <ana@x>, ben@x\nSubject: x\n y\nDate: soon\n\nHi\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHi\n--b\nContent-Type: image/png; name=\"a.png\"\n\
          Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--b--\n",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    seeds.extend(FILLED.iter().filter_map(export::message));
    seeds
}

fn mailboxes() -> Vec<Vec<u8>> {
    let mut seeds = vec![include_bytes!("../../../../client/samples/archive.mbox").to_vec()];
    let entry = |record: &Document| Some(export::mailbox_entry(record, &export::message(record)?));
    seeds.extend(FILLED.iter().filter_map(entry));
    seeds.push(
        b"From a@x Mon Nov  2 09:00:00 2026\nSubject: 1\n\n>From me\n\nFrom b@x Mon Nov  2 09:00:00 2026\n\nend"
            .to_vec(),
    );
    seeds
}

fn cards() -> Vec<Vec<u8>> {
    let mut seeds = vec![include_bytes!("../../../../client/samples/contacts.vcf").to_vec()];
    seeds.extend(FILLED.iter().filter_map(export::card).map(String::into_bytes));
    seeds.push(
        b"BEGIN:VCARD\nVERSION:2.1\nN:Doe;Ana\nTEL;HOME;VOICE:1\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\n b=0A\nEND:VCARD\n"
            .to_vec(),
    );
    seeds
}

fn calendars() -> Vec<Vec<u8>> {
    let mut seeds = vec![include_bytes!("../../../../client/samples/calendar.ics").to_vec()];
    seeds.extend(FILLED.iter().filter_map(export::calendar).map(String::into_bytes));
    seeds.push(
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20261122T100000Z\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\n\
          RECURRENCE-ID:20261129T100000Z\nSUMMARY:later\nEND:VEVENT\nEND:VCALENDAR\n"
            .to_vec(),
    );
    seeds
}
