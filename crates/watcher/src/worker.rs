//! The work on each batch that a quorum signed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use alloy::primitives::{B256, Bytes, aliases::U96};
use collimate_batch::{BatchError, Item, Manifest, Pointer};
use collimate_evidence::{Evidence, SignedTask, check, place_of, response_of};
use collimate_tasks::{Announced, ServiceManager, TaskStatus};
use collimate_verifiers::VerifyError;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet, spawn_blocking},
    time::sleep,
};

use crate::{
    Sampling, WatcherConfig, WatcherError,
    alert::Alarm,
    announcement::announcement,
    check::{Checker, Files, Finding},
    follow::Change,
    ledger::{Entry, Ledger, Outcome, SignedBatch},
    limits::{FIRST_PAUSE, MAX_PAUSE, MAX_REASON_CHARS},
    metrics::Metrics,
    sample::sample,
};

/// Checks batches.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) manager: ServiceManager,
    pub(crate) ledger: Ledger,
    pub(crate) metrics: Metrics,
    checker: Checker,
    alarm: Alarm,
    sampling: Sampling,
    parallel: usize,
    turns: Semaphore,
}

/// A batch whose manifest is there.
struct OpenBatch {
    signed: SignedBatch,
    announced: Announced,
    pointer: Pointer,
    manifest: Manifest,
}

impl Worker {
    pub(crate) fn new(
        config: &WatcherConfig,
        manager: ServiceManager,
        ledger: Ledger,
        checker: Checker,
        metrics: Metrics,
    ) -> Result<Self, WatcherError> {
        Ok(Self {
            alarm: Alarm::new(config, manager.chain_id(), metrics.clone())?,
            manager,
            ledger,
            metrics,
            checker,
            sampling: config.sampling,
            parallel: config.parallel_proofs.get(),
            turns: Semaphore::new(config.max_batches.get()),
        })
    }

    /// Works on the batches that it is told of until nobody tells any more. Dropping it stops all work at once and loses none: the
    /// ledger says what is left.
    ///
    /// # Errors
    /// The ledger's, or that of the folder of evidence.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut changes: mpsc::Receiver<Change>,
    ) -> Result<(), WatcherError> {
        let mut working = JoinSet::new();
        let mut open: HashMap<B256, AbortHandle> = HashMap::new();
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                Some(ended) = working.join_next() => {
                    open.retain(|_, work| !work.is_finished());
                    match ended {
                        Err(error) if error.is_cancelled() => {}
                        // A panic is a bug that must not pass for a batch that is done.
                        Err(_) => return Err(WatcherError::Stopped),
                        Ok(worked) => worked?,
                    }
                    continue;
                }
            };
            let task = match change {
                None => return Ok(()),
                Some(Change::Found(task) | Change::Gone(task)) => task,
            };
            if let Some(before) = open.remove(&task) {
                before.abort();
            }
            if matches!(change, Some(Change::Found(_))) {
                let worker = Arc::clone(&self);
                open.insert(task, working.spawn(async move { worker.work(task).await }));
            }
        }
    }

    /// Everything that is left to do about a batch.
    async fn work(&self, task: B256) -> Result<(), WatcherError> {
        let _turn = self.turns.acquire().await.map_err(|_| WatcherError::Stopped)?;
        let Some(batch) = self.ledger.read(|state| state.batch(task).cloned()) else {
            return Ok(());
        };
        if batch.closed.is_none() && (batch.opened.is_none() || !batch.unchecked().is_empty()) {
            match self.open(batch.signed).await {
                Ok(open) => self.check_all(&open).await?,
                Err((available, code)) => {
                    let entry = Entry::Closed { task, available, code };
                    self.ledger.append(vec![entry]).await?;
                }
            }
        }
        let untold = self.ledger.read(|state| state.batch(task).map(|batch| batch.untold()));
        for (leaf, outcome) in untold.unwrap_or_default() {
            let delivered = self.alarm.raise(task, leaf, &outcome).await;
            self.ledger.append(vec![Entry::Alerted { task, leaf, delivered }]).await?;
        }
        Ok(())
    }

    /// Gets a batch's manifest; an error says whether there are data at all, and why nothing can be checked.
    async fn open(&self, signed: SignedBatch) -> Result<OpenBatch, (bool, String)> {
        let task = signed.task;
        let announced = self.insist(|| announcement(&self.manager, &signed)).await;
        let failed = |error: BatchError| {
            let available =
                !matches!(error, BatchError::Unavailable { .. } | BatchError::Forbidden { .. });
            match available {
                false => {
                    tracing::warn!(%task, %error, "a batch that operators signed is not available")
                }
                true => tracing::error!(%task, %error, "operators signed for what is no batch"),
            }
            (available, error.code().to_owned())
        };
        let pointer: Pointer = announced.pointer.parse().map_err(failed)?;
        let root = announced.task.batchMerkleRoot.0;
        let manifest = self.checker.manifest(&pointer, &root).await.map_err(failed)?;
        if U96::wrapping_from(manifest.proving_systems()) != signed.answer.proving_systems {
            let error = WatcherError::OtherSystems;
            tracing::error!(%task, %error, "operators signed for another batch");
            return Err((true, error.code().to_owned()));
        }
        Ok(OpenBatch { signed, announced, pointer, manifest })
    }

    /// Chooses a batch's sample, unless it was chosen before, and checks what is not checked yet.
    async fn check_all(&self, batch: &OpenBatch) -> Result<(), WatcherError> {
        let task = batch.signed.task;
        let items: Vec<_> = batch.manifest.items().collect();
        let known = self.ledger.read(|state| state.batch(task).is_some_and(|b| b.opened.is_some()));
        if !known {
            let seed = self.ledger.read(|state| state.started().map(|started| started.seed));
            let leaves = u32::try_from(items.len()).unwrap_or(u32::MAX);
            let count = self.sampling.count(items.len());
            let sample = sample(seed.unwrap_or_default(), task, leaves, count);
            tracing::info!(%task, leaves, sample = sample.len(), "checking a batch");
            self.ledger.append(vec![Entry::Opened { task, leaves, sample }]).await?;
        }
        let unchecked = self.ledger.read(|state| state.batch(task).map(|batch| batch.unchecked()));
        let checks: Vec<_> = unchecked
            .unwrap_or_default()
            .into_iter()
            .filter_map(|leaf| Some((leaf, *items.get(leaf as usize)?)))
            .map(|(leaf, item)| self.check_one(batch, leaf, item))
            .collect();
        stream::iter(checks).buffer_unordered(self.parallel).try_collect().await
    }

    async fn check_one(
        &self,
        batch: &OpenBatch,
        leaf: u32,
        item: &Item,
    ) -> Result<(), WatcherError> {
        let task = batch.signed.task;
        let outcome = match self.checker.check(item, &batch.pointer).await {
            Finding::Settled(outcome) => outcome,
            Finding::Refused(error, files) => self.prove(batch, leaf, &error, files).await?,
        };
        self.metrics.checks.with_label_values(&[outcome.as_str()]).inc();
        tracing::debug!(%task, leaf, outcome = outcome.as_str(), code = outcome.code(), "checked");
        self.ledger.append(vec![Entry::Checked { task, leaf, outcome }]).await
    }

    /// Puts evidence together, checks it as a stranger would, and keeps it.
    async fn prove(
        &self,
        batch: &OpenBatch,
        leaf: u32,
        refusal: &VerifyError,
        files: Files,
    ) -> Result<Outcome, WatcherError> {
        let signed = &batch.signed;
        let (task, systems) = (signed.task, signed.answer.proving_systems);
        // The chain's last word before anybody is accused: a reorganisation that is under way ends this, and all other work
        // on the batch.
        self.insist(|| async {
            let status = self.manager.status(task).await?;
            Ok::<_, WatcherError>((status == TaskStatus::Verified).then_some(()))
        })
        .await;
        let mut answer = signed.answer.clone();
        answer.response = self
            .insist(|| async {
                let found = response_of(&self.manager, answer.transaction, task, systems).await?;
                Ok::<_, WatcherError>(Some(found))
            })
            .await;
        let undecided = |error: WatcherError| {
            tracing::error!(%task, leaf, %error, "evidence does not hold, so there is no alert");
            Ok(Outcome::Undecided { code: error.code().to_owned() })
        };
        let path = batch.manifest.tree().ok().and_then(|tree| {
            let (group, index) = place_of(&batch.manifest, leaf as usize)?;
            tree.path(group, index)
        });
        let manifest = batch.manifest.to_bytes().unwrap_or_default();
        let evidence = Evidence {
            version: Evidence::VERSION,
            chain_id: self.manager.chain_id(),
            service_manager: self.manager.address(),
            task_id: task,
            task: SignedTask::new(&batch.announced.task, batch.announced.pointer.clone()),
            answer,
            manifest: manifest.into(),
            leaf,
            path: path.unwrap_or_default().into_iter().map(B256::from).collect(),
            proof: Bytes::from(files.proof),
            public_inputs: Bytes::from(files.public_inputs),
            verification_key: files.verification_key.map(Bytes::from),
            refusal: refusal.code().to_owned(),
            reason: refusal.to_string().chars().take(MAX_REASON_CHARS).collect(),
        };
        let (checked, evidence) = match spawn_blocking(move || (check(&evidence), evidence)).await {
            Ok(done) => done,
            Err(_) => return undecided(WatcherError::Stopped),
        };
        if let Err(error) = checked {
            return undecided(error.into());
        }
        self.alarm.keep(&evidence).await?;
        Ok(Outcome::Mismatch { code: evidence.refusal })
    }

    /// Asks the node until it has an answer: it may be away, or behind.
    async fn insist<T, E, F>(&self, ask: impl Fn() -> F) -> T
    where
        E: std::fmt::Display,
        F: Future<Output = Result<Option<T>, E>>,
    {
        let mut pause: Duration = FIRST_PAUSE;
        loop {
            match ask().await {
                Ok(Some(answer)) => return answer,
                Ok(None) => tracing::debug!("the node does not know it yet"),
                Err(error) => tracing::warn!(%error, "the node is not well"),
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }
}
