//! Sending transactions of one account so that each is made once.

use std::sync::Arc;

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider},
};
use collimate_chain::{
    ChainError,
    anvil::DEVELOPMENT_CHAIN_ID,
    signer::Signer,
    tx::{ConfirmedReceipt, RevertDecoder, TxConfig, TxManager, TxRequest, TxStore},
};
use collimate_contracts::decode_revert;
use rand::Rng;

use crate::{SdkError, TxJournal};

/// Sends from one account. A transaction has a name that says all that it does; one that was interrupted is found by its name and
/// finished, and after that the same name is another transaction.
///
/// A transaction is told of when it is in a block: what needs more than that waits by itself.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    provider: DynProvider,
    transactions: TxManager,
    journal: Arc<TxJournal>,
    chain_id: u64,
}

impl Sender {
    /// Asks nothing and sends nothing yet.
    pub(crate) fn new(
        provider: DynProvider,
        signer: Signer,
        journal: TxJournal,
        chain_id: u64,
    ) -> Self {
        let config = match chain_id {
            DEVELOPMENT_CHAIN_ID => TxConfig::development_chain(chain_id),
            _ => TxConfig::public_chain(chain_id),
        };
        let journal = Arc::new(journal);
        let store: Arc<dyn TxStore> = Arc::clone(&journal) as _;
        let decoder = RevertDecoder::new(decode_revert);
        let config = TxConfig { confirmations: 1, ..config };
        let transactions = TxManager::new(provider.clone(), signer, store, config, decoder);
        Self { provider, transactions, journal, chain_id }
    }

    pub(crate) fn address(&self) -> Address {
        self.transactions.address()
    }

    /// Finishes the transaction of this name that was interrupted, or sends a new one, and waits until it is in a block. `make`
    /// gets the key under which it is kept, and must make the same of the same name.
    pub(crate) async fn send(
        &self,
        name: &str,
        make: impl FnOnce(String) -> TxRequest,
    ) -> Result<ConfirmedReceipt, SdkError> {
        let key = match self.interrupted(name).await? {
            Some(key) => key,
            None => format!("{name}{:016x}", rand::rng().random::<u64>()),
        };
        Ok(self.transactions.send(make(key)).await?)
    }

    /// The key of an interrupted transaction of this name.
    pub(crate) async fn interrupted(&self, name: &str) -> Result<Option<String>, SdkError> {
        let pending = self.journal.pending(self.chain_id, self.address()).await;
        let pending = pending.map_err(ChainError::Store)?;
        Ok(pending.into_iter().map(|record| record.key).find(|key| key.starts_with(name)))
    }

    /// The call data of an interrupted transaction of this name.
    pub(crate) async fn interrupted_call(&self, name: &str) -> Result<Option<Bytes>, SdkError> {
        let Some(key) = self.interrupted(name).await? else { return Ok(None) };
        let record = self.journal.find(&key).await.map_err(ChainError::Store)?;
        Ok(record.map(|record| record.input))
    }

    /// Nodes refuse to estimate the gas of what cannot be paid, each in its own words, so it is looked at before.
    pub(crate) async fn check_balance(&self, what: &str, needed: U256) -> Result<(), SdkError> {
        let account = self.address();
        let balance = self.provider.get_balance(account).await;
        let balance = balance.map_err(SdkError::node("eth_getBalance"))?;
        if balance > needed {
            return Ok(());
        }
        let key = format!("of the {what}, without its gas,");
        Err(ChainError::InsufficientFunds { key, account, balance, needed }.into())
    }

    /// Stops the work on transactions. What is on its way stays in the journal.
    pub(crate) async fn stop(&self) {
        self.transactions.stop().await;
    }
}
