//! The one thread of work: takes the job that waits longest, and proves it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use collimate_core::ProgramId;
use collimate_engine::{
    Engine, EngineOptions, Executor, ProofFromNetwork, SP1Proof, SP1ProofWithPublicValues,
    SP1Stdin, SP1VerifyingKey,
};
use collimate_objects::{Key, Objects};
use collimate_prover_client::{
    Form, Job, JobId, JobProgress, MAX_PROOF_BYTES, Phase, RecursiveProof, finished_output,
};
use collimate_verifiers::{ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{ledger::Ledger, programs::Program, progress};

/// The longest wait before a failed attempt is repeated.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// What a job is doing right now.
#[derive(Debug, Clone, Copy)]
pub struct Activity {
    pub id: JobId,
    pub phase: Phase,
    pub deferred: u32,
    pub since: Instant,
}

impl Activity {
    pub fn progress(&self) -> JobProgress {
        let (shards, recursions) = progress::steps();
        let steps_total = progress::expected_steps(self.deferred, shards);
        let phase = match self.phase {
            Phase::Core if recursions > 0 => Phase::Recursion,
            phase => phase,
        };
        JobProgress {
            phase,
            steps_done: shards.saturating_add(recursions).min(steps_total),
            steps_total,
            elapsed_s: self.since.elapsed().as_secs_f64(),
        }
    }
}

/// State that the worker shares with the HTTP service.
pub struct Shared {
    pub ledger: Mutex<Ledger>,
    pub activity: Mutex<Option<Activity>>,
    pub ready: std::sync::atomic::AtomicBool,
    pub wake: Notify,
}

/// A job that makes no sense to try again.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Hopeless(anyhow::Error);

pub struct Worker {
    pub shared: Arc<Shared>,
    pub objects: Objects,
    pub programs: Vec<Program>,
    pub options: EngineOptions,
    pub verifiers: VerifierPool,
}

impl Worker {
    /// Works until told to stop; a job in hand is then left for the next process.
    pub async fn run(self, shutdown: CancellationToken) -> Result<()> {
        let executor = Executor::start().await;
        let engine = Arc::new(Engine::start(&self.options).await?);
        self.shared.ready.store(true, std::sync::atomic::Ordering::Relaxed);
        tracing::info!(engine = self.options.engine.name(), "ready");
        loop {
            let next = lock(&self.shared.ledger).next().map(|entry| entry.job.clone());
            let Some(job) = next else {
                tokio::select! {
                    () = self.shared.wake.notified() => continue,
                    () = shutdown.cancelled() => return Ok(()),
                }
            };
            let id = job.id();
            lock(&self.shared.ledger).begin(id)?;
            tokio::select! {
                result = self.attempt(&executor, &engine, &job) => self.finish(id, result).await?,
                () = shutdown.cancelled() => {
                    // Not the job's fault: the attempt does not count against it.
                    lock(&self.shared.ledger).interrupted(id)?;
                    return Ok(());
                }
            }
            *lock(&self.shared.activity) = None;
        }
    }

    async fn finish(&self, id: JobId, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => {
                tracing::info!(%id, "proven");
                lock(&self.shared.ledger).done(id)
            }
            Err(error) => {
                let retry = error.downcast_ref::<Hopeless>().is_none();
                tracing::warn!(%id, retry, error = format!("{error:#}"), "attempt failed");
                lock(&self.shared.ledger).failed_attempt(id, format!("{error:#}"), retry)?;
                if retry {
                    sleep(RETRY_DELAY).await;
                }
                Ok(())
            }
        }
    }

    async fn attempt(&self, executor: &Executor, engine: &Arc<Engine>, job: &Job) -> Result<()> {
        let id = job.id();
        if finished_output(&self.objects, id).await?.is_some() {
            return Ok(());
        }
        progress::reset();
        self.enter(job, Phase::Checking);
        let program = self
            .programs
            .iter()
            .find(|program| program.id == job.program_id)
            .ok_or_else(|| Hopeless(anyhow!("[PRV-030] this prover carries no program {}: it is of another release than the aggregator", job.program_id)))?;
        let mut stdin = SP1Stdin::new();
        stdin.write_vec(job.input.clone());
        for (index, proof) in job.proofs.iter().enumerate() {
            let (proof, key) = self
                .recursive_proof(proof)
                .await
                .with_context(|| format!("recursive proof {index}"))?;
            stdin.write_proof(proof, key.vk);
        }

        // The executor takes seconds and finds a wrong input before minutes are spent on it.
        let execution = executor.execute(program.elf, stdin.clone()).await?;
        if execution.exit_code != 0 {
            bail!(Hopeless(anyhow!(
                "[PRV-031] {} rejects its input: {}",
                program.name,
                execution.stderr.trim()
            )));
        }

        self.enter(job, Phase::Core);
        let (engine, elf, form) = (Arc::clone(engine), program.elf, job.form);
        let proven = tokio::spawn(async move { engine.prove(elf, stdin, form).await }).await;
        let (_, proof) =
            proven.map_err(|panic| anyhow!("[PRV-032] the engine panicked: {panic}"))??;

        self.enter(job, Phase::Storing);
        if proof.public_values.as_slice() != execution.public_values {
            bail!("[PRV-033] the proof's public values are not those of the execution");
        }
        let bytes = bincode::serialize(&proof)?;
        if job.form == Form::Compressed {
            verify(&self.verifiers, bytes.clone(), job.program_id)
                .await
                .context("[PRV-034] the engine's proof does not verify")?;
        }
        self.objects.put_output(&id.0, bytes).await?;
        Ok(())
    }

    fn enter(&self, job: &Job, phase: Phase) {
        let deferred = u32::try_from(job.proofs.len()).unwrap_or(u32::MAX);
        let mut activity = lock(&self.shared.activity);
        let since = activity.filter(|a| a.id == job.id()).map_or_else(Instant::now, |a| a.since);
        *activity = Some(Activity { id: job.id(), phase, deferred, since });
    }

    /// Fetches a proof and verifies it against exactly the claim that the program will make: the
    /// executor checks no recursive proof, so a wrong one would fail only after minutes of proving.
    async fn recursive_proof(
        &self,
        wanted: &RecursiveProof,
    ) -> Result<(Recursive, SP1VerifyingKey)> {
        let bytes = self.objects.get(&Key(wanted.object), MAX_PROOF_BYTES).await?;
        verify(&self.verifiers, bytes.to_vec(), wanted.program_id).await.map_err(Hopeless)?;
        let key: SP1VerifyingKey = bincode::deserialize(&wanted.verifying_key)
            .map_err(|e| Hopeless(anyhow!("[PRV-035] the verifying key is malformed: {e}")))?;
        if collimate_engine::program_id(&key).0 != wanted.program_id.0 {
            bail!(Hopeless(anyhow!(
                "[PRV-036] the verifying key is not that of program {}",
                wanted.program_id
            )));
        }
        Ok((compressed(decode(&bytes)?).map_err(Hopeless)?, key))
    }
}

/// Verifies a compressed proof of a program, without anything of the engine.
pub async fn verify(verifiers: &VerifierPool, proof: Vec<u8>, program: ProgramId) -> Result<()> {
    let submission = Submission { proof, key: ProgramKey::ProgramId(program), public_values: None };
    verifiers.verify(Arc::new(Sp1Compressed::default()), submission).await?;
    Ok(())
}

/// What recursion takes in.
pub type Recursive = sp1_hypercube::SP1RecursionProof<
    sp1_primitives::SP1GlobalContext,
    sp1_hypercube::SP1PcsProofInner,
>;

/// The part of a proof file that recursion verifies.
pub fn compressed(proof: SP1ProofWithPublicValues) -> Result<Recursive> {
    match proof.proof {
        SP1Proof::Compressed(proof) => Ok(*proof),
        other => bail!("[PRV-037] a {other} proof cannot be verified recursively"),
    }
}

/// Reads a proof file.
pub fn decode(bytes: &[u8]) -> Result<SP1ProofWithPublicValues> {
    // Proofs from the network lack the last field.
    bincode::deserialize(bytes)
        .or_else(|_| bincode::deserialize::<ProofFromNetwork>(bytes).map(Into::into))
        .context("the proof file is malformed")
}

/// A lock whose holder panicked is still good: every value behind one is replaced whole.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
