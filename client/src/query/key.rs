use regard_core::record::Kind;
use regard_core::record::schema::{self, Field, Form};

/// What a filter can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The kind.
    Kind,
    /// The title that lists show.
    Title,
    /// E-mail addresses, whoever's they are: a contact's, or of those who wrote, got, or are invited.
    Address,
    /// Categories.
    Tag,
    /// How the record is: deleted, in conflict, not sent.
    Is,
    /// When it was last changed.
    Changed,
    /// The record's own date: sent, due or begins.
    Date,
    /// A field of some kinds.
    Field(&'static Field),
}

/// What a key is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// A date or time.
    When,
    /// A kind.
    Kind,
    /// A state.
    State,
    /// A record, by id or name.
    Record,
}

/// How a record can be, beside what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is deleted.
    Deleted,
    /// It was deleted while somebody edited it.
    Undecided,
    /// Some place has differing concurrent values.
    Conflict,
    /// A save of it has not reached the relay.
    Unsent,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deleted, Self::Undecided, Self::Conflict, Self::Unsent];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Undecided => "undecided",
            Self::Conflict => "conflict",
            Self::Unsent => "unsent",
        }
    }
}

/// Keys that are no field, or have further names.
const NAMED: &[(&str, Key)] = &[
    ("kind", Key::Kind),
    ("title", Key::Title),
    ("address", Key::Address),
    ("tag", Key::Tag),
    ("is", Key::Is),
    ("changed", Key::Changed),
    ("date", Key::Date),
];
const FURTHER: &[(&str, &str)] = &[
    ("email", "address"),
    ("emails", "address"),
    ("category", "tag"),
    ("categories", "tag"),
    ("modified", "changed"),
    ("message-id", "message_id"),
];

impl Key {
    /// The key with this name, whatever the case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = FURTHER.iter().find(|(further, _)| *further == name).map_or(name.as_str(), |(_, name)| *name);
        let named = NAMED.iter().find(|(own, _)| *own == name).map(|(_, key)| *key);
        named.or_else(|| Kind::ALL.into_iter().find_map(|kind| schema::find(kind, name)).map(Self::Field))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name,
            other => NAMED.iter().find(|(_, key)| *key == other).map_or("", |(name, _)| name),
        }
    }

    /// What it is compared with.
    #[must_use]
    pub fn takes(self) -> Takes {
        match self {
            Self::Kind => Takes::Kind,
            Self::Title | Self::Address | Self::Tag => Takes::Text,
            Self::Is => Takes::State,
            Self::Changed | Self::Date => Takes::When,
            Self::Field(field) => match field.form {
                Form::Moment => Takes::When,
                Form::Whole => Takes::Number,
                Form::Link => Takes::Record,
                Form::Line | Form::Block | Form::Notes | Form::Entries(_) => Takes::Text,
            },
        }
    }

    /// A key whose name is nearly this.
    pub(super) fn nearly(name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let fields = Kind::ALL.into_iter().flat_map(schema::fields).map(|field| field.name);
        let all = NAMED.iter().map(|(name, _)| *name).chain(FURTHER.iter().map(|(name, _)| *name)).chain(fields);
        let near = all.map(|known| (distance(&name, known), known)).min()?;
        (near.0 <= 2 && near.0 < near.1.len()).then_some(near.1)
    }
}

/// How many letters must be put in, left out or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (place, known) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *known);
            before = row[place + 1];
            row[place + 1] = replaced.min(before + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}
