//! One transaction on its way: looks at the node, applies the rules of `decide`, acts.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockNumberOrTag, primitives::TxHash, providers::Provider, rpc::types::TransactionReceipt,
};
use tokio::{
    sync::{OwnedMutexGuard, oneshot},
    time::{Instant, sleep},
};

use crate::{
    error::ChainError,
    kzg::Sidecar,
    tx::{
        answer::{Answer, read_answer},
        decide::{Observation, Step, Terms, Underpriced, decide, first_fees},
        fees::Fees,
        manager::{Inner, Shortage, Turn},
        market::market_fees,
        prepare::call_of,
        record::{
            AttemptRecord, ConfirmedReceipt, TransactionRecord, TransactionStatus, TxOutcome,
        },
        retry::backoff,
        sign::{network_form, sign_attempt},
    },
};

/// A node that refuses in words that are not understood is asked this often before its word is taken.
const UNKNOWN_REFUSALS: u32 = 20;

type Guard = OwnedMutexGuard<()>;

/// Drives one transaction to its end.
pub(crate) struct Delivery {
    inner: Arc<Inner>,
    record: TransactionRecord,
    sidecar: Option<Sidecar>,
    terms: Terms,
    /// Held until a node took the newest nonce's attempt.
    turn: Option<Guard>,
    /// Who gets the turn next, after a restart.
    successor: Option<oneshot::Sender<Guard>>,
    /// Attempts existed before this process: a node may have them.
    resumed: bool,
    /// A node took an attempt with the nonce in use.
    accepted: bool,
    underpriced: Option<Underpriced>,
    unknown_refusals: u32,
    signed_at: Instant,
    /// Block in which the nonce was first seen to be used by nobody we know.
    nonce_lost_at: Option<u64>,
}

/// What to do after a step.
enum Next {
    Look,
    Pause,
    Done(Box<TxOutcome>),
    Refused(ChainError),
}

impl Delivery {
    pub(crate) fn new(inner: Arc<Inner>, record: TransactionRecord) -> Result<Self, ChainError> {
        let sidecar = match &record.sidecar {
            None => None,
            Some(bytes) => Some(Sidecar::from_bytes(bytes).map_err(|reason| {
                ChainError::StoredMismatch { key: record.key.clone(), reason }
            })?),
        };
        let terms = inner.terms(&record, sidecar.as_ref().map_or(0, Sidecar::len));
        Ok(Self {
            resumed: !record.attempts.is_empty(),
            inner,
            record,
            sidecar,
            terms,
            turn: None,
            successor: None,
            accepted: false,
            underpriced: None,
            unknown_refusals: 0,
            signed_at: Instant::now(),
            nonce_lost_at: None,
        })
    }

    /// Works until the transaction is final or refused. `order` is how it comes to its turn after a restart.
    pub(crate) async fn run(
        mut self,
        order: Option<(Turn, oneshot::Sender<Guard>)>,
    ) -> Result<ConfirmedReceipt, ChainError> {
        if let Some((turn, successor)) = order {
            self.successor = Some(successor);
            self.turn = match turn {
                Turn::Held(guard) => guard,
                Turn::From(predecessor) => predecessor.await.ok(),
            };
        }
        let mut backoff = backoff();
        loop {
            let next = match self.step().await {
                Ok(next) => {
                    backoff.reset();
                    next
                }
                Err(error @ ChainError::Node { .. }) => {
                    tracing::warn!(key = %self.record.key, %error, "the node is not well, trying again");
                    sleep(backoff.next_delay()).await;
                    continue;
                }
                Err(error @ ChainError::BudgetExceeded { .. }) => Next::Refused(error),
                // A record that contradicts itself, or a key that cannot sign: a person has to look, so it stays as it is.
                Err(error) => return Err(error),
            };
            match next {
                Next::Look => {}
                Next::Pause => sleep(self.inner.config.poll_interval.max(LEAST_POLL)).await,
                Next::Done(outcome) => return self.finish(*outcome).await,
                Next::Refused(error) => {
                    let reason = error.to_string();
                    self.store_outcome(&TxOutcome::Rejected { reason }).await;
                    return Err(error);
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Next, ChainError> {
        let Some(newest) = self.record.attempts.last().cloned() else {
            return self.first_attempt().await;
        };
        let (seen, receipt) = self.observe(&newest).await?;
        if seen.known || seen.confirmations.is_some() {
            self.node_has_it();
        }
        let step = decide(newest.fees, &seen, &self.terms);
        let at_budget = matches!(step, Step::WaitAtBudget | Step::Broadcast { at_budget: true });
        self.inner.tell_shortage(
            &self.record.key,
            at_budget.then(|| self.shortage(newest.fees.lean_replacement(seen.market))),
        );
        match (step, receipt) {
            (Step::Finish, Some(receipt)) => self.outcome_of(receipt).await,
            (Step::Finish | Step::Wait | Step::WaitAtBudget, _) => {
                if seen.nonce_lost_for.is_some() {
                    self.pass_turn();
                }
                Ok(Next::Pause)
            }
            (Step::Broadcast { at_budget }, _) => self.broadcast(&newest, at_budget).await,
            (Step::Replace(fees), _) => {
                tracing::info!(key = %self.record.key, ?fees, "replacing a transaction at higher prices");
                self.attempt(newest.nonce, fees).await
            }
            (Step::TakeNewNonce, _) => {
                tracing::warn!(key = %self.record.key, nonce = newest.nonce, "another program used the nonce, taking a new one");
                self.inner.nonces().release(newest.nonce);
                (self.accepted, self.resumed, self.nonce_lost_at) = (false, false, None);
                self.first_attempt().await
            }
        }
    }

    /// Looks at the node once.
    async fn observe(
        &mut self,
        newest: &AttemptRecord,
    ) -> Result<(Observation, Option<TransactionReceipt>), ChainError> {
        let provider = &self.inner.provider;
        let head =
            provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?;
        let used = provider
            .get_transaction_count(self.record.from)
            .await
            .map_err(ChainError::node("eth_getTransactionCount"))?;
        let market = market_fees(provider, self.inner.config.least_tip).await?;
        let mut seen = Observation {
            confirmations: None,
            nonce_lost_for: None,
            known: false,
            underpriced: self.underpriced,
            waited: self.signed_at.elapsed(),
            market,
        };
        if used > newest.nonce {
            if let Some(receipt) = self.find_receipt().await? {
                let block = receipt.block_number.unwrap_or(head);
                seen.confirmations = Some(head.saturating_sub(block).saturating_add(1));
                self.nonce_lost_at = None;
                return Ok((seen, Some(receipt)));
            }
            let since = *self.nonce_lost_at.get_or_insert(head);
            seen.nonce_lost_for = Some(head.saturating_sub(since));
            return Ok((seen, None));
        }
        self.nonce_lost_at = None;
        seen.known = provider
            .get_transaction_by_hash(newest.hash)
            .await
            .map_err(ChainError::node("eth_getTransactionByHash"))?
            .is_some();
        Ok((seen, None))
    }

    /// The receipt of whichever attempt was mined, newest first.
    async fn find_receipt(&self) -> Result<Option<TransactionReceipt>, ChainError> {
        for attempt in self.record.attempts.iter().rev() {
            let receipt = self
                .inner
                .provider
                .get_transaction_receipt(attempt.hash)
                .await
                .map_err(ChainError::node("eth_getTransactionReceipt"))?;
            if receipt.as_ref().is_some_and(|receipt| receipt.block_hash.is_some()) {
                return Ok(receipt);
            }
        }
        Ok(None)
    }

    /// Chooses nonce and prices, and sends.
    async fn first_attempt(&mut self) -> Result<Next, ChainError> {
        if self.turn.is_none() {
            self.turn = Some(Arc::clone(&self.inner.turn).lock_owned().await);
        }
        let market = market_fees(&self.inner.provider, self.inner.config.least_tip).await?;
        let fees = first_fees(market, &self.terms).map_err(|needed| self.over_budget(needed))?;
        let used = self
            .inner
            .provider
            .get_transaction_count(self.record.from)
            .await
            .map_err(ChainError::node("eth_getTransactionCount"))?;
        let nonce = self.inner.nonces().take(used);
        let nonce = nonce.ok_or_else(|| ChainError::Internal("no nonce is left".into()))?;
        let next = self.attempt(nonce, fees).await;
        if self.record.nonce() != Some(nonce) {
            self.inner.nonces().release(nonce);
        }
        next
    }

    /// Signs, stores, and only then sends.
    async fn attempt(&mut self, nonce: u64, fees: Fees) -> Result<Next, ChainError> {
        let attempt =
            sign_attempt(&self.inner.signer, &self.record, self.sidecar.as_ref(), nonce, fees)?;
        let (store, key) = (&self.inner.store, &self.record.key);
        self.inner.persist("save_attempt", || store.save_attempt(key, &attempt)).await;
        self.record.attempts.push(attempt.clone());
        self.record.status = TransactionStatus::Sent;
        self.signed_at = Instant::now();
        self.underpriced = None;
        self.broadcast(&attempt, false).await
    }

    async fn broadcast(
        &mut self,
        attempt: &AttemptRecord,
        at_budget: bool,
    ) -> Result<Next, ChainError> {
        let bytes = network_form(&self.record.key, attempt, self.sidecar.as_ref())?;
        let refusal = match self.inner.provider.send_raw_transaction(&bytes).await {
            Ok(_) => {
                tracing::info!(key = %self.record.key, hash = %attempt.hash, nonce = attempt.nonce, fees = ?attempt.fees, "sent a transaction");
                self.node_has_it();
                return Ok(Next::Pause);
            }
            Err(refusal) => refusal,
        };
        let answer = read_answer(&refusal);
        let refusal = ChainError::node("eth_sendRawTransaction")(refusal);
        tracing::debug!(key = %self.record.key, hash = %attempt.hash, ?answer, %refusal, "a transaction was not taken");
        match answer {
            Answer::AlreadyKnown => {
                self.node_has_it();
                Ok(Next::Pause)
            }
            Answer::NonceTooLow => Ok(Next::Pause),
            Answer::Underpriced | Answer::BelowMarket if !at_budget => {
                self.underpriced = Some(match answer {
                    Answer::BelowMarket => Underpriced::ByMarket,
                    _ => Underpriced::ByPool,
                });
                Ok(Next::Look)
            }
            Answer::Underpriced | Answer::BelowMarket => {
                let least = attempt.fees.least_replacement();
                let needed = least.cost(self.terms.gas_limit, self.terms.blobs);
                self.give_up_unless_taken(self.over_budget(needed))
            }
            Answer::InsufficientFunds => {
                let error = self.insufficient_funds(attempt.fees).await?;
                self.give_up_unless_taken(error)
            }
            Answer::Invalid => self.refused(&refusal).await,
            Answer::Unknown => {
                self.unknown_refusals = self.unknown_refusals.saturating_add(1);
                if self.unknown_refusals >= UNKNOWN_REFUSALS {
                    return self.refused(&refusal).await;
                }
                Err(refusal)
            }
            Answer::Transient => Err(refusal),
        }
    }

    /// The node says that this transaction can never be mined. That is final unless it took an attempt before.
    async fn refused(&mut self, refusal: &ChainError) -> Result<Next, ChainError> {
        if self.accepted || self.older_attempt_is_known().await? {
            tracing::warn!(key = %self.record.key, %refusal, "a transaction is refused that was taken before, trying on");
            self.pass_turn();
            return Ok(Next::Pause);
        }
        let key = self.record.key.clone();
        Ok(Next::Refused(ChainError::Rejected { key, reason: refusal.to_string() }))
    }

    async fn older_attempt_is_known(&self) -> Result<bool, ChainError> {
        for attempt in self.record.attempts.iter().rev().skip(1) {
            let known = self.inner.provider.get_transaction_by_hash(attempt.hash).await;
            if known.map_err(ChainError::node("eth_getTransactionByHash"))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends a transaction that lacks money, if it is certain that no node has it; waits for money otherwise.
    fn give_up_unless_taken(&mut self, error: ChainError) -> Result<Next, ChainError> {
        if !self.accepted && !self.resumed {
            return Ok(Next::Refused(error));
        }
        tracing::warn!(key = %self.record.key, %error, "a transaction waits");
        self.pass_turn();
        Ok(Next::Pause)
    }

    async fn insufficient_funds(&self, fees: Fees) -> Result<ChainError, ChainError> {
        let account = self.record.from;
        let balance = self
            .inner
            .provider
            .get_balance(account)
            .await
            .map_err(ChainError::node("eth_getBalance"))?;
        let needed =
            fees.cost(self.terms.gas_limit, self.terms.blobs).saturating_add(self.record.value);
        let key = self.record.key.clone();
        Ok(ChainError::InsufficientFunds { key, account, balance, needed })
    }

    fn shortage(&self, fees: Fees) -> Shortage {
        let needed = fees.cost(self.terms.gas_limit, self.terms.blobs);
        Shortage { needed, budget: self.terms.max_cost }
    }

    fn over_budget(&self, needed: alloy::primitives::U256) -> ChainError {
        let (key, budget) = (self.record.key.clone(), self.terms.max_cost);
        ChainError::BudgetExceeded { key, needed, budget }
    }

    fn node_has_it(&mut self) {
        self.accepted = true;
        self.underpriced = None;
        self.unknown_refusals = 0;
        self.pass_turn();
    }

    fn pass_turn(&mut self) {
        if let (Some(turn), Some(successor)) = (self.turn.take(), self.successor.take()) {
            // Without a successor the guard is dropped, and the lock is free.
            drop(successor.send(turn));
        }
    }

    /// The outcome that a deep receipt means, or `Look` if its block is not canonical after all.
    async fn outcome_of(&self, receipt: TransactionReceipt) -> Result<Next, ChainError> {
        let provider = &self.inner.provider;
        let number = receipt.block_number.unwrap_or_default();
        let header = provider
            .get_header_by_number(BlockNumberOrTag::Number(number))
            .await
            .map_err(ChainError::node("eth_getBlockByNumber"))?;
        let Some(header) = header.filter(|header| Some(header.hash) == receipt.block_hash) else {
            return Ok(Next::Pause);
        };
        let confirmed = confirmed_receipt(&receipt, header.timestamp, self.sidecar.as_ref());
        if receipt.status() {
            return Ok(Next::Done(Box::new(TxOutcome::Confirmed(confirmed))));
        }
        let call = call_of(&self.record, self.sidecar.as_ref());
        let used_all = receipt.gas_used >= self.record.gas_limit;
        let reason = self.inner.decoder.replay(provider, call, number, used_all).await;
        Ok(Next::Done(Box::new(TxOutcome::Reverted { receipt: confirmed, reason })))
    }

    async fn finish(mut self, outcome: TxOutcome) -> Result<ConfirmedReceipt, ChainError> {
        self.store_outcome(&outcome).await;
        let key = self.record.key.clone();
        match outcome {
            TxOutcome::Confirmed(receipt) => {
                tracing::info!(%key, hash = %receipt.transaction_hash, block = receipt.block_number, gas = receipt.gas_used, "a transaction is confirmed");
                Ok(receipt)
            }
            TxOutcome::Reverted { receipt, reason } => {
                let hash: TxHash = receipt.transaction_hash;
                tracing::error!(%key, %hash, reason, "a transaction reverted");
                Err(ChainError::Reverted { key, hash, reason })
            }
            TxOutcome::Rejected { reason } => Err(ChainError::Rejected { key, reason }),
        }
    }

    async fn store_outcome(&mut self, outcome: &TxOutcome) {
        let (store, key) = (&self.inner.store, &self.record.key);
        self.inner.persist("finish", || store.finish(key, outcome)).await;
        if let Some(nonce) = self.record.nonce() {
            self.inner.nonces().release(nonce);
        }
        self.pass_turn();
    }
}

fn confirmed_receipt(
    receipt: &TransactionReceipt,
    block_timestamp: u64,
    sidecar: Option<&Sidecar>,
) -> ConfirmedReceipt {
    ConfirmedReceipt {
        transaction_hash: receipt.transaction_hash,
        block_number: receipt.block_number.unwrap_or_default(),
        block_hash: receipt.block_hash.unwrap_or_default(),
        block_timestamp,
        gas_used: receipt.gas_used,
        effective_gas_price: receipt.effective_gas_price,
        blob_gas_used: receipt.blob_gas_used.unwrap_or_default(),
        blob_gas_price: receipt.blob_gas_price.unwrap_or_default(),
        blob_versioned_hashes: sidecar.map(Sidecar::versioned_hashes).unwrap_or_default(),
        contract_address: receipt.contract_address,
        logs: receipt.inner.logs().to_vec(),
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("record", &self.record).finish_non_exhaustive()
    }
}

/// Shortest sensible pause, so that a zero in the configuration cannot spin.
const LEAST_POLL: Duration = Duration::from_millis(10);
