//! The key and its journal.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use collimate_attestation::{AttestationError, Journal, PublicKey, SecretKey, Signature};

/// Signs what the journal has on disk.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    key: Arc<SecretKey>,
    chain_id: u64,
    service_manager: Address,
    /// None once the operator is stopped.
    journal: Arc<Mutex<Option<Journal>>>,
}

impl Signer {
    pub(crate) fn open(
        key: SecretKey,
        journal: &Path,
        chain_id: u64,
        service_manager: Address,
    ) -> Result<Self, AttestationError> {
        let journal = Arc::new(Mutex::new(Some(Journal::open(journal)?)));
        Ok(Self { key: Arc::new(key), chain_id, service_manager, journal })
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Whether this answer to the task was given before, in which case its proofs need no verification.
    pub(crate) fn has_signed(&self, task: B256, message: B256) -> Result<bool, AttestationError> {
        let task = self.journal_key(task);
        with(&self.journal, |journal| match journal.answer(task) {
            None => Ok(false),
            Some(signed) if signed == message => Ok(true),
            Some(signed) => Err(AttestationError::Conflict { task, signed }),
        })
    }

    /// Puts the answer on disk, then signs it.
    pub(crate) async fn sign(
        &self,
        task: B256,
        message: B256,
    ) -> Result<Signature, AttestationError> {
        let (journal, name) = (Arc::clone(&self.journal), self.journal_key(task));
        // Waiting for the disk must not hold up other tasks of the runtime.
        tokio::task::spawn_blocking(move || {
            with(&journal, |journal| journal.record(name, message))
        })
        .await
        .unwrap_or(Err(AttestationError::Stopped))?;
        Ok(self.key.sign(message))
    }

    /// Gives the journal back: from here on nothing is signed.
    pub(crate) fn close(&self) {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Two chains or contracts can have tasks of one name; in the journal they are different questions.
    fn journal_key(&self, task: B256) -> B256 {
        let domain = keccak256("Collimate.FastModeTask.v1");
        let words = (domain, U256::from(self.chain_id), self.service_manager, task);
        keccak256(words.abi_encode_params())
    }
}

/// Nothing panics while it holds the journal, so a poisoned lock still guards a whole one.
fn with<T>(
    journal: &Mutex<Option<Journal>>,
    work: impl FnOnce(&mut Journal) -> Result<T, AttestationError>,
) -> Result<T, AttestationError> {
    let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
    work(journal.as_mut().ok_or(AttestationError::Stopped)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_answer_to_a_task_is_never_signed_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let open = |manager| {
            let key = SecretKey::from_seed(&[7; 32]).unwrap();
            Signer::open(key, &path, 1, Address::repeat_byte(manager)).unwrap()
        };
        let (task, first, second) =
            (B256::repeat_byte(1), B256::repeat_byte(2), B256::repeat_byte(3));
        let signer = open(9);
        let signature = signer.sign(task, first).await.unwrap();
        assert!(signature.verify(first, &signer.public_key()));
        for _ in 0..2 {
            let signer = {
                signer.close();
                open(9)
            };
            assert!(signer.has_signed(task, first).unwrap());
            assert_eq!(signer.has_signed(task, second).unwrap_err().code(), "ATT-004");
            assert_eq!(signer.sign(task, second).await.unwrap_err().code(), "ATT-004");
            assert_eq!(signer.sign(task, first).await.unwrap(), signature, "the same again");
            signer.close();
            assert_eq!(signer.sign(task, first).await.unwrap_err().code(), "ATT-017");
        }
        let other_contract = open(8);
        assert!(!other_contract.has_signed(task, second).unwrap(), "another contract's question");
    }
}
