use serde::{Deserialize, Serialize};

use crate::problem::problem_codes;

problem_codes! {
    /// What went wrong with a request to the batcher. The codes are stable; the same code is in logs.
    BatcherProblemCode {
        /// The request cannot be read: a form that is not multipart, unfinished, out of order, or with a field missing or malformed.
        Malformed = "BTC-001", 400, "The request is malformed";
        /// The body, a file or the number of proofs is larger than its limit.
        TooLarge = "BTC-002", 413, "The request is too large";
        /// The body's media type is not taken.
        UnsupportedMedia = "BTC-003", 415, "The media type is not supported";
        /// A file's bytes are not those of the hash or length that the items name.
        WrongFile = "BTC-004", 422, "A file is not the one that was named";
        /// A proof system that does not exist, that this batcher does not take, or that governance disabled.
        UnsupportedSystem = "BTC-005", 422, "The proof system is not taken";
        /// The authorisation is not for these items: its root or its number of proofs differs, or a proof is in it twice.
        WrongGroup = "BTC-006", 422, "The authorisation is for other proofs";
        /// The authorisation names another batcher.
        WrongBatcher = "BTC-007", 422, "The authorisation is for another batcher";
        /// The signature is not the user's, or for another chain or contract.
        BadSignature = "BTC-008", 401, "The signature is not the user's";
        /// The deadline has passed, or is too near or too far.
        BadDeadline = "BTC-009", 422, "The deadline is not in the range that is taken";
        /// The first nonce is not the account's next one, which the problem names.
        WrongNonce = "BTC-010", 409, "The nonce is not the account's next one";
        /// The most that the proofs may cost is below the minimum, which the problem names.
        FeeTooLow = "BTC-011", 402, "The fee is below the minimum";
        /// The account has too little for what this group and those that wait may cost.
        BalanceTooLow = "BTC-012", 402, "The account's balance is too low";
        /// The account is unlocked, or will be too soon.
        Unlocked = "BTC-013", 409, "The account is unlocked";
        /// The verifier refused a proof. `verifier_code` says why, `item` which. It cost nothing.
        ProofRejected = "BTC-014", 422, "A proof was rejected";
        /// The same authorisation was accepted before, and its group ended without being verified. `detail` says why.
        AlreadyEnded = "BTC-015", 409, "The group was accepted before, and ended";
        /// There is no such thing.
        NotFound = "BTC-020", 404, "Not found";
        /// The path does not take this method.
        WrongMethod = "BTC-021", 405, "The method is not allowed";
        /// The body came too slowly.
        TooSlow = "BTC-022", 408, "The upload took too long";
        /// The address or account sends too much, or has too many groups that wait.
        RateLimited = "BTC-023", 429, "Too many requests";
        /// The service has more to do than it takes on.
        Busy = "BTC-024", 503, "The service is busy";
        /// The database does not answer. Nothing accepted is lost: send the same request again.
        DatabaseAway = "BTC-025", 503, "The database is away";
        /// The Ethereum node does not answer, and this request needs it.
        NodeAway = "BTC-026", 503, "The Ethereum node is away";
        /// A file could not be stored. Nothing was accepted.
        StorageFailed = "BTC-027", 503, "The files could not be stored";
        /// An error of the service. It is in its log under the request's id.
        Internal = "BTC-099", 500, "The service has an error";
    }
}

/// An error's answer, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("[{}] {}", code.as_str(), detail)]
pub struct BatcherProblem {
    /// A name for the kind of problem: `urn:collimate:problem:BTC-010`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do about it.
    pub detail: String,
    /// The stable code.
    pub code: BatcherProblemCode,
    /// The request's id, under which the service's log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Index of the item that the problem is with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// With [`BatcherProblemCode::WrongNonce`]: the right one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_nonce: Option<u64>,
    /// With [`BatcherProblemCode::FeeTooLow`]: the least `maxFee` of this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub min_max_fee: Option<super::Wei>,
    /// With [`BatcherProblemCode::ProofRejected`]: the verifier's code, `VER-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_code: Option<String>,
    /// When to try again, in seconds, as in the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl BatcherProblem {
    /// A problem of this kind.
    #[must_use]
    pub fn new(code: BatcherProblemCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:collimate:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            request_id: None,
            item: None,
            expected_nonce: None,
            min_max_fee: None,
            verifier_code: None,
            retry_after: None,
        }
    }
}
