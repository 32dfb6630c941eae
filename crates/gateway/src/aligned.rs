//! The form of Aligned's gateway, for its clients: `POST /proof/sp1`, and what they ask before and after.
//!
//! The account is whoever's key the signature recovers to. The signature names no contract and has no deadline: what protects
//! it is the nonce.

use std::sync::Arc;

use alloy::primitives::{Bytes, hex};
use axum::{
    Json,
    extract::{Request as HttpRequest, State},
};
use collimate_api::{
    NonceAnswer, ProblemCode, QuotaAnswer,
    aligned::{AlignedAnswer, AlignedReceipt, AlignedReceipts, AlignedTask, field, signing_hash},
    recover,
};
use collimate_http::Asked;
use collimate_store::{ProofStatus, ProofSystem, SubmittedProof};
use collimate_verifiers::limits::MAX_VERIFYING_KEY_BYTES;
use serde::{Deserialize, Serialize};

use crate::{
    ask::OfAccount, authorise::Claim, fault::Fault, shared::Shared, submit::Request, upload::Field,
};

/// The fields beside the proof.
pub(crate) const FIELDS: &[Field] = &[
    Field { name: field::NONCE, max_bytes: 32 },
    Field { name: field::PROGRAM_VK, max_bytes: MAX_VERIFYING_KEY_BYTES },
    Field { name: field::SIGNATURE_HEX, max_bytes: 160 },
];

/// Whether errors under this path have Aligned's form.
pub(crate) fn is_path(path: &str) -> bool {
    ["/proof/", "/nonce/", "/quotas/", "/receipts"].iter().any(|start| path.starts_with(start))
}

/// Submits an SP1 proof in the form of Aligned's gateway
#[utoipa::path(
    post, path = "/proof/sp1", tag = "aligned",
    request_body(content = AlignedForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Accepted, now or before", body = AlignedAnswer<AlignedTask>),
        (status = "4XX", description = "The request is at fault", body = AlignedAnswer<serde_json::Value>),
        (status = 503, description = "Try again", body = AlignedAnswer<serde_json::Value>),
    )
)]
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    request: HttpRequest,
) -> Result<Json<AlignedAnswer<AlignedTask>>, Fault> {
    let rules = shared.aligned_form.ok_or_else(|| Fault::not_found("path"))?;
    let mut form = rules.read(request, &shared.spool).await?;
    let nonce = form.number(field::NONCE)?;
    let vk = form
        .bytes(field::PROGRAM_VK)
        .ok_or_else(|| Fault::malformed("the form has no field program_vk"))?;
    let signature = hex::decode(form.text(field::SIGNATURE_HEX)?)
        .map_err(|_| Fault::malformed("the field signature_hex is not hexadecimal"))?;
    let system = ProofSystem::Sp1;
    let program_id = shared.program_of_key(system, &vk)?;
    // Some milliseconds of hashing: the signature is over all the bytes.
    let hash = signing_hash(shared.deployment.chain_id, nonce, form.proof.bytes().await?, &vk);
    let account = recover(&hash, &signature)
        .map_err(|error| Fault::new(ProblemCode::BadSignature, error.to_string()))?;
    let claim = Claim { account, hash, signature: Bytes::from(signature) };
    let request =
        Request { system, program_id, vk, public_values: None, nonce, deadline: None, claim };
    let proof = shared.submit(request, form.proof).await?;
    Ok(answer(AlignedTask { task_id: proof.id.to_string() }))
}

/// An account's next nonce
pub(crate) async fn nonce(
    State(shared): State<Arc<Shared>>,
    OfAccount(address): OfAccount,
) -> Result<Json<AlignedAnswer<NonceAnswer>>, Fault> {
    Ok(answer(NonceAnswer { nonce: shared.account(&address).await?.nonce }))
}

/// What an account can still submit
pub(crate) async fn quota(
    state: State<Arc<Shared>>,
    account: OfAccount,
) -> Result<Json<AlignedAnswer<QuotaAnswer>>, Fault> {
    let Json(quota) = crate::accounts::quota(state, account).await?;
    Ok(answer(quota))
}

#[derive(Debug, Deserialize)]
pub(crate) struct AlignedReceiptsQuery {
    address: alloy::primitives::Address,
    nonce: Option<u64>,
    limit: Option<u32>,
}

/// An account's last proofs
pub(crate) async fn receipts(
    State(shared): State<Arc<Shared>>,
    Asked(query): Asked<AlignedReceiptsQuery>,
) -> Result<Json<AlignedAnswer<AlignedReceipts>>, Fault> {
    let (contract, address) = (shared.payments(), query.address.into_array());
    let limit = query.limit.unwrap_or(100).clamp(1, 100);
    let page = shared.store.submissions_by_nonce(&contract, &address, query.nonce, None, limit);
    let mut receipts = Vec::new();
    for proof in shared.database(page).await? {
        receipts.push(shared.aligned_receipt(proof).await?);
    }
    Ok(answer(AlignedReceipts { receipts }))
}

impl Shared {
    async fn aligned_receipt(&self, proof: SubmittedProof) -> Result<AlignedReceipt, Fault> {
        let merkle_path = match proof.status {
            ProofStatus::Final => {
                let place = self.place(proof.id, proof.status).await?;
                place.siblings.iter().map(ToString::to_string).collect()
            }
            _ => vec![],
        };
        let status = match proof.status {
            ProofStatus::Received | ProofStatus::Verified | ProofStatus::Queued => "pending",
            ProofStatus::Proving | ProofStatus::Aggregated => "processing",
            ProofStatus::Submitted => "submitted",
            ProofStatus::Final => "verified",
            ProofStatus::Rejected | ProofStatus::Failed => "failed",
        };
        let address = proof.payer.map(|payer| hex::encode_prefixed(payer.account));
        Ok(AlignedReceipt {
            status: status.to_owned(),
            merkle_path,
            nonce: proof.payer.map_or(0, |payer| payer.nonce),
            address: address.unwrap_or_default(),
        })
    }
}

fn answer<T: Serialize>(data: T) -> Json<AlignedAnswer<T>> {
    Json(AlignedAnswer { status: 200, message: "success".to_owned(), data })
}

/// The form, for the OpenAPI document.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form; the form is read as it streams")]
pub(crate) struct AlignedForm {
    /// The account's next nonce.
    nonce: u64,
    /// The proof file.
    #[schema(value_type = String, format = Binary)]
    proof: Vec<u8>,
    /// The verifying key.
    #[schema(value_type = String, format = Binary)]
    program_vk: Vec<u8>,
    /// 65 bytes in hexadecimal.
    signature_hex: String,
}
