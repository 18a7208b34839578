//! Which property is which field: one table for both directions.

use crate::record::Kind;

/// How a property's value stands in its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text of one line.
    Text,
    /// A word; one that the standards know is in capital letters.
    Word,
    /// Text that people write together.
    Description,
    /// A value as it is written: an address of the web, a rule, a duration.
    Plain,
    /// A date or a time.
    Moment,
    /// A whole number.
    Whole,
    /// Who invites.
    Organizer,
    /// Who is invited: one line is one entry.
    Attendee,
    /// Categories: any number on a line, each an entry.
    Categories,
    /// Instances that are left out: any number on a line, each an entry.
    LeftOut,
}

/// A property with its field.
#[derive(Debug)]
pub(crate) struct Row {
    /// The property's name.
    pub(crate) property: &'static str,
    /// The field of a record.
    pub(crate) field: &'static str,
    /// How the one stands in the other.
    pub(crate) form: Form,
    /// The only kind of record that has it; both kinds where there is none.
    kind: Option<Kind>,
}

const fn both(property: &'static str, field: &'static str, form: Form) -> Row {
    Row { property, field, form, kind: None }
}

const fn only(kind: Kind, property: &'static str, field: &'static str, form: Form) -> Row {
    Row { property, field, form, kind: Some(kind) }
}

/// In the order in which properties are written.
const ROWS: &[Row] = &[
    both("UID", "uid", Form::Word),
    both("SEQUENCE", "sequence", Form::Whole),
    both("SUMMARY", "summary", Form::Text),
    both("DTSTART", "start", Form::Moment),
    only(Kind::Appointment, "DTEND", "end", Form::Moment),
    only(Kind::Appointment, "DURATION", "duration", Form::Plain),
    only(Kind::Task, "DUE", "due", Form::Moment),
    only(Kind::Task, "COMPLETED", "completed", Form::Moment),
    only(Kind::Task, "PERCENT-COMPLETE", "percent", Form::Whole),
    both("RRULE", "recurrence", Form::Plain),
    both("EXDATE", "exceptions", Form::LeftOut),
    both("STATUS", "status", Form::Word),
    both("PRIORITY", "priority", Form::Whole),
    both("CLASS", "class", Form::Word),
    only(Kind::Appointment, "TRANSP", "transparency", Form::Word),
    both("LOCATION", "location", Form::Text),
    both("URL", "url", Form::Plain),
    both("ORGANIZER", "organizer", Form::Organizer),
    both("ATTENDEE", "attendees", Form::Attendee),
    both("CATEGORIES", "categories", Form::Categories),
    both("DESCRIPTION", "description", Form::Description),
];

/// The properties of `kind` that have a field.
pub(crate) fn rows(kind: Kind) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.kind.is_none_or(|only| only == kind))
}

/// The row of the property with this name, in capital letters.
pub(crate) fn row(kind: Kind, property: &str) -> Option<&'static Row> {
    rows(kind).find(|row| row.property == property)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema;

    #[test]
    fn every_row_names_a_field_and_no_field_or_property_twice() {
        for kind in [Kind::Appointment, Kind::Task] {
            for row in rows(kind) {
                assert!(schema::find(kind, row.field).is_some(), "{kind}.{}", row.field);
                assert_eq!(rows(kind).filter(|other| other.property == row.property).count(), 1, "{}", row.property);
                assert_eq!(rows(kind).filter(|other| other.field == row.field).count(), 1, "{}", row.field);
            }
        }
    }
}
