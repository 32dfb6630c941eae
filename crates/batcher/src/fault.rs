//! What goes wrong with a request, on its way to the problem that its sender reads.
//!
//! Faults of the sender are told in full. Faults of the service are logged here, once, and told without their details.

use std::time::Duration;

use axum::{
    Extension,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use collimate_api::fast::{BatcherProblem, BatcherProblemCode as Code, Wei};
use collimate_http::{Failure, Refused, problem_body, retry_seconds, told};
use collimate_objects::ObjectsError;
use collimate_store::StoreError;
use collimate_verifiers::VerifyError;

use crate::BatcherError;

/// A request's failure.
#[derive(Clone, Debug)]
pub(crate) struct Fault(pub(crate) Box<BatcherProblem>);

impl Fault {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(BatcherProblem::new(code, detail)))
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}; check its name"))
    }

    /// Names the item that it is about.
    pub(crate) fn of_item(mut self, item: usize) -> Self {
        self.0.item = u32::try_from(item).ok();
        self
    }

    /// Says when to try again: whole seconds, at least one.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(retry_seconds(wait));
        self
    }

    pub(crate) fn busy(what: &str) -> Self {
        let detail =
            format!("{what}; nothing was accepted: send the same request again in a moment");
        Self::new(Code::Busy, detail).retry_after(Duration::from_secs(2))
    }

    pub(crate) fn database_away() -> Self {
        let detail = "the database does not answer; nothing accepted is lost, and nothing is charged twice: \
                      send the same request again";
        Self::new(Code::DatabaseAway, detail).retry_after(Duration::from_secs(5))
    }

    pub(crate) fn node_away() -> Self {
        let detail =
            "the Ethereum node does not answer, and this request needs it; try again in a moment";
        Self::new(Code::NodeAway, detail).retry_after(Duration::from_secs(5))
    }

    pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        tracing::error!(what, error = %told(error), "request failed inside");
        let detail =
            "the service has an error, which is in its log under this request's id; report it";
        Self::new(Code::Internal, detail)
    }

    pub(crate) fn wrong_nonce(expected: u64) -> Self {
        let detail = format!(
            "the account's next nonce is {expected}; nothing was accepted: sign again with it as firstNonce"
        );
        let mut fault = Self::new(Code::WrongNonce, detail);
        fault.0.expected_nonce = Some(expected);
        fault
    }

    pub(crate) fn fee_too_low(least: u128) -> Self {
        let detail =
            format!("the least maxFee of this group is {least} wei now; sign again with it");
        let mut fault = Self::new(Code::FeeTooLow, detail);
        fault.0.min_max_fee = Some(Wei(least));
        fault
    }

    pub(crate) fn balance_too_low(balance: u128, reserved: u128, max_fee: u128) -> Self {
        let detail = format!(
            "the account has {balance} wei with this batcher, of which {reserved} are reserved for groups that wait, \
             and this one may cost {max_fee}; deposit the rest, or offer less"
        );
        Self::new(Code::BalanceTooLow, detail)
    }

    /// A verifier's refusal of an item, or its lack of time.
    pub(crate) fn rejected(item: usize, error: &VerifyError) -> Self {
        if error.is_retryable() {
            return Self::busy("the verifiers are busy");
        }
        Self::bad_proof(item, error.code(), &error.to_string())
    }

    /// A proof that does not prove what the item says.
    pub(crate) fn bad_proof(item: usize, verifier_code: &str, reason: &str) -> Self {
        let detail = format!("item {item}: {reason}; nothing was accepted, and it cost nothing");
        let mut fault = Self::new(Code::ProofRejected, detail).of_item(item);
        fault.0.verifier_code = Some(verifier_code.to_owned());
        fault
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        if error.is_retryable() {
            tracing::error!(code = error.code(), error = %told(&error), "database failed");
            return Self::database_away();
        }
        Self::internal("database", &error)
    }
}

impl From<ObjectsError> for Fault {
    fn from(error: ObjectsError) -> Self {
        tracing::error!(code = error.code(), error = %told(&error), "object store failed");
        let detail = "the files could not be stored; nothing was accepted: send the same request again later";
        Self::new(Code::StorageFailed, detail).retry_after(Duration::from_secs(10))
    }
}

impl From<BatcherError> for Fault {
    fn from(error: BatcherError) -> Self {
        match error {
            BatcherError::Store(error) => error.into(),
            BatcherError::Objects(error) => error.into(),
            BatcherError::Chain(_) | BatcherError::Task(_) | BatcherError::Call { .. }
                if error.is_retryable() =>
            {
                tracing::warn!(code = error.code(), error = %told(&error), "the node did not answer a request");
                Self::node_away()
            }
            error => Self::internal("request", &error),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(detail) => Self::malformed(detail),
            Refused::RateLimited { detail, wait } => {
                Self::new(Code::RateLimited, detail).retry_after(wait)
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

    fn body(mut self, request_id: String, _: &str) -> Response {
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
