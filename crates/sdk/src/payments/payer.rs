//! Sending deposits so that each is made once.

use alloy::{
    primitives::{Address, TxHash, U256},
    providers::DynProvider,
    sol_types::SolEvent,
};
use collimate_chain::{
    signer::Signer,
    tx::{ConfirmedReceipt, TxRequest},
};
use collimate_contracts::AggregationModePaymentService::CreditsPurchased;
use serde::{Serialize, Serializer};

use super::{Amount, Order, Payments, TxJournal};
use crate::{SdkError, sending::Sender};

/// Sends deposits from one account.
#[derive(Clone, Debug)]
pub struct Payer {
    sender: Sender,
    payments: Payments,
}

/// A purchase as the contract's event tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Purchase {
    /// The contract's number of it.
    pub id: u64,
    /// Who paid.
    pub payer: Address,
    /// Who may spend the credits.
    pub account: Address,
    /// Price, in wei. Serialised as decimal text, since JSON's numbers lose its last digits.
    #[serde(serialize_with = "decimal")]
    pub amount_wei: U256,
    /// Credits bought.
    pub credits: u64,
    /// First second, since 1970, in which they are worth nothing.
    pub expires_at: u64,
    /// Terms that they were bought under.
    pub terms_id: u64,
    /// The transaction.
    pub transaction: TxHash,
    /// Its block.
    pub block_number: u64,
}

impl Payer {
    /// A payer. Asks nothing and sends nothing yet.
    ///
    /// A purchase is told of when it is in a block: the service waits for further confirmations by itself.
    #[must_use]
    pub fn new(
        provider: DynProvider,
        signer: Signer,
        journal: TxJournal,
        payments: &Payments,
    ) -> Self {
        let sender = Sender::new(provider, signer, journal, payments.chain_id());
        Self { sender, payments: payments.clone() }
    }

    /// Who pays.
    #[must_use]
    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// Makes the deposit, and waits until it is in a block.
    ///
    /// The same order as one that was interrupted finishes that one; after it is finished, the same order is a new deposit.
    ///
    /// # Errors
    /// Those of `TxManager::send`, as [`SdkError::Chain`]: nothing is bought then, and after
    /// `ChainError::Reverted` only gas was paid. [`SdkError::NoPurchase`] if the contract's receipt lacks the event.
    pub async fn buy(&self, order: &Order) -> Result<Purchase, SdkError> {
        let name = self.name(order);
        if self.sender.interrupted(&name).await?.is_none() {
            self.sender.check_balance("deposit", order.price_wei).await?;
        }
        let make = |key: String| {
            TxRequest::call(key, self.payments.contract(), order.call_data())
                .with_value(order.price_wei)
        };
        let receipt = self.sender.send(&name, make).await?;
        self.purchase(&receipt)
    }

    /// Whether an order like this was interrupted, so that [`buy`](Self::buy) will finish it.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn is_interrupted(&self, order: &Order) -> Result<bool, SdkError> {
        Ok(self.sender.interrupted(&self.name(order)).await?.is_some())
    }

    /// Stops the work on transactions. What is on its way stays in the journal.
    pub async fn stop(&self) {
        self.sender.stop().await;
    }

    /// What all deposits of such an order have in common in the journal.
    fn name(&self, order: &Order) -> String {
        let amount = match order.amount {
            Amount::Credits(credits) => format!("credits {credits}"),
            Amount::Package(index) => format!("package {index}"),
        };
        let contract = self.payments.contract();
        format!("deposit:{contract}:{}:{}:{amount}:", order.account, order.terms_id)
    }

    fn purchase(&self, receipt: &ConfirmedReceipt) -> Result<Purchase, SdkError> {
        let contract = self.payments.contract();
        let transaction = receipt.transaction_hash;
        let event = receipt
            .logs
            .iter()
            .filter(|log| log.address() == contract)
            .find_map(|log| CreditsPurchased::decode_log(&log.inner).ok())
            .ok_or(SdkError::NoPurchase { transaction, contract })?;
        Ok(Purchase {
            id: u64::try_from(event.id).unwrap_or(u64::MAX),
            payer: event.payer,
            account: event.account,
            amount_wei: event.amount,
            credits: event.credits,
            expires_at: event.expiresAt,
            terms_id: event.termsId,
            transaction,
            block_number: receipt.block_number,
        })
    }
}

fn decimal<S: Serializer>(amount: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}
