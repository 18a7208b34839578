use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use regard_core::inspect::{self, DocumentReport};
use regard_core::record::schema::{self, Form};
use regard_core::record::{Alternative, Document, Entry, Scalar};
use regard_core::visibility;

use super::Workspace;
use super::problem::Failure;
use super::records::resolve;
use super::types::{ConflictView, ReachView, RecordView, SaveView, ValueView};
use crate::names::Names;
use crate::store::{SaveState, Store, StoreError};

/// Saves told of a record; the whole history is in its inside.
const SAVES_TOLD: usize = 10;

pub(super) async fn show(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
) -> Result<Json<RecordView>, Failure> {
    let listed = resolve(&workspace, key).await?;
    let as_of = workspace.engine.status().heard_at;
    let view = workspace.in_store(move |store| {
        let document = store.document(listed.id)?;
        let names = Names::read(store)?;
        let (fields, entries) = contents(&document);
        let conflicts_at = document.conflicts().into_iter().map(|conflict| ConflictView {
            place: conflict.place,
            shown: value_view(&names, conflict.shown.winner),
            others: conflict.shown.others.into_iter().map(|other| value_view(&names, other)).collect(),
        });
        let saves = store.saves(listed.id, SAVES_TOLD)?;
        let saves = saves.into_iter().map(|save| save_view(&names, store, save)).collect::<Result<_, _>>()?;
        Ok(RecordView { line: listed.into(), fields, entries, conflicts_at: conflicts_at.collect(), saves, as_of })
    });
    view.await.map(Json)
}

pub(super) async fn inspect(
    State(workspace): State<Workspace>,
    Path(key): Path<String>,
) -> Result<Json<DocumentReport>, Failure> {
    let id = resolve(&workspace, key).await?.id;
    workspace.in_store(move |store| Ok(inspect::document(id, &store.document(id)?))).await.map(Json)
}

pub(super) type Items = BTreeMap<String, BTreeMap<String, Scalar>>;

pub(super) fn contents(document: &Document) -> (BTreeMap<String, Scalar>, BTreeMap<String, Items>) {
    let (mut fields, mut entries) = (BTreeMap::new(), BTreeMap::new());
    for field in schema::fields(document.kind()) {
        if let Form::Entries(_) = field.form {
            let items: Items =
                document.entries(field.name).into_iter().map(|(item, entry)| (item, members(entry))).collect();
            if !items.is_empty() {
                entries.insert(field.name.to_owned(), items);
            }
        } else if let Some(shown) = document.scalar(field.name)
            && shown.winner.value != Scalar::from("")
        {
            fields.insert(field.name.to_owned(), shown.winner.value);
        }
    }
    (fields, entries)
}

/// The item's own value stands beside its members, as `value`.
fn members(entry: Entry) -> BTreeMap<String, Scalar> {
    let mut members = entry.members;
    members.extend(entry.value.map(|value| ("value".to_owned(), value)));
    members
}

fn value_view(names: &Names, alternative: Alternative) -> ValueView {
    let by = alternative.actor.device().map_or_else(|| "another program".to_owned(), |device| names.device(device));
    ValueView { value: inspect::value(alternative), by }
}

fn save_view(names: &Names, store: &Store, save: SaveState) -> Result<SaveView, StoreError> {
    let by = save.author.map_or_else(|| "another program".to_owned(), |device| names.device(device));
    let devices = names.devices().into_iter().map(|device| {
        let receipt = match &save.place {
            Some(place) => store.receipt(device, save.scope, place)?,
            None => None,
        };
        let mut reached = visibility::reached(device, save.author, save.place.as_ref(), receipt);
        if device == names.own_device() && reached == visibility::Reached::NotYet {
            // What this device shows, it has; the relay needs not say so.
            reached = visibility::Reached::Applied { at: save.applied_at };
        }
        Ok(ReachView { device, name: names.device(device), reached })
    });
    let devices = devices.collect::<Result<_, StoreError>>()?;
    let verified = save.author.is_some() && save.author == save.carrier;
    Ok(SaveView { save: save.unit, by, verified, saved_at: save.saved_at, visible: save.place, devices })
}
