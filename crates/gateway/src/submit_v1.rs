//! `POST /v1/proofs`: the form's fields, read into a [`Request`](crate::submit::Request).

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, hex};
use axum::{
    Json,
    extract::{Request as HttpRequest, State},
};
use collimate_api::{
    Problem, ProblemCode, ProofAuthorisation, Submitted, Verdict,
    authorisation::MAX_SIGNATURE_BYTES,
    paths::{self, field},
};
use collimate_core::ProgramId;
use collimate_store::{ProofSystem, SubmittedProof};
use collimate_verifiers::{
    ProgramKey,
    limits::{MAX_PUBLIC_VALUES_BYTES, MAX_VERIFYING_KEY_BYTES},
};

use crate::{
    authorise::Claim,
    fault::Fault,
    shared::Shared,
    submit::Request,
    upload::{Field, Form},
};

/// The fields beside the proof.
pub(crate) const FIELDS: &[Field] = &[
    Field { name: field::PROOF_SYSTEM, max_bytes: 64 },
    Field { name: field::VK, max_bytes: MAX_VERIFYING_KEY_BYTES },
    Field { name: field::PROGRAM_ID, max_bytes: 96 },
    Field { name: field::PUBLIC_VALUES, max_bytes: MAX_PUBLIC_VALUES_BYTES },
    Field { name: field::ADDRESS, max_bytes: 64 },
    Field { name: field::NONCE, max_bytes: 32 },
    Field { name: field::DEADLINE, max_bytes: 32 },
    Field { name: field::SIGNATURE, max_bytes: 2 * MAX_SIGNATURE_BYTES + 16 },
];

/// Submits a proof
///
/// It is verified before the answer. The answer is the service's word: the proof is aggregated, or ends in a named failure. The
/// same request sent again gets the same answer and costs nothing more. A proof that is rejected costs nothing.
#[utoipa::path(
    post, path = paths::PROOFS, tag = "proofs",
    request_body(content = SubmissionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Accepted, now or before", body = Submitted),
        (status = 400, description = "The form is malformed", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is not the account's, or expired", body = Problem, content_type = "application/problem+json"),
        (status = 402, description = "The account has no credit", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The upload stalled", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Wrong nonce, or submitted before and failed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not multipart", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Rejected: unknown system or program, or the proof does not verify", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or database, node or object store are away: try again", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn submit(
    State(shared): State<Arc<Shared>>,
    request: HttpRequest,
) -> Result<Json<Submitted>, Fault> {
    let mut form = shared.form.read(request, &shared.spool).await?;
    let request = shared.read_request(&mut form).await?;
    let proof = shared.submit(request, form.proof).await?;
    Ok(Json(shared.submitted(proof)?))
}

impl Shared {
    async fn read_request(&self, form: &mut Form) -> Result<Request, Fault> {
        let system_name = form.text(field::PROOF_SYSTEM)?;
        let system: ProofSystem = system_name.parse().map_err(|_| {
            let known: Vec<_> = ProofSystem::ALL.iter().map(|system| system.as_str()).collect();
            let detail = format!("the proof system is unknown; there are: {}", known.join(", "));
            Fault::new(ProblemCode::UnknownProofSystem, detail)
        })?;
        let (program_id, vk) = self.program(system, form).await?;
        let account: Address = hex_array(&form.text(field::ADDRESS)?, field::ADDRESS)?.into();
        let (nonce, deadline) = (form.number(field::NONCE)?, form.number(field::DEADLINE)?);
        let signature = hex_bytes(&form.text(field::SIGNATURE)?, field::SIGNATURE)?;
        let message = ProofAuthorisation {
            proofHash: B256::from(form.proof.sha256),
            programId: B256::from(program_id.0),
            proofSystem: system_name,
            nonce,
            deadline,
        };
        let hash = message.signing_hash(&self.domain());
        let public_values = form.bytes(field::PUBLIC_VALUES);
        let claim = Claim { account, hash, signature: Bytes::from(signature) };
        Ok(Request {
            system,
            program_id,
            vk,
            public_values,
            nonce,
            deadline: Some(deadline),
            claim,
        })
    }

    /// The program's id and key. Proving needs the key, so an id alone will do only for programs that were proven before.
    async fn program(
        &self,
        system: ProofSystem,
        form: &mut Form,
    ) -> Result<(ProgramId, Vec<u8>), Fault> {
        let named: Option<[u8; 32]> = match form.bytes(field::PROGRAM_ID) {
            None => None,
            Some(text) => {
                let text = String::from_utf8_lossy(&text);
                Some(hex_array(text.trim(), field::PROGRAM_ID)?)
            }
        };
        match (form.bytes(field::VK), named) {
            (Some(vk), named) => {
                let program_id = self.program_of_key(system, &vk)?;
                if named.is_some_and(|named| named != program_id.0) {
                    let detail = format!(
                        "the verifying key is of program {program_id}, not of the one named"
                    );
                    return Err(Fault::new(ProblemCode::UnknownProgram, detail));
                }
                Ok((program_id, vk))
            }
            (None, Some(named)) => {
                let vk = self.database(self.store.program_key(system, &named)).await?;
                let vk = vk.ok_or_else(|| {
                    let detail = "no proof of this program was accepted yet; send its verifying key in the field vk";
                    Fault::new(ProblemCode::UnknownProgram, detail)
                })?;
                Ok((ProgramId(named), vk))
            }
            (None, None) => {
                Err(Fault::malformed("the form has neither vk nor program_id; send one of them"))
            }
        }
    }

    pub(crate) fn program_of_key(
        &self,
        system: ProofSystem,
        vk: &[u8],
    ) -> Result<ProgramId, Fault> {
        let key = ProgramKey::VerifyingKey(vk.to_vec());
        self.verifiers.of(system).program_id(&key).map_err(|error| {
            let mut fault = Fault::new(ProblemCode::UnknownProgram, error.to_string());
            fault.0.verifier_code = Some(error.code().to_owned());
            fault
        })
    }

    pub(crate) fn submitted(&self, proof: SubmittedProof) -> Result<Submitted, Fault> {
        Ok(Submitted {
            id: proof.id,
            proof_hash: proof.proof_hash.into(),
            program_id: proof.program_id.into(),
            commitment: proof.commitment.into(),
            verdict: Verdict::Verified,
            status: crate::proofs::status(proof.status),
            receipt: self.receipt(&proof)?,
        })
    }
}

fn hex_array<const N: usize>(text: &str, name: &str) -> Result<[u8; N], Fault> {
    let bytes = hex_bytes(text, name)?;
    bytes.try_into().map_err(|_| {
        Fault::malformed(format!(
            "the field {name} is not {N} bytes of hexadecimal: 0x and {} digits",
            2 * N
        ))
    })
}

fn hex_bytes(text: &str, name: &str) -> Result<Vec<u8>, Fault> {
    hex::decode(text).map_err(|_| {
        Fault::malformed(format!("the field {name} is not hexadecimal: 0x and digits"))
    })
}

/// The form, for the OpenAPI document.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the form; the form is read as it streams")]
pub(crate) struct SubmissionForm {
    /// The proof file.
    #[schema(value_type = String, format = Binary)]
    proof: Vec<u8>,
    /// Name of the proof system: `sp1`.
    proof_system: String,
    /// The verifying key, in the proof system's encoding. This or `program_id` is needed.
    #[schema(value_type = Option<String>, format = Binary)]
    vk: Option<Vec<u8>>,
    /// The program id, for a program of which a proof was accepted before. 0x and 64 digits.
    program_id: Option<String>,
    /// Public values to compare with those in the proof.
    #[schema(value_type = Option<String>, format = Binary)]
    public_values: Option<Vec<u8>>,
    /// The account that pays. 0x and 40 digits.
    address: String,
    /// The account's next nonce.
    nonce: u64,
    /// Last second since 1970 in which the authorisation holds.
    deadline: u64,
    /// EIP-712 signature over ProofAuthorisation(bytes32 proofHash,bytes32 programId,string proofSystem,uint64 nonce,uint64
    /// deadline), where proofHash is the SHA-256 of the proof file.
    signature: String,
}
