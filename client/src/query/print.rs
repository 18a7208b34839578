use std::fmt;

use super::{Query, Term, Test, Value};

impl fmt::Display for Query {
    /// So that it reads the same again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("-")?;
        }
        match &self.test {
            Test::Word(word) => quoted(f, word),
            Test::Compare { key, operator, value } => {
                write!(f, "{}{}", key.name(), operator.sign())?;
                value.fmt(f)
            }
            Test::Between { key, from, to } => {
                write!(f, "{}:", key.name())?;
                from.as_ref().map_or(Ok(()), |from| from.fmt(f))?;
                f.write_str("..")?;
                to.as_ref().map_or(Ok(()), |to| to.fmt(f))
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(f, text),
            Self::Number(number) => number.fmt(f),
            Self::When(when) => when.fmt(f),
            Self::Kind(kind) => kind.fmt(f),
            Self::State(state) => f.write_str(state.name()),
        }
    }
}

/// In quotes, unless it is plain.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("not")
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '@' | '_' | '-'));
    if is_plain {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}
