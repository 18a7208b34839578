use axum::Json;
use axum::extract::State;

use super::Workspace;
use super::problem::Failure;
use super::types::{BackupAnswer, BackupRequest};
use crate::store::{Store, StoreCheck};

/// Writes a copy of the store.
pub(super) async fn backup(
    State(workspace): State<Workspace>,
    Json(request): Json<BackupRequest>,
) -> Result<Json<BackupAnswer>, Failure> {
    let bytes = workspace.in_store({
        let file = request.file.clone();
        move |store| store.backup(&file)
    });
    Ok(Json(BackupAnswer { bytes: bytes.await?, file: request.file }))
}

/// Looks at everything in the store.
pub(super) async fn check(State(workspace): State<Workspace>) -> Result<Json<StoreCheck>, Failure> {
    workspace.in_store(Store::check).await.map(Json)
}
