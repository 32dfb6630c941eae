//! Errors as RFC 9457 has them (`application/problem+json`), with stable codes.

use serde::{Deserialize, Serialize};

/// Media type of a [`Problem`].
pub const CONTENT_TYPE: &str = "application/problem+json";

/// An interface's list of problems: code, HTTP status, title of each.
macro_rules! problem_codes {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$meta:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $(
                $(#[$meta])*
                #[doc = concat!("(`", $code, "`, HTTP ", $status, ")")]
                #[serde(rename = $code)]
                $variant,
            )+
        }

        impl $name {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that it comes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What it is, in few words that never change.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// Whether the same request can succeed later.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                matches!(self.status(), 408 | 429 | 503)
            }
        }
    };
}
pub(crate) use problem_codes;

problem_codes! {
    /// What went wrong. The codes are stable; the same code is in logs.
    ProblemCode {
        /// The request cannot be read: a form that is not multipart, unfinished, or with a field missing or malformed.
        Malformed = "GTW-001", 400, "The request is malformed";
        /// The body, or a part of it, is larger than its limit.
        TooLarge = "GTW-002", 413, "The request is too large";
        /// The body's media type is not taken.
        UnsupportedMedia = "GTW-003", 415, "The media type is not supported";
        /// A proof system that the service does not take.
        UnknownProofSystem = "GTW-004", 422, "The proof system is unknown";
        /// Verifying key or program id cannot be one, or they do not belong together.
        UnknownProgram = "GTW-005", 422, "The program is unknown";
        /// The signature is not the account's, or for another request, chain or contract.
        BadSignature = "GTW-006", 401, "The signature is not the account's";
        /// The authorisation's deadline has passed.
        Expired = "GTW-007", 401, "The authorisation has expired";
        /// The nonce is not the account's next one, which the problem names.
        WrongNonce = "GTW-008", 409, "The nonce is not the account's next one";
        /// The account has no credit that is confirmed, not expired and not spent.
        NoCredit = "GTW-009", 402, "The account has no credit";
        /// The verifier refused the proof. `verifier_code` says why. It cost nothing.
        ProofRejected = "GTW-010", 422, "The proof was rejected";
        /// There is no such thing.
        NotFound = "GTW-011", 404, "Not found";
        /// The proof is not final on chain yet.
        NotIncluded = "GTW-012", 409, "The proof is not on chain yet";
        /// The address or account sends too much.
        RateLimited = "GTW-013", 429, "Too many requests";
        /// The service has more to do than it takes on.
        Busy = "GTW-014", 503, "The service is busy";
        /// The database does not answer. Nothing was spent, or what was is on record: send the same request again.
        DatabaseAway = "GTW-015", 503, "The database is away";
        /// The Ethereum node does not answer, and this request needs it.
        NodeAway = "GTW-016", 503, "The Ethereum node is away";
        /// The proof could not be stored. Nothing was spent.
        StorageFailed = "GTW-017", 503, "The proof could not be stored";
        /// The body came too slowly.
        TooSlow = "GTW-018", 408, "The upload took too long";
        /// The path does not take this method.
        WrongMethod = "GTW-019", 405, "The method is not allowed";
        /// The proof was accepted once, and ended without being aggregated. `detail` says why.
        AlreadyFailed = "GTW-020", 409, "The proof was accepted before, and failed";
        /// An error of the service. It is in its log under the request's id.
        Internal = "GTW-099", 500, "The service has an error";
    }
}

/// An error's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("[{}] {}", code.as_str(), detail)]
pub struct Problem {
    /// A name for the kind of problem: `urn:collimate:problem:GTW-008`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do about it.
    pub detail: String,
    /// The stable code.
    pub code: ProblemCode,
    /// The request's id, under which the service's log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// With [`ProblemCode::WrongNonce`]: the right one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_nonce: Option<u64>,
    /// With [`ProblemCode::ProofRejected`]: the verifier's code, `VER-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_code: Option<String>,
    /// When to try again, in seconds, as in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:collimate:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            request_id: None,
            expected_nonce: None,
            verifier_code: None,
            retry_after: None,
        }
    }
}
