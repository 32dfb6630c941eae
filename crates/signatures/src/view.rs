//! What is said of a task over HTTP.

use alloy::primitives::{B256, Bytes, U256, aliases::U96};
use collimate_tasks::wire::TaskSignature;
use serde::{Deserialize, Serialize};

/// Signatures that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupView {
    /// Proof systems of the batch, as bits by id, in hex.
    pub proving_systems: U96,
    /// Stake of those that signed, in wei.
    pub signed_stake: U256,
    /// The signatures, by operator.
    pub signatures: Vec<TaskSignature>,
}

/// Why a task was not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

/// A task and the signatures for it: the answer of `GET /v1/tasks/{task_id}/signatures`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The task.
    pub task_id: B256,
    /// `open`, `verified`, `expired` or `withdrawn`.
    pub status: String,
    /// Stake of the epoch's operators, in wei; zero until the first signature came.
    pub total_stake: U256,
    /// Stake that makes a quorum, in wei.
    pub needed_stake: U256,
    /// The signatures.
    pub answers: Vec<GroupView>,
    /// Call data of `respondToTaskV2`, once there is a quorum: whoever sends it to the service manager answers the task, and
    /// is paid for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Bytes>,
    /// Gas limit to send it with: a node's estimate is too low, since it leaves out what the response pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_gas: Option<u64>,
    /// Why the response did not get through last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}
