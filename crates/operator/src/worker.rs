//! The life of each task that is open.

use std::{collections::HashMap, sync::Arc};

use alloy::primitives::{B256, U256};
use collimate_tasks::{Announced, ServiceManager, TaskChange, TaskStatus, wire::TaskSignature};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    OperatorConfig, OperatorError,
    check::{Checker, Verified, systems_of},
    courier::Courier,
    limits::{FIRST_PAUSE, MAX_PAUSE},
    metrics::Metrics,
    sign::Signer,
    status::Statuses,
};

/// Answers tasks.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) manager: ServiceManager,
    pub(crate) checker: Arc<Checker>,
    pub(crate) signer: Signer,
    pub(crate) courier: Courier,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) metrics: Metrics,
    /// Base addresses of the aggregators, as they are shown.
    pub(crate) aggregators: Vec<String>,
    turns: Semaphore,
    turn: std::time::Duration,
    least_fee_limit: U256,
}

impl Worker {
    pub(crate) fn new(
        config: &OperatorConfig,
        manager: ServiceManager,
        checker: Checker,
        signer: Signer,
        metrics: Metrics,
    ) -> Result<Self, OperatorError> {
        let statuses = Arc::new(Statuses::default());
        Ok(Self {
            courier: Courier::new(config, Arc::clone(&statuses), metrics.clone())?,
            manager,
            checker: Arc::new(checker),
            signer,
            statuses,
            metrics,
            aggregators: config.aggregators.iter().map(ToString::to_string).collect(),
            turns: Semaphore::new(config.max_batches.get()),
            turn: config.turn,
            least_fee_limit: config.least_fee_limit,
        })
    }

    /// Follows the changes until nobody sends any. Dropping it stops all work at once, and loses none: the journal is written
    /// before anything leaves.
    pub(crate) async fn run(self: Arc<Self>, mut changes: mpsc::Receiver<TaskChange>) {
        let mut working = JoinSet::new();
        let mut open: HashMap<B256, CancellationToken> = HashMap::new();
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                // What ended is taken out, so that it does not pile up.
                Some(_) = working.join_next() => continue,
            };
            match change {
                None => return,
                Some(TaskChange::Opened(task)) => {
                    self.statuses.opened(task.id, &self.aggregators);
                    let closed = CancellationToken::new();
                    if let Some(before) = open.insert(task.id, closed.clone()) {
                        before.cancel();
                    }
                    let worker = Arc::clone(&self);
                    working.spawn(async move {
                        tokio::select! {
                            () = closed.cancelled() => {}
                            () = worker.answer(&task) => {}
                        }
                    });
                }
                Some(TaskChange::Closed { id, end }) => {
                    if let Some(closed) = open.remove(&id) {
                        closed.cancel();
                    }
                    self.statuses.closed(id, end);
                }
                Some(TaskChange::Forgotten { id }) => self.statuses.forget(id),
            }
            self.metrics.open.set(i64::try_from(open.len()).unwrap_or(i64::MAX));
        }
    }

    /// Tries until there is a signature or a refusal that is final, and brings the signature away.
    async fn answer(&self, task: &Announced) {
        let (seen, verified, mut pause) = (Instant::now(), Verified::default(), FIRST_PAUSE);
        let signature = loop {
            match self.try_once(task, &verified).await {
                Ok(signature) => break signature,
                Err(error) => {
                    self.metrics.failures.with_label_values(&[error.code()]).inc();
                    self.statuses.failed(task.id, &error);
                    if !error.is_retryable() {
                        tracing::warn!(task = %task.id, %error, "refused");
                        return;
                    }
                    tracing::debug!(task = %task.id, %error, "not signed yet");
                }
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        };
        tracing::info!(task = %task.id, systems = %signature.proving_systems, "signed");
        self.metrics.signed.inc();
        self.metrics.seconds.observe(seen.elapsed().as_secs_f64());
        self.statuses.signed(task.id, signature);
        self.courier.deliver(task.id, signature).await;
    }

    async fn try_once(
        &self,
        task: &Announced,
        verified: &Verified,
    ) -> Result<TaskSignature, OperatorError> {
        let (limit, least) = (task.task.respondToTaskFeeLimit, self.least_fee_limit);
        if limit < least {
            return Err(OperatorError::FeeTooLow { limit, least });
        }
        let _turn = self.turns.acquire().await.map_err(|_| OperatorError::Stopped)?;
        self.statuses.checking(task.id);
        match timeout(self.turn, self.examine(task, verified)).await {
            Ok(result) => result,
            Err(_) => Err(OperatorError::TurnOver { turn: self.turn }),
        }
    }

    /// From the task to the signature, if everything holds.
    async fn examine(
        &self,
        task: &Announced,
        verified: &Verified,
    ) -> Result<TaskSignature, OperatorError> {
        let status = self.manager.status(task.id).await?;
        if status != TaskStatus::Open {
            return Err(OperatorError::NotOpen { status });
        }
        let operator_id = self.id_in_epoch(task.task.taskCreatedBlock).await?;
        let (pointer, manifest) = self.checker.manifest(task).await?;
        let systems = systems_of(&manifest);
        let disabled = systems & self.manager.disabled_systems().await?;
        if !disabled.is_zero() {
            return Err(OperatorError::Disabled { systems: disabled });
        }
        let message = self.manager.message(task.id, systems);
        if !self.signer.has_signed(task.id, message)? {
            self.checker.verify_all(pointer, &manifest, verified).await?;
        }
        let signature = self.signer.sign(task.id, message).await?;
        Ok(TaskSignature {
            operator_id,
            proving_systems: systems,
            signature: signature.to_bytes().into(),
        })
    }

    /// This operator's id, if its signature counts for tasks of the block.
    async fn id_in_epoch(&self, block: u32) -> Result<u32, OperatorError> {
        let operators = self.manager.operators(block).await?;
        let mine = self.signer.public_key().to_point();
        let found = operators.into_iter().find(|operator| operator.public_key == mine);
        found.map(|operator| operator.id).ok_or(OperatorError::NotInEpoch)
    }
}
