use axum::http::{HeaderMap, header};
use regard_core::error::{Cause, Refusal};
use regard_core::visibility::Query;

/// The two forms of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// Server-sent events.
    Events,
    /// A JSON object a line.
    Lines,
}

impl Form {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    fn named(value: &str) -> Result<Self, Refusal> {
        match value {
            "sse" => Ok(Self::Events),
            "ndjson" => Ok(Self::Lines),
            _ => Err(Refusal::new(Cause::Malformed, "`format` is neither `sse` nor `ndjson`")),
        }
    }

    /// Events are what whoever says nothing of lines gets.
    fn accepted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut types =
            accepted.flat_map(|value| value.split(',')).map(|one| one.split(';').next().unwrap_or("").trim());
        if types.any(|one| one.eq_ignore_ascii_case("application/x-ndjson")) { Self::Lines } else { Self::Events }
    }
}

/// What a reader asked for, and in which form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) form: Form,
    pub(super) query: Query,
}

impl Request {
    /// Reads a request's query, without its question mark, and headers.
    pub(super) fn read(query: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let format = pairs.iter().rev().find(|(name, _)| name == "format").map(|(_, value)| Form::named(value));
        let others = pairs.iter().filter(|(name, _)| name != "format").map(|(name, value)| (&**name, &**value));
        let last_event_id = headers.get("last-event-id").map(|id| {
            id.to_str().map_err(|_| Refusal::new(Cause::Malformed, "`Last-Event-ID` cannot be read: it is no text"))
        });
        let query = Query::read(others, last_event_id.transpose()?)?;
        let form = format.transpose()?.unwrap_or_else(|| Form::accepted(headers));
        Ok(Self { form, query })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use regard_core::visibility::Since;

    use super::*;

    fn read(query: &str, headers: &[(&'static str, &'static str)]) -> Result<Request, Refusal> {
        let headers = headers.iter().map(|(name, value)| (name.parse().expect(name), HeaderValue::from_static(value)));
        Request::read(query, &headers.collect())
    }

    #[test]
    fn the_form_is_what_is_asked_for_then_what_is_accepted_then_events() {
        for (query, accept, form) in [
            ("", "text/event-stream", Form::Events),
            ("", "*/*", Form::Events),
            ("", "application/x-ndjson", Form::Lines),
            ("", "text/plain, Application/X-NDJSON;q=0.5", Form::Lines),
            ("format=ndjson", "text/event-stream", Form::Lines),
            ("format=sse", "application/x-ndjson", Form::Events),
        ] {
            assert_eq!(read(query, &[("accept", accept)]).map(|read| read.form), Ok(form), "{query} {accept}");
        }
        assert_eq!(read("", &[]).map(|read| read.form), Ok(Form::Events));
        assert_eq!(read("format=xml", &[]).map_err(|refusal| refusal.cause), Err(Cause::Malformed));
    }

    #[test]
    fn values_are_decoded_and_the_header_wins() {
        let id = "02020202-0202-0202-0202-020202020202:5";
        let asked = read("since=02020202-0202-0202-0202-020202020202%3A5&kind=task%2Clead", &[]).expect("a request");
        assert_eq!(asked.query.since, Since::After(id.parse().expect("an id")));
        assert_eq!(asked.query.filter.kinds.len(), 2);
        let resumed = read("since=now", &[("last-event-id", id)]).expect("a request");
        assert_eq!(resumed.query.since, Since::After(id.parse().expect("an id")));
    }
}
