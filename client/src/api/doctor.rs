use axum::Json;
use axum::extract::State;

use super::Workspace;
use super::problem::Failure;
use super::types::edit::{DoctorView, RelayVisit};
use crate::relay_http;
use crate::store::{Store, Troubles};

/// What waits for a decision, and how the relay receives this device now.
pub(super) async fn doctor(State(workspace): State<Workspace>) -> Result<Json<DoctorView>, Failure> {
    let troubles = workspace.in_store(Store::troubles).await?;
    let relay = workspace.in_store(|store| Ok(store.settings()?.relay)).await?;
    let relay = match relay {
        Some(relay) => {
            let visit = relay_http::visit(&relay, workspace.store.identity().workspace).await;
            let problem = visit.outcome.err().map(Into::into);
            Some(RelayVisit { address: relay.address, problem, clock_ahead_ms: visit.clock_ahead_ms })
        }
        None => None,
    };
    let Troubles { contested, contested_first, undecided, undecided_first } = troubles;
    Ok(Json(DoctorView { contested, contested_first, undecided, undecided_first, relay }))
}
