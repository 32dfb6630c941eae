//! Answers about proofs.

use alloy::primitives::{Address, B256, Bytes, TxHash};
use serde::{Deserialize, Serialize};

use crate::{Guarantee, ProofId, ProofStatus, SignedReceipt};

/// What the native verifier said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The proof holds.
    Verified,
}

/// A proof was accepted: from now on it is aggregated, or ends in a named failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Submitted {
    /// Its id. The same proof sent again has the same.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: ProofId,
    /// SHA-256 of the proof file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proof_hash: B256,
    /// The program.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub program_id: B256,
    /// keccak256(public values ‖ program id).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// The verdict.
    pub verdict: Verdict,
    /// Where it stands now.
    pub status: ProofStatus,
    /// The service's word. Absent only for a proof that the operator put in without payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<SignedReceipt>,
}

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofAnswer {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: ProofId,
    /// Where it stands.
    pub status: ProofStatus,
    /// The code of a rejection or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason beside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The system it was made with.
    pub proof_system: String,
    /// SHA-256 of the proof file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proof_hash: B256,
    /// The program.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub program_id: B256,
    /// keccak256(public values ‖ program id).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// Who paid. Absent for a proof that the operator put in without payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub account: Option<Address>,
    /// With which nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// Its place among all that were ever accepted, as in the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Second since 1970 until which it is to be on chain, as in the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<u64>,
    /// While it is queued: how many wait before it, counted up to a run's size. Only in the answer about one proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u64>,
    /// The run that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<i64>,
    /// Index of its leaf in the run's tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf_index: Option<u32>,
    /// What stands behind it; absent until it is final. A soft one can become hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
    /// The block since which it is hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_since: Option<u64>,
    /// When it was submitted.
    pub created_at: u64,
    /// When its status changed last.
    pub updated_at: u64,
}

/// Query of `GET /v1/proofs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct ProofsQuery {
    /// Only those that this account paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub address: Option<Address>,
    /// Only those of this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ProofStatus>,
    /// Only those submitted after this one: the page before's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = "uuid"))]
    pub after: Option<ProofId>,
    /// How many at most, 1 to 100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
}

/// Proofs in the order of submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofsPage {
    /// The proofs.
    pub proofs: Vec<ProofAnswer>,
    /// What to pass as `after` for the next page; absent when this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub next: Option<ProofId>,
}

/// A change of a proof's status. As a server-sent event it has the event name `status`, and [`Self::sequence`] as its id, from
/// which `Last-Event-ID` goes on. The stream ends after an end of the proof's course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProofEvent {
    /// Rises from event to event.
    pub sequence: i64,
    /// The status it got.
    pub status: ProofStatus,
    /// The code of a rejection or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason beside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<i64>,
    /// When.
    pub at: u64,
}

/// Everything that `verifyProofInclusion` needs, and a bundle to keep. `B` is the SDK's `InclusionBundle`, which this crate
/// does not depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Inclusion<B> {
    /// The proof.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub proof_id: ProofId,
    /// The run that covers it.
    pub run_id: i64,
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedProofAggregationService`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub contract: Address,
    /// The run's root.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: B256,
    /// Index of the leaf.
    pub leaf_index: u32,
    /// Siblings from the leaf to the root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub path: Vec<B256>,
    /// Transaction that registered the root.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub transaction: TxHash,
    /// Its block.
    pub block_number: u64,
    /// What stands behind the root, as the service knows it; the contract is asked with `hardSince`. A soft one can become hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
    /// The block since which it is hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_since: Option<u64>,
    /// Versioned hashes of the run's blobs, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub blob_hashes: Vec<B256>,
    /// The program.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub program_id: B256,
    /// What it committed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub public_values: Bytes,
    /// All of it in one file that verifies offline.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub bundle: B,
}
