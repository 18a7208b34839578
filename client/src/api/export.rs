use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use regard_core::id::DocumentId;
use regard_core::record::{Document, Life, Projection};
use tokio::sync::mpsc;

use super::Workspace;
use super::problem::Failure;
use super::records::resolve;
use super::show::contents;
use super::types::transfer::{ExportEvent, ExportRequest, ExportedRecord, Format};
use super::types::{Problem, ProblemCode};
use super::watch::{line, lines_response};
use crate::export::{pieces, text_of};
use crate::store::{Paged, Store, StoreError};

/// Events on their way to a caller who reads slowly; beyond, the export waits. Each has at most one piece of a text.
const EVENTS_WAITING_MAX: usize = 16;

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
        named.push(Paged { id: found.id, kind, life });
    }
    let (events, waiting) = mpsc::channel::<ExportEvent>(EVENTS_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let tell = |event| events.blocking_send(event).map_err(|_| Stopped::CallerLeft);
        let mut run = Run { store: &workspace.store, request: &request, records: 0, tell: &tell };
        let event = match run.all(named) {
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
    fn all(&mut self, named: Vec<Paged>) -> Result<(), Stopped> {
        if !self.request.keys.is_empty() {
            return named.into_iter().try_for_each(|record| self.one(&record));
        }
        let mut next = Some(0);
        while let Some(from) = next {
            let page = self.store.page(from)?;
            page.records
                .into_iter()
                .filter(|record| self.is_wanted(record))
                .collect::<Vec<_>>()
                .iter()
                .try_for_each(|record| self.one(record))?;
            next = page.next;
        }
        Ok(())
    }

    fn is_wanted(&self, record: &Paged) -> bool {
        let is_of_kind = self.request.kinds.is_empty() || self.request.kinds.contains(&record.kind);
        is_of_kind && self.request.format.holds(record.kind) && (self.request.deleted || record.life != Life::Deleted)
    }

    fn one(&mut self, record: &Paged) -> Result<(), Stopped> {
        let document = self.store.document(record.id)?;
        let projection = Projection::of(&document);
        let format = self.request.format;
        let text =
            if format == Format::Json { json(record.id, &document, &projection) } else { text_of(&document, format) };
        let Some(text) = text else {
            return (self.tell)(ExportEvent::LeftOut { id: record.id, kind: record.kind });
        };
        (self.tell)(ExportEvent::Record { id: record.id, kind: record.kind, title: projection.title })?;
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
