use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use super::Wei;

/// What a client needs to know before it signs anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatcherInfo {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `BatcherPaymentService`: where to deposit, the domain of signatures, and the sender of tasks.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub payment_service: Address,
    /// The `AlignedLayerServiceManager`: what verification is checked against.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub service_manager: Address,
    /// The batcher's account: it charges, and signs receipts.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub batcher: Address,
    /// Ids of the proof systems that are taken now.
    pub proving_systems: Vec<u16>,
    /// Limits of a request.
    pub limits: BatcherLimits,
    /// Version of the service.
    pub version: String,
}

/// Limits of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatcherLimits {
    /// Proofs in a group.
    pub max_proofs: u32,
    /// Bytes of a group's files, each distinct one once.
    pub max_group_bytes: u64,
    /// Seconds that an upload may take.
    pub upload_seconds: u64,
    /// Seconds that an authorisation's deadline must be away at least.
    pub min_deadline_seconds: u64,
    /// Seconds that it may be away at most.
    pub max_deadline_seconds: u64,
    /// Groups of one account that can wait at a time.
    pub max_pending_groups: u32,
}

/// What an account has with this batcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatcherAccount {
    /// The account.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub address: Address,
    /// `firstNonce` of its next authorisation: the account's nonce on chain, and the proofs that wait here.
    pub next_nonce: u64,
    /// The account's nonce on chain.
    pub chain_nonce: u64,
    /// What it has on chain.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub balance: Wei,
    /// Most that its groups which wait here may cost: what of the balance is not free for another.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub reserved: Wei,
    /// How many groups wait here.
    pub pending_groups: u32,
    /// Second of the chain's clock from which it can be withdrawn from, and not charged; absent while it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlocked_from: Option<u64>,
}

/// Prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeesAnswer {
    /// `maxFee` for each proof with which a group is accepted: its part of a batch of usual size. It waits for others to join. A
    /// group for which this is more than a batch of its own costs is accepted with that (see [`Self::instant_fee`]).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub min_fee_per_proof: Wei,
    /// `maxFee` with which a group, of however many proofs, pays for a batch of its own at the present prices, with some room for
    /// them to rise: it does not wait for others. It pays less if they join.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub instant_fee: Wei,
    /// What proofs cost in the last batches, newest first.
    pub last: Vec<PaidPrice>,
}

/// What proofs cost in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PaidPrice {
    /// The batch.
    pub batch_id: i64,
    /// How many proofs it has.
    pub proof_count: u32,
    /// What each cost its user.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub fee_per_proof: Wei,
    /// When it was closed.
    pub at: u64,
}

/// Whether the process can do its work: with `ready` false the answer's status is 503.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatcherReadiness {
    /// Whether all that is needed to accept groups is there.
    pub ready: bool,
    /// Whether the database answers.
    pub database: bool,
    /// Whether the object store answers.
    pub objects: bool,
    /// Whether the Ethereum node answers.
    pub node: bool,
}
