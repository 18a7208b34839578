//! A message as an mbox file has it.

use crate::record::Document;

/// The exported message of an email record with the line that begins it in an mbox file, and an empty line behind it. Lines
/// that look like such a beginning get a `>`, however many they have (the form “mboxrd”), which [`crate::import::messages`]
/// takes off again. Its lines end with LF.
#[must_use]
pub fn mailbox_entry(record: &Document, message: &[u8]) -> Vec<u8> {
    let mut out = format!("From {} {}\n", sender(&record.text("from")), asctime(&record.text("date"))).into_bytes();
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if line[quotes..].starts_with(b"From ") {
            out.push(b'>');
        }
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            None => out.extend_from_slice(line),
        }
    }
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// The bare address; what programs write where there is none that fits one word.
fn sender(from: &str) -> &str {
    let address = from.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(from, |(address, _)| address);
    let is_word = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { address } else { "MAILER-DAEMON" }
}

/// In UTC, as the C library's `asctime` writes it; the beginning of 1970 where the message says no time.
fn asctime(moment: &str) -> String {
    let at = moment.parse::<jiff::Timestamp>().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Actor;
    use crate::import;
    use crate::record::{Edit, Kind};
    use crate::time::Timestamp;

    #[test]
    fn messages_are_found_again_in_the_file() {
        let mut record = Document::new(Kind::Email);
        let edits = [
            Edit::Set("from".into(), "Ana <ana@x.org>".into()),
            Edit::Set("date".into(), "2026-11-02T10:00:00+01:00".into()),
        ];
        let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
        record.edit(&edits, &actor, Timestamp(0)).expect("the edits");
        let messages = ["A: 1\r\n\r\nFrom me\r\n>From you\r\n\r\nend", "B: 2\r\n\r\n"];
        let file: Vec<u8> = messages.iter().flat_map(|text| mailbox_entry(&record, text.as_bytes())).collect();
        let text = String::from_utf8_lossy(&file);
        assert!(text.starts_with("From ana@x.org Mon Nov  2 09:00:00 2026\nA: 1\n\n>From me\n>>From you\n"), "{text}");
        let found: Vec<_> = import::messages(file.as_slice()).map(|found| found.expect("a message")).collect();
        assert_eq!(found, [b"A: 1\n\nFrom me\n>From you\n\nend\n".as_slice(), b"B: 2\n\n"]);
        assert!(
            mailbox_entry(&Document::new(Kind::Email), b"")
                .starts_with(b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n")
        );
    }
}
