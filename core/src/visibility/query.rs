use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use super::{Filter, Since};
use crate::error::{Cause, Refusal};
use crate::limits::STREAM_FILTER_VALUES_MAX;
use crate::wire::Scope;

/// What a reader of the visibility stream asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The log to follow.
    pub scope: Scope,
    /// From where.
    pub since: Since,
    /// What of it.
    pub filter: Filter,
}

impl Query {
    /// Reads the names and values of a request's query, in their order. `last_event_id` is the header of that name, which
    /// wins over `since`; an empty one counts as none.
    ///
    /// # Errors
    /// [`Cause::Malformed`] for an unknown name, a value that is none, or a single value that stands there twice;
    /// [`Cause::TooLarge`] where a filter has more than [`STREAM_FILTER_VALUES_MAX`] values.
    pub fn read<'q>(
        pairs: impl IntoIterator<Item = (&'q str, &'q str)>,
        last_event_id: Option<&str>,
    ) -> Result<Self, Refusal> {
        let (mut scope, mut since) = (None, None);
        let mut filter = Filter::default();
        for (name, value) in pairs {
            match name {
                "scope" => once(&mut scope, name, named_scope(value)?)?,
                "since" => once(&mut since, name, single(name, value)?)?,
                "kind" => several(&mut filter.kinds, name, value)?,
                "record" => several(&mut filter.records, name, value)?,
                "member" => several(&mut filter.members, name, value)?,
                other => return Err(unknown(other)),
            }
        }
        let last = last_event_id.map(str::trim).filter(|id| !id.is_empty());
        let last = last.map(|id| single("Last-Event-ID", id).map(Since::After)).transpose()?;
        Ok(Self { scope: scope.unwrap_or(Scope::Records), since: last.or(since).unwrap_or_default(), filter })
    }
}

fn named_scope(value: &str) -> Result<Scope, Refusal> {
    let found = Scope::ALL.into_iter().find(|scope| scope.to_string() == value);
    found.ok_or_else(|| malformed("scope", &format!("“{}” is neither `records` nor `address-book`", cut(value))))
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Refusal> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed(name, &"it stands there twice, and only one value is possible")),
    }
}

fn single<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Refusal> {
    value.parse().map_err(|error| malformed(name, &error))
}

fn several<T: FromStr<Err: Display> + Ord>(into: &mut BTreeSet<T>, name: &str, values: &str) -> Result<(), Refusal> {
    for value in values.split(',') {
        into.insert(single(name, value.trim())?);
        if into.len() > STREAM_FILTER_VALUES_MAX {
            let detail = format!("`{name}` names more than the {STREAM_FILTER_VALUES_MAX} values that are allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
    }
    Ok(())
}

fn unknown(name: &str) -> Refusal {
    let known = "scope, since, kind, record, member and format";
    Refusal::new(Cause::Malformed, format!("the stream knows no `{}`, only {known}", cut(name)))
}

fn malformed(name: &str, error: &dyn Display) -> Refusal {
    Refusal::new(Cause::Malformed, format!("`{name}` cannot be read: {error}"))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::super::StreamId;
    use super::*;
    use crate::id::{DocumentId, EpochId, MemberId};
    use crate::record::Kind;

    const EPOCH: EpochId = EpochId::from_bytes([2; 16]);

    #[test]
    fn nothing_asked_is_everything_from_the_start() {
        let query = Query::read([], None).expect("a query");
        assert_eq!(query, Query { scope: Scope::Records, since: Since::Start, filter: Filter::default() });
    }

    #[test]
    fn values_are_repeated_or_stand_behind_commas() {
        let record = DocumentId::from_bytes([1; 16]);
        let (ana, ben) = (MemberId::from_bytes([3; 16]), MemberId::from_bytes([4; 16]));
        let (one, both) = (record.to_string(), format!("{ana}, {ben}"));
        let query =
            [("scope", "address-book"), ("kind", "task,leads"), ("kind", "email"), ("record", &one), ("member", &both)];
        let query = Query::read(query, None).expect("a query");
        assert_eq!(query.scope, Scope::AddressBook);
        assert_eq!(query.filter.kinds, [Kind::Task, Kind::Lead, Kind::Email].into());
        assert_eq!((query.filter.records, query.filter.members), ([record].into(), [ana, ben].into()));
    }

    #[test]
    fn the_last_event_wins_over_since_and_an_empty_one_does_not() {
        let id = StreamId { epoch: EPOCH, seq: 5 };
        let text = id.to_string();
        let since = |last: Option<&str>| Query::read([("since", "now")], last).map(|query| query.since);
        assert_eq!(since(None), Ok(Since::Now));
        assert_eq!(since(Some(" ")), Ok(Since::Now));
        assert_eq!(since(Some(&text)), Ok(Since::After(id)));
        assert!(since(Some("now")).is_err(), "the header is an id and nothing else");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        let many: Vec<String> = (0..=255).map(|n| DocumentId::from_bytes([n; 16]).to_string()).collect();
        assert!(Query::read([("record", many.join(",").as_str())], None).is_ok());
        let too_many = format!("{},01020304-0000-4000-8000-000000000000", many.join(","));
        for (name, value, cause) in [
            ("scope", "everything", Cause::Malformed),
            ("since", "yesterday", Cause::Malformed),
            ("kind", "letter", Cause::Malformed),
            ("kind", "", Cause::Malformed),
            ("record", "8b", Cause::Malformed),
            ("member", "Ana", Cause::Malformed),
            ("colour", "red", Cause::Malformed),
            ("record", &too_many, Cause::TooLarge),
        ] {
            let refusal = Query::read([(name, value)], None).expect_err(name);
            assert_eq!(refusal.cause, cause, "{refusal}");
            assert!(refusal.detail.contains(&format!("`{name}`")), "{refusal}");
        }
        assert!(Query::read([("since", "now"), ("since", "start")], None).is_err());
    }
}
