//! What is exported reads back as the record it was made of.

use proptest::prelude::*;

use super::message;
use crate::id::Actor;
use crate::import::{self, Imported, Outcome};
use crate::record::{Document, Edit, Kind, Scalar};
use crate::time::Timestamp;

fn imported(bytes: &[u8]) -> Imported {
    match import::message(bytes) {
        Outcome::Record(imported) => *imported,
        Outcome::Skipped(skipped) => panic!("{skipped}:\n{}", String::from_utf8_lossy(bytes)),
    }
}

fn record(edits: &[Edit]) -> Document {
    let mut record = Document::new(Kind::Email);
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    record.edit(edits, &actor, Timestamp(0)).expect("the edits");
    record
}

fn exported(record: &Document) -> String {
    String::from_utf8(message(record).expect("an email")).expect("UTF-8")
}

fn places(record: &Document) -> Vec<(String, Scalar)> {
    record.places().into_iter().map(|(place, shown)| (place, shown.winner.value)).collect()
}

/// Exports and imports again: everything must be as it was.
#[track_caller]
fn check_round(record: &Document) -> String {
    let text = exported(record);
    let again = self::record(&imported(text.as_bytes()).edits);
    assert_eq!(places(record), places(&again), "\n{text}");
    assert_eq!(exported(&again), text);
    text
}

#[track_caller]
fn check_mail(text: &str, expected: &str) {
    let found = check_round(&record(&imported(text.as_bytes()).edits));
    assert_eq!(found.replace("\r\n", "\n"), expected);
}

#[test]
fn headers_are_written_from_fields_and_kept_where_they_say_more() {
    check_mail(
        "Received: from b by c; Sun, 22 Nov 2026 09:00:02 +0000\nReceived: from a by b; Sun, 22 Nov 2026 09:00:01 +0000\n\
         X-Mailer: Hand\nFrom: \"Ana\"  <ana@x.org> (at home)\nTo: ben@x.org\nSubject: Offer\nsubject: Second\n\
         DATE: Sun, 22 Nov 2026 10:00:00 +0100\nMessage-ID: <1@x.org>\nContent-Type: text/plain; charset=x; format=flowed\n\nHi\n",
        "Received: from b by c; Sun, 22 Nov 2026 09:00:02 +0000\nReceived: from a by b; Sun, 22 Nov 2026 09:00:01 +0000\n\
         X-Mailer: Hand\nFrom: \"Ana\"  <ana@x.org> (at home)\nSubject: Offer\nsubject: Second\n\
         X-Regard-Content-Type: text/plain; charset=x; format=flowed\nDate: Sun, 22 Nov 2026 10:00:00 +0100\nTo: ben@x.org\n\
         Message-ID: <1@x.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=\"utf-8\"\n\
         Content-Transfer-Encoding: 7bit\n\nHi",
    );
}

/// With a carriage return in its name the header was kept as one that is not known, and read as the one that it is: every export
/// wrote it once more.
#[test]
fn headers_with_returns_in_their_names_do_not_multiply() {
    let mail = b"Sen\rder: Ana\nSender: Ana\nX\r-A: b\rc\nSubject: x\n\nHi\n";
    let text = check_round(&record(&imported(mail).edits));
    assert_eq!(text.matches("Ana").count(), 2, "{text}");
    assert!(text.contains("X-A: b c\r\n"), "{text}");
}

/// It was the first line of the export, and taken for the line before a message in an mbox file when that was imported.
#[test]
fn what_begins_a_message_in_an_mbox_file_is_no_header() {
    let record = record(&imported(b"Subject: x\nFrom here: to there\nX-A: b\n\nHi\n").edits);
    let text = exported(&record);
    assert!(text.contains("X-A: b\r\n") && !text.contains("From here"), "{text}");
    check_round(&self::record(&imported(text.as_bytes()).edits));
}

#[test]
fn a_changed_field_is_written_in_place_of_the_header_that_was_kept() {
    let mut record =
        record(&imported(b"From: \"Ana\" <ana@x.org>\nX-A: 1\nReceived: from a; 1 Jan 2026 00:00:00 +0000\n\n").edits);
    let actor = Actor::from_bytes(&[2; 20]).expect("an actor");
    let edits = [
        Edit::Set("from".into(), "Ben <ben@x.org>".into()),
        Edit::Set("subject".into(), "Grüße an =?UTF-8?Q?alle?=".into()),
        Edit::Set("received".into(), "2026-01-02T00:00:00Z".into()),
    ];
    record.edit(&edits, &actor, Timestamp(1)).expect("an edit");
    let text = exported(&record);
    assert!(
        text.starts_with("Received: by regard; Fri, 2 Jan 2026 00:00:00 +0000\r\nX-A: 1\r\nReceived: from a;"),
        "{text}"
    );
    assert!(text.contains("\r\nFrom: Ben <ben@x.org>\r\n") && !text.contains("Ana"), "{text}");
    let again = self::record(&imported(text.as_bytes()).edits);
    for field in ["from", "subject", "received"] {
        assert_eq!(record.text(field), again.text(field), "{text}");
    }
}

#[test]
fn bodies_are_alternatives_and_attachments_say_where_they_lie() {
    let mail = "Message-ID: <2@x>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\n<p>gr=FCn</p>\n--b\nContent-Type: text/plain; name=\"a b.txt\"\n\
         Content-Disposition: inline; filename=\"a b.txt\"\nContent-ID: <9@x>\nContent-Transfer-Encoding: base64\n\nZ3LDvG4=\n--b--\n";
    let record = record(&imported(mail.as_bytes()).edits);
    let lines = record.entries("unknown").get("part lines 1").and_then(|lines| lines.value.clone());
    assert_eq!(lines, Some("Content-Disposition: inline; filename=\"a b.txt\"\nContent-ID: <9@x>".into()));
    let text = check_round(&record);
    for expected in [
        "multipart/mixed;",
        "multipart/alternative;",
        "text/plain; charset=\"utf-8\"",
        "text/html; charset=\"utf-8\"",
        "message/external-body; access-type=\"x-regard-sha256\";",
        "sha256=\"fe263064ba02eaeac482aaf1309553779bdb78e385cb1374654de293e191d785\"",
        "size=\"5\"",
        "type=\"text/plain\"",
        "name=\"a b.txt\"",
        "\r\nContent-ID: <9@x>\r\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
}

#[test]
fn what_did_not_fit_is_said_again() {
    let body = format!("Subject: x\n\n{}", "0123456789\n".repeat(200_000));
    let text = check_round(&record(&imported(body.as_bytes()).edits));
    assert!(text.contains("\r\nX-Regard-Truncated: body: 1048576 of 2199999 bytes are kept\r\n"), "{}", &text[..400]);
}

#[test]
fn other_kinds_are_no_mail() {
    assert_eq!(message(&Document::new(Kind::Contact)), None);
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,120}",
        "[a-zäöüß🙂ŁЖ=?_ ,;:<>()@\"\\\\.]{0,60}",
        "(=\\?utf-8\\?q\\?[a-z=20]{1,8}\\?= ?){1,3}",
        "\\PC{0,200}",
        "[a-z ]{900,1200}",
    ]
    .prop_map(|text| text.trim().to_owned())
}

fn addresses() -> impl Strategy<Value = String> {
    let name =
        prop_oneof!["[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?", "[A-ZÄÖŁЖ][a-zäöüß]{1,20}", "\"[A-Z][a-z]{1,9}, [A-Z]\\.\""];
    let one = (name, "[a-z]{1,9}@[a-z]{1,9}\\.org").prop_map(|(name, address)| format!("{name} <{address}>"));
    prop::collection::vec(prop_oneof![one, "[a-z]{1,9}@[a-z]{1,9}\\.org".boxed()], 1..8)
        .prop_map(|list| list.join(", "))
}

fn moment() -> impl Strategy<Value = String> {
    (1_970..2_100_i32, 1..13_i32, 1..29_i32, 0..24_i32, 0..60_i32, prop_oneof!["Z", "[+-]0[1-9]:[03]0", "\\+1[0-3]:45"])
        .prop_map(|(year, month, day, hour, minute, zone)| {
            format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:07{zone}")
        })
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,100}",
        "\\PC{0,40}",
        Just("From me".to_owned()),
        Just("--regard".to_owned()),
        Just(".".to_owned())
    ];
    prop::collection::vec(piece, 0..8).prop_map(|lines| lines.join("\n").trim_end_matches('\n').to_owned())
}

fn attachment() -> impl Strategy<Value = [String; 3]> {
    let kind = prop_oneof!["(image|application|text)/[a-z0-9.+-]{1,20}", "message/rfc822", "[a-z]{0,6}"];
    (line(), kind, "[0-9a-f]{64}").prop_map(|(name, kind, digest)| [name, kind, digest])
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let id = || "[a-z0-9.$%+-]{1,40}@[a-z0-9.-]{1,20}";
    let ids = || prop::collection::vec(id(), 1..30).prop_map(|ids| ids.join(" "));
    let set = |field: &'static str, text: BoxedStrategy<String>| {
        text.prop_map(move |text| (!text.is_empty()).then(|| Edit::Set(field.into(), text.into())))
    };
    let fields = vec![
        set("subject", line().boxed()).boxed(),
        set("from", addresses().boxed()).boxed(),
        set("to", addresses().boxed()).boxed(),
        set("cc", addresses().boxed()).boxed(),
        set("date", moment().boxed()).boxed(),
        set("received", moment().boxed()).boxed(),
        set("message_id", id().boxed()).boxed(),
        set("in_reply_to", ids().boxed()).boxed(),
        set("references", ids().boxed()).boxed(),
        set("body", text().boxed()).boxed(),
        set("body_html", text().prop_map(|text| format!("<p>{text}</p>")).boxed()).boxed(),
    ];
    let headers = prop::collection::vec(("X-[A-Z][a-z]{0,30}", "[!-~][ -~]{0,50}(\n [!-~]{1,9})?"), 0..4);
    (fields, prop::collection::vec(attachment(), 0..4), headers, any::<u16>()).prop_map(
        |(fields, attached, headers, which)| {
            // The subject stays: something must say that it is mail.
            let chosen = fields.into_iter().enumerate().filter(|(at, _)| *at < 2 || which & (1 << at) != 0);
            let mut edits: Vec<Edit> = chosen.filter_map(|(_, edit)| edit).collect();
            for (place, [name, kind, digest]) in attached.into_iter().enumerate() {
                let key = (place + 1).to_string();
                let put = |member: Option<&str>, value: Scalar| Edit::Put {
                    field: "attachments".into(),
                    item: key.clone(),
                    member: member.map(str::to_owned),
                    value,
                };
                edits.push(put(None, if name.is_empty() { key.as_str().into() } else { name.as_str().into() }));
                edits.push(put(Some("size"), Scalar::Whole(i64::try_from(place).unwrap_or(0))));
                edits.push(put(Some("sha256"), digest.into()));
                edits.extend((!name.is_empty()).then(|| put(Some("name"), name.as_str().into())));
                edits.extend((!kind.is_empty()).then(|| put(Some("type"), kind.as_str().into())));
            }
            let lines = headers.into_iter().map(|(name, value)| format!("{name}: {}", value.trim_end()));
            let lines = lines.collect::<Vec<_>>().join("\n");
            if !lines.is_empty() {
                let (field, item) = ("unknown".to_owned(), crate::import::headers::HEADER_LINES.to_owned());
                edits.push(Edit::Put { field, item, member: None, value: lines.into() });
            }
            edits
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_email_is_read_back_as_it_was(edits in edits()) {
        check_fields(&record(&edits));
    }
}

/// As [`check_round`], but a header may be kept beside the field that was made of it.
fn check_fields(record: &Document) {
    let text = exported(record);
    let again = self::record(&imported(text.as_bytes()).edits);
    let fields = |record: &Document| -> Vec<_> {
        places(record).into_iter().filter(|(place, _)| !place.starts_with("unknown")).collect()
    };
    assert_eq!(fields(record), fields(&again), "\n{text}");
    let kept =
        |record: &Document| match record.entries("unknown").get("header lines").and_then(|entry| entry.value.clone()) {
            Some(lines) => lines.to_string().lines().filter(|line| line.starts_with("X-")).map(str::to_owned).collect(),
            None => Vec::new(),
        };
    assert_eq!(kept(record), kept(&again), "\n{text}");
}
