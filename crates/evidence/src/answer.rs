//! What the operators answered, as the chain has it.

use alloy::{
    primitives::{Address, B256, FixedBytes, U256, aliases::U96},
    rpc::types::Log,
    sol_types::{SolCall, SolEvent},
};
use collimate_contracts::{
    AlignedLayerServiceManager::BatchVerified,
    bindings::aligned_layer_service_manager::AlignedLayerServiceManager::respondToTaskV2Call,
    fast_mode::task_id,
};
use serde::{Deserialize, Serialize};

/// An answer that the contract took, with the event that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// Proof systems of the batch as the operators signed them, as bits by id, in hex.
    pub proving_systems: U96,
    /// Who handed the answer in.
    pub responder: Address,
    /// Wei that they were paid.
    pub fee: U256,
    /// The transaction.
    pub transaction: B256,
    /// Its block.
    pub block_number: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Place of the event `BatchVerified` in the block.
    pub log_index: u64,
    /// The operators' signature, and who of them did not sign. Absent where another contract handed it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

/// A quorum's signature as it was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Response {
    /// Sum of the signatures, a point of G1 in the 128 bytes of EIP-2537.
    pub signature: FixedBytes<128>,
    /// Ids of the epoch's operators that did not sign.
    pub absent: Vec<u32>,
}

impl Answer {
    /// The answer that this log tells of, with its event; `None` for a log that tells of none, or is in no block yet.
    #[must_use]
    pub fn of_log(log: &Log) -> Option<(Self, BatchVerified)> {
        let event = BatchVerified::decode_log(&log.inner).ok()?.data;
        let answer = Self {
            proving_systems: event.provingSystems,
            responder: event.responder,
            fee: event.fee,
            transaction: log.transaction_hash?,
            block_number: log.block_number?,
            block_hash: log.block_hash?,
            log_index: log.log_index?,
            response: None,
        };
        Some((answer, event))
    }
}

impl Response {
    /// What a transaction hands in, if it calls the contract itself and answers this task with these proof systems.
    #[must_use]
    pub fn of_input(input: &[u8], task: B256, systems: U96) -> Option<Self> {
        let call = respondToTaskV2Call::abi_decode_validate(input).ok()?;
        if task_id(&call.task) != task || call.provingSystems != systems {
            return None;
        }
        let point = call.signature;
        let mut signature = FixedBytes::ZERO;
        let words = [point.xHi, point.xLo, point.yHi, point.yLo];
        for (target, word) in signature.chunks_exact_mut(32).zip(words) {
            target.copy_from_slice(&word.to_be_bytes::<32>());
        }
        Some(Self { signature, absent: call.absent })
    }
}
