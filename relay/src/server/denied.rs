use axum::Json;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, JsonRejection, PathRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use regard_core::error::{Cause, Refusal};

use crate::store::AccessError;

/// A refusal as the answer to an HTTP request: a fitting status and the refusal as JSON.
#[derive(Debug)]
pub(crate) struct Denied {
    status: StatusCode,
    refusal: Refusal,
}

impl Denied {
    /// The caller did not prove who it is.
    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, refusal: Refusal::new(Cause::NotAllowed, detail) }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.cause {
            Cause::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Cause::NotAllowed | Cause::Revoked => StatusCode::FORBIDDEN,
            Cause::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Cause::Unknown => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, refusal }
    }
}

impl From<AccessError> for Denied {
    fn from(error: AccessError) -> Self {
        error.as_refusal().into()
    }
}

impl From<PathRejection> for Denied {
    fn from(_: PathRejection) -> Self {
        Refusal::new(Cause::Malformed, "the address has no workspace id where it should").into()
    }
}

impl From<JsonRejection> for Denied {
    fn from(rejection: JsonRejection) -> Self {
        let cause = match &rejection {
            JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
                FailedToBufferBody::LengthLimitError(_),
            )) => Cause::TooLarge,
            _ => Cause::Malformed,
        };
        Refusal::new(cause, format!("the request's body cannot be read: {}", rejection.body_text())).into()
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        (self.status, Json(self.refusal)).into_response()
    }
}
