use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::BadId;

/// What a record is. The numbers are part of the file format and the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A message that was sent or received.
    #[n(1)]
    Email,
    /// A person.
    #[n(2)]
    Contact,
    /// Something to be done.
    #[n(3)]
    Task,
    /// A meeting or another time in a calendar.
    #[n(4)]
    Appointment,
    /// A company or another organization.
    #[n(5)]
    Account,
    /// Somebody who may become a customer.
    #[n(6)]
    Lead,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Email, Self::Contact, Self::Task, Self::Appointment, Self::Account, Self::Lead];

    /// The kind's number in files and frames.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Email => 1,
            Self::Contact => 2,
            Self::Task => 3,
            Self::Appointment => 4,
            Self::Account => 5,
            Self::Lead => 6,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The word for one record of this kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Contact => "contact",
            Self::Task => "task",
            Self::Appointment => "appointment",
            Self::Account => "account",
            Self::Lead => "lead",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = BadId;

    /// Reads the kind's word, also in its plural.
    fn from_str(text: &str) -> Result<Self, BadId> {
        let wanted = text.to_ascii_lowercase();
        let singular = wanted.strip_suffix('s').unwrap_or(&wanted);
        Self::ALL.into_iter().find(|kind| kind.name() == singular).ok_or_else(|| BadId {
            text: text.chars().take(80).collect(),
            expected: "a kind of record (email, contact, task, appointment, account or lead)",
        })
    }
}
