//! What follows a task's end: its payment is given to the batcher, or back to its users. Anyone may do it; whoever comes second
//! finds it done.

use alloy::{
    primitives::{B256, Bytes, U256, keccak256},
    sol_types::{SolCall, SolValue},
};
use collimate_chain::tx::TxRequest;
use collimate_contracts::{
    BatcherPaymentService::{refundCall, settleCall},
    fast_mode::{Charge, Payment, Task, task_id},
};
use collimate_store::FastBatch;

use crate::{BatcherError, driver::Driver};

impl Driver {
    /// Gives a verified task's payment to the batcher, less what the response cost.
    pub(crate) async fn settle(&self, batch: &FastBatch) -> Result<(), BatcherError> {
        let (task, payment, _) = self.payment(batch).await?;
        let id = task_id(&task);
        let block = batch.verified_block.unwrap_or(0);
        let call = settleCall { task: task.into(), payment };
        let key = format!("batcher:settle:{id}:{block}");
        self.finish(key, call.abi_encode().into()).await?;
        tracing::info!(batch = batch.id, "settled");
        Ok(())
    }

    /// Gives an expired task's payment back.
    pub(crate) async fn refund(&self, batch: &FastBatch) -> Result<(), BatcherError> {
        let (task, payment, charges) = self.payment(batch).await?;
        let key = format!("batcher:refund:{}", task_id(&task));
        let call = refundCall { task: task.into(), payment, charges };
        self.finish(key, call.abi_encode().into()).await?;
        tracing::warn!(
            batch = batch.id,
            "nobody answered its task, its users have their ether back"
        );
        Ok(())
    }

    async fn finish(&self, key: String, input: Bytes) -> Result<(), BatcherError> {
        self.transactions.send(TxRequest::call(key, self.chain.payments(), input)).await?;
        Ok(())
    }

    /// Task, payment and charges, as the events had them.
    async fn payment(
        &self,
        batch: &FastBatch,
    ) -> Result<(Task, Payment, Vec<Charge>), BatcherError> {
        let gone = || BatcherError::Inconsistent(format!("batch {} has no task", batch.id));
        let of_batch = batch.task.ok_or_else(gone)?;
        let task = Task {
            batchMerkleRoot: batch.root.into(),
            senderAddress: self.chain.payments(),
            taskCreatedBlock: u32::try_from(of_batch.block).unwrap_or(u32::MAX),
            batchDataPointerHash: keccak256(&batch.pointer),
            respondToTaskFeeLimit: U256::from(batch.fee_limit),
        };
        if task_id(&task) != B256::from(of_batch.id) {
            let text = format!("the task of batch {} is not the one on chain", batch.id);
            return Err(BatcherError::Inconsistent(text));
        }
        let groups = self.ledger.groups_of(batch.id).await?;
        let charges: Vec<Charge> = groups
            .iter()
            .map(|group| Charge {
                user: group.account.into(),
                fee: U256::from(group.charged.unwrap_or(0)),
            })
            .collect();
        let payment = Payment {
            batcher: self.chain.batcher(),
            total: U256::from(of_batch.total),
            added: U256::from(of_batch.added),
            chargesHash: keccak256(charges.abi_encode()),
        };
        Ok((task, payment, charges))
    }
}
