//! What goes wrong with a request, on its way to the problem that its sender reads.
//!
//! Faults of the sender are told in full. Faults of the service are logged here, once, and told without their details.

use std::time::Duration;

use axum::{
    Extension, Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use collimate_api::{Problem, ProblemCode, aligned::AlignedAnswer};
use collimate_http::{Failure, Refused, problem_body, retry_seconds, told};
use collimate_objects::ObjectsError;
use collimate_store::StoreError;
use collimate_verifiers::VerifyError;
use serde_json::json;

use crate::aligned;

/// A request's failure. Its body has the form of the path that was asked.
#[derive(Clone, Debug)]
pub(crate) struct Fault(pub(crate) Box<Problem>);

impl Fault {
    pub(crate) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code, detail)))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::Malformed, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("there is no such {what}; check its id"))
    }

    /// Says when to try again: whole seconds, at least one.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(retry_seconds(wait));
        self
    }

    pub(crate) fn busy(what: &str) -> Self {
        let detail = format!("{what}; nothing was spent: send the same request again in a moment");
        Self::new(ProblemCode::Busy, detail).retry_after(Duration::from_secs(2))
    }

    pub(crate) fn database_away() -> Self {
        let detail = "the database does not answer; nothing accepted is lost, and nothing is paid twice: \
                      send the same request again";
        Self::new(ProblemCode::DatabaseAway, detail).retry_after(Duration::from_secs(5))
    }

    pub(crate) fn node_away() -> Self {
        let detail =
            "the Ethereum node does not answer, and this request needs it; try again in a moment";
        Self::new(ProblemCode::NodeAway, detail).retry_after(Duration::from_secs(5))
    }

    pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!(what, error = %told(error), "request failed inside");
        let detail =
            "the service has an error, which is in its log under this request's id; report it";
        Self::new(ProblemCode::Internal, detail)
    }

    pub(crate) fn wrong_nonce(expected: u64) -> Self {
        let detail = format!(
            "the account's next nonce is {expected}; nothing was spent: sign again with it"
        );
        let mut fault = Self::new(ProblemCode::WrongNonce, detail);
        fault.0.expected_nonce = Some(expected);
        fault
    }

    pub(crate) fn no_credit(unconfirmed: u64) -> Self {
        let detail = match unconfirmed {
            0 => "the account has no credit that is confirmed and not expired; deposit into the payment service".into(),
            n => format!("the account has no credit yet: {n} wait for confirmations; try again in a minute"),
        };
        Self::new(ProblemCode::NoCredit, detail)
    }

    /// A verifier's refusal, or its lack of time.
    pub(crate) fn rejected(error: &VerifyError) -> Self {
        if error.is_retryable() {
            return Self::busy("the verifiers are busy");
        }
        let detail = format!("{error}; it cost nothing");
        let mut fault = Self::new(ProblemCode::ProofRejected, detail);
        fault.0.verifier_code = Some(error.code().to_owned());
        fault
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::WrongNonce { expected } => Self::wrong_nonce(expected),
            StoreError::NoCredit => Self::no_credit(0),
            error if error.is_retryable() => {
                tracing::error!(code = error.code(), error = %told(&error), "database failed");
                Self::database_away()
            }
            error => Self::internal("database", &error),
        }
    }
}

impl From<ObjectsError> for Fault {
    fn from(error: ObjectsError) -> Self {
        tracing::error!(code = error.code(), error = %told(&error), "object store failed");
        let detail =
            "the proof could not be stored; nothing was spent: send the same request again later";
        Self::new(ProblemCode::StorageFailed, detail).retry_after(Duration::from_secs(10))
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(detail) => Self::malformed(detail),
            Refused::RateLimited { detail, wait } => {
                Self::new(ProblemCode::RateLimited, detail).retry_after(wait)
            }
            Refused::Busy(what) => Self::busy(what),
            Refused::Panicked => {
                Self::internal("panic", &std::io::Error::other("a handler panicked"))
            }
        }
    }
}

impl Failure for Fault {
    fn code_and_detail(&self) -> (&'static str, &str) {
        (self.0.code.as_str(), &self.0.detail)
    }

    fn wait_seconds(&self) -> Option<u64> {
        self.0.retry_after
    }

    fn body(mut self, request_id: String, path: &str) -> Response {
        if aligned::is_path(path) {
            let (status, message) = (self.0.status, self.0.to_string());
            return Json(AlignedAnswer { status, message, data: json!({}) }).into_response();
        }
        self.0.request_id = Some(request_id);
        problem_body(&*self.0)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status);
        (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Extension(self)).into_response()
    }
}
