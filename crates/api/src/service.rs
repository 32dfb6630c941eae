//! Answers about the service.

use alloy::primitives::{Address, B256, TxHash};
use serde::{Deserialize, Serialize};

use crate::{Guarantee, RunStatus, SigningDomain};

/// What a client needs to know before it signs anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Info {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `AggregationModePaymentService`: where to deposit, and the domain of signatures.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub payment_service: Address,
    /// The `AlignedProofAggregationService`: what inclusion is checked against.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub aggregation_service: Address,
    /// Whose signature receipts carry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub receipt_signer: Address,
    /// Proof systems that are taken.
    pub proof_systems: Vec<String>,
    /// Limits of a request.
    pub limits: Limits,
    /// Whether clients of Aligned's gateway are served. Their signatures name no contract and have no deadline.
    pub aligned_form: bool,
    /// Version of the service.
    pub version: String,
}

impl Info {
    /// Where signatures hold.
    #[must_use]
    pub const fn signing_domain(&self) -> SigningDomain {
        SigningDomain { chain_id: self.chain_id, payment_service: self.payment_service }
    }
}

/// Limits of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Bytes of a proof file.
    pub max_proof_bytes: u64,
    /// Bytes of public values.
    pub max_public_values_bytes: u64,
    /// Bytes of a verifying key.
    pub max_vk_bytes: u64,
    /// Seconds that an upload may take.
    pub upload_seconds: u64,
    /// Seconds until an accepted proof is to be on chain: what receipts promise.
    pub inclusion_seconds: u64,
}

/// A run: the proofs that become one proof and one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunAnswer {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub status: RunStatus,
    /// How many proofs it has.
    pub leaf_count: u32,
    /// The root over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub root: Option<B256>,
    /// Versioned hashes of its blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub blob_hashes: Vec<B256>,
    /// The transaction that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub transaction: Option<TxHash>,
    /// The block that registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// What stands behind it; absent until it is final. A soft one can become hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
    /// The block since which it is hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_since: Option<u64>,
    /// The transaction that made it hard; absent if the service did not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub hard_transaction: Option<TxHash>,
    /// The code of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason beside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was opened.
    pub created_at: u64,
    /// When it changed last.
    pub updated_at: u64,
    /// When it became final or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<u64>,
}

/// Query of `GET /v1/runs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    /// Only those before this number: the page before's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// How many at most, 1 to 100; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
}

/// Runs, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunsPage {
    /// The runs.
    pub runs: Vec<RunAnswer>,
    /// What to pass as `before` for the next page; absent when this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// Whether the process answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// Whether the process can do its work: with `ready` false the answer's status is 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// Whether all that is needed to accept proofs is there.
    pub ready: bool,
    /// Whether the database answers.
    pub database: bool,
    /// Whether the object store answers.
    pub objects: bool,
}
