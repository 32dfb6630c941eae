//! The second stage's work, beside that on runs: finds final runs that are soft, and takes each to hard. Their troubles are their own: a
//! wrap that fails holds up neither runs nor other wraps, and is tried again later and later.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use collimate_store::{Run, RunId, RunStatus, StoreError};
use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{Aggregator, AggregatorError, Concern};

/// Soft runs that are worked on side by side. They share the prover, so more would only wait.
const MAX_SOFT_RUNS: u32 = 16;

/// What is remembered from one look to the next; none of it has to survive.
#[derive(Debug)]
pub(crate) struct Hardening<'a> {
    service: &'a Aggregator,
    /// Runs that somebody works on.
    in_hand: Mutex<BTreeSet<RunId>>,
}

impl<'a> Hardening<'a> {
    pub(crate) fn new(service: &'a Aggregator) -> Self {
        Self { service, in_hand: Mutex::default() }
    }

    /// Works on all soft runs, if proofs are wrapped here. Never ends.
    pub(crate) async fn on_runs(&self) {
        if self.service.driver.hardening.is_none() {
            return pending().await;
        }
        let found = stream::unfold(0_u32, |mut failures| async move {
            Some((self.find(&mut failures).await, failures))
        });
        found.for_each_concurrent(None, |run| self.drive(run)).await;
    }

    /// The next soft run that nobody works on.
    async fn find(&self, failures: &mut u32) -> RunId {
        let Aggregator { driver, pauses, .. } = self.service;
        loop {
            let pause = match driver.store.soft_runs(&driver.deployment, MAX_SOFT_RUNS).await {
                Ok(soft) => {
                    *failures = 0;
                    if let Some(run) = soft.iter().find(|run| self.in_hand().insert(run.id)) {
                        return run.id;
                    }
                    pauses.idle
                }
                // Whoever looks for runs tells of a database that is away.
                Err(error) => {
                    *failures = failures.saturating_add(1);
                    pauses.backoff.after(*failures, error.is_retryable())
                }
            };
            sleep(pause).await;
        }
    }

    async fn drive(&self, id: RunId) {
        let mut failures = 0;
        while let Some(pause) = self.step(id, &mut failures).await {
            sleep(pause).await;
        }
        self.service.troubles.settle(Concern::Hard(id));
        self.in_hand().remove(&id);
    }

    /// The pause before the next step; none when there is none.
    async fn step(&self, id: RunId, failures: &mut u32) -> Option<Duration> {
        let Aggregator { pauses, troubles, .. } = self.service;
        let began = Instant::now();
        let error = match self.harden(id).await {
            Ok(true) => return None,
            Ok(false) => return Some(pauses.idle),
            Err(error) => error,
        };
        *failures = failures.saturating_add(1);
        troubles.tell(Concern::Hard(id), &error, *failures);
        let pause = pauses.backoff.after(*failures, error.is_retryable());
        // A wrap that fails after half an hour must not take the prover from runs for more than half of the time.
        let worked = match error {
            AggregatorError::Prover(_) => began.elapsed(),
            _ => Duration::ZERO,
        };
        Some(pause.max(worked))
    }

    /// Whether nothing is left to do.
    async fn harden(&self, id: RunId) -> Result<bool, AggregatorError> {
        let driver = &self.service.driver;
        let Some(run) = driver.store.run(id).await?.filter(is_soft) else { return Ok(true) };
        match driver.harden(run).await {
            Ok(run) => {
                if let Some(since) = run.hard_since {
                    tracing::info!(run = id, since, "hard");
                }
                Ok(!is_soft(&run))
            }
            // A reorg took the run's root back: it is final again first.
            Err(AggregatorError::Store(StoreError::WrongStatus { what: "run", .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn in_hand(&self) -> std::sync::MutexGuard<'_, BTreeSet<RunId>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_soft(run: &Run) -> bool {
    run.status == RunStatus::Final && run.hard_since.is_none()
}
