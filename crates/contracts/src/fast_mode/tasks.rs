//! What a task is called, and what operators sign about it.

use alloy::{
    primitives::{Address, B256, U256, aliases::U96, keccak256},
    sol_types::SolValue,
};

pub use crate::bindings::aligned_layer_service_manager::BatchTask::Task;
use crate::{AlignedLayerServiceManager::NewBatchV3, bindings::batcher_payment_service};

/// The task that an event announces, which is all that a response, a settlement and a refund need of it.
impl From<&NewBatchV3> for Task {
    fn from(event: &NewBatchV3) -> Self {
        Self {
            batchMerkleRoot: event.batchMerkleRoot,
            senderAddress: event.senderAddress,
            taskCreatedBlock: event.taskCreatedBlock,
            batchDataPointerHash: keccak256(&event.batchDataPointer),
            respondToTaskFeeLimit: event.respondToTaskFeeLimit,
        }
    }
}

/// The same task as the payment service's calls take it.
impl From<Task> for batcher_payment_service::BatchTask::Task {
    fn from(task: Task) -> Self {
        Self {
            batchMerkleRoot: task.batchMerkleRoot,
            senderAddress: task.senderAddress,
            taskCreatedBlock: task.taskCreatedBlock,
            batchDataPointerHash: task.batchDataPointerHash,
            respondToTaskFeeLimit: task.respondToTaskFeeLimit,
        }
    }
}

/// The name of a task, as `AlignedLayerServiceManager.taskIdOf`.
#[must_use]
pub fn task_id(task: &Task) -> B256 {
    keccak256(task.abi_encode())
}

/// What operators sign under [`SIGNATURE_DOMAIN`](crate::signing::SIGNATURE_DOMAIN) once they verified every proof of a task's
/// batch, as `AlignedLayerServiceManager.responseMessage`. Bit i of `systems` is set if the batch has a proof of proof
/// system i.
#[must_use]
pub fn response_message(
    chain_id: u64,
    service_manager: Address,
    task_id: B256,
    systems: U96,
) -> B256 {
    let kind = keccak256("Collimate.AlignedLayerServiceManager.v1");
    let words = (kind, U256::from(chain_id), service_manager, task_id, U256::from(systems));
    keccak256(words.abi_encode_params())
}
