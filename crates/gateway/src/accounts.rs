//! What accounts have: nonce, credits, receipts.

use std::sync::Arc;

use axum::{Json, extract::State};
use collimate_api::{
    AccountAnswer, NonceAnswer, Problem, QuotaAnswer, ReceiptsPage, accounts::ReceiptsQuery, paths,
};
use collimate_http::{Asked, page_limit};

use crate::{
    ask::OfAccount,
    fault::Fault,
    shared::{Shared, seconds},
};

/// An account
#[utoipa::path(
    get, path = "/v1/accounts/{address}", tag = "accounts",
    params(("address" = String, Path, description = "0x and 40 hexadecimal digits")),
    responses(
        (status = 200, description = "Nonce and credits; nothing, and nonce 0, if it never paid", body = AccountAnswer),
        (status = 400, description = "No address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn account(
    State(shared): State<Arc<Shared>>,
    OfAccount(address): OfAccount,
) -> Result<Json<AccountAnswer>, Fault> {
    let account = shared.account(&address).await?;
    Ok(Json(AccountAnswer {
        address,
        nonce: account.nonce,
        credits: account.credits,
        next_expiry: account.next_expiry.map(seconds),
        unconfirmed: account.unconfirmed,
    }))
}

/// An account's next nonce
#[utoipa::path(
    get, path = "/v1/nonce/{address}", tag = "accounts",
    params(("address" = String, Path, description = "0x and 40 hexadecimal digits")),
    responses(
        (status = 200, description = "The nonce that its next authorisation must have", body = NonceAnswer),
        (status = 400, description = "No address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn nonce(
    State(shared): State<Arc<Shared>>,
    OfAccount(address): OfAccount,
) -> Result<Json<NonceAnswer>, Fault> {
    Ok(Json(NonceAnswer { nonce: shared.account(&address).await?.nonce }))
}

/// What an account can still submit
#[utoipa::path(
    get, path = "/v1/quotas/{address}", tag = "accounts",
    params(("address" = String, Path, description = "0x and 40 hexadecimal digits")),
    responses(
        (status = 200, description = "Credits that are confirmed and not expired", body = QuotaAnswer),
        (status = 400, description = "No address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn quota(
    State(shared): State<Arc<Shared>>,
    OfAccount(address): OfAccount,
) -> Result<Json<QuotaAnswer>, Fault> {
    let contract = shared.payments();
    let quota = shared.database(shared.store.quota(&contract, &address.into_array())).await?;
    Ok(Json(QuotaAnswer {
        total: quota.total,
        spent: quota.spent,
        remaining: quota.total.saturating_sub(quota.spent),
        next_expiry: quota.next_expiry.map(seconds),
    }))
}

/// An account's receipts, newest first
#[utoipa::path(
    get, path = paths::RECEIPTS, tag = "accounts", params(ReceiptsQuery),
    responses(
        (status = 200, description = "A page", body = ReceiptsPage),
        (status = 400, description = "Malformed query", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn receipts(
    State(shared): State<Arc<Shared>>,
    Asked(query): Asked<ReceiptsQuery>,
) -> Result<Json<ReceiptsPage>, Fault> {
    let limit = page_limit(query.limit, 50)?;
    let (contract, address) = (shared.payments(), query.address.into_array());
    let page = shared.store.submissions_by_nonce(
        &contract,
        &address,
        query.nonce,
        query.before,
        limit.saturating_add(1),
    );
    let mut proofs = shared.database(page).await?;
    let is_last = proofs.len() <= limit as usize;
    proofs.truncate(limit as usize);
    let last = proofs.last().and_then(|proof| proof.payer).map(|payer| payer.nonce);
    let mut receipts = Vec::with_capacity(proofs.len());
    for proof in &proofs {
        receipts.extend(shared.receipt(proof)?);
    }
    Ok(Json(ReceiptsPage { receipts, next: if is_last { None } else { last } }))
}
