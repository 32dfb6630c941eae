//! Answers a task on chain, once a quorum signed.

use std::sync::Arc;

use alloy::primitives::U256;
use collimate_chain::{
    ChainError,
    tx::{TransactionStatus, TxManager, TxRequest, TxStore},
};
use collimate_tasks::{ServiceManager, TaskStatus};
use tokio::time::{Duration, Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    SignaturesConfig, SignaturesError,
    limits::{FIRST_PAUSE, MAX_FAILED_RESPONSES, MAX_PAUSE},
    metrics::Metrics,
    task::TaskEntry,
};

/// Sends responses through the transaction manager.
#[derive(Debug)]
pub(crate) struct Responder {
    manager: ServiceManager,
    transactions: TxManager,
    store: Arc<dyn TxStore>,
    metrics: Metrics,
    linger: Duration,
    subsidy: U256,
    max_cost: U256,
}

impl Responder {
    pub(crate) fn new(
        config: &SignaturesConfig,
        manager: ServiceManager,
        transactions: TxManager,
        store: Arc<dyn TxStore>,
        metrics: Metrics,
    ) -> Self {
        Self {
            manager,
            transactions,
            store,
            metrics,
            linger: config.linger,
            subsidy: config.subsidy,
            max_cost: config.max_cost,
        }
    }

    /// Waits for a quorum and sends its answer, until it is confirmed or the task is closed. What was begun is waited for: the
    /// chain shows a response long before it has its confirmations.
    pub(crate) async fn serve(&self, task: &TaskEntry, closed: &CancellationToken) {
        tokio::select! {
            () = closed.cancelled() => return,
            () = self.ready(task) => {}
        }
        let (mut failed, mut pause) = (0, FIRST_PAUSE);
        loop {
            let id = task.announced.id;
            let error = match self.respond(task, &mut failed).await {
                Ok(()) => {
                    task.set_problem(None);
                    self.metrics.responses.with_label_values(&["answered"]).inc();
                    return;
                }
                Err(error) => error,
            };
            match error {
                // Somebody else was faster, which is as good. If the chain takes it back, it is tried again.
                SignaturesError::NotOpen { status: TaskStatus::Verified } => {
                    task.set_problem(None);
                    tracing::debug!(task = %id, "a task is answered already");
                }
                error => {
                    self.metrics.responses.with_label_values(&[error.code()]).inc();
                    task.set_problem(Some(&error));
                    if matches!(error, SignaturesError::Unanswered { .. }) {
                        tracing::error!(task = %id, %error, "a task is given up");
                        return;
                    }
                    tracing::warn!(task = %id, %error, "a task is not answered yet");
                }
            }
            tokio::select! {
                () = closed.cancelled() => return,
                () = sleep(pause) => {}
            }
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }

    /// A quorum signed, and the others had their time.
    async fn ready(&self, task: &TaskEntry) {
        quorum(task).await;
        let deadline = Instant::now() + self.linger;
        // Whether everybody came or the time is over: a quorum is there.
        let _ = timeout_at(deadline, everybody(task)).await;
    }

    /// Sends one transaction and waits until it is confirmed. `failed` counts those that were mined in vain.
    async fn respond(&self, task: &TaskEntry, failed: &mut u32) -> Result<(), SignaturesError> {
        let id = task.announced.id;
        match self.manager.status(id).await? {
            TaskStatus::Open => {}
            // The chain's event that says so ends the work on this task.
            status => return Err(SignaturesError::NotOpen { status }),
        }
        let mut last = "it was taken back by a reorganisation".to_owned();
        while *failed < MAX_FAILED_RESPONSES {
            let key = format!("respond:{}:{id}:{failed}", self.manager.address());
            let stored = self.store.find(&key).await.map_err(ChainError::Store)?;
            let input = match stored {
                // Sent before a restart, with the signatures that were there then.
                Some(record) if record.status.is_pending() => Some((record.input, None)),
                Some(record) if record.status != TransactionStatus::Rejected => {
                    *failed = failed.saturating_add(1);
                    continue;
                }
                _ => task.response().map(|(input, gas)| (input, Some(gas))),
            };
            let Some((input, gas_limit)) = input else { return Err(SignaturesError::Stopped) };
            let paid = task.announced.task.respondToTaskFeeLimit;
            let max_cost = Some(paid.saturating_add(self.subsidy).min(self.max_cost));
            let request = TxRequest {
                max_cost,
                gas_limit,
                ..TxRequest::call(key, self.manager.address(), input)
            };
            match self.transactions.send(request).await {
                Ok(receipt) => {
                    tracing::info!(task = %id, ?receipt, "a task is answered");
                    return Ok(());
                }
                Err(ChainError::Reverted { reason, .. }) => {
                    *failed = failed.saturating_add(1);
                    last = reason;
                    // Most often somebody else was faster.
                    let status = self.manager.status(id).await?;
                    if status != TaskStatus::Open {
                        return Err(SignaturesError::NotOpen { status });
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(SignaturesError::Unanswered { failed: *failed, last })
    }
}

async fn quorum(task: &TaskEntry) {
    wait(task, |collection| collection.quorum().is_some()).await;
}

async fn everybody(task: &TaskEntry) {
    wait(task, crate::Collection::is_complete).await;
}

async fn wait(task: &TaskEntry, enough: impl Fn(&crate::Collection) -> bool) {
    loop {
        // Made before looking: what comes in between is not missed.
        let counted = task.counted.notified();
        if task.collected().is_some_and(|collection| enough(&collection)) {
            return;
        }
        counted.await;
    }
}
