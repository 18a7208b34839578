//! What content lines of vCard and iCalendar share: folding (RFC 6350, section 3.2; RFC 5545, section 3.1), and text in parameters
//! (RFC 6868).

/// A line as it stands in a file: in pieces of at most 75 bytes, ended by CR LF.
pub(crate) fn folded(line: &str) -> String {
    const BYTES_MAX: usize = 75;
    let mut out = String::with_capacity(line.len() + line.len() / 36 + 2);
    let (mut rest, mut room) = (line, BYTES_MAX);
    while rest.len() > room {
        let at = fold_at(rest, room);
        out.push_str(&rest[..at]);
        out.push_str("\r\n ");
        rest = &rest[at..];
        room = BYTES_MAX - 1;
    }
    out.push_str(rest);
    out.push_str("\r\n");
    out
}

/// Where to fold: between characters, and away from spaces and from `=`, since readers drop spaces at the end of a line and take
/// `=` there for the soft break of quoted-printable.
fn fold_at(text: &str, room: usize) -> usize {
    const TRIES_MAX: usize = 24;
    let bytes = text.as_bytes();
    let is_good = |at: &usize| {
        let (before, behind) = (bytes[at - 1], bytes[*at]);
        text.is_char_boundary(*at) && ![before, behind].contains(&b' ') && ![b'=', b'\\', b'\t'].contains(&before)
    };
    let found = (room.saturating_sub(TRIES_MAX).max(1)..=room).rev().find(is_good);
    found.unwrap_or_else(|| (1..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len()))
}

/// A parameter's text with what no parameter may hold written as RFC 6868 says.
pub(crate) fn encode(text: &str) -> String {
    text.replace('^', "^^").replace('"', "^'").replace("\r\n", "^n").replace(['\n', '\r'], "^n")
}

/// The reverse of [`encode`].
pub(crate) fn decode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('^') {
        text.push_str(&rest[..at]);
        let (plain, used) = match rest.as_bytes().get(at + 1) {
            Some(b'n') => ('\n', 2),
            Some(b'^') => ('^', 2),
            Some(b'\'') => ('"', 2),
            _ => ('^', 1),
        };
        text.push(plain);
        rest = &rest[at + used..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters_and_never_behind_an_equals_sign() {
        let text = format!("X:{}.", "grün und = ".repeat(40));
        let out = folded(&text);
        assert!(out.split("\r\n").all(|piece| piece.len() <= 75), "{out}");
        assert!(!out.contains("=\r\n") && !out.contains(" \r\n"), "{out}");
        assert_eq!(out.replace("\r\n ", ""), format!("{text}\r\n"));
        assert_eq!(folded(&"=".repeat(200)).replace("\r\n ", "").len(), 202);
    }

    #[test]
    fn parameters_hold_quotes_and_breaks() {
        for text in ["a \"b\" ^n ^' ^^ ^", "a\nb^", ""] {
            assert_eq!(decode(&encode(text)), text);
        }
        assert_eq!(decode("^x^"), "^x^");
    }
}
