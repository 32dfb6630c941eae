//! What each path takes and gives. Nothing here is called: a function is the name of an operation. A test compares them with what
//! the service answers.
#![allow(dead_code, reason = "describes the handlers, which read forms as they stream")]

use collimate_api::{
    fast::{
        self, BatcherAccount, BatcherInfo, BatcherProblem, BatcherReadiness, BatchesPage,
        BatchesQuery, FastItem, FeesAnswer, GroupAccepted, GroupAnswer, GroupEvent,
        SignedAuthorization,
    },
    paths,
    service::Health,
};

/// The form of a group
///
/// The fields come in this order. Behind them comes each distinct file of the items once, as a field whose name is the lower-case
/// hexadecimal SHA-256 of its bytes without 0x.
#[derive(utoipa::ToSchema)]
struct GroupForm {
    /// Consent to pay for all proofs of the group, signed by the account.
    authorization: SignedAuthorization,
    /// The proofs, in the order of their nonces.
    items: Vec<FastItem>,
}

/// Submits a group of proofs for the next batch
///
/// Answered once every proof was verified. The same authorisation sent again is the same group, and gets the same answer.
#[utoipa::path(
    post, path = fast::GROUPS, tag = "groups",
    request_body(content = GroupForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Accepted, now or before", body = GroupAccepted),
        (status = 400, description = "The form is malformed", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is not the user's", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 402, description = "The fee is below the minimum, or the balance too low", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 408, description = "The upload stalled", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 409, description = "Wrong nonce, an unlocked account, or accepted before and ended", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 415, description = "Not multipart", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 422, description = "Rejected: a proof does not verify, a proof system is not taken, or the parts do not fit each other", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or database, node or object store are away: try again", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn submit() {}

/// Where a group stands, and once it is batched what contracts are asked with
#[utoipa::path(
    get, path = "/v1/batcher/groups/{id}", tag = "groups",
    params(("id" = String, Path, pattern = "^0x[0-9a-f]{64}$", description = "The authorisation's EIP-712 digest")),
    responses(
        (status = 200, description = "Where it stands", body = GroupAnswer),
        (status = 400, description = "No digest", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 404, description = "No such group", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn group() {}

/// A group's changes of status, as they happen
///
/// Server-sent events named `status`, beginning with those that happened already, or after the one that `Last-Event-ID` names.
/// The stream ends after the last one.
#[utoipa::path(
    get, path = "/v1/batcher/groups/{id}/events", tag = "groups",
    params(
        ("id" = String, Path, pattern = "^0x[0-9a-f]{64}$", description = "The authorisation's EIP-712 digest"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Only events after this one"),
    ),
    responses(
        (status = 200, description = "A stream of events, each a JSON document", body = GroupEvent, content_type = "text/event-stream"),
        (status = 400, description = "No digest", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 404, description = "No such group", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams of this client", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn events() {}

/// What an account has with this batcher
#[utoipa::path(
    get, path = "/v1/batcher/accounts/{address}", tag = "accounts",
    params(("address" = String, Path, pattern = "^0x[0-9a-f]{40}$", description = "0x and 40 hexadecimal digits")),
    responses(
        (status = 200, description = "Next nonce, balance, and what of it is reserved", body = BatcherAccount),
        (status = 400, description = "No address", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 503, description = "Database or node are away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn account() {}

/// Batches, oldest first
#[utoipa::path(
    get, path = fast::BATCHES, tag = "batches", params(BatchesQuery),
    responses(
        (status = 200, description = "A page", body = BatchesPage),
        (status = 400, description = "Malformed query", body = BatcherProblem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn batches() {}

/// What proofs cost now, and cost in the last batches
#[utoipa::path(
    get, path = fast::FEES, tag = "batches",
    responses(
        (status = 200, description = "Prices", body = FeesAnswer),
        (status = 503, description = "Database or node are away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn fees() {}

/// What a client needs to know before it signs anything
#[utoipa::path(
    get, path = fast::INFO, tag = "service",
    responses(
        (status = 200, description = "Chain, contracts, the batcher's account, proof systems, limits", body = BatcherInfo),
        (status = 503, description = "The node is away", body = BatcherProblem, content_type = "application/problem+json"),
    )
)]
pub(super) fn info() {}

/// Whether the process answers
#[utoipa::path(
    get, path = paths::HEALTH, tag = "service",
    responses((status = 200, description = "It does", body = Health))
)]
pub(super) fn health() {}

/// Whether the process can accept groups
#[utoipa::path(
    get, path = paths::READY, tag = "service",
    responses(
        (status = 200, description = "It can", body = BatcherReadiness),
        (status = 503, description = "It cannot", body = BatcherReadiness),
    )
)]
pub(super) fn ready() {}

/// Metrics, in Prometheus's text form
#[utoipa::path(
    get, path = paths::METRICS, tag = "service",
    responses((status = 200, description = "All metrics of the process", body = String, content_type = "text/plain"))
)]
pub(super) fn metrics() {}
