//! Tasks that somebody created without a batcher.

use std::time::Duration;

use alloy::{
    contract,
    primitives::{Address, B256, TxHash, U256, keccak256},
    providers::Provider,
    rpc::types::Log,
    sol_types::SolEvent,
};
use collimate_api::fast::Wei;
use collimate_contracts::{
    AlignedLayerServiceManager::NewBatchV3,
    fast_mode::{Task, task_id},
};
use collimate_tasks::TaskStatus;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{
    BatchPlace, FastContracts, FastError,
    error::follows,
    limits::{BLOCKS_PER_REQUEST, CHAIN_POLL},
};
use crate::SdkError;

/// Version of the file's form.
const VERSION: u32 = 1;

/// A task as the chain announced it: what it takes to follow it, to respond to it and to reclaim its ether. Plain JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastTask {
    /// Version of this form, 1.
    pub version: u32,
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// Its name: the hash of what follows.
    pub task_id: B256,
    /// Root of the batch's tree.
    pub batch_root: B256,
    /// Who created it, and can reclaim what its response does not cost.
    pub sender: Address,
    /// Block that created it.
    pub created_block: u32,
    /// Where its batch is: `batchDataPointer`.
    pub pointer: String,
    /// Most that its response may cost, which was paid with it.
    pub fee_limit_wei: Wei,
    /// The transaction that created it.
    pub transaction: TxHash,
}

impl FastTask {
    /// Reads JSON, and checks that the name is that of the rest.
    ///
    /// # Errors
    /// [`FastError::MalformedBundle`], [`FastError::BundleInconsistent`].
    pub fn from_json(text: &str) -> Result<Self, FastError> {
        let malformed = |reason: String| FastError::MalformedBundle { reason };
        let task: Self =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if task.version != VERSION {
            let reason = format!("its version is {}, this program reads {VERSION}", task.version);
            return Err(malformed(reason));
        }
        follows("task_id", &task.task_id, &task_id(&task.to_contract()))?;
        Ok(task)
    }

    /// As the contract's calls take it.
    #[must_use]
    pub fn to_contract(&self) -> Task {
        Task {
            batchMerkleRoot: self.batch_root,
            senderAddress: self.sender,
            taskCreatedBlock: self.created_block,
            batchDataPointerHash: keccak256(&self.pointer),
            respondToTaskFeeLimit: U256::from(self.fee_limit_wei.0),
        }
    }

    /// Where its proofs are, for bundles.
    #[must_use]
    pub fn place(&self) -> BatchPlace {
        BatchPlace {
            chain_id: self.chain_id,
            service_manager: self.service_manager,
            sender: self.sender,
            batch_root: self.batch_root,
            task_id: Some(self.task_id),
        }
    }
}

impl FastContracts {
    /// What became of a task, in the newest block, and the wei that its sender can reclaim once it is over.
    ///
    /// # Errors
    /// [`FastError::NoTask`], and the node's.
    pub async fn task_status(&self, task: B256) -> Result<(TaskStatus, U256), SdkError> {
        let found = self.manager_contract().taskStatus(task).call().await;
        let found = found.map_err(SdkError::call("taskStatus"))?;
        let status = match found.status {
            1 => TaskStatus::Open,
            2 => TaskStatus::Verified,
            3 => TaskStatus::Expired,
            _ => return Err(FastError::NoTask { task }.into()),
        };
        Ok((status, found.unspent))
    }

    /// Waits until a task is answered.
    ///
    /// # Errors
    /// [`FastError::Expired`] if nobody did in time; [`FastError::TaskNotYet`] after `limit`; [`FastError::NoTask`], and the node's.
    pub async fn wait_task(&self, task: B256, limit: Duration) -> Result<(), SdkError> {
        let started = Instant::now();
        loop {
            let (status, _) = self.task_status(task).await?;
            match status {
                TaskStatus::Verified => return Ok(()),
                TaskStatus::Expired => return Err(FastError::Expired { task }.into()),
                TaskStatus::Open | TaskStatus::Unknown => {}
            }
            let waited = started.elapsed();
            if waited >= limit {
                return Err(FastError::TaskNotYet { task, status, waited }.into());
            }
            sleep(CHAIN_POLL.min(limit.saturating_sub(waited))).await;
        }
    }

    /// Every task of a sender for a batch since a block, oldest first: after a reorganisation, or a lost file.
    ///
    /// # Errors
    /// The node's.
    pub async fn tasks_of(
        &self,
        root: B256,
        sender: Address,
        since: u64,
    ) -> Result<Vec<FastTask>, SdkError> {
        let latest = self.manager.provider().get_block_number().await;
        let latest = latest.map_err(SdkError::node("eth_blockNumber"))?;
        let (mut tasks, mut next, mut size) = (vec![], since, BLOCKS_PER_REQUEST);
        while next <= latest {
            let last = next.saturating_add(size.saturating_sub(1)).min(latest);
            let contract = self.manager_contract();
            let filter = contract.NewBatchV3_filter().topic1(root).from_block(next).to_block(last);
            match filter.query().await {
                Ok(events) => {
                    tasks.extend(events.iter().filter_map(|(event, log)| self.task_of(event, log)))
                }
                // Nodes limit blocks or results of a request, each in its own words.
                Err(contract::Error::TransportError(error))
                    if error.as_error_resp().is_some() && size > 1 =>
                {
                    size /= 2;
                    continue;
                }
                Err(error) => return Err(SdkError::call("eth_getLogs")(error)),
            }
            next = last.saturating_add(1);
        }
        tasks.retain(|task| task.sender == sender);
        Ok(tasks)
    }

    /// The task that a transaction created.
    pub(super) fn task_in(&self, transaction: TxHash, logs: &[Log]) -> Result<FastTask, FastError> {
        let contract = self.service_manager();
        let found = logs.iter().filter(|log| log.address() == contract).find_map(|log| {
            let event = NewBatchV3::decode_log(&log.inner).ok()?;
            self.task_of(&event.data, log)
        });
        found.ok_or(FastError::NoEvent { transaction, event: "NewBatchV3", contract })
    }

    fn task_of(&self, event: &NewBatchV3, log: &Log) -> Option<FastTask> {
        let task = Task::from(event);
        Some(FastTask {
            version: VERSION,
            chain_id: self.chain_id(),
            service_manager: self.service_manager(),
            task_id: task_id(&task),
            batch_root: task.batchMerkleRoot,
            sender: task.senderAddress,
            created_block: task.taskCreatedBlock,
            pointer: event.batchDataPointer.clone(),
            fee_limit_wei: Wei(u128::try_from(task.respondToTaskFeeLimit).ok()?),
            transaction: log.transaction_hash?,
        })
    }

    pub(super) async fn check_not_expired(&self, task: B256) -> Result<(), SdkError> {
        match self.task_status(task).await {
            Ok((TaskStatus::Expired, _)) => Err(FastError::Expired { task }.into()),
            // A task that this node does not know may be one that a reorganisation moves to another block.
            Ok(_) | Err(SdkError::Fast(FastError::NoTask { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
