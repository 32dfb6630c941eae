//! The OpenAPI document, made from the handlers and the types that they take and give.

use utoipa::OpenApi;

use crate::{accounts, aligned, events, inclusion, proofs, service, submit_v1};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Collimate gateway",
        description = "Submits zero-knowledge proofs for aggregation on Ethereum. Bytes, hashes and addresses are 0x \
            hexadecimal, times are seconds since 1970, errors follow RFC 9457 with stable codes.",
    ),
    paths(
        submit_v1::submit,
        proofs::one,
        proofs::page,
        events::events,
        inclusion::inclusion,
        accounts::account,
        accounts::nonce,
        accounts::quota,
        accounts::receipts,
        service::info,
        service::runs,
        service::health,
        service::ready,
        service::metrics,
        aligned::submit,
    ),
    tags(
        (name = "proofs", description = "Submission, status, inclusion"),
        (name = "accounts", description = "Nonces, credits, receipts"),
        (name = "service", description = "Contracts, limits, runs, health"),
        (name = "aligned", description = "The form of Aligned's gateway"),
    ),
)]
pub(crate) struct Document;
