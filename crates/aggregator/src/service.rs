//! The aggregator as a service: one at a time for a deployment, and always back to work.

use std::{collections::BTreeMap, time::Duration};

use collimate_store::{AggregatorLock, Run, RunId, RunStatus, age_of};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Activity, AggregatorError, Backoff, Driver, FeeVerdict, OpenReason, Trigger, ahead::Ahead,
    schedule::Schedule,
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
/// Runs that are worked on side by side, because some of them are put aside. More would pile up behind the same trouble.
const MAX_LIVE_RUNS: u32 = 4;

/// An error that keeps a run, or all of them, from going on, for whoever watches.
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

/// Everything that is wrong now, by run; `None` is what concerns no run.
pub type Troubles = BTreeMap<Option<RunId>, Trouble>;

/// The aggregator.
#[derive(Debug)]
pub struct Aggregator {
    driver: Driver,
    trigger: Trigger,
    pauses: Pauses,
    troubles: watch::Sender<Troubles>,
}

/// What the service remembers between two turns; none of it has to survive.
#[derive(Debug)]
struct Memory {
    schedule: Schedule,
    /// The most proofs that the next run takes: halved by a run that cannot be proven whole, doubled by one that is.
    limit: u32,
    ahead: Ahead,
    fees_checked: Option<Instant>,
    failures: u32,
}

/// How a turn ended.
enum Turn {
    Worked,
    Idle,
}

impl Aggregator {
    /// A service around a driver. Starts nothing.
    #[must_use]
    pub fn new(driver: Driver, trigger: Trigger, pauses: Pauses) -> Self {
        Self { driver, trigger, pauses, troubles: watch::Sender::default() }
    }

    /// What keeps runs from going on.
    #[must_use]
    pub fn troubles(&self) -> watch::Receiver<Troubles> {
        self.troubles.subscribe()
    }

    /// Works until told to stop. A run in hand is left as the database has it, and taken up again by
    /// whoever starts next.
    ///
    /// # Errors
    /// None that ends the service: errors are reported, and tried again after a growing pause.
    pub async fn run(self, shutdown: CancellationToken) {
        collimate_chain::kzg::preload();
        while let Some(lock) = self.acquire(&shutdown).await {
            tokio::select! {
                () = self.work() => {}
                () = self.watch_reorgs() => {}
                () = lock.lost() => self.report(None, &AggregatorError::LockLost, 1),
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
            let error = match self.driver.store.try_lock_aggregator(&self.driver.deployment).await {
                Ok(Some(lock)) => {
                    self.troubles.send_replace(Troubles::new());
                    return Some(lock);
                }
                Ok(None) => AggregatorError::Locked,
                Err(error) => error.into(),
            };
            waits = waits.saturating_add(1);
            self.report(None, &error, waits);
            tokio::select! {
                () = sleep(self.pauses.lock) => {}
                () = shutdown.cancelled() => return None,
            }
        }
    }

    /// Takes final runs back whose root a reorg removed. Beside the work on runs, whose steps can take hours; at first all
    /// final runs are looked at, since nobody knows for how long nobody did.
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

    async fn work(&self) {
        let mut memory = Memory {
            schedule: Schedule::default(),
            limit: self.trigger.count,
            ahead: Ahead::default(),
            fees_checked: None,
            failures: 0,
        };
        loop {
            let pause = match self.turn(&mut memory).await {
                Ok(turn) => {
                    memory.failures = 0;
                    self.settled(None);
                    match turn {
                        Turn::Worked => continue,
                        Turn::Idle => self.pauses.idle,
                    }
                }
                Err(error) => {
                    memory.failures = memory.failures.saturating_add(1);
                    self.report(None, &error, memory.failures);
                    self.pauses.backoff.after(memory.failures, error.is_retryable())
                }
            };
            sleep(pause).await;
        }
    }

    /// One step of the oldest run that is not put aside; else a new run if one is due; else a chunk ahead of its run.
    async fn turn(&self, memory: &mut Memory) -> Result<Turn, AggregatorError> {
        let (store, deployment) = (&self.driver.store, &self.driver.deployment);
        let runs = store.live_runs(deployment, MAX_LIVE_RUNS).await?;
        let now = std::time::Instant::now();
        if let Some(run) = runs.iter().find(|run| memory.schedule.is_due(run.id, now)) {
            self.step(run.clone(), memory).await?;
            return Ok(Turn::Worked);
        }
        if u32::try_from(runs.len()).unwrap_or(u32::MAX) < MAX_LIVE_RUNS {
            if let Some(reason) = self.due(memory).await? {
                let run = store.open_run(deployment, memory.limit).await?;
                if let Some(run) = &run {
                    tracing::info!(run = run.id, proofs = run.leaf_count, %reason, "run opened");
                    // What it knew of the queue is not true of the next one, which may have the same length.
                    memory.ahead = Ahead::default();
                    return Ok(Turn::Worked);
                }
            } else if memory.ahead.step(&self.driver, memory.limit).await? {
                return Ok(Turn::Worked);
            }
        }
        let _ = self.driver.activity.send_replace(Activity::Idle);
        Ok(Turn::Idle)
    }

    /// Takes a step of a run. Its errors concern this run alone: it is put aside, and the others go on.
    async fn step(&self, run: Run, memory: &mut Memory) -> Result<(), AggregatorError> {
        let (id, status, proofs) = (run.id, run.status, run.leaf_count);
        match self.driver.step(run).await {
            Ok(run) => {
                tracing::info!(run = id, status = %run.status, "run");
                if memory.schedule.clear(id, status) {
                    self.settled(Some(id));
                }
                if run.status == RunStatus::Attesting {
                    memory.limit = memory.limit.saturating_mul(2).min(self.trigger.count);
                }
            }
            Err(error @ AggregatorError::NotTogether { .. }) if proofs > 1 => {
                self.report(Some(id), &error, 1);
                self.driver.give_up(id, &error).await?;
                memory.limit = proofs.div_ceil(2);
                self.settled(Some(id));
            }
            Err(error) => {
                let (backoff, now) = (&self.pauses.backoff, std::time::Instant::now());
                let times =
                    memory.schedule.put_aside((id, status), backoff, error.is_retryable(), now);
                self.report(Some(id), &error, times);
            }
        }
        Ok(())
    }

    /// Why a run is due, if one is.
    async fn due(&self, memory: &mut Memory) -> Result<Option<OpenReason>, AggregatorError> {
        let (store, deployment) = (&self.driver.store, &self.driver.deployment);
        let queue = store.queue_depth().await?;
        let Some(oldest) = queue.oldest else { return Ok(None) };
        let requested = store.run_requested(deployment).await?.is_some();
        if let Some(reason) = self.trigger.due(&queue, requested) {
            return Ok(Some(reason));
        }
        let Some(rule) = self.trigger.fee else { return Ok(None) };
        if memory.fees_checked.is_some_and(|checked| checked.elapsed() < rule.check_every) {
            return Ok(None);
        }
        memory.fees_checked = Some(Instant::now());
        let since = store.last_run_opened(deployment).await?.unwrap_or(oldest);
        let prices = self.driver.service.gas_prices().await?;
        let verdict: FeeVerdict = rule.judge(prices, queue.count, age_of(since));
        let (cost, allowance) = (verdict.cost, verdict.allowance);
        tracing::info!(
            cost_wei = %cost, allowance_wei = %allowance, gas_price_wei = prices.execution,
            blob_gas_price_wei = prices.blob, proofs = queue.count, opens = verdict.allows(), "fee rule"
        );
        Ok(verdict.allows().then_some(OpenReason::Fee))
    }

    fn report(&self, run: Option<RunId>, error: &AggregatorError, times: u32) {
        let (code, text, retryable) = (error.code(), error.to_string(), error.is_retryable());
        if times == 1 || !retryable {
            tracing::error!(code, retryable, run, "{text}");
        }
        let trouble = Trouble { code, text, retryable, times };
        self.troubles.send_modify(|troubles| {
            troubles.insert(run, trouble);
        });
    }

    fn settled(&self, run: Option<RunId>) {
        self.troubles.send_if_modified(|troubles| troubles.remove(&run).is_some());
    }
}
