//! The service: follows one contract and keeps its ledger.

use std::{num::NonZeroU64, time::Duration};

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use async_trait::async_trait;
use collimate_chain::{
    ChainError,
    follower::{ChainEvent, Cursor, EventHandler, FollowConfig, Follower},
};
use collimate_contracts::AggregationModePaymentService::CreditsPurchased;
use collimate_store::{PaymentContract, PaymentLedger, PaymentsMoved, Store};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{PaymentsError, decode, error::REVOKED};

/// Pause before it begins again after the database failed.
const PAUSE: Duration = Duration::from_secs(2);

/// What to follow, and how.
#[derive(Clone, Copy, Debug)]
pub struct PollerConfig {
    /// The `AggregationModePaymentService`.
    pub contract: Address,
    /// A block at or before its deployment, at which an empty database begins.
    pub start_block: u64,
    /// Blocks that make a payment final, counting its own.
    pub confirmations: NonZeroU64,
    /// Pause between two looks at the chain when there is nothing to do.
    pub poll_interval: Duration,
    /// How the chain is read. Its `lag` should be 0, so that payments are seen before they are confirmed.
    pub follow: FollowConfig,
}

/// Follows the payments of one contract.
#[derive(Clone, Debug)]
pub struct Poller {
    provider: DynProvider,
    ledger: PaymentLedger,
    store: Store,
    config: PollerConfig,
}

/// How far the database is behind the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The node's newest block.
    pub head: u64,
    /// First block whose payments are not stored.
    pub next: u64,
}

impl Behind {
    /// Blocks whose payments are not stored; 0 if it is up to date.
    #[must_use]
    pub const fn blocks(self) -> u64 {
        self.head.saturating_add(1).saturating_sub(self.next)
    }
}

impl Poller {
    /// Checks that there is a contract, and starts nothing.
    ///
    /// # Errors
    /// [`PaymentsError::NoContract`], or the node does not answer.
    pub async fn new(
        provider: DynProvider,
        store: Store,
        config: PollerConfig,
    ) -> Result<Self, PaymentsError> {
        let chain_id = provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
        let code = provider.get_code_at(config.contract).await;
        if code.map_err(ChainError::node("eth_getCode"))?.is_empty() {
            return Err(PaymentsError::NoContract(config.contract));
        }
        let contract = PaymentContract { chain_id, address: config.contract.into_array() };
        let ledger = store.payment_ledger(contract, config.confirmations);
        Ok(Self { provider, ledger, store, config })
    }

    /// Follows until `stop`. A node or a database that fails costs time only.
    ///
    /// # Errors
    /// What time does not heal: [`PaymentsError::Malformed`], a reorganisation deeper than `safe_depth`, a schema that refuses.
    pub async fn run(self, stop: CancellationToken) -> Result<(), PaymentsError> {
        let filter = Filter::new()
            .address(self.config.contract)
            .event_signature(CreditsPurchased::SIGNATURE_HASH);
        loop {
            let follower = Follower::new(
                self.provider.clone(),
                filter.clone(),
                self.config.start_block,
                self.config.follow,
                self.config.poll_interval,
            );
            let mut keeper = Keeper { poller: &self, at: None, failed: None };
            let Err(error) = follower.run(&mut keeper, stop.clone()).await else { return Ok(()) };
            let error = keeper.failed.unwrap_or(PaymentsError::Chain(error));
            if !error.is_retryable() {
                tracing::error!(%error, "payments are not followed any more");
                return Err(error);
            }
            tracing::warn!(%error, "following payments begins again");
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(PAUSE) => {}
            }
        }
    }

    /// How far the database is behind the chain.
    ///
    /// # Errors
    /// The node or the database does not answer.
    pub async fn behind(&self) -> Result<Behind, PaymentsError> {
        let cursor = self.store.load_cursor(&self.ledger.cursor_name()).await?;
        let head = self.provider.get_block_number().await;
        let head = head.map_err(ChainError::node("eth_blockNumber"))?;
        Ok(Behind { head, next: cursor.map_or(self.config.start_block, |cursor| cursor.next) })
    }
}

/// Stores what the follower delivers.
#[derive(Debug)]
struct Keeper<'a> {
    poller: &'a Poller,
    /// The cursor that is stored, if nobody else moved it.
    at: Option<Cursor>,
    /// Why the last event could not be stored.
    failed: Option<PaymentsError>,
}

/// The reason is [`Keeper::failed`].
#[derive(Debug, thiserror::Error)]
#[error("payments could not be stored")]
struct NotStored;

impl Keeper<'_> {
    async fn store(&self, event: &ChainEvent, to: &Cursor) -> Result<PaymentsMoved, PaymentsError> {
        let ledger = &self.poller.ledger;
        match event {
            ChainEvent::New { logs, .. } => {
                let payments: Vec<_> = logs.iter().map(decode).collect::<Result<_, _>>()?;
                Ok(ledger.advance(&payments, self.at.as_ref(), to).await?)
            }
            ChainEvent::Reverted { blocks } => {
                Ok(ledger.revert(*blocks.start(), self.at.as_ref(), to).await?)
            }
        }
    }

    fn report(&self, event: &ChainEvent, moved: PaymentsMoved) {
        if moved.revoked > 0 {
            // Credits may have been spent that nobody paid for.
            tracing::error!(
                code = REVOKED,
                revoked = moved.revoked,
                "a reorganisation deeper than the confirmations took payments back: raise the confirmations"
            );
        }
        if moved != PaymentsMoved::default() {
            let blocks = match event {
                ChainEvent::New { blocks, .. } | ChainEvent::Reverted { blocks } => blocks,
            };
            let (first, last) = (blocks.start(), blocks.end());
            tracing::info!(
                first,
                last,
                seen = moved.seen,
                credited = moved.credited,
                dropped = moved.dropped,
                "payments"
            );
        }
    }
}

#[async_trait]
impl EventHandler for Keeper<'_> {
    type Error = NotStored;

    async fn load_cursor(&mut self) -> Result<Option<Cursor>, NotStored> {
        match self.poller.store.load_cursor(&self.poller.ledger.cursor_name()).await {
            Ok(cursor) => {
                self.at.clone_from(&cursor);
                Ok(cursor)
            }
            Err(error) => {
                self.failed = Some(error.into());
                Err(NotStored)
            }
        }
    }

    async fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) -> Result<(), NotStored> {
        match self.store(event, cursor).await {
            Ok(moved) => {
                self.at = Some(cursor.clone());
                self.report(event, moved);
                Ok(())
            }
            Err(error) => {
                self.failed = Some(error);
                Err(NotStored)
            }
        }
    }
}
