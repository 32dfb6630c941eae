//! Where transactions are kept.

use std::{fmt, sync::Arc};

use alloy::primitives::Address;
use async_trait::async_trait;

use crate::tx::record::{AttemptRecord, TransactionRecord, TxOutcome};

/// Why a store could not answer. Its text reaches logs, so it must not hold credentials.
pub type StoreError = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// Durable memory of a [`TxManager`](crate::tx::TxManager).
///
/// What a method wrote is on disk before it returns: the manager sends an attempt only after
/// [`save_attempt`](Self::save_attempt) succeeded. Exactly one manager works on a (chain, account) at a time; whoever
/// starts managers in several processes has to hold a lock for it.
#[async_trait]
pub trait TxStore: fmt::Debug + Send + Sync {
    /// The transaction with this key, with its attempts in the order in which they were saved.
    async fn find(&self, key: &str) -> Result<Option<TransactionRecord>, StoreError>;

    /// Stores a new transaction (status `Queued`, no attempts).
    ///
    /// If the key exists and is [`Rejected`](crate::tx::TransactionStatus::Rejected), it is replaced, and its attempts are
    /// removed. If it exists in any other status nothing changes and the answer is `false`.
    async fn save_transaction(&self, transaction: &TransactionRecord) -> Result<bool, StoreError>;

    /// Appends an attempt and sets the status to `Sent`, in one atomic step. Saving the same hash again changes nothing.
    async fn save_attempt(&self, key: &str, attempt: &AttemptRecord) -> Result<(), StoreError>;

    /// Stores how the transaction ended and sets the status that belongs to it, in one atomic step.
    async fn finish(&self, key: &str, outcome: &TxOutcome) -> Result<(), StoreError>;

    /// All transactions of this account that are `Queued` or `Sent`, in the order of their first attempts' nonces,
    /// those without attempts last.
    async fn pending(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreError>;
}
