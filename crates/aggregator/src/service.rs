//! The aggregator as a service: one at a time for a deployment, and always back to work.

use std::time::Duration;

use collimate_store::AggregatorLock;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    AggregatorError, Backoff, Concern, Driver, FeeVerdict, Trigger, Troubles, hardening::Hardening,
    trouble::Board, work::Work,
};

/// How the service waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// Between two looks at an empty queue.
    pub idle: Duration,
    /// Between two tries to get the lock.
    pub lock: Duration,
    /// How long a run with trouble is put aside.
    pub backoff: Backoff,
    /// Between two looks whether final runs still are.
    pub reorg_check: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            idle: Duration::from_millis(200),
            lock: Duration::from_secs(2),
            backoff: Backoff::default(),
            reorg_check: Duration::from_secs(15),
        }
    }
}

/// How far below the newest block that was looked at before a reorg is looked for: two epochs, after which Ethereum finalises.
const REORG_DEPTH: u64 = 64;

/// The aggregator.
#[derive(Debug)]
pub struct Aggregator {
    pub(crate) driver: Driver,
    pub(crate) trigger: Trigger,
    pub(crate) pauses: Pauses,
    pub(crate) troubles: Board,
    pub(crate) fees: watch::Sender<Option<FeeVerdict>>,
}

impl Aggregator {
    /// A service around a driver. Starts nothing.
    #[must_use]
    pub fn new(driver: Driver, trigger: Trigger, pauses: Pauses) -> Self {
        let (troubles, fees) = (Board::default(), watch::Sender::default());
        Self { driver, trigger, pauses, troubles, fees }
    }

    /// What keeps runs from going on.
    #[must_use]
    pub fn troubles(&self) -> watch::Receiver<Troubles> {
        self.troubles.subscribe()
    }

    /// What the fee rule said last: a run that it does not allow waits for a lower price, or for time to pass.
    #[must_use]
    pub fn fees(&self) -> watch::Receiver<Option<FeeVerdict>> {
        self.fees.subscribe()
    }

    /// Works until told to stop. Runs in hand are left as the database has them, and taken up again by whoever starts next.
    ///
    /// # Errors
    /// None that ends the service: errors are reported, and tried again after a growing pause.
    pub async fn run(self, shutdown: CancellationToken) {
        collimate_chain::kzg::preload();
        while let Some(lock) = self.acquire(&shutdown).await {
            let (work, hardening) = (Work::new(&self), Hardening::new(&self));
            tokio::select! {
                () = work.on_runs() => {}
                () = work.ahead() => {}
                () = hardening.on_runs() => {}
                () = self.watch_reorgs() => {}
                () = lock.lost() => {
                    self.troubles.tell(Concern::Service, &AggregatorError::LockLost, 1);
                }
                () = shutdown.cancelled() => {}
            }
            // Whoever gets the lock next goes on with the transactions, which two must not do at once.
            self.driver.transactions.stop().await;
            lock.release().await;
        }
    }

    /// The lock, or `None` on shutdown.
    async fn acquire(&self, shutdown: &CancellationToken) -> Option<AggregatorLock> {
        let mut waits = 0_u32;
        while !shutdown.is_cancelled() {
            let error = match self.driver.store.try_lock_aggregator(&self.driver.deployment).await {
                Ok(Some(lock)) => {
                    self.troubles.clear();
                    return Some(lock);
                }
                Ok(None) => AggregatorError::Locked,
                Err(error) => error.into(),
            };
            waits = waits.saturating_add(1);
            self.troubles.tell(Concern::Service, &error, waits);
            tokio::select! {
                () = sleep(self.pauses.lock) => {}
                () = shutdown.cancelled() => {}
            }
        }
        None
    }

    /// Takes final runs back whose root a reorg removed, and their guarantee where it removed the proof alone. At first all final runs are looked at, since nobody knows for how long
    /// nobody did.
    async fn watch_reorgs(&self) {
        let mut since = 0;
        loop {
            match self.driver.check_final_runs(since).await {
                Ok(head) => since = head.saturating_sub(REORG_DEPTH),
                // Whatever is away is reported by who works with it.
                Err(error) => tracing::warn!(%error, "final runs could not be looked at"),
            }
            sleep(self.pauses.reorg_check).await;
        }
    }
}
