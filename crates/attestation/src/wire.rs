//! The JSON of an operator's service. Bytes are hexadecimal with `0x`, as everywhere in Ethereum.

use alloy::primitives::{Address, B256, Bytes};
use collimate_core::ProgramId;
use collimate_verifiers::limits::{MAX_COMPRESSED_PROOF_BYTES, MAX_PUBLIC_VALUES_BYTES};
use serde::{Deserialize, Serialize};

use crate::{AttestationRequest, SigningContext};

/// Path of the request for a signature.
pub(crate) const ATTEST_PATH: &str = "/v1/attest";
/// Path of the operator's state.
pub(crate) const HEALTH_PATH: &str = "/v1/health";

/// The largest request: proof and public values in hexadecimal, and room for the names.
pub(crate) const MAX_REQUEST_BYTES: usize =
    2 * (MAX_COMPRESSED_PROOF_BYTES + MAX_PUBLIC_VALUES_BYTES) + (4 << 10);
/// The largest answer that a collector reads.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 10;

/// Body of `POST /v1/attest`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AttestBody {
    context: SigningContext,
    program_id: B256,
    public_values: Bytes,
    proof: Bytes,
}

impl From<AttestationRequest> for AttestBody {
    fn from(request: AttestationRequest) -> Self {
        let AttestationRequest { context, program_id, public_values, proof } = request;
        Self {
            context,
            program_id: program_id.0.into(),
            public_values: public_values.into(),
            proof: proof.into(),
        }
    }
}

impl From<AttestBody> for AttestationRequest {
    fn from(body: AttestBody) -> Self {
        let AttestBody { context, program_id, public_values, proof } = body;
        Self {
            context,
            program_id: ProgramId(program_id.0),
            public_values: public_values.into(),
            proof: proof.into(),
        }
    }
}

/// Answer to `POST /v1/attest`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AttestAnswer {
    /// Compressed, 48 bytes.
    pub(crate) signature: Bytes,
}

/// Every answer other than 200.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refusal {
    /// Stable code, without brackets.
    pub(crate) code: String,
    /// What the asker can do.
    pub(crate) message: String,
    /// Whether asking again can help.
    pub(crate) retryable: bool,
}

/// Answer to `GET /v1/health`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// The registered account.
    pub(crate) address: Address,
    /// Compressed, 96 bytes.
    pub(crate) public_key: Bytes,
    /// Where its signatures count.
    pub(crate) context: SigningContext,
    /// The program that it attests.
    pub(crate) program_id: B256,
}
