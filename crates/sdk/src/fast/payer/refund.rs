//! What users paid a batcher for a task that nobody answered. Anyone may give it back to them; a batcher that is gone does not.

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    sol_types::{SolCall, SolEvent},
};
use collimate_api::fast::Wei;
use collimate_contracts::{
    BatcherPaymentService::{TaskPaid, TaskRefunded, refundCall},
    fast_mode::Payment,
};
use collimate_tasks::TaskStatus;
use serde::Serialize;

use super::{FastPayer, Mined, cannot, mined, wei};
use crate::{
    SdkError,
    fast::{FastError, FastTask},
};

/// An expired task's payment as it went back, by the contract's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Refunded {
    /// The task.
    pub task_id: B256,
    /// Whose task it was: users have what they paid in their accounts with it.
    pub batcher: Address,
    /// What all its users have back together.
    pub amount_wei: Wei,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

impl FastPayer {
    /// Gives the users of an expired task of a batcher back what they paid for it, into their accounts with the batcher.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn refund(&self, task: &FastTask) -> Result<Refunded, SdkError> {
        let name = self.payments_name(&format!("refund:{}", task.task_id));
        let input = match self.sender.interrupted_call(&name).await? {
            Some(input) => input.to_vec(),
            None => self.refund_call(task).await?,
        };
        let receipt = self.send_payments(&name, input, U256::ZERO).await?;
        let event: TaskRefunded = self.payments_event(&receipt, "TaskRefunded")?;
        Ok(Refunded {
            task_id: event.taskId,
            batcher: event.batcher,
            amount_wei: wei(event.total),
            mined: mined(&receipt),
        })
    }

    /// Payment and charges are what the event of the task's transaction says.
    async fn refund_call(&self, task: &FastTask) -> Result<Vec<u8>, SdkError> {
        let contract = self.contracts.batcher_payments();
        if task.sender != contract {
            return cannot("no batcher's users paid for the task; its sender can reclaim it");
        }
        match self.contracts.task_status(task.task_id).await? {
            (TaskStatus::Expired, _) => {}
            (TaskStatus::Verified, _) => return cannot("the task was verified: it is paid for"),
            _ => return cannot("the task can be answered still; wait until it expired"),
        }
        let transaction = task.transaction;
        let receipt = self.contracts.manager.provider().get_transaction_receipt(transaction).await;
        let receipt = receipt.map_err(SdkError::node("eth_getTransactionReceipt"))?;
        let logs = receipt.iter().flat_map(|receipt| receipt.inner.logs());
        let paid = logs
            .filter(|log| log.address() == contract)
            .filter_map(|log| TaskPaid::decode_log_data(log.data()).ok())
            .find(|event| event.taskId == task.task_id);
        let paid = paid.ok_or(FastError::NoEvent { transaction, event: "TaskPaid", contract })?;
        let payment = Payment::from(&paid);
        let task = task.to_contract().into();
        Ok(refundCall { task, payment, charges: paid.charges }.abi_encode())
    }
}
