//! Real mail, imported, exported and imported again: no field and no header is lost.
//!
//! Headers are compared as they are decoded. These count as equal, since they say how a file is put together and not what the
//! message says; where they say more (`format=flowed`, `report-type`), the export has them under `X-Regard-…`:
//!
//! | in the original | in the export |
//! |---|---|
//! | `MIME-Version: 1.0`, `Content-Transfer-Encoding` | its own |
//! | `Content-Type` of plain or HTML text with no more than a character set, or of parts with no more than a boundary | its own |
//! | `MIME-Version`, `Content-…` | the same with `X-Regard-` before it |
//! | folds, and white space around the value | folds of its own |

use std::collections::BTreeMap;
use std::path::Path;

use mail_parser::{HeaderName, HeaderValue, MessageParser};
use regard_core::export;
use regard_core::id::{Actor, DocumentId};
use regard_core::import::{self, Format, Imported, Outcome};
use regard_core::record::identity::{Identity, Namespace};
use regard_core::record::{Document, Kind, Scalar};
use regard_core::time::Timestamp;
use regard_tests::corpus::{corpus, files};

/// The messages of the corpus below `folder`, each with the file that it is from.
fn messages(corpus: &Path, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut messages = Vec::new();
    for path in files(&corpus.join(folder)) {
        let name = path.display().to_string();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        match Format::detect(&name, &bytes) {
            Some(Format::Message) if Path::new(&name).extension().is_some_and(|ending| ending == "eml") => {
                messages.push((name, bytes));
            }
            Some(Format::Mailbox) => {
                let found = import::messages(bytes.as_slice()).map(|found| found.expect("bytes in memory"));
                messages.extend(found.enumerate().map(|(at, message)| (format!("{name} {at}"), message)));
            }
            _ => {}
        }
    }
    messages
}

fn imported(bytes: &[u8]) -> Option<Imported> {
    match import::message(bytes) {
        Outcome::Record(imported) => Some(*imported),
        Outcome::Skipped(_) => None,
    }
}

fn record(imported: &Imported) -> Document {
    let mut record = Document::new(Kind::Email);
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    record.edit(&imported.edits, &actor, Timestamp(0)).expect("the edits");
    record
}

fn places(record: &Document) -> BTreeMap<String, Scalar> {
    record.places().into_iter().map(|(place, shown)| (place, shown.winner.value)).collect()
}

fn id(imported: &Imported) -> DocumentId {
    imported.identity.document_id(Kind::Email, &Namespace::from_bytes([0; Namespace::BYTES]))
}

/// Each header as its name in small letters and its decoded text, white space made one space.
fn headers(bytes: &[u8]) -> Vec<(String, String)> {
    // Lines of white space before the headers, and the line of an mbox, are no headers.
    let bytes = bytes.trim_ascii_start();
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let bytes = if bytes.starts_with(b"From ") || bytes.starts_with(b">From ") { &bytes[end..] } else { bytes };
    let decoded = MessageParser::new().header_text(HeaderName::Subject).default_header_text().parse_headers(bytes);
    let Some(message) = decoded else { return Vec::new() };
    let text =
        |value: &HeaderValue<'_>| value.as_text().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    message.headers().iter().map(|header| (header.name.as_str().to_lowercase(), text(&header.value))).collect()
}

fn is_of_form(name: &str) -> bool {
    name.starts_with("content-") || name == "mime-version"
}

/// What the export says in its own way.
fn is_its_own(name: &str, value: &str) -> bool {
    let parsed = format!("Content-Type: {value}\r\n\r\n");
    let parsed = MessageParser::default().parse_headers(parsed.as_bytes());
    let kind = parsed
        .as_ref()
        .and_then(|message| message.header(HeaderName::ContentType))
        .and_then(HeaderValue::as_content_type);
    let Some(kind) = kind.filter(|_| name == "content-type") else {
        return name == "content-transfer-encoding" || (name == "mime-version" && (value == "1.0" || value.is_empty()));
    };
    let has_only = |name: &str| kind.attributes().unwrap_or_default().iter().all(|found| found.name == name);
    match kind.ctype() {
        "text" => has_only("charset"),
        "multipart" => has_only("boundary"),
        _ => false,
    }
}

fn missing(original: &[u8], exported: &[u8]) -> Vec<(String, String)> {
    let mut there = headers(exported);
    let mut missing = headers(original);
    missing.retain(|(name, value)| {
        let name = if is_of_form(name) { format!("x-regard-{name}") } else { name.clone() };
        let at = there.iter().position(|(found, said)| *found == name && said == value);
        at.map(|at| there.remove(at)).is_none()
    });
    missing.retain(|(name, value)| !is_its_own(name, value));
    missing
}

fn check(folder: &str, at_least: usize) {
    let Some(corpus) = corpus("no_field_and_no_header_is_lost") else { return };
    let (mut count, mut lost) = (0, Vec::new());
    for (name, original) in messages(&corpus, folder) {
        let Some(first) = imported(&original) else { continue };
        count += 1;
        let before = record(&first);
        let exported = export::message(&before).expect("an email");
        let again = imported(&exported).unwrap_or_else(|| panic!("{name} is no mail any more"));
        let after = record(&again);
        let (before, after) = (places(&before), places(&after));
        for (place, value) in &before {
            if after.get(place) != Some(value) {
                lost.push(format!("{name}: {place}: {value:?} became {:?}", after.get(place)));
            }
        }
        lost.extend(
            after.keys().filter(|place| !before.contains_key(*place)).map(|place| format!("{name}: {place} came")),
        );
        // Of a text that is attached the export has the digest of its bytes, and a message without an id is known by its content.
        if matches!(first.identity, Identity::Message { .. }) && id(&first) != id(&again) {
            lost.push(format!("{name}: it became another record"));
        }
        lost.extend(
            missing(&original, &exported).into_iter().map(|(header, value)| format!("{name}: {header}: {value}")),
        );
    }
    assert!(count >= at_least, "only {count} messages");
    assert!(lost.is_empty(), "{} of {count} messages lost something:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn no_field_and_no_header_of_ordinary_mail_is_lost() {
    check("mail", 1_000);
}

#[test]
fn no_field_and_no_header_of_nasty_mail_is_lost() {
    check("nasty-mail", 80);
}
