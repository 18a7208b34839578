use axum::Json;
use axum::extract::{Query, State};
use jiff::tz::TimeZone;
use regard_core::limits::LIST_ROWS_MAX;
use regard_core::record::schema::{self, Form};
use regard_core::record::{Document, Kind};

use super::Workspace;
use super::problem::Failure;
use super::records::resolve_link;
use super::types::{ListQuery, Problem, ProblemCode, RecordLine, RecordList, SearchQuery};
use crate::query::{self, Key, Now, Takes, Test, Value};
use crate::store::{Cursor, Filter, Page, Sort, Store, StoreError};
use crate::system::now;

const LIMIT_DEFAULT: usize = 50;
/// Further fields of one list; each row that has any is opened.
const COLUMNS_MAX: usize = 32;

pub(super) async fn list(
    State(workspace): State<Workspace>,
    Query(asked): Query<ListQuery>,
) -> Result<Json<RecordList>, Failure> {
    let columns = columns(asked.columns.as_deref().unwrap_or_default())?;
    let filter = filter(&workspace, asked).await?;
    let as_of = workspace.engine.status().heard_at;
    let list = workspace.in_store(move |store| {
        let Page { records, next, stopped_after } = store.page(&filter)?;
        let mut records: Vec<_> = records.into_iter().map(RecordLine::from).collect();
        if !columns.is_empty() {
            records.iter_mut().try_for_each(|line| fill(store, line, &columns))?;
        }
        let next = next.map(|next| next.to_string());
        Ok(RecordList { records, more: next.is_some(), next, stopped_after, as_of })
    });
    list.await.map(Json)
}

pub(super) async fn search(
    State(workspace): State<Workspace>,
    Query(asked): Query<SearchQuery>,
) -> Result<Json<RecordList>, Failure> {
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT).min(LIST_ROWS_MAX);
    let SearchQuery { words, kind, .. } = asked;
    // One more than wanted tells whether there are more.
    let mut found = workspace.in_store(move |store| store.search(&words, kind, limit + 1)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let records = found.into_iter().map(RecordLine::from).collect();
    let as_of = workspace.engine.status().heard_at;
    Ok(Json(RecordList { records, more, next: None, stopped_after: None, as_of }))
}

/// What a caller asked for, with the records that it names found.
pub(super) async fn filter(workspace: &Workspace, asked: ListQuery) -> Result<Filter, Failure> {
    let invalid = |message: String, hint: &str| Problem::new(ProblemCode::Invalid, message).hint(hint);
    let mut query = query::parse(asked.filter.as_deref().unwrap_or_default())
        .map_err(|error| invalid(error.to_string(), &error.hint))?;
    for term in &mut query.terms {
        if let Test::Compare { key: Key::Field(field), value: Value::Text(name), .. } = &mut term.test
            && Key::Field(field).takes() == Takes::Record
            && !name.is_empty()
        {
            *name = resolve_link(workspace, field.name, name).await?.id.to_string();
        }
    }
    let sort: Option<Sort> = asked.sort.as_deref().map(str::parse).transpose().map_err(|error| {
        let hint = "Sort by changed, date, due, start, title or added; with a - before it the greatest come first.";
        invalid(format!("{error}"), hint)
    })?;
    let after: Option<Cursor> = asked
        .after
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| invalid(format!("{error}"), "Give what the part before told with “--after”, whole."))?;
    let zone = match asked.zone.as_deref() {
        Some(name) => TimeZone::get(name).map_err(|_| {
            invalid(format!("there is no time zone “{name}”"), "Name one as in Europe/Berlin, or leave it out.")
        })?,
        None => TimeZone::system(),
    };
    Ok(Filter {
        kind: asked.kind,
        deleted: asked.deleted,
        text: asked.text,
        query,
        now: Some(Now { at: now(), zone }),
        // A list that goes on has its order.
        sort: sort.or_else(|| after.as_ref().map(Cursor::sort)).unwrap_or_default(),
        after,
        offset: asked.offset,
        limit: asked.limit.unwrap_or(LIMIT_DEFAULT).min(LIST_ROWS_MAX),
    })
}

fn columns(asked: &str) -> Result<Vec<String>, Failure> {
    let names = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    let names: Vec<String> = names.take(COLUMNS_MAX).collect();
    let is_field = |name: &&String| Kind::ALL.into_iter().all(|kind| schema::find(kind, name).is_none());
    if let Some(unknown) = names.iter().find(is_field) {
        let problem = Problem::new(ProblemCode::Invalid, format!("there is no field “{unknown}”"));
        return Err(problem.hint("Columns are the fields of all kinds; docs/format.md lists them.").into());
    }
    Ok(names)
}

/// Opens a record for the fields that lists do not have.
fn fill(store: &Store, line: &mut RecordLine, columns: &[String]) -> Result<(), StoreError> {
    if columns.iter().all(|name| schema::find(line.kind, name).is_none()) {
        return Ok(());
    }
    let document = store.document(line.id)?;
    let told = columns.iter().map(|name| (name.clone(), told(&document, name)));
    line.columns = told.filter(|(_, text)| !text.is_empty()).collect();
    Ok(())
}

fn told(document: &Document, name: &str) -> String {
    match schema::find(document.kind(), name).map(|field| field.form) {
        None => String::new(),
        Some(Form::Entries(_)) => document.entries(name).into_keys().collect::<Vec<_>>().join(", "),
        Some(_) => document.text(name),
    }
}
