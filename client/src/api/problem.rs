use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use regard_core::error::Refusal;
use regard_core::record::assignment::BadAssignment;

use super::disk_hint::disk_hint;
use super::types::{Problem, ProblemCode};
use crate::store::StoreError;

/// A problem on its way to the caller.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Problem);

impl Failure {
    pub(super) fn stopped(error: &tokio::task::JoinError) -> Self {
        Self(Problem::new(ProblemCode::Failed, format!("the work was stopped: {error}")))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            ProblemCode::Failed | ProblemCode::Damaged => StatusCode::INTERNAL_SERVER_ERROR,
            ProblemCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ProblemCode::NotFound => StatusCode::NOT_FOUND,
            ProblemCode::Ambiguous | ProblemCode::Conflict => StatusCode::CONFLICT,
            ProblemCode::Offline => StatusCode::SERVICE_UNAVAILABLE,
            ProblemCode::Refused => StatusCode::FORBIDDEN,
        };
        (status, Json(self.0)).into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

impl From<BadAssignment> for Failure {
    fn from(error: BadAssignment) -> Self {
        let hint = "Write field=value; field+=entry and field-=entry for fields of several; field[entry].member=value.";
        Self(Problem::new(ProblemCode::Invalid, error.to_string()).hint(hint))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let disk_hint = disk_hint(&error).map(str::to_owned);
        match error {
            StoreError::NoRecord(_) => Self::new(ProblemCode::NotFound, message).hint(NOT_FOUND_HINT),
            StoreError::Moved(_) => Self::new(ProblemCode::Conflict, message).hint("Nothing was saved. Try again."),
            StoreError::Edit(_) | StoreError::Filter(_) => Self::new(ProblemCode::Invalid, message),
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Absent { .. } => Self::new(ProblemCode::NotFound, message)
                .hint("`regard init` makes a new workspace, `regard join LINK` joins one."),
            StoreError::Exists { .. } => Self::new(ProblemCode::Invalid, message)
                .hint("Choose another folder with --store, or use the one that is there."),
            StoreError::FileExists { .. } => {
                Self::new(ProblemCode::Invalid, message).hint("Name another file for the copy.")
            }
            StoreError::UnknownTable { .. } => {
                Self::new(ProblemCode::Failed, message).hint("Install the version that wrote the store.")
            }
            StoreError::InUse { .. } => Self::new(ProblemCode::Failed, message)
                .hint("Wait for the other command to end, or use the one that `regard up` runs."),
            StoreError::Format { .. } => {
                Self::new(ProblemCode::Failed, message).hint("Install the version that wrote it.")
            }
            StoreError::Damaged { .. } => Self::new(ProblemCode::Damaged, message).hint(
                "Nothing was changed. `regard check` says what is damaged, and `regard check --rebuild` makes a new store of what can \
                 be read; the relay brings the rest.",
            ),
            StoreError::IdentityLost { salvaged, .. } => {
                let kept = salvaged.map(|folder| format!("The records that could be read are in {}. ", folder.display()));
                Self::new(ProblemCode::Damaged, message).hint(format!(
                    "Nothing was changed. {}`regard restore` puts a backup into another folder (--store FOLDER); without one, join \
                     the workspace anew there with an invitation: the relay has everything that was visible.",
                    kept.unwrap_or_default()
                ))
            }
            StoreError::Folder { source, .. } => Self { hint: disk_hint, ..Self::with_causes(message, &source) },
            StoreError::Failed { source, .. } => Self { hint: disk_hint, ..Self::with_causes(message, &*source) },
        }
    }
}

impl Problem {
    fn with_causes(message: String, first: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string).collect();
        Self { causes, ..Self::new(ProblemCode::Failed, message) }
    }
}

pub(super) const NOT_FOUND_HINT: &str = "`regard list` shows the records and their ids.";
