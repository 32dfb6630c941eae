//! The form in which operators' answers travel over HTTP, in JSON.

use alloy::primitives::{FixedBytes, U256, aliases::U96};
use serde::{Deserialize, Serialize};

/// Longest body of a request, in bytes: a [`TaskSignature`] has some 200.
pub const MAX_REQUEST_BYTES: usize = 4 << 10;

/// Longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 << 10;

/// An operator's answer to a task: `POST /v1/tasks/{task_id}/signatures` of a signature aggregator takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSignature {
    /// The operator's id in the registry.
    pub operator_id: u32,
    /// Proof systems of the batch, as bits by id, in hex.
    pub proving_systems: U96,
    /// The compressed point, 48 bytes, over `AlignedLayerServiceManager.responseMessage`.
    pub signature: FixedBytes<48>,
}

/// A signature aggregator has an operator's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// Stake, in wei, of all that signed the same.
    pub signed_stake: U256,
    /// Stake that makes a quorum, in wei.
    pub needed_stake: U256,
}

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The stable code.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// Whether the same request can succeed later.
    pub retryable: bool,
}
