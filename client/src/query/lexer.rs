//! A filter cut into pieces, with their places.

use super::Operator;

/// A piece of a filter. Places are counted in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) at: usize,
    pub(super) negated: bool,
    /// The field's name and the operator, where it is no word.
    pub(super) key: Option<(String, Operator)>,
    pub(super) text: String,
    pub(super) is_quoted: bool,
    pub(super) end: usize,
}

/// Where a quote is opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenQuote(pub(super) usize);

pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, OpenQuote> {
    let mut lexer = Lexer { text, at: 0 };
    let mut pieces = Vec::new();
    let mut negated = false;
    let mut begun = None;
    loop {
        lexer.skip_space();
        let at = *begun.get_or_insert(lexer.at);
        if lexer.rest().is_empty() {
            // What stands behind no part is a word like others.
            if negated {
                let word = lexer.text[at..].trim().to_owned();
                pieces.push(Piece { at, negated: false, key: None, text: word, is_quoted: false, end: lexer.at });
            }
            return Ok(pieces);
        }
        if lexer.takes_negation() {
            negated = !negated;
            continue;
        }
        let key = lexer.takes_key();
        let (value, is_quoted) = lexer.takes_value()?;
        pieces.push(Piece { at, negated, key, text: value, is_quoted, end: lexer.at });
        (negated, begun) = (false, None);
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// `-` right before a part, or the word `not` before one.
    fn takes_negation(&mut self) -> bool {
        let rest = self.rest();
        if rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| !c.is_whitespace() && c != '-')) {
            self.at += 1;
            return true;
        }
        let is_not = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"))
            && rest[3..].starts_with(char::is_whitespace);
        if is_not {
            self.at += 3;
        }
        is_not
    }

    fn takes_key(&mut self) -> Option<(String, Operator)> {
        let rest = self.rest();
        let length =
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
        if length == 0 {
            return None;
        }
        let (name, behind) = rest.split_at(length);
        let signs = behind.strip_prefix(':').unwrap_or(behind);
        let has_colon = signs.len() < behind.len();
        let (operator, sign) = if signs.starts_with("<=") {
            (Operator::AtMost, 2)
        } else if signs.starts_with(">=") {
            (Operator::AtLeast, 2)
        } else if signs.starts_with('<') {
            (Operator::Less, 1)
        } else if signs.starts_with('>') {
            (Operator::Greater, 1)
        } else if has_colon && signs.starts_with('=') {
            (Operator::Is, 1)
        } else if has_colon {
            (Operator::Has, 0)
        } else {
            return None;
        };
        self.at += length + usize::from(has_colon) + sign;
        Some((name.to_owned(), operator))
    }

    fn takes_value(&mut self) -> Result<(String, bool), OpenQuote> {
        let rest = self.rest();
        if !rest.starts_with('"') {
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            self.at += length;
            return Ok((rest[..length].to_owned(), false));
        }
        let opened = self.at;
        let mut value = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok((value, true));
                }
                '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
                _ => value.push(c),
            }
        }
        Err(OpenQuote(opened))
    }
}
