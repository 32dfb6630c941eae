//! A transaction store that forgets everything when it is dropped: for tests only.

use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::Address;
use async_trait::async_trait;

use crate::tx::{
    AttemptRecord, StoreError, TransactionRecord, TransactionStatus, TxOutcome, TxStore,
};

/// A fake [`TxStore`] in memory. Nothing of it survives the process, so a program that sends real transactions must not use it.
#[derive(Debug, Default)]
pub struct FakeTxStore {
    records: Mutex<Vec<TransactionRecord>>,
}

impl FakeTxStore {
    fn records(&self) -> MutexGuard<'_, Vec<TransactionRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(
        &self,
        key: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreError> {
        let mut records = self.records();
        let record = records.iter_mut().find(|record| record.key == key).ok_or_else(|| {
            StoreError::from(Box::<dyn std::error::Error + Send + Sync>::from(format!(
                "no transaction {key}"
            )))
        })?;
        change(record);
        Ok(())
    }
}

#[async_trait]
impl TxStore for FakeTxStore {
    async fn find(&self, key: &str) -> Result<Option<TransactionRecord>, StoreError> {
        Ok(self.records().iter().find(|record| record.key == key).cloned())
    }

    async fn save_transaction(&self, transaction: &TransactionRecord) -> Result<bool, StoreError> {
        let mut records = self.records();
        match records.iter_mut().find(|record| record.key == transaction.key) {
            None => records.push(transaction.clone()),
            Some(old) if old.status == TransactionStatus::Rejected => *old = transaction.clone(),
            Some(_) => return Ok(false),
        }
        Ok(true)
    }

    async fn save_attempt(&self, key: &str, attempt: &AttemptRecord) -> Result<(), StoreError> {
        self.update(key, |record| record.add_attempt(attempt))
    }

    async fn finish(&self, key: &str, outcome: &TxOutcome) -> Result<(), StoreError> {
        self.update(key, |record| record.finish(outcome))
    }

    async fn pending(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        Ok(TransactionRecord::pending_of(self.records().iter().cloned(), chain_id, from))
    }
}
