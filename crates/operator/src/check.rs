//! Whether every proof of a batch holds.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::primitives::aliases::U96;
use collimate_batch::{Downloader, Item, Manifest, Pointer};
use collimate_tasks::Announced;
use collimate_verifiers::{
    ProgramKey, ProofSystem, ProofSystems, Submission, VerifiedProof, VerifierPool,
    limits::MAX_PUBLIC_VALUES_BYTES,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    OperatorConfig, OperatorError, keys::KeyCache, limits::LEAST_MEMORY_BYTES, metrics::Metrics,
};

/// Memory is counted in these.
const MEMORY_UNIT: u64 = 1 << 10;

/// Room for a proof's files: of its batch's share, and of all that there is.
#[derive(Debug)]
struct Memory {
    _part: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

/// Places in the manifest of the proofs that hold: kept when a batch is tried again.
pub(crate) type Verified = Arc<Mutex<HashSet<usize>>>;

/// Downloads and verifies.
#[derive(Debug)]
pub(crate) struct Checker {
    downloader: Downloader,
    systems: ProofSystems,
    pool: VerifierPool,
    /// One for each thread of the pool, held until the verification has really ended.
    threads: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    /// What one batch may take of it: one whose data services stall must not hold what others need.
    share_units: u32,
    parallel: usize,
    timeout: Duration,
    keys: KeyCache,
    metrics: Metrics,
}

impl Checker {
    pub(crate) fn new(
        config: &OperatorConfig,
        systems: ProofSystems,
        metrics: Metrics,
    ) -> Result<Self, OperatorError> {
        let threads = config.verifier_threads;
        let unusable = |reason: String| OperatorError::Config { reason };
        if systems.is_empty() {
            return Err(unusable("it has no proof systems".to_owned()));
        }
        let pool = VerifierPool::new(threads, threads.get());
        let memory = config.memory_bytes.max(LEAST_MEMORY_BYTES);
        let batches = u64::try_from(config.max_batches.get()).unwrap_or(u64::MAX);
        let share = memory.checked_div(batches).unwrap_or(0).max(LEAST_MEMORY_BYTES);
        let units = |bytes: u64| u32::try_from(bytes / MEMORY_UNIT).unwrap_or(u32::MAX);
        Ok(Self {
            downloader: Downloader::new(config.download.clone())?,
            systems,
            pool: pool.map_err(|error| unusable(error.to_string()))?,
            threads: Arc::new(Semaphore::new(threads.get())),
            memory: Arc::new(Semaphore::new(units(memory) as usize)),
            share_units: units(share),
            parallel: config.parallel_proofs.get(),
            timeout: config.verification_timeout,
            keys: KeyCache::default(),
            metrics,
        })
    }

    /// The manifest of a task's batch, if this operator verifies all that is in it.
    pub(crate) async fn manifest(
        &self,
        task: &Announced,
    ) -> Result<(Pointer, Manifest), OperatorError> {
        let pointer: Pointer = task.pointer.parse()?;
        let manifest = self.downloader.manifest(&pointer, &task.task.batchMerkleRoot.0).await?;
        let unsupported = U96::wrapping_from(manifest.proving_systems() & !self.systems.bits());
        if !unsupported.is_zero() {
            return Err(OperatorError::Unsupported { systems: unsupported });
        }
        for (index, item) in manifest.items().enumerate() {
            self.check_sizes(index, item)?;
        }
        Ok((pointer, manifest))
    }

    /// Verifies every proof that is not verified yet, and ends with the first that does not hold.
    pub(crate) async fn verify_all(
        self: &Arc<Self>,
        pointer: Pointer,
        manifest: &Manifest,
        verified: &Verified,
    ) -> Result<(), OperatorError> {
        let pointer = Arc::new(pointer);
        let missing: Vec<_> = {
            let verified = verified.lock().unwrap_or_else(PoisonError::into_inner);
            let items = manifest.items().cloned().enumerate();
            items.filter(|(index, _)| !verified.contains(index)).collect()
        };
        let share = Arc::new(Semaphore::new(self.share_units as usize));
        let checks = missing.into_iter().map(|(index, item)| {
            let (checker, pointer) = (Arc::clone(self), Arc::clone(&pointer));
            let (verified, share) = (Arc::clone(verified), Arc::clone(&share));
            async move {
                checker.check(index, &item, &pointer, share).await?;
                verified.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
                Ok::<(), OperatorError>(())
            }
        });
        let checks: Vec<_> = checks.collect();
        stream::iter(checks).buffer_unordered(self.parallel).try_collect().await
    }

    /// Downloads one proof and verifies it.
    async fn check(
        &self,
        index: usize,
        item: &Item,
        pointer: &Pointer,
        share: Arc<Semaphore>,
    ) -> Result<(), OperatorError> {
        let system = self.system(item)?;
        let bytes = item.parts().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        let units = u32::try_from(bytes.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let units = units.min(self.share_units);
        let stopped = |_| OperatorError::Stopped;
        // Its own part first, so that nobody waits for the common one who could not use it.
        let part = share.acquire_many_owned(units).await.map_err(stopped)?;
        let memory = Arc::clone(&self.memory).acquire_many_owned(units).await.map_err(stopped)?;
        let memory = Memory { _part: part, _memory: memory };
        let key = match &item.verification_key {
            None => ProgramKey::ProgramId(item.program_id),
            Some(part) => {
                let bytes = match self.keys.get(part) {
                    Some(bytes) => bytes,
                    None => self.downloader.part(pointer, part).await?,
                };
                self.keys.put(part, bytes.clone());
                ProgramKey::VerifyingKey(bytes.to_vec())
            }
        };
        let public_inputs = self.downloader.part(pointer, &item.public_inputs).await?;
        let proof = self.downloader.part(pointer, &item.proof).await?;
        let submission =
            Submission { proof: proof.into(), key, public_values: Some(public_inputs.to_vec()) };
        let found = self.verify(index, Arc::clone(system), submission, memory).await?;
        if found.program_id != item.program_id || found.public_values != *public_inputs {
            return Err(OperatorError::OtherStatement { index });
        }
        self.metrics.verified.inc();
        Ok(())
    }

    /// Verifies in the pool. Whoever waits goes away after the time limit; memory and thread are given back when the
    /// verification ends, since it cannot be stopped.
    async fn verify(
        &self,
        index: usize,
        system: Arc<dyn ProofSystem>,
        submission: Submission,
        memory: Memory,
    ) -> Result<VerifiedProof, OperatorError> {
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.map_err(|_| OperatorError::Stopped)?;
        let (pool, running) = (self.pool.clone(), self.metrics.verifying.clone());
        running.inc();
        let verification = tokio::spawn(async move {
            let verdict = pool.verify(system, submission).await;
            running.dec();
            drop((thread, memory));
            verdict
        });
        match timeout(self.timeout, verification).await {
            Ok(Ok(verdict)) => verdict.map_err(|source| OperatorError::Proof { index, source }),
            Ok(Err(_)) => Err(OperatorError::Stopped),
            Err(_) => Err(OperatorError::TooSlow { index, limit: self.timeout }),
        }
    }

    /// The manifest's word for the sizes is what the downloader holds mirrors to.
    fn check_sizes(&self, index: usize, item: &Item) -> Result<(), OperatorError> {
        let system = self.system(item)?;
        let key = item.verification_key.as_ref();
        let parts = [
            ("proof", Some(&item.proof), system.max_proof_bytes()),
            ("public inputs", Some(&item.public_inputs), MAX_PUBLIC_VALUES_BYTES),
            ("verification key", key, system.max_key_bytes()),
        ];
        for (part, described, limit) in parts {
            let (bytes, limit) = (described.map_or(0, |part| part.bytes), limit as u64);
            if bytes > limit {
                return Err(OperatorError::TooLarge { index, part, bytes, limit });
            }
        }
        Ok(())
    }

    fn system(&self, item: &Item) -> Result<&Arc<dyn ProofSystem>, OperatorError> {
        let bit = || U96::from(1) << usize::from(item.proving_system);
        self.systems
            .get(item.proving_system)
            .ok_or_else(|| OperatorError::Unsupported { systems: bit() })
    }
}

/// Proof systems of a batch: what is signed beside its task. A manifest has no others than the contracts' 96.
pub(crate) fn systems_of(manifest: &Manifest) -> U96 {
    U96::wrapping_from(manifest.proving_systems())
}
