//! The gateway as a service over HTTP.

use collimate_api::Problem;
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;

use super::{GatewayClient, GatewayError};
use crate::http::{self, Failure};

impl http::Problem for Problem {
    fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }
}

impl From<Failure<Problem>> for GatewayError {
    fn from(failure: Failure<Problem>) -> Self {
        match failure {
            Failure::Refused(problem) => Self::Refused(problem),
            Failure::Unreachable { action, reason, attempts } => {
                Self::Unreachable { action, reason, attempts }
            }
            Failure::Unexpected { action, status, reason } => {
                Self::Unexpected { action, status, reason }
            }
            Failure::BadUrl { reason } => Self::BadUrl { reason },
        }
    }
}

impl GatewayClient {
    /// Asks for JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, GatewayError> {
        Ok(self.0.peer.get::<T, Problem>(action, path, query).await?)
    }

    /// Sends until there is an answer that repeating would not change.
    pub(super) async fn repeat<T: DeserializeOwned>(
        &self,
        action: &'static str,
        make: impl Fn() -> Result<RequestBuilder, Failure<Problem>>,
    ) -> Result<T, GatewayError> {
        Ok(self.0.peer.repeat::<T, Problem>(action, make).await?)
    }
}
