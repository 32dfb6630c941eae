//! The one thread of work: takes the job that waits longest, and proves or wraps it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use collimate_core::ProgramId;
use collimate_engine::{
    Engine, EngineKind, EngineOptions, Executor, ProofFromNetwork, SP1Proof,
    SP1ProofWithPublicValues, SP1Stdin, SP1VerifyingKey, memory,
};
use collimate_objects::{Key, Objects};
use collimate_prover_client::{
    Form, Job, JobId, JobProgress, MAX_PROOF_BYTES, Phase, RecursiveProof, Wrap, finished_output,
};
use collimate_verifiers::{ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    ledger::Ledger,
    programs::Program,
    progress,
    wrap::{Artifacts, ArtifactsOptions, Step, Wrapper, work_folder},
};

/// The longest wait before a failed attempt is repeated.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// With so many bytes of memory a wrap does not need those that the engine holds.
const WRAP_ROOM: u64 = 24 << 30;

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
        let proofs_total = progress::expected_steps(self.deferred, shards);
        let proofs_done = shards.saturating_add(recursions).min(proofs_total);
        let (phase, steps_done, steps_total) = match self.phase {
            Phase::Wrapping => (Phase::Wrapping, 0, 2),
            Phase::Circuit => (Phase::Circuit, 1, 2),
            Phase::Core if recursions > 0 => (Phase::Recursion, proofs_done, proofs_total),
            phase => (phase, proofs_done, proofs_total),
        };
        let elapsed_s = self.since.elapsed().as_secs_f64();
        JobProgress { phase, steps_done, steps_total, elapsed_s }
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
    pub artifacts: ArtifactsOptions,
    /// Folder of this process's records.
    pub state: PathBuf,
}

/// Why the worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The next job needs the memory that the engine holds: the process is to start anew.
    NeedsRoom,
}

/// What proves programs.
struct Proving {
    executor: Executor,
    engine: Arc<Engine>,
}

impl Worker {
    /// Works until told to stop; a job in hand is then left for the next process.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Ended> {
        // A wrap needs the memory that the engine takes, so the engine is not loaded before one.
        let wrap_is_next = self.next().is_some_and(|job| job.form != Form::Compressed);
        let mut proving = if wrap_is_next { None } else { Some(self.load().await?) };
        self.shared.ready.store(true, std::sync::atomic::Ordering::Relaxed);
        tracing::info!(engine = self.options.engine.name(), "ready");
        loop {
            let Some(job) = self.next() else {
                tokio::select! {
                    () = self.shared.wake.notified() => continue,
                    () = shutdown.cancelled() => return Ok(Ended::Stopped),
                }
            };
            if job.form == Form::Compressed && proving.is_none() {
                proving = Some(self.load().await?);
            }
            let engine_is_large = proving.is_some() && self.options.engine == EngineKind::Cpu;
            if job.form != Form::Compressed && engine_is_large && memory::available() < WRAP_ROOM {
                return Ok(Ended::NeedsRoom);
            }
            let id = job.id();
            lock(&self.shared.ledger).begin(id)?;
            tokio::select! {
                result = self.attempt(proving.as_ref(), &job) => self.finish(id, result).await?,
                () = shutdown.cancelled() => {
                    // Not the job's fault: the attempt does not count against it.
                    lock(&self.shared.ledger).interrupted(id)?;
                    return Ok(Ended::Stopped);
                }
            }
            *lock(&self.shared.activity) = None;
        }
    }

    /// The job that waits longest.
    fn next(&self) -> Option<Job> {
        lock(&self.shared.ledger).next().map(|entry| entry.job.clone())
    }

    async fn load(&self) -> Result<Proving> {
        let executor = Executor::start().await;
        Ok(Proving { executor, engine: Arc::new(Engine::start(&self.options).await?) })
    }

    async fn finish(&self, id: JobId, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => {
                tracing::info!(%id, "done");
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

    async fn attempt(&self, proving: Option<&Proving>, job: &Job) -> Result<()> {
        if finished_output(&self.objects, job.id()).await?.is_some() {
            return Ok(());
        }
        progress::reset();
        self.enter(job, Phase::Checking);
        match proving {
            Some(proving) if job.form == Form::Compressed => self.prove(proving, job).await,
            _ => self.wrap(job).await,
        }
    }

    /// Wraps a compressed proof, in processes of their own: see [`crate::wrap`].
    async fn wrap(&self, job: &Job) -> Result<()> {
        let Some(Wrap { proof, circuit_key }) = job.as_wrap() else {
            bail!(Hopeless(anyhow!(
                "[PRV-042] a job of this form wraps one proof of its own program under one circuit key"
            )));
        };
        if job.form != Form::Groth16 {
            bail!(Hopeless(anyhow!("[PRV-043] this prover wraps proofs in Groth16 alone")));
        }
        let wrapper = Wrapper::open(&Artifacts::new(&self.artifacts)?)?;
        if wrapper.key_hash() != circuit_key {
            bail!(Hopeless(anyhow!(
                "[PRV-044] the proof is wanted under the circuit key {}, and this prover has {}: choose its --circuit as \
                 the contract has it",
                hex::encode(circuit_key),
                hex::encode(wrapper.key_hash())
            )));
        }
        let compressed = self.objects.get(&Key(proof.object), MAX_PROOF_BYTES).await?;
        verify(&self.verifiers, compressed.to_vec(), job.program_id).await.map_err(Hopeless)?;

        let work = work_folder(&self.state, job.id());
        let wrapped = wrapper.wrap(&compressed, &work, |step| {
            let phase = match step {
                Step::Wrap => Phase::Wrapping,
                Step::Circuit => Phase::Circuit,
            };
            self.enter(job, phase);
        });
        let wrapped = wrapped.await?;

        self.enter(job, Phase::Storing);
        let verified = wrapper.verify(&self.verifiers, &wrapped, job.program_id).await;
        if verified.is_ok() {
            // What the contract takes, and nothing else: whoever asked for it needs no SDK to read it.
            self.objects.put_output(&job.id().0, wrapped.bytes()).await?;
        }
        // What led to a proof that does not verify is of no use to the next attempt.
        std::fs::remove_dir_all(&work)
            .with_context(|| format!("cannot remove {}", work.display()))?;
        verified
    }

    async fn prove(&self, proving: &Proving, job: &Job) -> Result<()> {
        let Proving { executor, engine } = proving;
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
        let (engine, elf, form) = (Arc::clone(engine), program.elf, Form::Compressed);
        let proven = tokio::spawn(async move { engine.prove(elf, stdin, form).await }).await;
        let (_, proof) =
            proven.map_err(|panic| anyhow!("[PRV-032] the engine panicked: {panic}"))??;

        self.enter(job, Phase::Storing);
        if proof.public_values.as_slice() != execution.public_values {
            bail!("[PRV-033] the proof's public values are not those of the execution");
        }
        let bytes = bincode::serialize(&proof)?;
        verify(&self.verifiers, bytes.clone(), job.program_id)
            .await
            .context("[PRV-034] the engine's proof does not verify")?;
        self.objects.put_output(&job.id().0, bytes).await?;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use collimate_engine::tuning::MemoryProfile;
    use collimate_prover_client::JobState;

    use super::*;
    use crate::wrap::Mode;

    fn worker(folder: &std::path::Path) -> Worker {
        let shared = Shared {
            ledger: Mutex::new(Ledger::open(&folder.join("state"), 1).unwrap()),
            activity: Mutex::new(None),
            ready: AtomicBool::new(false),
            wake: Notify::new(),
        };
        Worker {
            shared: Arc::new(shared),
            objects: Objects::open(&folder.join("objects").display().to_string()).unwrap(),
            programs: Vec::new(),
            options: EngineOptions {
                engine: EngineKind::Cpu,
                memory: MemoryProfile::Auto,
                memory_limit_gib: None,
                cuda_device: 0,
                network_rpc_url: None,
                network_reserved: false,
            },
            verifiers: VerifierPool::for_this_machine().unwrap(),
            artifacts: ArtifactsOptions {
                artifacts: Some(folder.join("circuits")),
                mode: Mode::Dev,
            },
            state: folder.join("state"),
        }
    }

    #[tokio::test]
    async fn wraps_that_cannot_be_made_fail_with_their_reason_and_load_no_engine() {
        let proof = RecursiveProof {
            object: [1; 32],
            program_id: ProgramId([2; 32]),
            verifying_key: vec![],
        };
        let wrap = |form| Job::wrap(proof.clone(), form, [3; 32]);
        let malformed = Job { input: vec![], ..wrap(Form::Groth16) };
        let cases = [
            (malformed, "[PRV-042]"),
            (wrap(Form::Plonk), "[PRV-043]"),
            // Nobody has made artifacts here.
            (wrap(Form::Groth16), "[PRV-055]"),
        ];

        let folder = tempfile::tempdir().unwrap();
        let worker = worker(folder.path());
        let shared = Arc::clone(&worker.shared);
        for (job, _) in &cases {
            lock(&shared.ledger).submit(job.clone()).unwrap();
        }
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(worker.run(shutdown.clone()));
        for (job, code) in &cases {
            let reason = loop {
                let status = lock(&shared.ledger).get(job.id()).unwrap().status();
                match status.state {
                    JobState::Failed => break status.reason.unwrap(),
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            };
            assert!(reason.contains(code), "{reason}");
        }
        shutdown.cancel();
        assert_eq!(running.await.unwrap().unwrap(), Ended::Stopped);
        assert!(collimate_engine::memory::resident() < 2 << 30, "the engine would take 6 GB");
    }
}
