//! Which property of a card is which field: the one table that import and export both go by.

use crate::record::Kind;

/// One property and its fields.
#[derive(Debug)]
pub(crate) struct Row {
    /// The property's name.
    pub(crate) property: &'static str,
    /// How its value and the fields correspond.
    pub(crate) shape: Shape,
    /// The fields; none where the property only says what the record is.
    pub(crate) fields: &'static [&'static str],
}

/// How a property's value and its fields correspond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Always this word.
    Fixed(&'static str),
    /// The name by which the record is called: every card has one.
    Name,
    /// One text.
    Text,
    /// Several texts, in the field joined by `, `.
    List,
    /// A date or time.
    Moment,
    /// The id of another record.
    Link,
    /// Components, each a field.
    Components,
    /// The first component is the first field; the others, joined by `, `, are the second, where there is one.
    Organization,
    /// An item for each property. Addresses may be written as URIs of the scheme.
    Item {
        /// With its colon.
        scheme: &'static str,
    },
    /// An item for each property: the id of another record.
    LinkedItem,
    /// An item for each property: a postal address.
    Address,
    /// An item for each value of all such properties.
    Words,
    /// The notes: what all such properties say.
    Notes,
}

/// The properties that are fields of `kind`, in the order in which a card has them.
pub(crate) fn rows(kind: Kind) -> impl Iterator<Item = &'static Row> {
    let (own, shared): (&[Row], &[Row]) = match kind {
        Kind::Contact => (CONTACT, SHARED),
        Kind::Account => (ACCOUNT, SHARED),
        Kind::Lead => (LEAD, SHARED),
        Kind::Email | Kind::Task | Kind::Appointment => (&[], &[]),
    };
    own.iter().chain(shared)
}

/// What a property is for a record of `kind`; none where Regard has no field for it.
pub(crate) fn row(kind: Kind, property: &str) -> Option<&'static Row> {
    rows(kind).find(|row| row.property.eq_ignore_ascii_case(property))
}

/// Says that a card is a lead, of which vCard knows nothing.
pub(crate) const KIND: &str = "X-REGARD-KIND";

const fn row_of(property: &'static str, shape: Shape, fields: &'static [&'static str]) -> Row {
    Row { property, shape, fields }
}

const CONTACT: &[Row] = &[
    row_of("FN", Shape::Name, &["full_name"]),
    row_of("N", Shape::Components, &["family_name", "given_name", "middle_name", "name_prefix", "name_suffix"]),
    row_of("NICKNAME", Shape::List, &["nickname"]),
    row_of("TITLE", Shape::Text, &["job_title"]),
    row_of("ROLE", Shape::Text, &["role"]),
    row_of("ORG", Shape::Organization, &["company", "department"]),
    row_of("BDAY", Shape::Moment, &["birthday"]),
    row_of("ANNIVERSARY", Shape::Moment, &["anniversary"]),
    row_of("UID", Shape::Text, &["uid"]),
    row_of("X-REGARD-PARENT", Shape::Link, &["parent"]),
];

const ACCOUNT: &[Row] = &[
    row_of("KIND", Shape::Fixed("org"), &[]),
    row_of("FN", Shape::Name, &["name"]),
    row_of("UID", Shape::Text, &["uid"]),
    row_of("X-REGARD-INDUSTRY", Shape::Text, &["industry"]),
    row_of("X-REGARD-PARENT", Shape::Link, &["parent"]),
];

const LEAD: &[Row] = &[
    row_of(KIND, Shape::Fixed("lead"), &[]),
    row_of("FN", Shape::Name, &["full_name"]),
    row_of("TITLE", Shape::Text, &["job_title"]),
    row_of("ORG", Shape::Organization, &["company"]),
    row_of("X-REGARD-TOPIC", Shape::Text, &["topic"]),
    row_of("X-REGARD-STATUS", Shape::Text, &["status"]),
    row_of("X-REGARD-SOURCE", Shape::Text, &["source"]),
];

const SHARED: &[Row] = &[
    row_of("EMAIL", Shape::Item { scheme: "mailto:" }, &["emails"]),
    row_of("TEL", Shape::Item { scheme: "tel:" }, &["phones"]),
    row_of("ADR", Shape::Address, &["addresses"]),
    row_of("URL", Shape::Item { scheme: "" }, &["websites"]),
    row_of("CATEGORIES", Shape::Words, &["categories"]),
    row_of("X-REGARD-OWNER", Shape::Text, &["owner"]),
    row_of("X-REGARD-REGARDING", Shape::Link, &["regarding"]),
    row_of("X-REGARD-RELATED", Shape::LinkedItem, &["related"]),
    row_of("NOTE", Shape::Notes, &["notes"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema;
    use std::collections::BTreeSet;

    /// Tracking is evidence of this workspace and no property; `unknown` holds the properties that are no fields.
    const NOT_WRITTEN: [&str; 2] = ["tracking", "unknown"];

    #[test]
    fn every_field_of_the_three_kinds_has_one_property() {
        for kind in [Kind::Contact, Kind::Account, Kind::Lead] {
            let written: Vec<_> = rows(kind).flat_map(|row| row.fields).copied().collect();
            let fields: BTreeSet<_> =
                schema::fields(kind).map(|field| field.name).filter(|name| !NOT_WRITTEN.contains(name)).collect();
            assert_eq!(written.len(), fields.len(), "{kind}");
            assert_eq!(written.into_iter().collect::<BTreeSet<_>>(), fields, "{kind}");
        }
    }
}
