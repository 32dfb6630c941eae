//! Drives batches from their choice to their end. One driver works for a batcher's account at a time: it holds the ledger's lock.
//!
//! ```text
//!  waiting groups ─close─▶ closed ─publish─▶ sent ─create─▶ open ──▶ verified ─settle─▶ settled
//!        ▲                    └────dissolve───┘      (events)  └──▶ expired ──refund──▶ refunded
//!        └────────────────────────────┘
//! ```
//!
//! Batches follow each other: the next is closed when the task of the one before is on chain, since only then the contract can
//! say what its users have left. Everything begins with what the ledger says, so it can end anywhere.

use std::{sync::Arc, time::Duration};

use collimate_chain::{
    ChainError,
    follower::{FollowConfig, Follower},
    tx::TxManager,
};
use collimate_http::told;
use collimate_objects::Objects;
use collimate_store::{BatchStatus, BatcherLedger, FastBatch, ServiceLock, Store};
use reqwest::Url;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    BatcherError, ClosingConfig, RetentionConfig,
    chain::{Chain, Head, SeenHead},
    errands::{Errand, Errands, pause_after},
    follow::{Followed, Keeper},
    limits::{FIRST_PAUSE, LOCK_PAUSE},
    metrics::Metrics,
    price::PricePolicy,
};

/// Events come in crowds: after one is told, the driver waits this long for the others.
const GATHER: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) store: Store,
    pub(crate) ledger: BatcherLedger,
    pub(crate) objects: Objects,
    pub(crate) chain: Arc<Chain>,
    pub(crate) head: watch::Receiver<SeenHead>,
    pub(crate) transactions: TxManager,
    pub(crate) closing: ClosingConfig,
    pub(crate) prices: PricePolicy,
    pub(crate) mirrors: Vec<Url>,
    pub(crate) poll_interval: Duration,
    pub(crate) follow: FollowConfig,
    pub(crate) settle_after: u64,
    pub(crate) retention: RetentionConfig,
    pub(crate) metrics: Metrics,
    pub(crate) accepted: Arc<Notify>,
    pub(crate) changed: Arc<Notify>,
}

impl Driver {
    /// Works until `shutdown`. What is in hand stays as the ledger has it, and is taken up by whoever starts next.
    ///
    /// # Errors
    /// What time does not heal, such as a reorganisation deeper than is remembered.
    pub(crate) async fn run(
        self: Arc<Self>,
        shutdown: CancellationToken,
    ) -> Result<(), BatcherError> {
        while let Some(lock) = self.acquire(&shutdown).await {
            let ended = tokio::select! {
                error = self.follow() => Err(error),
                () = Arc::clone(&self).work() => Ok(()),
                () = self.tidy() => Ok(()),
                () = lock.lost() => {
                    tracing::error!(error = %BatcherError::LockLost, "the driver begins again");
                    Ok(())
                }
                () = shutdown.cancelled() => Ok(()),
            };
            // Whoever gets the lock next goes on with the transactions, which two must not do at once.
            self.transactions.stop().await;
            lock.release().await;
            ended?;
        }
        Ok(())
    }

    /// The lock, or `None` on shutdown.
    async fn acquire(&self, shutdown: &CancellationToken) -> Option<ServiceLock> {
        let mut waited = false;
        while !shutdown.is_cancelled() {
            match self.store.try_lock_batcher(self.ledger.key()).await {
                Ok(Some(lock)) => return Some(lock),
                Ok(None) => {
                    if !std::mem::replace(&mut waited, true) {
                        tracing::info!("another process drives this batcher's account; waiting");
                    }
                }
                Err(error) => {
                    tracing::error!(code = error.code(), error = %told(&error), "the lock cannot be asked for");
                }
            }
            tokio::select! {
                () = sleep(LOCK_PAUSE) => {}
                () = shutdown.cancelled() => {}
            }
        }
        None
    }

    /// Follows the chain. Returns only what time does not heal.
    async fn follow(&self) -> BatcherError {
        let manager = self.chain.manager();
        let followed = Followed {
            manager: manager.address(),
            payments: self.chain.payments(),
            batcher: self.chain.batcher(),
            response_blocks: manager.response_blocks(),
        };
        let never = CancellationToken::new();
        loop {
            // Without a cursor there is no batch, so nothing before now is of interest.
            let error = match self.chain.head().await {
                Err(error) => error,
                Ok(head) => {
                    let mut keeper = Keeper {
                        store: &self.store,
                        ledger: &self.ledger,
                        followed,
                        metrics: &self.metrics,
                        changed: Arc::clone(&self.changed),
                        at: None,
                        failed: None,
                    };
                    let provider = self.chain.provider().clone();
                    let (filter, interval) = (followed.filter(), self.poll_interval);
                    let follower =
                        Follower::new(provider, filter, head.number, self.follow, interval);
                    match follower.run(&mut keeper, never.clone()).await {
                        // The token is never cancelled: the future is dropped.
                        Ok(()) => continue,
                        Err(error) => keeper.failed.unwrap_or(BatcherError::Chain(error)),
                    }
                }
            };
            self.report("following the chain", &error);
            if !error.is_retryable() {
                return error;
            }
            sleep(FIRST_PAUSE).await;
        }
    }

    /// Takes steps for ever.
    async fn work(self: Arc<Self>) {
        let mut errands = Errands::default();
        let mut head = self.head.clone();
        let mut failures = 0_u32;
        if let Err(error) = self.transactions.resume().await {
            self.report("resuming transactions", &error.into());
        }
        loop {
            let pause = match self.step(&mut errands).await {
                Ok(()) => {
                    failures = 0;
                    self.poll_interval
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.report("a step", &error);
                    // Blocks and groups that come meanwhile must not make it hurry.
                    sleep(pause_after(failures)).await;
                    Duration::ZERO
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                _ = head.changed() => {}
                () = self.accepted.notified() => {}
                () = self.changed.notified() => {}
                Some((errand, error)) = errands.failed() => {
                    self.report(&format!("{errand:?}"), &error);
                }
            }
            sleep(GATHER).await;
        }
    }

    /// Does for each batch what can be done now, then closes the next if none is on its way.
    async fn step(self: &Arc<Self>, errands: &mut Errands) -> Result<(), BatcherError> {
        let Some((head, _)) = *self.head.borrow() else { return Ok(()) };
        let Some(known_to) = self.known_to().await? else { return Ok(()) };
        let batches = self.ledger.unfinished_batches().await?;
        let mut trouble = Ok(());
        let mut on_the_way = false;
        for batch in batches {
            match batch.status {
                BatchStatus::Closed => {
                    on_the_way = true;
                    if let Err(error) = self.publish(&batch).await {
                        trouble = Err(error);
                    } else {
                        self.changed.notify_one();
                    }
                }
                BatchStatus::Sent => {
                    on_the_way = true;
                    errands.start(Errand::Create, self, batch);
                }
                BatchStatus::Verified if self.is_settled_by(batch.verified_block, known_to) => {
                    errands.start(Errand::Settle, self, batch);
                }
                BatchStatus::Expired if self.is_settled_by(self.last_block(&batch), known_to) => {
                    errands.start(Errand::Refund, self, batch);
                }
                _ => {}
            }
        }
        trouble?;
        if !on_the_way && !errands.is_troubled(Errand::Create) {
            self.close_next(&head, known_to).await?;
        }
        Ok(())
    }

    async fn close_next(&self, head: &Head, known_to: u64) -> Result<(), BatcherError> {
        if let Some(batch) = self.close(head, known_to).await? {
            self.publish(&batch).await?;
            self.changed.notify_one();
        }
        Ok(())
    }

    /// The newest block whose events are stored.
    pub(crate) async fn known_to(&self) -> Result<Option<u64>, BatcherError> {
        let cursor = self.store.load_cursor(&self.ledger.cursor_name()).await?;
        Ok(cursor.and_then(|cursor| cursor.tip()).map(|tip| tip.number))
    }

    fn last_block(&self, batch: &FastBatch) -> Option<u64> {
        let response_blocks = self.chain.manager().response_blocks();
        batch.task.map(|task| task.block.saturating_add(response_blocks))
    }

    /// Whether what happened in a block has its confirmations.
    fn is_settled_by(&self, block: Option<u64>, known_to: u64) -> bool {
        block.is_some_and(|block| block.saturating_add(self.settle_after) <= known_to)
    }

    pub(crate) fn report(&self, what: &str, error: &BatcherError) {
        let (code, retryable) = (error.code(), error.is_retryable());
        self.metrics.failures.with_label_values(&[code]).inc();
        // A stop is no failure.
        if !matches!(error, BatcherError::Chain(ChainError::Stopped { .. })) {
            tracing::error!(what, code, retryable, error = %told(error), "a batcher's work goes on later");
        }
    }
}
