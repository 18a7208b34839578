//! Every setting: its name, what it means, and what it takes.

use std::net::SocketAddr;

use figment::value::Value;
use jiff::tz::TimeZone;
use regard_core::limits::{
    ADDRESS_BOOK_EVERY_MAX, FRESHNESS_BOUND, FRESHNESS_BOUND_MIN, LINE_BYTES_MAX, LIST_ROWS_MAX,
};

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name in files.
    pub name: &'static str,
    /// What it means, for people.
    pub meaning: &'static str,
    /// What it takes.
    pub takes: Takes,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// The path of a folder.
    Folder,
    /// A command line; may be empty where that is said.
    Command {
        /// Whether no command is a choice.
        may_be_none: bool,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number within these bounds, of this unit.
    Whole {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// What it counts.
        unit: &'static str,
    },
    /// An address of this machine with a port.
    Address,
    /// The name of a time zone.
    Zone,
}

const fn key(name: &'static str, takes: Takes, meaning: &'static str) -> Key {
    Key { name, meaning, takes }
}

/// All settings, in the order in which they are documented.
pub const KEYS: &[Key] = &[
    key("store", Takes::Folder, "The folder of the store"),
    key("colour", Takes::Word(&["auto", "always", "never"]), "Whether there are colours; auto: on a terminal"),
    key("pager", Takes::Command { may_be_none: true }, "The command through which long output goes on a terminal"),
    key("editor", Takes::Command { may_be_none: false }, "The command that opens a record to edit"),
    key(
        "list_limit",
        Takes::Whole { min: 1, max: LIST_ROWS_MAX as u64, unit: "rows" },
        "How many rows a list has at most",
    ),
    key(
        "freshness_bound",
        Takes::Whole { min: FRESHNESS_BOUND_MIN.as_secs(), max: FRESHNESS_BOUND.as_secs(), unit: "seconds" },
        "How old what is shown may be, should the relay's pushes fail in silence",
    ),
    key(
        "address_book_every",
        Takes::Whole { min: 1, max: ADDRESS_BOOK_EVERY_MAX.as_secs(), unit: "seconds" },
        "How often the address book is synchronized",
    ),
    key("listen", Takes::Address, "Where the relay that `regard up` runs listens"),
    key("time_zone", Takes::Zone, "The time zone in which times are shown"),
    key("date_style", Takes::Word(&["spoken", "iso"]), "How times are written; spoken: “yesterday 18:40:07”"),
];

/// The setting with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// All names, for messages.
#[must_use]
pub fn names() -> String {
    KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

impl Key {
    /// What it takes, as the end of a sentence.
    #[must_use]
    pub fn expected(&self) -> String {
        match self.takes {
            Takes::Folder => "the path of a folder".into(),
            Takes::Command { may_be_none: true } => "a command line, or nothing (\"\")".into(),
            Takes::Command { may_be_none: false } => "a command line".into(),
            Takes::Word(words) => match words {
                [first, second] => format!("{first} or {second}"),
                [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
                [] => "nothing".into(),
            },
            Takes::Whole { min, max, unit } => format!("a whole number of {unit}, {min} to {max}"),
            Takes::Address => "an address of this machine with a port, such as 127.0.0.1:7171".into(),
            Takes::Zone => "the name of a time zone, such as Europe/Lisbon".into(),
        }
    }

    /// The value that a text stands for: from the environment, or as it was typed.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Value> {
        match self.takes {
            Takes::Whole { .. } => text.trim().parse::<u64>().ok().and_then(|number| self.check(number.into())),
            _ => self.check(text.into()),
        }
    }

    /// The value, where it is one that this setting takes.
    #[must_use]
    pub fn check(&self, value: Value) -> Option<Value> {
        let text = value.as_str();
        let is_taken = match self.takes {
            Takes::Whole { min, max, .. } => {
                value.to_u128().is_some_and(|n| (u128::from(min)..=max.into()).contains(&n))
            }
            Takes::Folder => text.is_some_and(|text| !text.is_empty()),
            Takes::Command { may_be_none } => text.is_some_and(|text| is_command(text, may_be_none)),
            Takes::Word(words) => text.is_some_and(|text| words.contains(&text)),
            Takes::Address => {
                text.and_then(|text| text.parse::<SocketAddr>().ok()).is_some_and(|address| address.ip().is_loopback())
            }
            Takes::Zone => text.is_some_and(|text| TimeZone::get(text).is_ok()),
        };
        is_taken.then_some(value)
    }
}

fn is_command(text: &str, may_be_none: bool) -> bool {
    let words = shlex::split(text).filter(|_| text.len() <= LINE_BYTES_MAX);
    words.is_some_and(|words| may_be_none || !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_what_it_says_and_nothing_else() {
        for (name, good, bad) in [
            ("store", vec!["records", "/home/ana/records"], vec![""]),
            ("colour", vec!["auto", "always", "never"], vec!["", "purple", "Auto"]),
            ("pager", vec!["", "less -FRX", "'my pager' -x"], vec!["less 'open"]),
            ("editor", vec!["vi", "code --wait"], vec!["", "vi 'open"]),
            ("list_limit", vec!["1", "10000"], vec!["0", "10001", "-1", "many", "1.5", ""]),
            ("freshness_bound", vec!["1", "900"], vec!["0", "901"]),
            ("address_book_every", vec!["1", "86400", "2592000"], vec!["0", "2592001"]),
            ("listen", vec!["127.0.0.1:7171", "[::1]:80"], vec!["7171", "localhost:1", "0.0.0.0:7171"]),
            ("time_zone", vec!["UTC"], vec!["", "Lisbonne"]),
            ("date_style", vec!["spoken", "iso"], vec!["american"]),
        ] {
            let key = find(name).expect("a setting");
            for text in good {
                assert!(key.read(text).is_some(), "{name} takes “{text}”");
            }
            for text in bad {
                assert!(key.read(text).is_none(), "{name} does not take “{text}”");
            }
        }
    }
}
