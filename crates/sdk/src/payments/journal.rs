//! Where a user's transactions are kept while they are on their way: one file each, below one folder.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use alloy::primitives::{Address, keccak256};
use async_trait::async_trait;
use collimate_chain::tx::{
    AttemptRecord, StoreError, TransactionRecord, TransactionStatus, TxOutcome, TxStore,
};

use crate::{
    SdkError,
    network::{file_error, write_private},
};

/// Remembers transactions in a folder, so that a deposit that was interrupted is finished instead of made twice.
///
/// Holds a lock on the folder: two processes that send from one account would take each other's nonces.
#[derive(Debug)]
pub struct TxJournal {
    folder: PathBuf,
    _lock: File,
}

impl TxJournal {
    /// Opens the journal, and makes its folder.
    ///
    /// # Errors
    /// [`SdkError::File`]; [`SdkError::JournalInUse`] while another process has it.
    pub fn open(folder: &Path) -> Result<Self, SdkError> {
        let path = folder.join("lock");
        let cannot = file_error("open", &path);
        fs::create_dir_all(folder).map_err(&cannot)?;
        let lock = File::create(&path).map_err(&cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(SdkError::JournalInUse { folder: folder.to_owned() })
            }
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{:x}.json", keccak256(key)))
    }

    fn read(&self, path: &Path) -> Result<Option<TransactionRecord>, StoreError> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                // A damaged record may be of a transaction on its way, so it is not skipped.
                let text = format!("{} is damaged: {error}", path.display());
                fault(io::Error::new(io::ErrorKind::InvalidData, text))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    fn write(&self, record: &TransactionRecord) -> Result<(), StoreError> {
        let json = serde_json::to_vec_pretty(record).map_err(|error| fault(error.into()))?;
        write_private(&self.path(&record.key), &json).map_err(|error| Arc::new(error) as StoreError)
    }

    fn update(
        &self,
        key: &str,
        change: impl FnOnce(&mut TransactionRecord),
    ) -> Result<(), StoreError> {
        let missing = || fault(io::Error::new(io::ErrorKind::NotFound, format!("no record {key}")));
        let mut record = self.read(&self.path(key))?.ok_or_else(missing)?;
        change(&mut record);
        self.write(&record)
    }
}

fn fault(error: io::Error) -> StoreError {
    Arc::new(error)
}

#[async_trait]
impl TxStore for TxJournal {
    async fn find(&self, key: &str) -> Result<Option<TransactionRecord>, StoreError> {
        self.read(&self.path(key))
    }

    async fn save_transaction(&self, transaction: &TransactionRecord) -> Result<bool, StoreError> {
        match self.read(&self.path(&transaction.key))? {
            Some(old) if old.status != TransactionStatus::Rejected => Ok(false),
            _ => self.write(transaction).map(|()| true),
        }
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
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            records.extend(self.read(&path)?);
        }
        Ok(TransactionRecord::pending_of(records.into_iter(), chain_id, from))
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, Bytes, U256};
    use collimate_chain::tx::Fees;

    use super::*;

    fn record(key: &str) -> TransactionRecord {
        TransactionRecord {
            key: key.to_owned(),
            chain_id: 1,
            from: Address::repeat_byte(1),
            to: None,
            input: Bytes::new(),
            value: U256::from(5),
            gas_limit: 21_000,
            max_cost: Some(U256::MAX),
            sidecar: None,
            status: TransactionStatus::Queued,
            attempts: vec![],
            outcome: None,
        }
    }

    fn attempt(nonce: u64) -> AttemptRecord {
        let fees =
            Fees { max_fee_per_gas: 1, max_priority_fee_per_gas: 1, max_fee_per_blob_gas: None };
        let hash = B256::with_last_byte(nonce as u8);
        AttemptRecord { hash, nonce, fees, raw: Bytes::new(), signed_at_ms: 0 }
    }

    #[tokio::test]
    async fn what_was_on_its_way_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("folder");
        let open = || TxJournal::open(folder.path());
        let journal = open().expect("opens");
        for (key, nonce) in [("b", 2), ("a", 1)] {
            assert!(journal.save_transaction(&record(key)).await.expect("saved"));
            assert!(!journal.save_transaction(&record(key)).await.expect("kept"));
            journal.save_attempt(key, &attempt(nonce)).await.expect("saved");
            journal.save_attempt(key, &attempt(nonce)).await.expect("the same again");
        }
        journal.save_transaction(&record("c")).await.expect("saved");
        let busy = open().expect_err("locked");
        assert_eq!(busy.code(), "SDK-024");
        drop(journal);

        let journal = open().expect("opens");
        let pending = journal.pending(1, Address::repeat_byte(1)).await.expect("read");
        let keys: Vec<_> = pending.iter().map(|record| record.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c"], "in the order of their nonces");
        assert_eq!(pending[0].attempts.len(), 1);
        assert!(journal.pending(2, Address::repeat_byte(1)).await.expect("read").is_empty());
        assert!(journal.pending(1, Address::ZERO).await.expect("read").is_empty());

        let rejected = TxOutcome::Rejected { reason: "no".to_owned() };
        journal.finish("a", &rejected).await.expect("saved");
        assert_eq!(journal.find("a").await.expect("read").expect("there").outcome, Some(rejected));
        assert!(journal.save_transaction(&record("a")).await.expect("a rejected one is replaced"));
    }

    #[tokio::test]
    async fn a_damaged_record_is_an_error_and_not_forgotten() {
        let folder = tempfile::tempdir().expect("folder");
        let journal = TxJournal::open(folder.path()).expect("opens");
        journal.save_transaction(&record("a")).await.expect("saved");
        fs::write(journal.path("a"), "{").expect("damaged");
        assert!(journal.pending(1, Address::repeat_byte(1)).await.is_err());
        assert!(journal.find("a").await.is_err());
    }
}
