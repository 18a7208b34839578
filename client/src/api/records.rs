use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use regard_core::id::DocumentId;
use regard_core::record::schema::{self, Form};
use regard_core::record::{Edit, Kind, Life, Scalar, assignment, identity};
use regard_core::wire::{Role, Scope};

use super::Workspace;
use super::problem::{Failure, NOT_FOUND_HINT};
use super::types::{AddRequest, EditRequest, Problem, ProblemCode, RecordLine, SaveAnswer};
use crate::engine::Notice;
use crate::names::Names;
use crate::store::{Found, Listed, Save, Store, StoreError, Work};
use crate::system::{SystemEntropy, now};
use crate::tracking;

pub(super) async fn add(
    State(workspace): State<Workspace>,
    Json(request): Json<AddRequest>,
) -> Result<Json<SaveAnswer>, Failure> {
    let AddRequest { kind, assignments } = request;
    if assignments.is_empty() {
        let hint = format!("For example: regard add {kind} {}=…", regard_core::record::schema::title(kind));
        return Err(Problem::new(ProblemCode::Invalid, "a new record needs at least one field").hint(hint).into());
    }
    let id = identity::by_hand(&mut SystemEntropy);
    let mut edits = read_assignments(&workspace, kind, &assignments).await?;
    edits.extend(tracking::evidence(&workspace.store.identity(), now(), "by-hand", None));
    // Notes are an edit like others here: only imported notes are seeded.
    let work = Work::Create { id, kind, notes: String::new(), edits };
    save(&workspace, work).await
}

pub(super) async fn edit(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
    Json(request): Json<EditRequest>,
) -> Result<Json<SaveAnswer>, Failure> {
    let listed = resolve(&workspace, key).await?;
    if listed.projection.life == Life::Deleted {
        let hint = format!("`regard undelete {}` brings it back.", shown(&listed));
        return Err(Problem::new(ProblemCode::Invalid, "the record is deleted").hint(hint).into());
    }
    let edits = read_assignments(&workspace, listed.projection.kind, &request.assignments).await?;
    save(&workspace, Work::Edit { id: listed.id, edits }).await
}

pub(super) async fn delete(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
) -> Result<Json<SaveAnswer>, Failure> {
    let id = resolve(&workspace, key).await?.id;
    save(&workspace, Work::Edit { id, edits: vec![Edit::Delete] }).await
}

pub(super) async fn restore(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
) -> Result<Json<SaveAnswer>, Failure> {
    let id = resolve(&workspace, key).await?.id;
    save(&workspace, Work::Edit { id, edits: vec![Edit::Restore] }).await
}

/// What people typed, with the ids that they began to write completed.
async fn read_assignments(workspace: &Workspace, kind: Kind, assignments: &[String]) -> Result<Vec<Edit>, Failure> {
    let mut edits = assignments.iter().map(|text| assignment::parse(kind, text)).collect::<Result<Vec<_>, _>>()?;
    for edit in &mut edits {
        if let Edit::Set(field, Scalar::Text(key)) = edit
            && schema::find(kind, field).is_some_and(|field| field.form == Form::Link)
        {
            *key = resolve_link(workspace, field, key).await?.id.to_string();
        }
    }
    Ok(edits)
}

/// A reader's saves would be refused by the relay, and the device would differ from the others for ever.
pub(super) async fn may_write(workspace: &Workspace) -> Result<(), Failure> {
    let role = workspace.in_store(|store| Ok(Names::read(store)?.own_role())).await?;
    if role != Role::Reader {
        return Ok(());
    }
    let problem = Problem::new(
        ProblemCode::Refused,
        "you are a reader of this workspace: you can see everything and change nothing",
    );
    Err(problem.hint("An owner can make you a member: regard member role NAME member").into())
}

pub(super) async fn save(workspace: &Workspace, work: Work) -> Result<Json<SaveAnswer>, Failure> {
    let id = work.id();
    may_write(workspace).await?;
    let save = Save { at: now(), works: vec![work] };
    let (saved, listed) =
        workspace.in_store(move |store| Ok((store.save(save, &mut SystemEntropy)?, store.listed(id)?))).await?;
    if let Some(unit) = saved.unit {
        let records = saved.records.iter().map(|(id, _)| *id).collect();
        workspace.engine.saved(Scope::Records, Notice::Saved { save: unit, records }).await;
    }
    let outcome = saved.records.first().map(|(_, outcome)| *outcome);
    let outcome = outcome.ok_or_else(|| Problem::new(ProblemCode::Failed, "the save touched no record"))?;
    Ok(Json(SaveAnswer { save: saved.unit, outcome, record: listed.into() }))
}

/// The record that people mean by an id, a beginning of one, an `automerge:` URL, or a name.
pub(super) async fn resolve(workspace: &Workspace, key: String) -> Result<Listed, Failure> {
    resolve_among(workspace, key, None).await
}

/// The same for a link. Only an account can be somebody's parent, so that names mean accounts there.
pub(super) async fn resolve_link(workspace: &Workspace, field: &str, key: &str) -> Result<Listed, Failure> {
    resolve_among(workspace, key.to_owned(), (field == "parent").then_some(Kind::Account)).await
}

async fn resolve_among(workspace: &Workspace, key: String, kind: Option<Kind>) -> Result<Listed, Failure> {
    let asked = key.clone();
    let found = workspace.in_store(move |store| find(store, &asked, kind)).await?;
    match found {
        Found::One(id) => workspace.in_store(move |store| store.listed(id)).await,
        Found::None => {
            Err(Problem::new(ProblemCode::NotFound, format!("there is no record “{key}”")).hint(NOT_FOUND_HINT).into())
        }
        Found::Several(matches) => {
            let problem = Problem::new(ProblemCode::Ambiguous, format!("several records can be meant by “{key}”"));
            let matches = matches.into_iter().map(RecordLine::from).collect();
            let hint = "Give more digits of the id, or the whole title or address.";
            Err(Problem { matches, ..problem.hint(hint) }.into())
        }
    }
}

fn find(store: &Store, key: &str, kind: Option<Kind>) -> Result<Found, StoreError> {
    match DocumentId::from_automerge_url(key) {
        Ok(id) => match store.listed(id) {
            Ok(_) => Ok(Found::One(id)),
            Err(StoreError::NoRecord(_)) => Ok(Found::None),
            Err(error) => Err(error),
        },
        Err(_) => store.find_among(key, kind),
    }
}

/// As much of the id as lists show: it stays enough when more records come.
fn shown(listed: &Listed) -> String {
    listed.id.to_hex()[..listed.prefix.clamp(8, 32)].to_owned()
}

fn prefix(listed: &Listed) -> String {
    listed.id.to_hex()[..listed.prefix.min(32)].to_owned()
}

impl From<Listed> for RecordLine {
    fn from(listed: Listed) -> Self {
        let prefix = prefix(&listed);
        let projection = listed.projection;
        Self {
            id: listed.id,
            prefix,
            kind: projection.kind,
            title: projection.title,
            detail: projection.detail,
            moment: projection.moment,
            life: projection.life,
            conflicts: projection.conflicts,
            changed_at: projection.changed_at,
            regarding: projection.regarding,
            parent: projection.parent,
            company: projection.company,
            owner: projection.owner,
            status: projection.status,
            categories: projection.categories,
            addresses: projection.addresses,
            columns: BTreeMap::new(),
        }
    }
}
