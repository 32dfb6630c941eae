//! Whether a sampled proof holds.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use collimate_batch::{BatchError, Downloader, Item, Manifest, Part, Pointer};
use collimate_evidence::{Judgement, judge, submission};
use collimate_verifiers::{
    ProofSystem, ProofSystems, Submission, VerifiedProof, VerifierPool, VerifyError,
    limits::MAX_PUBLIC_VALUES_BYTES,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::{
    WatcherConfig, WatcherError,
    ledger::Outcome,
    limits::{FIRST_PAUSE, LEAST_MEMORY_BYTES, MAX_PAUSE},
    metrics::Metrics,
};

/// Memory is counted in these.
const MEMORY_UNIT: u64 = 1 << 10;

/// Downloads and verifies.
#[derive(Debug)]
pub(crate) struct Checker {
    downloader: Downloader,
    systems: ProofSystems,
    pool: VerifierPool,
    /// One for each thread of the pool, held until the verification has really ended.
    threads: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_units: u32,
    timeout: Duration,
    tries: usize,
    metrics: Metrics,
}

/// The bytes of a proof and what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) proof: Bytes,
    pub(crate) public_inputs: Bytes,
    pub(crate) verification_key: Option<Bytes>,
}

/// What became of a check.
#[derive(Debug)]
pub(crate) enum Finding {
    /// Nothing that a file could prove.
    Settled(Outcome),
    /// The verifier refuses these bytes.
    Refused(VerifyError, Files),
}

impl Finding {
    fn undecided(error: &WatcherError) -> Self {
        Self::Settled(Outcome::Undecided { code: error.code().to_owned() })
    }
}

impl Checker {
    pub(crate) fn new(
        config: &WatcherConfig,
        systems: ProofSystems,
        metrics: Metrics,
    ) -> Result<Self, WatcherError> {
        let unusable = |reason: String| WatcherError::Config { reason };
        if systems.is_empty() {
            return Err(unusable("it has no proof systems".to_owned()));
        }
        let threads = config.verifier_threads;
        let pool = VerifierPool::new(threads, threads.get());
        let memory = config.memory_bytes.max(LEAST_MEMORY_BYTES) / MEMORY_UNIT;
        let memory_units = u32::try_from(memory).unwrap_or(u32::MAX);
        Ok(Self {
            downloader: Downloader::new(config.download.clone())
                .map_err(|error| unusable(error.to_string()))?,
            systems,
            pool: pool.map_err(|error| unusable(error.to_string()))?,
            threads: Arc::new(Semaphore::new(threads.get())),
            memory: Arc::new(Semaphore::new(memory_units as usize)),
            memory_units,
            timeout: config.verification_timeout,
            tries: config.download_tries.get(),
            metrics,
        })
    }

    /// A batch's manifest, from whichever mirror has it.
    pub(crate) async fn manifest(
        &self,
        pointer: &Pointer,
        root: &[u8; 32],
    ) -> Result<Manifest, BatchError> {
        self.patiently(|| self.downloader.manifest(pointer, root)).await
    }

    /// Downloads one proof and verifies it.
    pub(crate) async fn check(&self, item: &Item, pointer: &Pointer) -> Finding {
        let system = item.proving_system;
        let Some(verifier) = self.systems.get(system) else {
            return Finding::undecided(&WatcherError::UnknownSystem { system });
        };
        if let Some(error) = too_large(verifier.as_ref(), item) {
            return Finding::Settled(Outcome::Unsignable { code: error.code().to_owned() });
        }
        let bytes = item.parts().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory);
        let Ok(memory) = memory.acquire_many_owned(units.min(self.memory_units)).await else {
            return Finding::undecided(&WatcherError::Stopped);
        };
        let files = match self.files(item, pointer).await {
            Ok(files) => files,
            // No bytes have what the manifest says of them, or nobody gives them: they cannot be had.
            Err(error) => {
                tracing::warn!(%error, "a sampled proof is not available");
                return Finding::Settled(Outcome::Unavailable { code: error.code().to_owned() });
            }
        };
        let submitted = submission(
            item,
            files.proof.to_vec(),
            files.public_inputs.to_vec(),
            files.verification_key.as_ref().map(|key| key.to_vec()),
        );
        let answer = match self.verify(Arc::clone(verifier), submitted, memory).await {
            Ok(answer) => answer,
            Err(error) => return Finding::undecided(&error),
        };
        match judge(item, &files.public_inputs, answer) {
            Judgement::Holds => Finding::Settled(Outcome::Holds),
            Judgement::Refused(error) => Finding::Refused(error, files),
            Judgement::Undecided(
                error @ (VerifyError::TooLarge { .. } | VerifyError::Unsupported { .. }),
            ) => Finding::Settled(Outcome::Unsignable { code: error.code().to_owned() }),
            Judgement::Undecided(error) => {
                tracing::warn!(%error, "a sampled proof cannot be decided about");
                Finding::Settled(Outcome::Undecided { code: error.code().to_owned() })
            }
        }
    }

    async fn files(&self, item: &Item, pointer: &Pointer) -> Result<Files, BatchError> {
        let part = |part: &Part| {
            let part = part.clone();
            async move { self.patiently(|| self.downloader.part(pointer, &part)).await }
        };
        let verification_key = match &item.verification_key {
            Some(key) => Some(part(key).await?),
            None => None,
        };
        let public_inputs = part(&item.public_inputs).await?;
        Ok(Files { proof: part(&item.proof).await?, public_inputs, verification_key })
    }

    /// Tries again what can end otherwise.
    async fn patiently<T, F>(&self, download: impl Fn() -> F) -> Result<T, BatchError>
    where
        F: Future<Output = Result<T, BatchError>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..self.tries {
            match download().await {
                Err(error) if error.is_retryable() => tracing::debug!(%error, "not available yet"),
                other => return other,
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
        download().await
    }

    /// Verifies in the pool. Whoever waits goes away after the time limit; memory and thread are given back when the
    /// verification ends, since it cannot be stopped.
    async fn verify(
        &self,
        verifier: Arc<dyn ProofSystem>,
        submitted: Submission,
        memory: OwnedSemaphorePermit,
    ) -> Result<Result<VerifiedProof, VerifyError>, WatcherError> {
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|_| WatcherError::Stopped)?;
        let (pool, running) = (self.pool.clone(), self.metrics.verifying.clone());
        running.inc();
        let verification = tokio::spawn(async move {
            let verdict = pool.verify(verifier, submitted).await;
            running.dec();
            drop((thread, memory));
            verdict
        });
        match timeout(self.timeout, verification).await {
            Ok(Ok(verdict)) => Ok(verdict),
            Ok(Err(_)) => Err(WatcherError::Stopped),
            Err(_) => Err(WatcherError::TooSlow),
        }
    }
}

/// The manifest's word for the sizes is what the downloader holds mirrors to.
fn too_large(verifier: &dyn ProofSystem, item: &Item) -> Option<VerifyError> {
    let key = item.verification_key.as_ref();
    let parts = [
        ("the proof", Some(&item.proof), verifier.max_proof_bytes()),
        ("the public inputs", Some(&item.public_inputs), MAX_PUBLIC_VALUES_BYTES),
        ("the verification key", key, verifier.max_key_bytes()),
    ];
    parts.into_iter().find_map(|(part, described, limit)| {
        let bytes = usize::try_from(described?.bytes).unwrap_or(usize::MAX);
        let remedy = "";
        (bytes > limit).then_some(VerifyError::TooLarge { part, bytes, limit, remedy })
    })
}
