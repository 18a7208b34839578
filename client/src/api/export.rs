use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use regard_core::id::DocumentId;
use regard_core::record::{Document, Kind, Life, Projection};
use tokio::sync::mpsc;

use super::Workspace;
use super::finding;
use super::problem::Failure;
use super::records::resolve;
use super::show::contents;
use super::types::transfer::{ExportEvent, ExportRequest, ExportedRecord, Format};
use super::types::{ListQuery, Problem, ProblemCode};
use super::watch::{line, lines_response};
use crate::export::{pieces, text_of};
use crate::store::{Filter, Listed, Store, StoreError};

/// Events on their way to a caller who reads slowly; beyond, the export waits. Each has at most one piece of a text.
const EVENTS_WAITING_MAX: usize = 16;

/// Records that are looked for at a time.
const PAGE_RECORDS: usize = 1_000;

/// Answers records one by one as texts of a format, one JSON object a line.
pub(super) async fn export(
    State(workspace): State<Workspace>,
    Json(request): Json<ExportRequest>,
) -> Result<Response, Failure> {
    let mut named = Vec::new();
    for key in &request.keys {
        let found = resolve(&workspace, key.clone()).await?;
        let (kind, life) = (found.projection.kind, found.projection.life);
        if !request.format.holds(kind) {
            let message = format!("{} files hold no {kind} records such as “{key}”", request.format.name());
            let hint = format!("Use --format {} or --format json.", Format::of_kind(kind).name());
            return Err(Problem::new(ProblemCode::Invalid, message).hint(hint).into());
        }
        if life == Life::Deleted && !request.deleted {
            let problem = Problem::new(ProblemCode::Invalid, format!("the record “{key}” is deleted"));
            return Err(problem.hint("--deleted exports deleted records, too.").into());
        }
        named.push(found);
    }
    // In the order in which they came, so that those which come meanwhile stand behind the others.
    let asked = ListQuery {
        deleted: request.deleted,
        filter: request.filter.clone(),
        sort: Some("added".into()),
        limit: Some(PAGE_RECORDS),
        zone: request.zone.clone(),
        ..ListQuery::default()
    };
    let filter = finding::filter(&workspace, asked).await?;
    let (events, waiting) = mpsc::channel::<ExportEvent>(EVENTS_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let tell = |event| events.blocking_send(event).map_err(|_| Stopped::CallerLeft);
        let mut run = Run { store: &workspace.store, request: &request, records: 0, tell: &tell };
        let event = match run.all(named, filter) {
            Ok(()) => ExportEvent::Done { records: run.records },
            Err(Stopped::Store(error)) => ExportEvent::Failed(error.into()),
            Err(Stopped::CallerLeft) => return,
        };
        // A caller who has left needs no end.
        let _ = tell(event);
    });
    let lines = futures_util::stream::unfold(waiting, |mut waiting| async {
        waiting.recv().await.map(|event| (line(&event), waiting))
    });
    Ok(lines_response(Body::from_stream(lines)))
}

/// Why an export ended before its end.
enum Stopped {
    Store(StoreError),
    CallerLeft,
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

struct Run<'a> {
    store: &'a Store,
    request: &'a ExportRequest,
    records: u64,
    tell: &'a dyn Fn(ExportEvent) -> Result<(), Stopped>,
}

impl Run<'_> {
    fn all(&mut self, named: Vec<Listed>, mut filter: Filter) -> Result<(), Stopped> {
        if !self.request.keys.is_empty() {
            return named.iter().try_for_each(|record| self.one(record));
        }
        loop {
            let page = self.store.page(&filter)?;
            let wanted =
                page.records.iter().filter(|record| self.is_wanted(record.projection.kind)).collect::<Vec<_>>();
            wanted.into_iter().try_for_each(|record| self.one(record))?;
            if page.next.is_none() {
                return Ok(());
            }
            filter.after = page.next;
        }
    }

    fn is_wanted(&self, kind: Kind) -> bool {
        let is_of_kind = self.request.kinds.is_empty() || self.request.kinds.contains(&kind);
        is_of_kind && self.request.format.holds(kind)
    }

    fn one(&mut self, record: &Listed) -> Result<(), Stopped> {
        let document = self.store.document(record.id)?;
        let projection = Projection::of(&document);
        let format = self.request.format;
        let text = if format == Format::Json {
            json(record.id, &document, &projection)
        } else {
            text_of(record.id, &document, format)
        };
        let Some(text) = text else {
            return (self.tell)(ExportEvent::LeftOut { id: record.id, kind: document.kind() });
        };
        (self.tell)(ExportEvent::Record { id: record.id, kind: document.kind(), title: projection.title })?;
        pieces(&text).try_for_each(|piece| (self.tell)(ExportEvent::Text { text: piece.to_owned() }))?;
        self.records += 1;
        (self.tell)(ExportEvent::Whole)
    }
}

fn json(id: DocumentId, document: &Document, projection: &Projection) -> Option<String> {
    let (fields, entries) = contents(document);
    let record = ExportedRecord {
        id,
        kind: document.kind(),
        title: projection.title.clone(),
        life: projection.life,
        changed_at: projection.changed_at,
        fields,
        entries,
    };
    line(&record).ok()
}
