//! Which fields a message, a card and an event become.

use super::{Outcome, calendar, cards, message};
use crate::record::identity::Identity;
use crate::record::{Edit, Scalar};

/// The record as lines: what it is and is known by, its fields, its notes.
fn lines(outcome: &Outcome) -> Vec<String> {
    let imported = match outcome {
        Outcome::Record(imported) => imported,
        Outcome::Skipped(skipped) => return vec![skipped.to_string()],
    };
    let known_by = match &imported.identity {
        Identity::Message { message_id, from, date } => format!("message {message_id} {from} {date}"),
        Identity::Uid(uid) => format!("uid {uid}"),
        Identity::Address(address) => format!("address {address}"),
        Identity::Content(_) => "content".into(),
    };
    let mut lines = vec![format!("{} {known_by}", imported.kind)];
    lines.extend(imported.edits.iter().map(|edit| match edit {
        Edit::Set(field, value) => format!("{field}={value}"),
        Edit::Put { field, item, member: Some(member), value } => format!("{field}[{item}].{member}={value}"),
        Edit::Put { field, item, member: None, value } if *value == Scalar::Text(item.clone()) => {
            format!("{field}[{item}]")
        }
        Edit::Put { field, item, member: None, value } => format!("{field}[{item}]={value}"),
        other => format!("{other:?}"),
    }));
    if !imported.notes.is_empty() {
        lines.push(format!("notes: {}", imported.notes));
    }
    lines
}

#[track_caller]
fn check(outcomes: &[Outcome], expected: &[&[&str]]) {
    let found: Vec<Vec<String>> = outcomes.iter().map(lines).collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_mail(text: &str, expected: &[&str]) {
    check(&[message(text.as_bytes())], &[expected]);
}

#[track_caller]
fn check_card(lines: &str, expected: &[&str]) {
    check(&cards(format!("BEGIN:VCARD\n{lines}\nEND:VCARD\n").as_bytes()), &[expected]);
}

#[track_caller]
fn check_calendar(lines: &str, expected: &[&[&str]]) {
    check(&calendar(format!("BEGIN:VCALENDAR\n{lines}\nEND:VCALENDAR\n").as_bytes()), expected);
}

#[test]
fn headers_become_fields() {
    check_mail(
        "From: =?UTF-8?Q?J=C3=BCrgen?= <Jurgen@Example.org>\nTo: \"Doe, Ana\" <ana@example.org>,\n ben@example.org\n\
         Subject: =?ISO-8859-1?Q?Gr=FC=DFe?=\n\tan alle\nDate: Sun, 22 Nov 2026 10:00:00 +0100\nMessage-ID: <1@x>\n\
         In-Reply-To: <0@x>\nReferences: <a@x> <0@x>\n\nHi\r\nthere\n\n",
        &[
            "email message 1@x jurgen@example.org 2026-11-22T09:00:00Z",
            "date=2026-11-22T10:00:00+01:00",
            "from=Jürgen <Jurgen@Example.org>",
            "to=\"Doe, Ana\" <ana@example.org>, ben@example.org",
            "subject=Grüße an alle",
            "message_id=1@x",
            "in_reply_to=0@x",
            "references=a@x 0@x",
            "unknown[header lines]=From: =?UTF-8?Q?J=C3=BCrgen?= <Jurgen@Example.org>",
            "body=Hi\nthere",
        ],
    );
    check_mail(
        "From ana@example.org Sat Jan  3 01:05:34 1996\nTo: Team: ana@example.org, ben@example.org;\nDate: soon\n\n",
        &["email content", "to=Team: ana@example.org, ben@example.org;", "unknown[header lines]=Date: soon"],
    );
}

#[test]
fn headers_that_no_field_gives_back_are_kept_as_they_were() {
    check_mail(
        "Received: from b by c;\n Sun, 22 Nov 2026 10:00:02 +0100\nReceived: from a by b; Sun, 22 Nov 2026 09:00:01 +0000\n\
         Subject: Offer\nX-Spam: no\nx-spam:  \n  yes\nDate: Sun, 22 Nov 2026 10:00:00 +0100 (CET)\nTo: Ana\n\t<ana@x.org>\n\
         Cc: \"Ben\" <ben@x.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Language: de\n\
         X-Regard-Content-Type: text/plain; format=flowed\nX-Regard-Truncated: body: cut\nX-Raw: gr\u{fffd}n\nBcc:\n\nHi",
        &[
            "email content",
            "received=2026-11-22T10:00:02+01:00",
            "date=2026-11-22T10:00:00+01:00",
            "to=Ana <ana@x.org>",
            "cc=Ben <ben@x.org>",
            "subject=Offer",
            "unknown[truncated body]=cut",
            "unknown[header lines]=Received: from b by c;\n Sun, 22 Nov 2026 10:00:02 +0100\n\
             Received: from a by b; Sun, 22 Nov 2026 09:00:01 +0000\nX-Spam: no\nx-spam:  \n  yes\n\
             Date: Sun, 22 Nov 2026 10:00:00 +0100 (CET)\nCc: \"Ben\" <ben@x.org>\nContent-Language: de\n\
             Content-Type: text/plain; format=flowed\nX-Raw: gr\u{fffd}n\nBcc:",
            "body=Hi",
        ],
    );
    check_mail(
        "Subject: a\nSubject: b\n\n",
        &["email content", "subject=a", "unknown[header lines]=Subject: a\nSubject: b"],
    );
}

#[test]
fn what_is_no_mail_is_skipped_with_its_reason() {
    check_mail("", &["the message was skipped: it is empty"]);
    check_mail(" \r\n\n", &["the message was skipped: it is empty"]);
    check_mail("Dear all\n\nhello", &["the message was skipped: it has no header of an e-mail"]);
    check_mail("note: this\nis: no mail\n\nhello", &["the message was skipped: it has no header of an e-mail"]);
}

#[test]
fn parts_become_bodies_and_attachments() {
    check_mail(
        "Message-ID: <2@x>\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\n<p>gr=FCn</p>\n--b\nContent-Type: text/plain; name=a.txt\n\
         Content-Disposition: attachment; filename=a.txt\nContent-Transfer-Encoding: base64\n\nZ3LDvG4=\n--b\n\
         Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW5uZXIKCmhp\n--b--\n",
        &[
            "email message 2@x  ",
            "message_id=2@x",
            "body=grün",
            "attachments[1]=a.txt",
            "attachments[1].name=a.txt",
            "attachments[1].type=text/plain",
            "attachments[1].size=5",
            "attachments[1].sha256=fe263064ba02eaeac482aaf1309553779bdb78e385cb1374654de293e191d785",
            "attachments[2]",
            "attachments[2].type=message/rfc822",
            "attachments[2].size=18",
            "attachments[2].sha256=2280dfdeb9614b40cdb773bb943b91e2fc9ca562a4df55f9a0040a5c9c9fe6c3",
            "body_html=<p>grün</p>",
        ],
    );
}

#[test]
fn a_card_becomes_a_contact() {
    check_card(
        "VERSION:3.0\nUID:7\nN:Weiß;Carla;Maria,Eva;Dr.;\nNICKNAME:Cara,Cari\nORG:Harbour;Purchasing;Beans\nTITLE:Owner\n\
         BDAY:1980-05-21\nEMAIL;TYPE=INTERNET,WORK,PREF:Carla@Example.org\nEMAIL:carla@example.org\n\
         item1.TEL:+49 40 1\nitem1.X-ABLabel:_$!<Mobile>!$_\nADR;TYPE=HOME:;;Am Kai 7;Hamburg;;20457;Germany\n\
         ADR;TYPE=HOME:;;Am Kai 8;;;;\nADR:;;Am Kai 9;;;;\nURL:https://example.org\nCATEGORIES:a,b\nNOTE:one\\ntwo\n\
         NOTE:three\nX-FOO;A=1:bar\\;\nX-FOO:baz\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/\nTITLE:Second",
        &[
            "contact uid 7",
            "full_name=Dr. Carla Maria Eva Weiß",
            "uid=7",
            "family_name=Weiß",
            "given_name=Carla",
            "middle_name=Maria, Eva",
            "name_prefix=Dr.",
            "nickname=Cara, Cari",
            "company=Harbour",
            "department=Purchasing, Beans",
            "job_title=Owner",
            "birthday=1980-05-21",
            "emails[carla@example.org]=Carla@Example.org",
            "emails[carla@example.org].label=work",
            "emails[carla@example.org].preferred=yes",
            "phones[+49 40 1]",
            "phones[+49 40 1].label=mobile",
            "addresses[home]=Am Kai 7, Hamburg, 20457, Germany",
            "addresses[home].label=home",
            "addresses[home].street=Am Kai 7",
            "addresses[home].locality=Hamburg",
            "addresses[home].postal_code=20457",
            "addresses[home].country=Germany",
            "addresses[home 2]=Am Kai 8",
            "addresses[home 2].label=home",
            "addresses[home 2].street=Am Kai 8",
            "addresses[1]=Am Kai 9",
            "addresses[1].street=Am Kai 9",
            "websites[https://example.org]",
            "categories[a]",
            "categories[b]",
            "unknown[original EMAIL carla@example.org]=EMAIL;TYPE=INTERNET,WORK,PREF:Carla@Example.org",
            "unknown[original#2 EMAIL carla@example.org]=EMAIL:carla@example.org",
            "unknown[original TEL +49 40 1]=item1.TEL:+49 40 1",
            "unknown[original NOTE]=NOTE:one\\ntwo",
            "unknown[original#2 NOTE]=NOTE:three",
            "unknown[X-ABLabel]=item1.X-ABLabel:_$!<Mobile>!$_",
            "unknown[X-FOO]=X-FOO;A=1:bar\\;",
            "unknown[X-FOO#2]=X-FOO:baz",
            "unknown[PHOTO]=PHOTO;TYPE=JPEG:data:image/jpeg;base64,/9j/",
            "unknown[TITLE]=TITLE:Second",
            "notes: one\ntwo\n\nthree",
        ],
    );
    check_card("BDAY:--0501\nEMAIL:a@x", &["contact content", "full_name=a@x", "birthday=--05-01", "emails[a@x]"]);
    check_card("BDAY;VALUE=text:spring", &["contact content", "unknown[BDAY]=BDAY;VALUE=TEXT:spring"]);
}

/// If this fails, a card that was imported before becomes a second record when it is imported again.
#[test]
fn a_card_without_an_id_is_known_by_what_it_has_always_been() {
    let outcomes = cards(b"BEGIN:VCARD\nVERSION:3.0\nREV:20260101T000000Z\nNOTE:a\\nb\nFN:Ana\nPRODID:x\nEND:VCARD\n");
    let Some(Outcome::Record(imported)) = outcomes.first() else { panic!("{outcomes:?}") };
    let Identity::Content(digest) = imported.identity else { panic!("{imported:?}") };
    let expected = "84b6a7aa42f3739d1c9c0f9a2e15b959581553bdcef262c8a3a99c0f77676c60";
    assert_eq!(crate::id::to_hex(&digest), expected);
}

#[test]
fn an_organization_becomes_an_account_and_a_group_nothing() {
    check_card("VERSION:4.0\nKIND:org\nFN:Harbour\nTEL:1", &["account content", "name=Harbour", "phones[1]"]);
    check_card(
        "VERSION:3.0\nFN:Harbour\nX-ABShowAs:COMPANY\nUID:8",
        &["account uid 8", "name=Harbour", "uid=8", "unknown[X-ABShowAs]=X-ABShowAs:COMPANY"],
    );
    check_card("KIND:group\nFN:All", &["the group “All” was skipped: Regard keeps no groups of contacts"]);
    check(&cards(b"hello"), &[&["the card file was skipped: it has no card"]]);
}

/// A card without its END line took the next one with it.
#[test]
fn a_card_that_does_not_end_costs_no_other_card() {
    let file = b"BEGIN:VCARD\nFN:Ana\nBEGIN:VCARD\nFN:Ben\nEND:VCARD\n";
    check(&cards(file), &[&["contact content", "full_name=Ana"], &["contact content", "full_name=Ben"]]);
}

#[test]
fn a_recurring_event_has_its_overrides_as_exceptions() {
    check_calendar(
        "METHOD:REQUEST\nBEGIN:VEVENT\nUID:1\nDTSTAMP:20261101T080000Z\nSEQUENCE:2\nSUMMARY:Round\n\
         DTSTART;TZID=Europe/Berlin:20261103T070000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY;BYDAY=TU\n\
         EXDATE;TZID=Europe/Berlin:20261110T070000,20261117T070000\nORGANIZER;CN=Ben:mailto:ben@x\n\
         ATTENDEE;CN=Ana;ROLE=CHAIR;PARTSTAT=ACCEPTED:MAILTO:Ana@X\nCLASS:PRIVATE\nDESCRIPTION:Load\\nthe van\n\
         BEGIN:VALARM\nTRIGGER:-PT15M\nACTION:DISPLAY\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\n\
         RECURRENCE-ID;TZID=Europe/Berlin:20261124T070000\nSUMMARY:Later\nEND:VEVENT",
        &[&[
            "appointment uid 1",
            "uid=1",
            "sequence=2",
            "summary=Round",
            "start=2026-11-03T07:00:00[Europe/Berlin]",
            "duration=PT2H",
            "recurrence=FREQ=WEEKLY;BYDAY=TU",
            "exceptions[2026-11-10T07:00:00[Europe/Berlin]]",
            "exceptions[2026-11-17T07:00:00[Europe/Berlin]]",
            "organizer=Ben <ben@x>",
            "attendees[ana@x]",
            "attendees[ana@x].name=Ana",
            "attendees[ana@x].role=CHAIR",
            "attendees[ana@x].answer=ACCEPTED",
            "class=PRIVATE",
            "reminders[-PT15M]",
            "reminders[-PT15M].action=DISPLAY",
            "unknown[ATTENDEE]=ATTENDEE;CN=Ana;ROLE=CHAIR;PARTSTAT=ACCEPTED:MAILTO:Ana@X",
            "unknown[VALARM]=BEGIN:VALARM\nTRIGGER:-PT15M\nACTION:DISPLAY\nEND:VALARM",
            "exceptions[2026-11-24T07:00:00[Europe/Berlin]]",
            "exceptions[2026-11-24T07:00:00[Europe/Berlin]].instance=BEGIN:VEVENT\nUID:1\n\
             RECURRENCE-ID;TZID=Europe/Berlin:20261124T070000\nSUMMARY:Later\nEND:VEVENT",
            "unknown[VCALENDAR.METHOD]=METHOD:REQUEST",
            "notes: Load\nthe van",
        ]],
    );
}

#[test]
fn overrides_without_a_master_are_one_record() {
    let instance =
        |day: u8| format!("BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:202611{day}T070000Z\nSUMMARY:{day}\nEND:VEVENT");
    let (first, second) = (instance(10), instance(17));
    let exception = |day: u8, text: &str| format!("exceptions[2026-11-{day}T07:00:00Z].instance={text}");
    check_calendar(
        &format!("{first}\n{second}"),
        &[&[
            "appointment uid 1",
            "uid=1",
            "summary=10",
            "unknown[RECURRENCE-ID]=RECURRENCE-ID:20261110T070000Z",
            "exceptions[2026-11-17T07:00:00Z]",
            &exception(17, &second),
        ]],
    );
}

#[test]
fn a_to_do_becomes_a_task_and_other_components_are_named() {
    check_calendar(
        "BEGIN:VTODO\nSUMMARY:Count\nDUE;VALUE=DATE:20261231\nCOMPLETED:20261230T100000Z\nPERCENT-COMPLETE:100\n\
         PRIORITY:high\nSTATUS:COMPLETED\nEND:VTODO\nBEGIN:VJOURNAL\nSUMMARY:x\nEND:VJOURNAL\nBEGIN:VFREEBUSY\nEND:VFREEBUSY",
        &[
            &[
                "task content",
                "summary=Count",
                "due=2026-12-31",
                "completed=2026-12-30T10:00:00Z",
                "percent=100",
                "status=COMPLETED",
                "unknown[PRIORITY]=PRIORITY:high",
            ],
            &["the VJOURNAL “x” was skipped: Regard keeps no journals"],
            &["a VFREEBUSY was skipped: free and busy times are no event"],
        ],
    );
    check_calendar("", &[&["the calendar was skipped: it has no event and no to-do"]]);
}

#[test]
fn of_two_events_with_one_uid_the_newer_is_kept() {
    check_calendar(
        "BEGIN:VEVENT\nUID:1\nSEQUENCE:3\nSUMMARY:new\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nSEQUENCE:1\nSUMMARY:old\nEND:VEVENT",
        &[
            &["appointment uid 1", "uid=1", "sequence=3", "summary=new"],
            &[
                "the VEVENT “old” was skipped: the file has another one with the same UID that is newer or stands behind it",
            ],
        ],
    );
}

#[test]
fn what_a_field_does_not_give_back_is_kept_verbatim_beside_it() {
    check_calendar(
        "X-WR-CALNAME:Home\nno\nBEGIN:VTIMEZONE\nTZID:Here\nBEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n\
         BEGIN:VTIMEZONE\nTZID:There\nEND:VTIMEZONE\nBEGIN:VEVENT\nUID:1\nSUMMARY;LANGUAGE=de:Runde\\; eins\nSUMMARY:Round\n\
         DTSTART;TZID=\"Here\":20261103T070000\nDTEND:later\nTRANSP:transparent\nURL:https://example.org/\\a\nPRIORITY:5\n\
         CATEGORIES:a\nCATEGORIES:b\\,c,d\nRRULE:INTERVAL=2;FREQ=DAILY\nRRULE:FREQ=YEARLY\nLOCATION:C:\\dir\nDESCRIPTION:\\\"a\\\"\n\
         ORGANIZER;SENT-BY=\"mailto:b@x\":mailto:ana@x\nthe rest of\nEND:VEVENT",
        &[&[
            "appointment uid 1",
            "uid=1",
            "summary=Runde; eins",
            "start=2026-11-03T07:00:00[Here]",
            "transparency=TRANSPARENT",
            "url=https://example.org/\\a",
            "priority=5",
            "categories[a]",
            "categories[b,c]",
            "categories[d]",
            "recurrence=INTERVAL=2;FREQ=DAILY",
            "location=C:\\dir",
            "organizer=ana@x",
            "unknown[SUMMARY]=SUMMARY;LANGUAGE=de:Runde\\; eins",
            "unknown[SUMMARY#2]=SUMMARY:Round",
            "unknown[DTEND]=DTEND:later",
            "unknown[TRANSP]=TRANSP:transparent",
            "unknown[RRULE]=RRULE:INTERVAL=2;FREQ=DAILY",
            "unknown[RRULE#2]=RRULE:FREQ=YEARLY",
            "unknown[LOCATION]=LOCATION:C:\\dir",
            "unknown[DESCRIPTION]=DESCRIPTION:\\\"a\\\"",
            "unknown[ORGANIZER]=ORGANIZER;SENT-BY=\"mailto:b@x\":mailto:ana@x",
            "unknown[no property]=the rest of",
            "unknown[VCALENDAR.X-WR-CALNAME]=X-WR-CALNAME:Home",
            "unknown[VTIMEZONE]=BEGIN:VTIMEZONE\nTZID:Here\nBEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE",
            "notes: \"a\"",
        ]],
    );
}
