//! Transactions of fast mode: deposits and withdrawals, and tasks without a batcher.

mod refund;

use alloy::{
    primitives::{Address, B256, Bytes, TxHash, U256, keccak256},
    providers::DynProvider,
    sol_types::{SolCall, SolEvent},
};
use collimate_api::fast::Wei;
use collimate_chain::{
    signer::Signer,
    tx::{ConfirmedReceipt, MAX_TRANSACTION_GAS, TxRequest},
};
use collimate_contracts::{
    AlignedLayerServiceManager::{BatchVerified, TaskReclaimed, createNewTaskCall, reclaimCall},
    BatcherPaymentService::{
        Deposited, Locked, UnlockAnnounced, Withdrawn, depositCall, lockCall, unlockCall,
        withdrawCall,
    },
};
use collimate_tasks::{ServiceManager, TaskStatus};
use serde::Serialize;

pub use refund::Refunded;

use super::{DirectBatch, FastContracts, FastError, FastTask, FinishedResponse, LockState};
use crate::{SdkError, TxJournal, sending::Sender};

/// Sends fast mode's transactions from one account. Each is in a block when its method returns; the same call after an interruption
/// finishes what was begun, and after that is another transaction.
///
/// Errors of every method: those of the transaction manager, as [`SdkError::Chain`]: nothing happened then, and after
/// `ChainError::Reverted` only gas was paid. [`FastError::CannotSend`] for what would do nothing; [`FastError::NoEvent`] if the
/// contract's receipt lacks its event.
#[derive(Clone, Debug)]
pub struct FastPayer {
    sender: Sender,
    contracts: FastContracts,
}

/// A transaction that is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mined {
    /// The transaction.
    pub transaction: TxHash,
    /// Its block.
    pub block_number: u64,
}

/// A deposit as the contract's event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FastDeposit {
    /// Who can charge it.
    pub batcher: Address,
    /// Whose account it went to.
    pub user: Address,
    /// Who paid.
    pub payer: Address,
    /// How much.
    pub amount_wei: Wei,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

/// A withdrawal as the contract's event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FastWithdrawal {
    /// Whose account with which batcher.
    pub batcher: Address,
    /// Who was paid.
    pub receiver: Address,
    /// How much.
    pub amount_wei: Wei,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

/// A response as the contract's event tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Responded {
    /// The task.
    pub task_id: B256,
    /// What whoever responded was paid.
    pub fee_wei: Wei,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

/// What a task's sender took back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reclaimed {
    /// The task.
    pub task_id: B256,
    /// Whether a quorum had answered it, or nobody.
    pub verified: bool,
    /// How much.
    pub amount_wei: Wei,
    /// The transaction.
    #[serde(flatten)]
    pub mined: Mined,
}

impl FastPayer {
    /// A payer. Asks nothing and sends nothing yet.
    #[must_use]
    pub fn new(
        provider: DynProvider,
        signer: Signer,
        journal: TxJournal,
        contracts: &FastContracts,
    ) -> Self {
        let sender = Sender::new(provider, signer, journal, contracts.chain_id());
        Self { sender, contracts: contracts.clone() }
    }

    /// Who pays.
    #[must_use]
    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// Stops the work on transactions. What is on its way stays in the journal.
    pub async fn stop(&self) {
        self.sender.stop().await;
    }

    /// Pays wei into a user's account with a batcher: one's own, or somebody else's, who alone can withdraw it.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn deposit(
        &self,
        batcher: Address,
        user: Address,
        amount: u128,
    ) -> Result<FastDeposit, SdkError> {
        if amount == 0 {
            return cannot("an amount of zero changes nothing; deposit more");
        }
        if batcher.is_zero() || user.is_zero() {
            return cannot("the zero address has no account; name another");
        }
        let name = self.payments_name(&format!("deposit:{batcher}:{user}:{amount}"));
        let value = U256::from(amount);
        if self.sender.interrupted(&name).await?.is_none() {
            self.sender.check_balance("deposit", value).await?;
        }
        let input = depositCall { batcher, user }.abi_encode();
        let receipt = self.send_payments(&name, input, value).await?;
        let event: Deposited = self.payments_event(&receipt, "Deposited")?;
        Ok(FastDeposit {
            batcher: event.batcher,
            user: event.user,
            payer: event.payer,
            amount_wei: wei(event.amount),
            mined: mined(&receipt),
        })
    }

    /// Announces that one's account with a batcher will be unlocked. Returns the second of the chain's clock from which it can be
    /// withdrawn from; until then it can be charged.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn unlock(&self, batcher: Address) -> Result<(u64, Mined), SdkError> {
        let name = self.payments_name(&format!("unlock:{batcher}"));
        if self.sender.interrupted(&name).await?.is_none()
            && let Some(from) = self.contracts.account(batcher, self.address()).await?.unlocked_from
        {
            return cannot(&format!(
                "unlocking was announced before: the account can be withdrawn from since second {from} of the chain's clock, or will be"
            ));
        }
        let input = unlockCall { batcher }.abi_encode();
        let receipt = self.send_payments(&name, input, U256::ZERO).await?;
        let event: UnlockAnnounced = self.payments_event(&receipt, "UnlockAnnounced")?;
        Ok((event.unlockedFrom, mined(&receipt)))
    }

    /// Locks one's account with a batcher, or takes the announcement back: it can be charged again.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn lock(&self, batcher: Address) -> Result<Mined, SdkError> {
        let name = self.payments_name(&format!("lock:{batcher}"));
        if self.sender.interrupted(&name).await?.is_none()
            && self.contracts.account(batcher, self.address()).await?.state == LockState::Locked
        {
            return cannot("the account is locked: it can be charged");
        }
        let input = lockCall { batcher }.abi_encode();
        let receipt = self.send_payments(&name, input, U256::ZERO).await?;
        let _: Locked = self.payments_event(&receipt, "Locked")?;
        Ok(mined(&receipt))
    }

    /// Pays out from one's unlocked account with a batcher; `None` is all of it.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn withdraw(
        &self,
        batcher: Address,
        receiver: Address,
        amount: Option<u128>,
    ) -> Result<FastWithdrawal, SdkError> {
        if receiver.is_zero() {
            return cannot("the zero address cannot be paid; name another");
        }
        let asked = amount.map_or_else(|| "all".to_owned(), |amount| amount.to_string());
        let name = self.payments_name(&format!("withdraw:{batcher}:{receiver}:{asked}"));
        let amount = match self.sender.interrupted_call(&name).await? {
            Some(call) => withdrawCall::abi_decode(&call).map_or(0, |call| call.amount),
            None => self.withdrawable(batcher, amount).await?,
        };
        let input = withdrawCall { batcher, receiver, amount }.abi_encode();
        let receipt = self.send_payments(&name, input, U256::ZERO).await?;
        let event: Withdrawn = self.payments_event(&receipt, "Withdrawn")?;
        Ok(FastWithdrawal {
            batcher: event.batcher,
            receiver: event.receiver,
            amount_wei: wei(event.amount),
            mined: mined(&receipt),
        })
    }

    async fn withdrawable(&self, batcher: Address, asked: Option<u128>) -> Result<u128, SdkError> {
        let account = self.contracts.account(batcher, self.address()).await?;
        match (account.state, account.unlocked_from) {
            (LockState::Unlocked, _) => {}
            (_, Some(from)) => {
                return cannot(&format!(
                    "the account can be withdrawn from at second {from} of the chain's clock; wait until then"
                ));
            }
            (_, None) => return cannot("the account is locked; unlock it first"),
        }
        let amount = asked.unwrap_or(account.balance_wei.0);
        if amount == 0 {
            return cannot("there is nothing to withdraw");
        }
        if amount > account.balance_wei.0 {
            return cannot(&format!("the account has {} wei", account.balance_wei));
        }
        Ok(amount)
    }

    /// Creates a task for a batch that its mirrors serve, and pays for its response: `fee_limit` wei, of which what is not spent can be
    /// [reclaimed](Self::reclaim).
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn create_task(
        &self,
        batch: &DirectBatch,
        pointer: &collimate_batch::Pointer,
        fee_limit: u128,
    ) -> Result<FastTask, SdkError> {
        let (root, pointer) = (batch.root(), pointer.to_string());
        let pointer_hash = keccak256(&pointer);
        let pointer_name = alloy::hex::encode(pointer_hash.get(..8).unwrap_or_default());
        let name = self.manager_name(&format!("task:{root}:{pointer_name}:{fee_limit}"));
        let value = U256::from(fee_limit);
        if self.sender.interrupted(&name).await?.is_none() {
            self.sender.check_balance("task's response", value).await?;
        }
        let input = createNewTaskCall {
            batchMerkleRoot: root,
            batchDataPointer: pointer,
            respondToTaskFeeLimit: value,
        };
        let manager = self.contracts.service_manager();
        let make =
            |key: String| TxRequest::call(key, manager, input.abi_encode()).with_value(value);
        let receipt = self.sender.send(&name, make).await?;
        Ok(self.contracts.task_in(receipt.transaction_hash, &receipt.logs)?)
    }

    /// Answers a task with what a signature aggregator gave away. Whoever does is paid the gas by the task, up to its fee limit.
    /// `max_cost` is the most wei that the transaction may cost; `None` takes the manager's default.
    ///
    /// The gas is stated, not estimated: a node estimates at the price zero, at which the response is paid nothing, so that the gas of its
    /// payment would be missing.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn respond(
        &self,
        response: &FinishedResponse,
        max_cost: Option<U256>,
    ) -> Result<Responded, SdkError> {
        let task_id = response.task_id();
        let manager = self.contracts.service_manager();
        let name = self.manager_name(&format!("respond:{task_id}"));
        // With the signatures that were there then.
        let input: Bytes = match self.sender.interrupted_call(&name).await? {
            Some(input) => input,
            None => response.call().clone(),
        };
        let gas = ServiceManager::response_gas(response.absent().len());
        let make = |key: String| TxRequest {
            gas_limit: Some(gas.min(MAX_TRANSACTION_GAS)),
            max_cost,
            ..TxRequest::call(key, manager, input)
        };
        let receipt = self.sender.send(&name, make).await?;
        let event: BatchVerified = event_of(&receipt, manager, "BatchVerified")?;
        Ok(Responded { task_id: event.taskId, fee_wei: wei(event.fee), mined: mined(&receipt) })
    }

    /// Takes back what a task of one's own did not spend, once it was answered or expired.
    ///
    /// # Errors
    /// See [`FastPayer`].
    pub async fn reclaim(&self, task: &FastTask) -> Result<Reclaimed, SdkError> {
        let name = self.manager_name(&format!("reclaim:{}", task.task_id));
        if task.sender != self.address() {
            return cannot(&format!("only the task's sender, {}, can reclaim it", task.sender));
        }
        if self.sender.interrupted(&name).await?.is_none() {
            let (status, unspent) = self.contracts.task_status(task.task_id).await?;
            if status == TaskStatus::Open {
                let blocks = self.contracts.response_blocks();
                let last = u64::from(task.created_block).saturating_add(blocks);
                return cannot(&format!(
                    "the task can be answered until block {last}; wait until then"
                ));
            }
            if unspent.is_zero() {
                return cannot("nothing is left of the task's ether");
            }
        }
        let manager = self.contracts.service_manager();
        let input = reclaimCall { task: task.to_contract() }.abi_encode();
        let make = |key: String| TxRequest::call(key, manager, input);
        let receipt = self.sender.send(&name, make).await?;
        let event: TaskReclaimed = event_of(&receipt, manager, "TaskReclaimed")?;
        Ok(Reclaimed {
            task_id: event.taskId,
            verified: event.status == 2,
            amount_wei: wei(event.amount),
            mined: mined(&receipt),
        })
    }

    /// What all transactions of the payment service that do the same have in common in the journal.
    fn payments_name(&self, what: &str) -> String {
        format!("{}:{what}:", self.contracts.batcher_payments())
    }

    /// The same of the service manager.
    fn manager_name(&self, what: &str) -> String {
        format!("{}:{what}:", self.contracts.service_manager())
    }

    async fn send_payments(
        &self,
        name: &str,
        input: Vec<u8>,
        value: U256,
    ) -> Result<ConfirmedReceipt, SdkError> {
        let contract = self.contracts.batcher_payments();
        let make = |key: String| TxRequest::call(key, contract, input).with_value(value);
        self.sender.send(name, make).await
    }

    fn payments_event<E: SolEvent>(
        &self,
        receipt: &ConfirmedReceipt,
        name: &'static str,
    ) -> Result<E, FastError> {
        event_of(receipt, self.contracts.batcher_payments(), name)
    }
}

fn event_of<E: SolEvent>(
    receipt: &ConfirmedReceipt,
    contract: Address,
    event: &'static str,
) -> Result<E, FastError> {
    let logs = receipt.logs.iter().filter(|log| log.address() == contract);
    let found = logs.filter_map(|log| E::decode_log_data(log.data()).ok()).next();
    let transaction = receipt.transaction_hash;
    found.ok_or(FastError::NoEvent { transaction, event, contract })
}

fn mined(receipt: &ConfirmedReceipt) -> Mined {
    Mined { transaction: receipt.transaction_hash, block_number: receipt.block_number }
}

/// There is less ether than fits in 128 bits.
fn wei(amount: U256) -> Wei {
    Wei(u128::try_from(amount).unwrap_or(u128::MAX))
}

fn cannot<T>(reason: &str) -> Result<T, SdkError> {
    Err(FastError::CannotSend { reason: reason.to_owned() }.into())
}
