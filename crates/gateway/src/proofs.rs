//! `GET /v1/proofs…`: where proofs stand.

use std::sync::Arc;

use axum::{Json, extract::State};
use collimate_api::{
    Guarantee, Problem, ProofAnswer, ProofStatus as ApiStatus, ProofsPage, paths,
    proofs::ProofsQuery,
};
use collimate_core::MAX_PROOFS_PER_RUN;
use collimate_http::{Asked, page_limit};
use collimate_store::{ProofStatus, SubmittedProof};

use crate::{
    ask::OfProof,
    fault::Fault,
    shared::{Shared, seconds},
};

/// One proof
#[utoipa::path(
    get, path = "/v1/proofs/{id}", tag = "proofs",
    params(("id" = String, Path, format = "uuid", description = "The proof's id")),
    responses(
        (status = 200, description = "Where it stands", body = ProofAnswer),
        (status = 400, description = "No UUID", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such proof", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    OfProof(id): OfProof,
) -> Result<Json<ProofAnswer>, Fault> {
    let proof = shared.database(shared.store.submission(id)).await?;
    let proof = proof.ok_or_else(|| Fault::not_found("proof"))?;
    let ahead = if proof.status == ProofStatus::Queued {
        let most = u32::try_from(MAX_PROOFS_PER_RUN).unwrap_or(u32::MAX);
        Some(shared.database(shared.store.queued_before(id, most)).await?)
    } else {
        None
    };
    Ok(Json(ProofAnswer { ahead, ..answer(proof) }))
}

/// Proofs, in the order of submission
#[utoipa::path(
    get, path = paths::PROOFS, tag = "proofs", params(ProofsQuery),
    responses(
        (status = 200, description = "A page", body = ProofsPage),
        (status = 400, description = "Malformed query", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    Asked(query): Asked<ProofsQuery>,
) -> Result<Json<ProofsPage>, Fault> {
    let limit = page_limit(query.limit, 50)?;
    let contract = shared.payments();
    let address = query.address.map(|address| address.into_array());
    let payer = address.as_ref().map(|address| (&contract, address));
    let status = query.status.and_then(|status| status.as_str().parse().ok());
    // One more than asked for tells whether there is another page.
    let page = shared.store.submissions_page(payer, status, query.after, limit.saturating_add(1));
    let mut proofs = shared.database(page).await?;
    let is_last = proofs.len() <= limit as usize;
    proofs.truncate(limit as usize);
    let next = if is_last { None } else { proofs.last().map(|proof| proof.id) };
    Ok(Json(ProofsPage { proofs: proofs.into_iter().map(answer).collect(), next }))
}

fn answer(proof: SubmittedProof) -> ProofAnswer {
    let (run_id, leaf_index) = proof.run.unzip();
    ProofAnswer {
        id: proof.id,
        status: status(proof.status),
        code: proof.code,
        reason: proof.reason,
        proof_system: proof.proof_system.as_str().to_owned(),
        proof_hash: proof.proof_hash.into(),
        program_id: proof.program_id.into(),
        commitment: proof.commitment.into(),
        account: proof.payer.map(|payer| payer.account.into()),
        nonce: proof.payer.map(|payer| payer.nonce),
        position: proof.promise.map(|promise| promise.position),
        deadline: proof.promise.map(|promise| promise.deadline),
        ahead: None,
        run_id,
        leaf_index,
        guarantee: (proof.status == ProofStatus::Final).then(|| Guarantee::of(proof.hard_since)),
        hard_since: proof.hard_since,
        created_at: seconds(proof.created_at),
        updated_at: seconds(proof.updated_at),
    }
}

/// The database's statuses and the interface's are the same words.
pub(crate) const fn status(status: ProofStatus) -> ApiStatus {
    match status {
        ProofStatus::Received => ApiStatus::Received,
        ProofStatus::Verified => ApiStatus::Verified,
        ProofStatus::Queued => ApiStatus::Queued,
        ProofStatus::Proving => ApiStatus::Proving,
        ProofStatus::Aggregated => ApiStatus::Aggregated,
        ProofStatus::Submitted => ApiStatus::Submitted,
        ProofStatus::Final => ApiStatus::Final,
        ProofStatus::Rejected => ApiStatus::Rejected,
        ProofStatus::Failed => ApiStatus::Failed,
    }
}
