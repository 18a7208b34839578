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
    /// E-mail addresses in small letters, each once: a contact's, lead's or account's own, a mail's writer and recipients, whom
    /// an appointment or a task invites; at most [`Projection::ADDRESSES_MAX`].
    #[n(9)]
    #[cbor(default)]
    pub addresses: Vec<String>,
    /// A mail's Message-ID, without brackets.
    #[n(10)]
    pub message_id: Option<String>,
    /// The company of a contact or a lead, cut like the title.
    #[n(11)]
    pub company: Option<String>,
    /// Who looks after it, cut like the title.
    #[n(12)]
    pub owner: Option<String>,
    /// The status of a task, an appointment or a lead, cut like the title.
    #[n(13)]
    pub status: Option<String>,
    /// Its categories, each cut like the title; at most [`Projection::CATEGORIES_MAX`].
    #[n(14)]
    #[cbor(default)]
    pub categories: Vec<String>,
}

impl Projection {
    /// Length to which a title and a detail are cut: a list has no room for more.
    pub const TEXT_CHARS_MAX: usize = 200;
    /// Addresses kept: those of a mail to a whole department. Of a longer list the first count.
    pub const ADDRESSES_MAX: usize = 64;
    /// Categories kept; people give a handful.
    pub const CATEGORIES_MAX: usize = 64;

    /// Computes a record's projection.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let kind = document.kind();
        let link = |name: &str| document.text(name).parse().ok();
        let line = |name: &str| {
            let text = schema::find(kind, name).map(|field| cut(&document.text(field.name)));
            text.filter(|text| !text.is_empty())
        };
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
            addresses: addresses(document),
            message_id: line("message_id"),
            company: line("company"),
            owner: line("owner"),
            status: line("status"),
            categories: document.items("categories").take(Self::CATEGORIES_MAX).map(|text| cut(&text)).collect(),
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
            document.items("emails").next().unwrap_or_else(|| document.text("company"))
        }
        Kind::Task => document.text("status"),
        Kind::Appointment => document.text("location"),
    }
}

/// The addresses by which the record is found.
fn addresses(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    let lines: &[&str] = match document.kind() {
        Kind::Email => &["from", "sender", "reply_to", "to", "cc", "bcc"],
        Kind::Task | Kind::Appointment => &["organizer"],
        Kind::Contact | Kind::Account | Kind::Lead => &[],
    };
    for line in lines {
        collect_addresses(&document.text(line), &mut found);
    }
    let entries = match document.kind() {
        Kind::Contact | Kind::Account | Kind::Lead => Some("emails"),
        Kind::Task | Kind::Appointment => Some("attendees"),
        Kind::Email => None,
    };
    for item in entries.into_iter().flat_map(|name| document.items(name)) {
        collect_addresses(&item, &mut found);
    }
    found
}

/// Takes what looks like an address out of a line such as `Ana <ana@x.org>, ben@x.org`.
fn collect_addresses(line: &str, found: &mut Vec<String>) {
    /// The longest address that mail can carry (RFC 5321).
    const BYTES_MAX: usize = 254;
    let between =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | ':' | '"' | '(' | ')');
    for word in line.split(between) {
        let is_address = word.len() <= BYTES_MAX
            && word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if !is_address || found.len() >= Projection::ADDRESSES_MAX {
            continue;
        }
        let address = word.to_lowercase();
        if !found.contains(&address) {
            found.push(address);
        }
    }
}

fn moment(document: &Document) -> Option<String> {
    schema::moment(document.kind()).map(|name| document.text(name)).filter(|text| !text.is_empty())
}

fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(Projection::TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let mut found = Vec::new();
        collect_addresses(line, &mut found);
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn addresses_are_found_in_lines_as_mail_has_them() {
        check("", &[]);
        check("Ana <Ana@X.org>, ben@x.org; mailto:carla@x.org", &["ana@x.org", "ben@x.org", "carla@x.org"]);
        check("\"Lima, Ana\" <ana@x.org> (work), ana@x.org", &["ana@x.org"]);
        check("undisclosed-recipients:;", &[]);
        check("@x.org, ana@", &[]);
        check(&format!("{}@x.org", "a".repeat(300)), &[]);
        let many: Vec<_> = (0..100).map(|number| format!("n{number}@x.org")).collect();
        let mut found = Vec::new();
        collect_addresses(&many.join(", "), &mut found);
        assert_eq!(found.len(), Projection::ADDRESSES_MAX);
    }
}
