//! The aggregator as a service: one at a time for a deployment, and always back to work.

use std::time::Duration;

use collimate_store::AggregatorLock;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{Activity, AggregatorError, Driver};

/// When a run is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// As soon as this many proofs wait. Also the most that a run takes.
    pub count: u32,
    /// As soon as one has waited for this long.
    pub age: Duration,
}

/// How the service waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// Between two looks at an empty queue.
    pub idle: Duration,
    /// Between two tries to get the lock.
    pub lock: Duration,
    /// After the first error of a run; doubles up to `longest_backoff`.
    pub first_backoff: Duration,
    /// The longest pause after an error.
    pub longest_backoff: Duration,
    /// Between two looks whether final runs still are.
    pub reorg_check: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            idle: Duration::from_millis(500),
            lock: Duration::from_secs(2),
            first_backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(60),
            reorg_check: Duration::from_secs(15),
        }
    }
}

/// How many of the newest blocks are watched for reorgs: two epochs, after which Ethereum finalises.
const REORG_DEPTH: u64 = 64;

/// An error that keeps a run from going on, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The stable code.
    pub code: &'static str,
    /// The text.
    pub text: String,
    /// Whether it may pass by itself.
    pub retryable: bool,
    /// How many times in a row it happened.
    pub times: u32,
}

/// The aggregator.
#[derive(Debug)]
pub struct Aggregator {
    driver: Driver,
    trigger: Trigger,
    pauses: Pauses,
    trouble: watch::Sender<Option<Trouble>>,
}

impl Aggregator {
    /// A service around a driver. Starts nothing.
    #[must_use]
    pub fn new(driver: Driver, trigger: Trigger, pauses: Pauses) -> Self {
        Self { driver, trigger, pauses, trouble: watch::Sender::new(None) }
    }

    /// What keeps the current run from going on, if anything.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.subscribe()
    }

    /// Works until told to stop. A run in hand is left as the database has it, and taken up again by
    /// whoever starts next.
    ///
    /// # Errors
    /// None that ends the service: errors are reported, and tried again after a growing pause.
    pub async fn run(self, shutdown: CancellationToken) {
        while let Some(lock) = self.acquire(&shutdown).await {
            tokio::select! {
                () = self.work() => {}
                () = lock.lost() => self.report(&AggregatorError::LockLost, 1),
                () = shutdown.cancelled() => {
                    self.driver.transactions.stop().await;
                    lock.release().await;
                    return;
                }
            }
        }
    }

    /// The lock, or `None` on shutdown.
    async fn acquire(&self, shutdown: &CancellationToken) -> Option<AggregatorLock> {
        let mut waits = 0_u32;
        loop {
            match self.driver.store.try_lock_aggregator(&self.driver.deployment).await {
                Ok(Some(lock)) => {
                    self.trouble.send_replace(None);
                    return Some(lock);
                }
                Ok(None) => {
                    if waits == 0 {
                        tracing::warn!("{}", AggregatorError::Locked);
                    }
                    waits = waits.saturating_add(1);
                    self.report(&AggregatorError::Locked, waits);
                }
                Err(error) => {
                    waits = waits.saturating_add(1);
                    self.report(&error.into(), waits);
                }
            }
            tokio::select! {
                () = sleep(self.pauses.lock) => {}
                () = shutdown.cancelled() => return None,
            }
        }
    }

    async fn work(&self) {
        let mut failures = 0_u32;
        let mut checked = Instant::now();
        loop {
            let outcome = async {
                if checked.elapsed() >= self.pauses.reorg_check {
                    self.driver.check_final_runs(REORG_DEPTH).await?;
                    checked = Instant::now();
                }
                self.advance().await
            };
            match outcome.await {
                Ok(worked) => {
                    failures = 0;
                    self.trouble.send_if_modified(|trouble| trouble.take().is_some());
                    if !worked {
                        let _ = self.driver.activity.send_replace(Activity::Idle);
                        sleep(self.pauses.idle).await;
                    }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.report(&error, failures);
                    sleep(self.backoff(failures)).await;
                }
            }
        }
    }

    /// One step of the unfinished run, or a new run if one is due. False if there is nothing to do.
    async fn advance(&self) -> Result<bool, AggregatorError> {
        let (store, deployment) = (&self.driver.store, &self.driver.deployment);
        if let Some(run) = store.current_run(deployment).await? {
            let run = self.driver.step(run).await?;
            tracing::info!(run = run.id, status = %run.status, "run");
            return Ok(true);
        }
        let queue = store.queue_depth().await?;
        let waited = queue.oldest.map(collimate_store::age_of);
        let due = queue.count >= u64::from(self.trigger.count)
            || waited.is_some_and(|age| age >= self.trigger.age);
        if !due {
            return Ok(false);
        }
        let run = store.open_run(deployment, self.trigger.count).await?;
        if let Some(run) = &run {
            tracing::info!(run = run.id, proofs = run.leaf_count, "run opened");
        }
        Ok(run.is_some())
    }

    fn report(&self, error: &AggregatorError, times: u32) {
        let (code, text, retryable) = (error.code(), error.to_string(), error.is_retryable());
        if times == 1 || !retryable {
            tracing::error!(code, retryable, "{text}");
        }
        self.trouble.send_replace(Some(Trouble { code, text, retryable, times }));
    }

    fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.pauses.first_backoff.saturating_mul(1 << doublings).min(self.pauses.longest_backoff)
    }
}
