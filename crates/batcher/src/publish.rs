//! Puts a batch where the operators find it, and its task on chain.
//!
//! Each step starts from the ledger, so it can be done again after a crash anywhere: the manifest has one encoding, and the
//! transaction has the name of its batch and attempt, under which it is sent at most once.

use alloy::{
    primitives::{B256, Bytes, U256},
    providers::Provider,
    sol_types::SolCall,
};
use collimate_api::fast::GroupEnd;
use collimate_batch::Pointer;
use collimate_chain::{
    ChainError,
    tx::{ConfirmedReceipt, MAX_TRANSACTION_GAS, TxRequest},
};
use collimate_contracts::{BatcherPaymentService::createNewTaskCall, fast_mode::Authorization};
use collimate_store::{BatchStatus, FastBatch, FastGroup};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{BatcherError, closing::manifest_of, driver::Driver, ends, limits::STORE_QUESTIONS};

impl Driver {
    /// Puts the manifest into the object store, makes sure that every file is there, and says so.
    pub(crate) async fn publish(&self, batch: &FastBatch) -> Result<(), BatcherError> {
        let started = std::time::Instant::now();
        let groups = self.ledger.groups_of(batch.id).await?;
        let manifest = manifest_of(&groups)?;
        let pointer: Pointer = batch.pointer.parse()?;
        if manifest.tree()?.root() != batch.root {
            let text = format!("the root of batch {} is not that of its groups", batch.id);
            return Err(BatcherError::Inconsistent(text));
        }
        let name = self.objects.put(manifest.to_bytes()?).await?;
        if name != *pointer.manifest() {
            let text = format!("the manifest of batch {} is not the one it points at", batch.id);
            return Err(BatcherError::Inconsistent(text));
        }
        let asked = manifest.parts().map(|part| {
            let key = part.key();
            async move { Ok::<_, BatcherError>((key, self.objects.exists(&key).await?)) }
        });
        let asked: Vec<_> = asked.collect();
        let found: Vec<_> =
            stream::iter(asked).buffer_unordered(STORE_QUESTIONS).try_collect().await?;
        if let Some((key, _)) = found.into_iter().find(|(_, there)| !there) {
            // A store that is away lacks everything: no reason to drop what was accepted.
            self.objects.check_identity().await?;
            return self.give_up_lost(batch, &groups, &key.to_string()).await;
        }
        self.ledger.mark_sent(batch.id).await?;
        self.metrics.phase("publishing", started.elapsed().as_secs_f64());
        Ok(())
    }

    /// A file is lost: its groups are dropped, the others of the batch wait for the next.
    async fn give_up_lost(
        &self,
        batch: &FastBatch,
        groups: &[FastGroup],
        key: &str,
    ) -> Result<(), BatcherError> {
        let error = BatcherError::FileLost { key: key.to_owned() };
        tracing::error!(batch = batch.id, %error, "a batch is dissolved");
        self.give_up(batch, error.code(), &error.to_string()).await?;
        for group in groups {
            let manifest = manifest_of(std::slice::from_ref(group))?;
            if manifest.parts().any(|part| part.key().to_string() == key) {
                self.reject(&group.id, GroupEnd::FilesLost).await?;
            }
        }
        Ok(())
    }

    /// The batch's groups wait again, but for those whose nonces another group has meanwhile.
    async fn give_up(
        &self,
        batch: &FastBatch,
        code: &str,
        reason: &str,
    ) -> Result<(), BatcherError> {
        let overtaken = ends::told(GroupEnd::WrongNonce);
        let gone = self.ledger.dissolve(batch.id, code, reason, overtaken).await?;
        self.note_dropped(&gone, GroupEnd::WrongNonce);
        Ok(())
    }

    /// Has the task created, and waits until that is confirmed. A transaction that is refused for good dissolves the batch.
    pub(crate) async fn create(&self, batch: &FastBatch) -> Result<(), BatcherError> {
        let request = self.creation(batch).await?;
        let error = match self.transactions.send(request).await {
            Ok(receipt) => return self.check_created(batch, &receipt).await,
            Err(error) => error,
        };
        match &error {
            ChainError::WouldRevert { .. }
            | ChainError::Reverted { .. }
            | ChainError::Rejected { .. }
            | ChainError::TooMuchGas { .. }
            | ChainError::Malformed { .. } => {
                let (code, reason) = (error.code(), error.to_string());
                tracing::warn!(batch = batch.id, code, reason, "a batch is dissolved");
                self.give_up(batch, code, &reason).await?;
                // An error, so that the next batch waits: what is wrong may not be over yet.
                Err(error.into())
            }
            _ => Err(error.into()),
        }
    }

    async fn creation(&self, batch: &FastBatch) -> Result<TxRequest, BatcherError> {
        let groups = self.ledger.groups_of(batch.id).await?;
        let gas = groups.iter().fold(self.prices.gas.task, |gas, group| {
            let own = self.prices.gas.of_group(group.by_wallet, group.signature.len());
            gas.saturating_add(own)
        });
        let by_wallet = groups.iter().any(|group| group.by_wallet);
        let call = createNewTaskCall {
            batchMerkleRoot: batch.root.into(),
            batchDataPointer: batch.pointer.clone(),
            respondToTaskFeeLimit: U256::from(batch.fee_limit),
            feePerProof: batch.fee_per_proof,
            minCharged: U256::from(batch.min_charged),
            authorizations: groups.into_iter().map(authorization).collect(),
        };
        let key = format!("batcher:{}:{}", batch.id, batch.attempts);
        let request = TxRequest::call(key, self.chain.payments(), Bytes::from(call.abi_encode()));
        let request = request.with_value(U256::from(batch.value));
        // An estimate is the least gas with which the call does not revert, and it does not where wallets get too little to
        // answer: their users would pay nothing.
        let gas_limit = by_wallet.then(|| gas.saturating_add(gas / 4).min(MAX_TRANSACTION_GAS));
        Ok(TxRequest { gas_limit, ..request })
    }

    /// The transaction is confirmed, so the follower sees its task, unless a reorganisation deeper than the confirmations took it:
    /// then another one is sent.
    async fn check_created(
        &self,
        batch: &FastBatch,
        receipt: &ConfirmedReceipt,
    ) -> Result<(), BatcherError> {
        let known_to = self.known_to().await?;
        let now = self.ledger.batch(batch.id).await?;
        let is_missing = now.is_some_and(|now| now.status == BatchStatus::Sent)
            && known_to.is_some_and(|block| block >= receipt.block_number);
        if !is_missing {
            return Ok(());
        }
        let hash = receipt.transaction_hash;
        let found = self.chain.provider().get_transaction_receipt(hash).await;
        let found = found.map_err(ChainError::node("eth_getTransactionReceipt"))?;
        match found.and_then(|receipt| receipt.block_number) {
            Some(block) => tracing::warn!(batch = batch.id, block, "its task is not seen yet"),
            None => {
                tracing::warn!(batch = batch.id, "a deep reorg took the task, it is created again");
                self.ledger.ask_again(batch.id, batch.attempts).await?;
            }
        }
        Ok(())
    }
}

fn authorization(group: FastGroup) -> Authorization {
    Authorization {
        user: group.account.into(),
        proofsRoot: B256::from(group.proofs_root),
        proofCount: group.proof_count,
        firstNonce: group.first_nonce,
        maxFee: group.max_fee,
        deadline: group.deadline,
        signature: group.signature.into(),
    }
}
