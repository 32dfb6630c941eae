//! The work of whoever holds the lock: finds runs, opens them, and takes each through its steps beside the others.
//!
//! ```text
//!   find ── left by a process before, taken back by a reorg, or opened now ──▶ drive ── step, step, … ──▶ ended
//!                                                                            │  ▲
//!                                                                            pause after an error
//! ```
//!
//! All of it is one future: when it is dropped, because the lock is lost or the service stops, nobody works any more. Each step
//! begins with what the database says, so nothing is lost with it. Runs share what proves them: their jobs take turns, so a small
//! run waits for a job of a large one and not for all of them.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use collimate_store::{ProofsOfFailedRun, RunId, RunStatus, StoreError, age_of};
use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{
    Activity, Aggregator, AggregatorError, Concern, OpenReason, ahead::Ahead, backoff::Streak,
};

/// Runs that are worked on side by side and get on. More would pile up behind the same trouble.
const MAX_LIVE_RUNS: u32 = 4;
/// Runs with lasting trouble that are kept beside them: each waits for a person, and keeps no new one from opening. More of them
/// have most likely one trouble in common, and so would the next.
const MAX_STUCK_RUNS: u32 = 12;
/// How often a lone proof is tried that can be proven, but not as a run, before it fails.
const LONE_TRIES: u32 = 3;

/// What is remembered from one look to the next; none of it has to survive.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    service: &'a Aggregator,
    /// Runs that somebody works on.
    in_hand: Mutex<BTreeSet<RunId>>,
    /// The most proofs that the next run takes: halved by a run that cannot be proven whole, doubled by one that is.
    limit: AtomicU32,
}

/// What the search for runs remembers.
#[derive(Debug, Default)]
struct Search {
    fees_checked: Option<Instant>,
    failures: u32,
}

/// What is remembered of one run.
#[derive(Debug, Default)]
struct Course {
    streak: Streak,
    /// How often it could be proven in parts, but not whole.
    not_together: u32,
}

/// What follows a step of a run.
enum Next {
    Step,
    Pause(Duration),
    Ended,
}

impl<'a> Work<'a> {
    pub(crate) fn new(service: &'a Aggregator) -> Self {
        Self { service, in_hand: Mutex::default(), limit: AtomicU32::new(service.trigger.count) }
    }

    /// Works on all runs. Never ends.
    pub(crate) async fn on_runs(&self) {
        let found = stream::unfold(Search::default(), |mut search| async move {
            Some((self.find(&mut search).await, search))
        });
        found.for_each_concurrent(None, |run| self.drive(run)).await;
    }

    /// Proves chunks before their run opens, whenever no run needs what proves. Never ends.
    pub(crate) async fn ahead(&self) {
        let Aggregator { driver, pauses, troubles, .. } = self.service;
        let (mut ahead, mut failures) = (Ahead::default(), 0_u32);
        loop {
            let pause = match ahead.step(driver, self.limit.load(Ordering::Relaxed)).await {
                Ok(worked) => {
                    failures = 0;
                    troubles.settle(Concern::Ahead);
                    if worked { Duration::ZERO } else { pauses.idle }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    troubles.tell(Concern::Ahead, &error, failures);
                    pauses.backoff.after(failures, error.is_retryable())
                }
            };
            sleep(pause).await;
        }
    }

    /// The next run that nobody works on.
    async fn find(&self, search: &mut Search) -> RunId {
        let Aggregator { pauses, troubles, .. } = self.service;
        loop {
            let pause = match self.look(search).await {
                Ok(found) => {
                    search.failures = 0;
                    troubles.settle(Concern::Service);
                    match found {
                        Some(run) => return run,
                        None => pauses.idle,
                    }
                }
                Err(error) => {
                    search.failures = search.failures.saturating_add(1);
                    troubles.tell(Concern::Service, &error, search.failures);
                    pauses.backoff.after(search.failures, error.is_retryable())
                }
            };
            sleep(pause).await;
        }
    }

    /// A live run that nobody works on, or a new one if one is due.
    async fn look(&self, search: &mut Search) -> Result<Option<RunId>, AggregatorError> {
        let Aggregator { driver, troubles, .. } = self.service;
        let most = MAX_LIVE_RUNS.saturating_add(MAX_STUCK_RUNS);
        let live = driver.store.live_runs(&driver.deployment, most).await?;
        if let Some(run) = live.iter().find(|run| self.take(run.id)) {
            return Ok(Some(run.id));
        }
        if live.is_empty() && driver.proving.is_idle() {
            let _ = driver.activity.send_replace(Activity::Idle);
        }
        let getting_on = live.iter().filter(|run| !troubles.is_lasting(Concern::Run(run.id)));
        if getting_on.count() >= MAX_LIVE_RUNS as usize || live.len() >= most as usize {
            return Ok(None);
        }
        let Some(reason) = self.due(search).await? else { return Ok(None) };
        let limit = self.limit.load(Ordering::Relaxed);
        let Some(run) = driver.store.open_run(&driver.deployment, limit).await? else {
            return Ok(None);
        };
        tracing::info!(run = run.id, proofs = run.leaf_count, %reason, "run opened");
        self.take(run.id);
        Ok(Some(run.id))
    }

    /// Why a run is due, if one is.
    async fn due(&self, search: &mut Search) -> Result<Option<OpenReason>, AggregatorError> {
        let Aggregator { driver, trigger, fees, .. } = self.service;
        let (store, deployment) = (&driver.store, &driver.deployment);
        let queue = store.queue_depth().await?;
        let Some(oldest) = queue.oldest else { return Ok(None) };
        let requested = store.run_requested(deployment).await?.is_some();
        if let Some(reason) = trigger.due(&queue, requested) {
            return Ok(Some(reason));
        }
        let Some(rule) = trigger.fee else { return Ok(None) };
        if search.fees_checked.is_some_and(|checked| checked.elapsed() < rule.check_every) {
            return Ok(None);
        }
        search.fees_checked = Some(Instant::now());
        let since = store.last_run_opened(deployment).await?.unwrap_or(oldest);
        let prices = driver.service.gas_prices().await?;
        let verdict = rule.judge(prices, queue.count, age_of(since));
        tracing::info!(
            cost_wei = %verdict.cost, allowance_wei = %verdict.allowance, gas_price_wei = prices.execution,
            blob_gas_price_wei = prices.blob, proofs = queue.count, opens = verdict.allows(), "fee rule"
        );
        fees.send_replace(Some(verdict));
        Ok(verdict.allows().then_some(OpenReason::Fee))
    }

    /// Takes a run from step to step until it has ended. Its errors concern this run alone.
    async fn drive(&self, id: RunId) {
        let mut course = Course::default();
        loop {
            match self.step(id, &mut course).await {
                Next::Step => {}
                Next::Pause(pause) => sleep(pause).await,
                Next::Ended => break,
            }
        }
        self.service.troubles.settle(Concern::Run(id));
        self.in_hand().remove(&id);
    }

    async fn step(&self, id: RunId, course: &mut Course) -> Next {
        let Aggregator { driver, pauses, troubles, trigger, .. } = self.service;
        let run = match driver.store.run(id).await {
            Ok(Some(run)) if !matches!(run.status, RunStatus::Final | RunStatus::Failed) => run,
            Ok(_) => return Next::Ended,
            Err(error) => return self.put_aside((id, None), course, &error.into()),
        };
        let (step, proofs) = (run.status, run.leaf_count);
        let error = match driver.step(run).await {
            Ok(run) => {
                tracing::info!(run = id, status = %run.status, "run");
                if course.streak.succeeded(step) {
                    troubles.settle(Concern::Run(id));
                }
                if (step, run.status) == (RunStatus::Proving, RunStatus::Attesting) {
                    let doubled = self.limit.load(Ordering::Relaxed).saturating_mul(2);
                    self.limit.store(doubled.min(trigger.count), Ordering::Relaxed);
                }
                return Next::Step;
            }
            // Somebody else took the step: the database knows the next one.
            Err(AggregatorError::Store(StoreError::WrongStatus { what: "run", .. })) => {
                return Next::Pause(pauses.idle);
            }
            Err(error) => error,
        };
        let paused = self.put_aside((id, Some(step)), course, &error);
        let AggregatorError::NotTogether { .. } = error else { return paused };
        course.not_together = course.not_together.saturating_add(1);
        let proofs_become = match proofs {
            0 | 1 if course.not_together < LONE_TRIES => return paused,
            0 | 1 => ProofsOfFailedRun::Fail,
            _ => ProofsOfFailedRun::Requeue,
        };
        if let Err(error) = driver.give_up(id, &error, proofs_become).await {
            return self.put_aside((id, Some(step)), course, &error);
        }
        self.limit.store(proofs.div_ceil(2).max(1), Ordering::Relaxed);
        Next::Ended
    }

    fn put_aside(
        &self,
        (id, step): (RunId, Option<RunStatus>),
        course: &mut Course,
        error: &AggregatorError,
    ) -> Next {
        let times = course.streak.failed(step);
        self.service.troubles.tell(Concern::Run(id), error, times);
        Next::Pause(self.service.pauses.backoff.after(times, error.is_retryable()))
    }

    /// Whether nobody worked on the run; now somebody does.
    fn take(&self, id: RunId) -> bool {
        self.in_hand().insert(id)
    }

    fn in_hand(&self) -> std::sync::MutexGuard<'_, BTreeSet<RunId>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
