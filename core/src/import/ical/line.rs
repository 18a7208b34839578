//! One content line: `NAME;PARAM=value,"value":value` (RFC 5545, section 3.1; RFC 6868 for what stands in parameters).

use crate::import::syntax::{decode, encode};

/// A content line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// The property, in capital letters.
    pub(crate) name: String,
    /// Its parameters in their order.
    pub(crate) params: Vec<Param>,
    /// The value as it is written, escapes and all.
    pub(crate) value: String,
}

/// A parameter of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Param {
    /// In capital letters.
    pub(crate) name: String,
    /// Its values, without quotes and decoded.
    pub(crate) values: Vec<String>,
}

impl Line {
    /// A line without parameters.
    pub(crate) fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.into(), params: Vec::new(), value: value.into() }
    }

    /// The line with one more parameter.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.params.push(Param { name: name.into(), values: vec![value.into()] });
        self
    }

    /// Takes an unfolded line apart; none where it is no property: it has no name, or neither parameters nor a value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end = text.find([':', ';'])?;
        let name = text[..end].trim().to_ascii_uppercase();
        let mut rest = &text[end..];
        let mut params = Vec::new();
        while let Some(after) = rest.strip_prefix(';') {
            let (param, behind) = param(after);
            params.extend(param);
            rest = behind;
        }
        // Where a quote is not closed it takes the value with it.
        let value = rest.strip_prefix(':').unwrap_or_default();
        (!name.is_empty()).then(|| Self { name, params, value: value.into() })
    }

    /// The first value of a parameter; empty where there is none.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|param| param.name == name);
        found.and_then(|param| param.values.first()).map_or("", |value| value.trim())
    }

    /// The line as text, unfolded.
    pub(crate) fn text(&self) -> String {
        let mut text = self.name.clone();
        for param in &self.params {
            text.push(';');
            text.push_str(&param.name);
            for (at, value) in param.values.iter().enumerate() {
                text.push(if at == 0 { '=' } else { ',' });
                text.push_str(&quoted(value));
            }
        }
        text.push(':');
        text.push_str(&self.value);
        text
    }

    /// The line in the form in which two that mean the same are equal: parameters in the order of their names.
    pub(crate) fn normal(mut self) -> Self {
        self.params.sort();
        self
    }
}

/// Reads `NAME=value,value`, and answers what stands behind it, from the `;` or the `:` on.
fn param(text: &str) -> (Option<Param>, &str) {
    let end = text.find(['=', ';', ':']).unwrap_or(text.len());
    let name = text[..end].trim().to_ascii_uppercase();
    let mut rest = &text[end..];
    let mut values = Vec::new();
    while let Some(after) = rest.strip_prefix(if values.is_empty() { '=' } else { ',' }) {
        let (value, behind) = param_value(after);
        values.push(value);
        rest = behind;
    }
    ((!name.is_empty()).then_some(Param { name, values }), rest)
}

/// Reads one value of a parameter. What is quoted is taken as it stands; elsewhere a backslash makes the next character a plain
/// one, which the standard does not know and real files need.
fn param_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !is_escaped => is_quoted = !is_quoted,
            ',' | ';' | ':' if !is_quoted && !is_escaped => return (decode(&value), &text[at..]),
            '\\' if !is_quoted && !is_escaped && text[at + 1..].starts_with([',', ';', ':', '"', '\\']) => {
                is_escaped = true;
                continue;
            }
            c => value.push(c),
        }
        is_escaped = false;
    }
    (decode(&value), "")
}

fn quoted(value: &str) -> String {
    let value = encode(value);
    let is_plain = !value.is_empty() && !value.contains([',', ';', ':', '\\', ' ', '\t', '=']);
    if is_plain { value } else { format!("\"{value}\"") }
}

/// Text as the value of a property.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n")
}

/// The text that a value means. A backslash that escapes nothing stays.
pub(crate) fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (plain, used) = match rest.as_bytes().get(at + 1) {
            Some(b'n' | b'N') => ('\n', 2),
            Some(escaped @ (b'\\' | b';' | b',')) => (char::from(*escaped), 2),
            _ => ('\\', 1),
        };
        text.push(plain);
        rest = &rest[at + used..];
    }
    text.push_str(rest);
    text
}

/// The values of a list, as they are written.
pub(crate) fn split_list(value: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, c) in value.char_indices() {
        if c == ',' && !is_escaped {
            values.push(&value[start..at]);
            start = at + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    values.push(&value[start..]);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, params: &[(&str, &[&str])], value: &str) {
        let line = Line::parse(text).expect("a line");
        let found: Vec<_> = line
            .params
            .iter()
            .map(|param| (param.name.as_str(), param.values.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        let expected: Vec<_> = params.iter().map(|(name, values)| (*name, values.to_vec())).collect();
        assert_eq!((line.name.as_str(), found, line.value.as_str()), ("A", expected, value), "{text}");
        assert_eq!(Line::parse(&line.text()), Some(line), "{text}");
    }

    #[test]
    fn a_line_is_taken_apart_and_written_again() {
        check("A:b;c:d", &[], "b;c:d");
        check("a;b=c,\"d;e:f,g\";H=\"\":i", &[("B", &["c", "d;e:f,g"]), ("H", &[""])], "i");
        check("A;CN=\"a^'b^^c^nd^e\":", &[("CN", &["a\"b^c\nd^e"])], "");
        check("A;CN=Doe\\, Ana\\x;B:", &[("CN", &["Doe, Ana\\x"]), ("B", &[])], "");
        check("A;CN=\"c:\\\\d\":x", &[("CN", &["c:\\\\d"])], "x");
        check("A;B=\"c:d", &[("B", &["c:d"])], "");
        for text in ["", "no line", ":x", ";B=c"] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
    }

    #[test]
    fn text_is_escaped_and_lists_are_split_where_they_are_not() {
        for text in ["a\\b;c,d\ne", "\\n", "plain"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape("a\\Nb\\d\\"), "a\nb\\d\\");
        assert_eq!(split_list("a\\,b,c\\\\,,d"), ["a\\,b", "c\\\\", "", "d"]);
    }
}
