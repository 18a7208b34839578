use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::document::foreign;
use super::{Document, Kind, schema};
use crate::id::DocumentId;
use crate::time::Timestamp;

/// Whether a record is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Life {
    /// It is there.
    #[n(0)]
    Live,
    /// It was deleted and can be restored.
    #[n(1)]
    Deleted,
    /// It was deleted while somebody else edited it: a person decides, by restoring it or deleting it once more.
    #[n(2)]
    Undecided,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Deleted => "deleted",
            Self::Undecided => "undecided",
        })
    }
}

/// What lists show of a record. It is computed from the document alone and can be computed again at any time.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Projection {
    /// What the record is.
    #[n(0)]
    pub kind: Kind,
    /// Its title, cut to [`Projection::TEXT_CHARS_MAX`]; empty where it has none.
    #[n(1)]
    pub title: String,
    /// A second line: who wrote the mail, the contact's address, where a meeting is.
    #[n(2)]
    pub detail: String,
    /// Whether it is there.
    #[n(3)]
    pub life: Life,
    /// Places with differing concurrent values.
    #[n(4)]
    pub conflicts: u32,
    /// When it was sent, begins or is due, as the record says it.
    #[n(5)]
    pub moment: Option<String>,
    /// The record that it is about.
    #[n(6)]
    pub regarding: Option<DocumentId>,
    /// The account to which it belongs.
    #[n(7)]
    pub parent: Option<DocumentId>,
    /// The latest of the times that its newest changes claim.
    #[n(8)]
    pub changed_at: Timestamp,
}

impl Projection {
    /// Length to which a title and a detail are cut: a list has no room for more.
    pub const TEXT_CHARS_MAX: usize = 200;

    /// Computes a record's projection.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let kind = document.kind();
        let link = |name: &str| document.text(name).parse().ok();
        let changed = document.heads().into_iter().filter_map(|head| {
            document.automerge.get_change_meta_by_hash(&foreign(head)).map(|change| change.timestamp)
        });
        Self {
            kind,
            title: cut(&title(document)),
            detail: cut(&detail(document)),
            life: document.life(),
            conflicts: u32::try_from(document.conflicts().len()).unwrap_or(u32::MAX),
            moment: moment(document),
            regarding: link("regarding"),
            parent: schema::find(kind, "parent").and_then(|field| link(field.name)),
            changed_at: Timestamp::from_seconds(changed.max().unwrap_or(0)),
        }
    }
}

fn title(document: &Document) -> String {
    let kind = document.kind();
    let own = document.text(schema::title(kind));
    match kind {
        Kind::Lead if own.is_empty() => document.text("topic"),
        Kind::Contact if own.is_empty() => document.text("company"),
        _ => own,
    }
}

fn detail(document: &Document) -> String {
    match document.kind() {
        Kind::Email => document.text("from"),
        Kind::Contact | Kind::Lead | Kind::Account => {
            document.entries("emails").into_keys().next().unwrap_or_else(|| document.text("company"))
        }
        Kind::Task => document.text("status"),
        Kind::Appointment => document.text("location"),
    }
}

fn moment(document: &Document) -> Option<String> {
    let name = match document.kind() {
        Kind::Email => "date",
        Kind::Task => "due",
        Kind::Appointment => "start",
        Kind::Contact | Kind::Account | Kind::Lead => return None,
    };
    Some(document.text(name)).filter(|text| !text.is_empty())
}

fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(Projection::TEXT_CHARS_MAX).collect()
}
