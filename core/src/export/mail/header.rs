//! The headers of an exported message.

use mail_builder::encoders::base64::base64_encode_slice;
use mail_builder::headers::Header;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::text::Text;
use mail_parser::{Addr, Address, HeaderName};

use super::write;
use crate::import::headers::{self, FIELDS, FORM_PREFIX, HEADER_LINES, PART_LINES, TRUNCATED};
use crate::import::structure;
use crate::import::text::{cut, one_line};
use crate::limits::{BODY_BYTES_MAX, LINE_BYTES_MAX};
use crate::record::Document;

/// Lines are folded before this column where they can be (RFC 5322, 2.1.1).
const FOLD_COLUMN: usize = 78;

/// Writes the headers: those kept verbatim in their order, then those made of fields, then what was cut off.
pub(super) fn write_all(record: &Document, out: &mut Vec<u8>) {
    let kept = Kept::of(record);
    let values: Vec<String> = FIELDS.iter().map(|(field, _)| one_line(&record.text(field)).into_owned()).collect();
    let still_says: Vec<bool> = FIELDS
        .iter()
        .zip(&values)
        .map(|((field, name), value)| says(&kept.of_name(name), field, name).as_deref() == Some(value))
        .collect();
    for (at, (_, name)) in FIELDS.iter().enumerate().filter(|(at, (_, name))| !still_says[*at] && is_trace(name)) {
        // Of all these lines the topmost says when the message arrived.
        generate(name, &values[at], out);
    }
    for line in &kept.lines {
        match FIELDS.iter().position(|(_, name)| is_named(line, name)) {
            Some(at) if still_says[at] || is_trace(&FIELDS[at].1) => write_verbatim(line, out),
            Some(_) => {}
            None if headers::is_of_form(name_of(line)) => write_verbatim(&format!("{FORM_PREFIX}{line}"), out),
            None => write_verbatim(line, out),
        }
    }
    for (at, (_, name)) in FIELDS.iter().enumerate().filter(|(at, (_, name))| !still_says[*at] && !is_trace(name)) {
        generate(name, &values[at], out);
    }
    for (what, said) in &kept.truncated {
        write(TRUNCATED, &Text::new(format!("{what}: {said}")), out);
    }
}

/// Writes a header as it was, with the breaks of mail.
pub(super) fn write_verbatim(line: &str, out: &mut Vec<u8>) {
    for part in line.split('\n') {
        out.extend_from_slice(part.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

pub(super) fn name_of(line: &str) -> &str {
    line.split_once(':').map_or(line, |(name, _)| name).trim()
}

/// Headers of relays on the way: one that was written anew does not make the others untrue.
fn is_trace(name: &HeaderName<'_>) -> bool {
    *name == HeaderName::Received
}

fn is_named(line: &str, name: &HeaderName<'_>) -> bool {
    name_of(line).eq_ignore_ascii_case(name.as_str())
}

/// What `unknown` holds of a message.
struct Kept {
    /// Headers, each with what it is folded into.
    lines: Vec<String>,
    /// What did not fit at import, and how much of it.
    truncated: Vec<(String, String)>,
}

impl Kept {
    fn of(record: &Document) -> Self {
        let (mut lines, mut truncated) = (Vec::new(), Vec::new());
        for (key, entry) in record.entries("unknown") {
            let value = entry.value.map(|value| value.to_string()).unwrap_or_default();
            if key == HEADER_LINES {
                lines.extend(headers::lines(&value));
            } else if let Some(what) = key.strip_prefix("truncated ") {
                truncated.push((what.to_owned(), value));
            } else if !key.starts_with(PART_LINES) {
                // A single property, under its name and perhaps a number.
                let name = key.rsplit_once('#').map_or(key.as_str(), |(name, _)| name);
                lines.extend(headers::lines(&format!("{name}: {}", one_line(&value))));
            }
        }
        Self { lines, truncated }
    }

    fn of_name(&self, name: &HeaderName<'_>) -> Vec<&str> {
        self.lines.iter().map(String::as_str).filter(|line| is_named(line, name)).collect()
    }
}

/// What these headers would become, cut as the field is; none where there are none.
fn says(lines: &[&str], field: &str, name: &HeaderName<'static>) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for line in lines {
        write_verbatim(line, &mut bytes);
    }
    read_back(bytes, field, name)
}

fn read_back(mut bytes: Vec<u8>, field: &str, name: &HeaderName<'static>) -> Option<String> {
    bytes.extend_from_slice(b"\r\n");
    let said = structure::with_headers(&bytes, |message| headers::said(message, name))?;
    let bytes_max = if field == "references" { BODY_BYTES_MAX } else { LINE_BYTES_MAX };
    Some(cut(&one_line(&said), bytes_max).to_owned())
}

fn generate(name: &HeaderName<'static>, value: &str, out: &mut Vec<u8>) {
    out.extend(generated(name, value).unwrap_or_default());
}

/// A field's header, with its name, in the first form that is read back as the field's value; none for an empty field, and
/// where the value cannot be written at all.
pub(crate) fn generated(name: &HeaderName<'static>, value: &str) -> Option<Vec<u8>> {
    if value.is_empty() {
        return None;
    }
    let plain = headers::plain(name, value)?;
    let field = FIELDS.iter().find(|(_, found)| found == name).map_or("", |(field, _)| field);
    let forms: [Form; 4] = [in_ascii, in_encoded_words, in_base64, |name, plain| Some(folded(name, plain))];
    let mut written = forms.iter().filter_map(|form| form(name, &plain));
    let first = written.next();
    let is_read_back = |bytes: &Vec<u8>| read_back(bytes.clone(), field, name).as_deref() == Some(value);
    match first {
        Some(first) if !is_read_back(&first) => written.find(is_read_back).or(Some(first)),
        first => first,
    }
}

/// A way to write a header; none where it does not fit.
type Form = fn(&HeaderName<'static>, &str) -> Option<Vec<u8>>;

fn in_ascii(name: &HeaderName<'static>, plain: &str) -> Option<Vec<u8>> {
    plain.bytes().all(|byte| matches!(byte, b' '..=b'~')).then(|| folded(name, plain))
}

fn in_encoded_words(name: &HeaderName<'static>, plain: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match name {
        HeaderName::Subject => write(name.as_str(), &Text::new(plain), &mut out),
        HeaderName::Date | HeaderName::Received | HeaderName::MessageId => return None,
        HeaderName::InReplyTo | HeaderName::References => return None,
        _ => write(name.as_str(), &addresses(name, plain)?, &mut out),
    }
    // Where nothing had to be encoded the text is best as it is.
    out.windows(2).any(|two| two == b"=?").then_some(out)
}

/// Each piece in an encoded word of its own: for a text that looks like encoded words and is none.
fn in_base64(name: &HeaderName<'static>, plain: &str) -> Option<Vec<u8>> {
    /// An encoded word has at most 75 characters.
    const PIECE_BYTES_MAX: usize = 42;
    if *name != HeaderName::Subject {
        return None;
    }
    let (mut words, mut rest) = (Vec::new(), plain);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES_MAX));
        let mut encoded = [0; PIECE_BYTES_MAX.div_ceil(3) * 4];
        let length = base64_encode_slice(piece.as_bytes(), &mut encoded);
        words.push(format!("=?utf-8?B?{}?=", String::from_utf8_lossy(&encoded[..length])));
        rest = after;
    }
    Some(folded(name, &words.join(" ")))
}

/// The addresses of a field, for writing each name in encoded words where it needs them.
fn addresses(name: &HeaderName<'static>, plain: &str) -> Option<impl Header + use<>> {
    let mut bytes = folded(name, plain);
    bytes.extend_from_slice(b"\r\n");
    structure::with_headers(&bytes, |message| {
        let found = message.headers().first()?.value.as_address()?;
        Some(match found {
            Address::List(list) => Written::new_list(written(list)),
            Address::Group(groups) => {
                let group = |name: &str, list| Written::new_group(Some(name.to_owned()), written(list));
                Written::new_list(
                    groups
                        .iter()
                        .flat_map(|found| match found.name.as_deref() {
                            Some(name) => vec![group(name, &found.addresses)],
                            None => written(&found.addresses),
                        })
                        .collect(),
                )
            }
        })
    })?
}

fn written(list: &[Addr<'_>]) -> Vec<Written<'static>> {
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(ToOwned::to_owned);
    list.iter().map(|addr| Written::new_address(owned(&addr.name), owned(&addr.address).unwrap_or_default())).collect()
}

/// A header of this text, folded at single spaces only, so that unfolding gives the same text.
fn folded(name: &HeaderName<'static>, text: &str) -> Vec<u8> {
    let mut out = name.as_str().as_bytes().to_vec();
    out.push(b':');
    let mut column = out.len();
    let mut was_space = true;
    for word in text.split(' ') {
        if !was_space && !word.is_empty() && column + 1 + word.len() > FOLD_COLUMN {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        was_space = word.is_empty();
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
        column += 1 + word.len();
    }
    out.extend_from_slice(b"\r\n");
    out
}
