//! What goes wrong with a request, on its way to the problem that its sender reads.

use std::{error::Error, time::Duration};

use axum::{
    Json,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use collimate_api::problem;
use serde::Serialize;

/// A request's failure, as one service tells it. As an answer it carries itself in the extensions, with its status and no body:
/// [`respond`](crate::respond()) gives it the body.
pub trait Failure: From<Refused> + IntoResponse + Clone + Send + Sync + 'static {
    /// The stable code and what it says, for the log.
    fn code_and_detail(&self) -> (&'static str, &str);

    /// When to try again, in seconds.
    fn wait_seconds(&self) -> Option<u64>;

    /// What the sender of the request with this id, at this path, reads.
    fn body(self, request_id: String, path: &str) -> Response;
}

/// What is refused before, or beside, a service's own work: each service has codes and words of its own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A part of the request cannot be read.
    Malformed(String),
    /// The client does too much.
    RateLimited {
        /// What is too much.
        detail: String,
        /// When there is room again.
        wait: Duration,
    },
    /// There is no room for this now.
    Busy(&'static str),
    /// A handler panicked.
    Panicked,
}

/// A problem as it goes out: `application/problem+json`.
pub fn problem_body(problem: &impl Serialize) -> Response {
    ([(CONTENT_TYPE, problem::CONTENT_TYPE)], Json(problem)).into_response()
}

/// A wait as whole seconds for `Retry-After`: rounded up, at least one, at most an hour.
#[must_use]
pub fn retry_seconds(wait: Duration) -> u64 {
    let rounded = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    rounded.clamp(1, 3600)
}

/// An error with its causes, on one line.
#[must_use]
pub fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_from_one_to_an_hour() {
        for (wait, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (9_000_000, 3_600)] {
            assert_eq!(retry_seconds(Duration::from_millis(wait)), seconds, "{wait} ms");
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug)]
        struct Outer(std::io::Error);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("outer")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(told(&Outer(std::io::Error::other("inner"))), "outer: inner");
    }
}
