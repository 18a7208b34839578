//! What people type to find records: words, and `field:value`.
//!
//! | typed | means |
//! |---|---|
//! | `offer` | the word is in what lists show of the record |
//! | `company:Acme` | text holds it; ids, kinds, tags and whole addresses are it |
//! | `company:="Acme, Inc"` | it is exactly this, whatever the case; `company:=""` where there is none |
//! | `due:<friday`, `percent:>=50` | dates and numbers, with `<`, `<=`, `>`, `>=` |
//! | `due:today..+2w` | between, both ends included; one end may be left out |
//! | `-tag:vip`, `not tag:vip` | the opposite |
//!
//! All parts must hold. [`parse`] reads it, [`Query`]'s `Display` writes it so that it reads the same, and [`When::span`] says which
//! time a date means. Nothing here knows a store or a clock.

mod key;
mod lexer;
pub mod moment;
mod parse;
mod print;
mod when;

pub use key::{Key, State, Takes};
pub use parse::{BadQuery, parse};
pub use when::{Now, Span, Weekdays, When};

use regard_core::record::Kind;

/// Characters of a filter: more than anybody types, and little enough that reading it takes no time.
pub const QUERY_CHARS_MAX: usize = 4_096;
/// Parts of a filter: each costs every record that is looked at.
pub const TERMS_MAX: usize = 64;

/// A filter: all its parts must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// The parts, as they were typed.
    pub terms: Vec<Term>,
}

/// One part of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether it must not hold.
    pub negated: bool,
    /// What is looked at.
    pub test: Test,
}

/// What one part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// What lists show holds this.
    Word(String),
    /// A field compares so with a value.
    Compare {
        /// The field.
        key: Key,
        /// How.
        operator: Operator,
        /// With what.
        value: Value,
    },
    /// A field lies between two values, both included.
    Between {
        /// The field.
        key: Key,
        /// The lower end; none is everything below.
        from: Option<Value>,
        /// The upper end; none is everything above.
        to: Option<Value>,
    },
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `:` holds it, or is it, as the field has it.
    Has,
    /// `:=`
    Is,
    /// `:<`
    Less,
    /// `:<=`
    AtMost,
    /// `:>`
    Greater,
    /// `:>=`
    AtLeast,
}

impl Operator {
    /// Whether it needs an order.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Has | Self::Is)
    }

    /// How it is typed, behind the field's name.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Has => ":",
            Self::Is => ":=",
            Self::Less => ":<",
            Self::AtMost => ":<=",
            Self::Greater => ":>",
            Self::AtLeast => ":>=",
        }
    }
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, a name, an address or an id.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A date or time.
    When(When),
    /// A kind of record.
    Kind(Kind),
    /// How a record is.
    State(State),
}

/// Text as it is compared: whatever the case.
#[must_use]
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests;
