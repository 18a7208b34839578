//! The fields of each kind, after vCard 4 (RFC 6350), iCalendar (RFC 5545) and mail (RFC 5322), in snake case.
//!
//! A field of one value is a scalar at the document's root. A field of many is a map made by [`super::genesis`] whose keys
//! are `item` (it is there) and `item/member` (what is known of it); scalars only, so that additions of both sides stay.

use super::Kind;

/// How a field is held and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A string of one line. The last writer wins, the losers stay readable.
    Line,
    /// A long received text, as a scalar like [`Form::Line`].
    Block,
    /// Text that people write together; merges by character.
    Notes,
    /// A date (`2026-11-22`), a time in UTC (`…Z`), a local time, or one with its zone (`…[Europe/Berlin]`), as a string.
    Moment,
    /// A whole number.
    Whole,
    /// The id of another record, as a string.
    Link,
    /// Several items by key, each with these members.
    Entries(&'static [&'static str]),
}

/// One field of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in documents, in commands and in JSON.
    pub name: &'static str,
    /// How it is held.
    pub form: Form,
    /// What it means, for people.
    pub meaning: &'static str,
}

const fn field(name: &'static str, form: Form, meaning: &'static str) -> Field {
    Field { name, form, meaning }
}

/// The fields of `kind`, those of its own first.
pub fn fields(kind: Kind) -> impl Iterator<Item = &'static Field> {
    own(kind).iter().chain(reach(kind)).chain(COMMON)
}

/// The field of `kind` with this name.
#[must_use]
pub fn find(kind: Kind, name: &str) -> Option<&'static Field> {
    fields(kind).find(|field| field.name == name)
}

/// The field by which a record of `kind` is called.
#[must_use]
pub const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Email => "subject",
        Kind::Contact | Kind::Lead => "full_name",
        Kind::Task | Kind::Appointment => "summary",
        Kind::Account => "name",
    }
}

/// The field that `notes` means for `kind`: iCalendar calls it a description.
#[must_use]
pub const fn notes(kind: Kind) -> &'static str {
    match kind {
        Kind::Task | Kind::Appointment => "description",
        Kind::Email | Kind::Contact | Kind::Account | Kind::Lead => "notes",
    }
}

/// The field that says when a record of `kind` was or is due, where it has one.
#[must_use]
pub const fn moment(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Email => Some("date"),
        Kind::Task => Some("due"),
        Kind::Appointment => Some("start"),
        Kind::Contact | Kind::Account | Kind::Lead => None,
    }
}

/// The scalar at the root that says whether the record is deleted. It is no field: it is set by deleting and restoring.
pub(crate) const DELETED: &str = "deleted";

const fn own(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Email => EMAIL,
        Kind::Contact => CONTACT,
        Kind::Task => TASK,
        Kind::Appointment => APPOINTMENT,
        Kind::Account => ACCOUNT,
        Kind::Lead => LEAD,
    }
}

const fn reach(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Contact | Kind::Account | Kind::Lead => REACH,
        Kind::Task | Kind::Appointment => PLANNED,
        Kind::Email => &[],
    }
}

const EMAIL: &[Field] = &[
    field("subject", Form::Line, "Subject"),
    field("from", Form::Line, "Who wrote it"),
    field("sender", Form::Line, "Who sent it for the writer"),
    field("reply_to", Form::Line, "Where answers go"),
    field("to", Form::Line, "Recipients, in their order"),
    field("cc", Form::Line, "Recipients of copies, in their order"),
    field("bcc", Form::Line, "Hidden recipients, in their order"),
    field("date", Form::Moment, "When it was sent, as it says"),
    field("received", Form::Moment, "When it arrived, as the last server on its way says"),
    field("direction", Form::Line, "incoming or outgoing"),
    field("message_id", Form::Line, "Message-ID, without brackets"),
    field("in_reply_to", Form::Line, "Message-IDs that it answers"),
    field("references", Form::Block, "Message-IDs of its thread, in their order"),
    field("body", Form::Block, "Text"),
    field("body_html", Form::Block, "The same as HTML"),
    field("attachments", Form::Entries(&["name", "type", "size", "sha256"]), "Attached files, by their place"),
    field("notes", Form::Notes, "What the team notes about it"),
];

const CONTACT: &[Field] = &[
    field("full_name", Form::Line, "Name as it is written"),
    field("name_prefix", Form::Line, "Title before the name"),
    field("given_name", Form::Line, "Given name"),
    field("middle_name", Form::Line, "Further given names"),
    field("family_name", Form::Line, "Family name"),
    field("name_suffix", Form::Line, "What follows the name"),
    field("nickname", Form::Line, "Nickname"),
    field("job_title", Form::Line, "Job title"),
    field("role", Form::Line, "What the person does there"),
    field("department", Form::Line, "Department"),
    field("company", Form::Line, "Company"),
    field("birthday", Form::Moment, "Birthday"),
    field("anniversary", Form::Moment, "Anniversary of the marriage"),
    field("parent", Form::Link, "The account to which the contact belongs"),
    field("uid", Form::Line, "The card's own id"),
];

const TASK: &[Field] = &[
    field("summary", Form::Line, "What is to be done"),
    field("start", Form::Moment, "When work begins"),
    field("due", Form::Moment, "When it is due"),
    field("completed", Form::Moment, "When it was done"),
    field("percent", Form::Whole, "How much is done, of 100"),
];

const APPOINTMENT: &[Field] = &[
    field("summary", Form::Line, "What it is about"),
    field("start", Form::Moment, "When it begins"),
    field("end", Form::Moment, "When it ends"),
    field("duration", Form::Line, "How long it lasts, where no end is given"),
    field("transparency", Form::Line, "OPAQUE where the time counts as busy, TRANSPARENT where it does not"),
];

const PLANNED: &[Field] = &[
    field("status", Form::Line, "Status"),
    field("priority", Form::Whole, "1 (highest) to 9; 0 is none"),
    field("class", Form::Line, "Who may see it in other calendars: PUBLIC, PRIVATE or CONFIDENTIAL"),
    field("location", Form::Line, "Where"),
    field("url", Form::Line, "Where more is written about it"),
    field("organizer", Form::Line, "Who invites"),
    field("recurrence", Form::Line, "Rule of repetition (RRULE)"),
    field("sequence", Form::Whole, "Revision by the organizer"),
    field("uid", Form::Line, "The calendar's own id"),
    field("attendees", Form::Entries(&["name", "role", "answer"]), "Who is invited, by address"),
    field("exceptions", Form::Entries(&["instance"]), "Instances that differ or are left out, by their time"),
    field("reminders", Form::Entries(&["action"]), "Reminders, by their time"),
    field("description", Form::Notes, "Description"),
];

const ACCOUNT: &[Field] = &[
    field("name", Form::Line, "Name of the organization"),
    field("industry", Form::Line, "Industry"),
    field("parent", Form::Link, "The account to which it belongs"),
    field("uid", Form::Line, "The card's own id"),
];

const LEAD: &[Field] = &[
    field("topic", Form::Line, "What it may come to"),
    field("full_name", Form::Line, "Name as it is written"),
    field("company", Form::Line, "Company"),
    field("job_title", Form::Line, "Job title"),
    field("status", Form::Line, "Status"),
    field("source", Form::Line, "Where the lead came from"),
];

const REACH: &[Field] = &[
    field("emails", Form::Entries(&["label", "preferred"]), "E-mail addresses"),
    field("phones", Form::Entries(&["label", "preferred"]), "Telephone numbers"),
    field(
        "addresses",
        Form::Entries(&["label", "street", "locality", "region", "postal_code", "country", "preferred"]),
        "Postal addresses, by a short name",
    ),
    field("websites", Form::Entries(&["label"]), "Websites"),
    field("notes", Form::Notes, "Notes"),
];

const COMMON: &[Field] = &[
    field("owner", Form::Line, "Who looks after it"),
    field("regarding", Form::Link, "The record that it is about"),
    field("related", Form::Entries(&["label"]), "Further records that it has to do with"),
    field("categories", Form::Entries(&[]), "Categories"),
    field("tracking", Form::Entries(&["by", "at", "rule", "evidence"]), "Who tracked it, when and why, by device"),
    field("unknown", Form::Entries(&[]), "Properties of its file that Regard has no field for, verbatim"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_its_title_and_notes_and_no_name_twice() {
        for kind in Kind::ALL {
            let names: Vec<_> = fields(kind).map(|field| field.name).collect();
            let distinct: BTreeSet<_> = names.iter().collect();
            assert_eq!(names.len(), distinct.len(), "{kind}");
            assert_eq!(find(kind, title(kind)).map(|field| field.form), Some(Form::Line), "{kind}");
            assert_eq!(find(kind, notes(kind)).map(|field| field.form), Some(Form::Notes), "{kind}");
            assert!(!names.contains(&DELETED), "{kind}");
        }
    }
}
