//! Text as fields take it: one line, within a bound, in UTF-8.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// The text as one line: breaks and the space around them become one space.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.contains(['\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    Cow::Owned(lines.collect::<Vec<_>>().join(" "))
}

/// The text with `\n` as its only kind of break and without breaks at its end, so that one mail kept in files of different
/// systems is one text.
pub(super) fn plain_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end_matches('\n').to_owned()
}

/// As much of the text as fits, whole characters only.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The text of a card or a calendar, as [`read_bytes`] answers it, with the breaks of old Macs made readable for the parsers.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let text = read_bytes(bytes);
    if text.contains('\r') && !text.contains('\n') { Cow::Owned(text.replace('\r', "\n")) } else { text }
}

/// The text of bytes in any character set. Where it is not UTF-8 the first character set that it declares is tried; without one
/// it is read as Windows-1252, in which no byte is lost.
fn read_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes
        && let Some(utf16) = charset_decoder(b"utf-16")
    {
        return Cow::Owned(utf16(bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    }
    let declared = declared_charset(bytes).and_then(charset_decoder);
    let decoder = declared.or_else(|| charset_decoder(b"windows-1252"));
    decoder.map_or_else(|| String::from_utf8_lossy(bytes), |decode| Cow::Owned(decode(bytes)))
}

fn declared_charset(bytes: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"CHARSET=";
    let at = bytes.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))? + NAME.len();
    let rest = bytes[at..].trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(byte))?;
    // UTF-8 was declared and is not true.
    Some(&rest[..end]).filter(|name| !name.eq_ignore_ascii_case(b"utf-8") && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_texts_cut_at_characters() {
        for (text, expected) in [(" a \r\n\t b\n\nc ", "a b c"), ("a  b", "a  b"), ("\n", "")] {
            assert_eq!(one_line(text), expected);
        }
        for (text, bytes_max, expected) in [("grün", 3, "gr"), ("grün", 4, "grü"), ("a", 9, "a")] {
            assert_eq!(cut(text, bytes_max), expected);
        }
        assert_eq!(plain_breaks("a\r\nb\rc\n\n\r\n"), "a\nb\nc");
    }

    #[test]
    fn bytes_of_other_character_sets_are_read() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(decode(bytes), expected);
        check("\u{feff}Grüße".as_bytes(), "Grüße");
        check(b"Gr\xfc\xdfe", "Grüße");
        check(b"N;CHARSET=ISO-8859-2:\xb1", "N;CHARSET=ISO-8859-2:ą");
        check(b"N;CHARSET=UTF-8:\xfc", "N;CHARSET=UTF-8:ü");
        check(b"N;CHARSET=SHIFT_JIS:\x83n", "N;CHARSET=SHIFT_JIS:ハ");
        check(b"\xff\xfea\0", "a");
        check(b"CHARSET=\xff", "CHARSET=ÿ");
        check(b"a\rb", "a\nb");
        check(b"a\rb\r\n", "a\rb\r\n");
    }
}
