use alloy::primitives::{Address, B256, TxHash};
use serde::{Deserialize, Serialize};

/// A registered run, as contract, event and transaction agree on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedProofAggregationService` that registered it.
    pub contract: Address,
    /// Root of its tree.
    pub root: B256,
    /// Leaves of its tree, at least one.
    pub leaf_count: u32,
    /// Block of its transaction.
    pub block_number: u64,
    /// Hash of that block: another one at the same height means a reorganisation.
    pub block_hash: B256,
    /// Timestamp of that block, Unix seconds: what a beacon node is asked by.
    pub block_timestamp: u64,
    /// The transaction that registered it and carries its blobs.
    pub transaction: TxHash,
    /// Versioned hashes of its blobs, in order.
    pub blob_hashes: Vec<B256>,
}
