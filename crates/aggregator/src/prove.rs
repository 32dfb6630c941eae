//! Walks a plan's jobs. Those of all runs take turns, as many at once as there are provers.

use std::{future::Future, num::NonZeroUsize, pin::Pin, sync::Arc};

use collimate_core::ProgramId;
use collimate_objects::{Key, Objects, ObjectsError};
use collimate_prover_client::{
    Cause, Job, JobId, JobStatus, MAX_PROOF_BYTES, ProverClient, ProverClientError, finished_output,
};
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifierPool, VerifyError, sp1::Sp1Compressed,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Duration, Instant, sleep},
};

use crate::{AggregatorError, BadMember, JobLog, Member, Plan, blame::Blame};

/// What proves a job: the proving process, or a fake in a unit test.
pub trait Prove: Send + Sync {
    /// Proves the job and returns the key of the proof file.
    fn prove<'a>(
        &'a self,
        job: &'a Job,
        on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<Key, ProverClientError>> + Send + 'a>>;
}

impl Prove for ProverClient {
    fn prove<'a>(
        &'a self,
        job: &'a Job,
        on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<Key, ProverClientError>> + Send + 'a>> {
        Box::pin(ProverClient::prove(self, job, on_status))
    }
}

/// How proving a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proven {
    /// A proof, verified natively: of the whole run, or of one chunk.
    Proof {
        /// The job that made it.
        job: JobId,
        /// Its file.
        key: Key,
    },
    /// These members must leave the run; the others are as good as before.
    Bad(Vec<BadMember>),
    /// The engine fails on every member of a job alone, and proved nothing meanwhile: they are bad, or it is broken.
    Suspect {
        /// The job that failed.
        job: JobId,
        /// The proving process's reason.
        reason: String,
        /// Its members.
        members: Vec<BadMember>,
    },
}

/// What proving takes. Clones share the turns.
#[derive(Clone)]
pub struct Proving {
    pub(crate) prover: Arc<dyn Prove>,
    pub(crate) objects: Objects,
    verifiers: VerifierPool,
    parallel: NonZeroUsize,
    turns: Arc<Semaphore>,
}

impl std::fmt::Debug for Proving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proving").field("parallel", &self.parallel).finish_non_exhaustive()
    }
}

/// The pause before asking a full verifier pool again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

impl Proving {
    /// Proving with this prover, whose proofs and outputs lie in `objects`; `parallel` jobs are asked for at once.
    #[must_use]
    pub fn new(
        prover: Arc<dyn Prove>,
        objects: Objects,
        verifiers: VerifierPool,
        parallel: NonZeroUsize,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(parallel.get()));
        Self { prover, objects, verifiers, parallel, turns }
    }

    /// Proves the chunks of a plan and then the whole run.
    ///
    /// # Errors
    /// A job fails though every member of it can be proven, or a service it needs is away.
    pub async fn run(
        &self,
        plan: &Plan,
        log: &JobLog,
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Proven, AggregatorError> {
        let chunks: Vec<_> = plan.chunks().collect();
        let jobs: Vec<BoxFuture<'_, _>> = chunks
            .iter()
            .map(|members| self.chunk(plan, members, log, on_status).boxed())
            .collect();
        let proven: Vec<_> = stream::iter(jobs).buffered(self.parallel.get()).collect().await;
        let (mut outputs, mut bad, mut suspect) = (vec![], vec![], None);
        for chunk in proven {
            match chunk? {
                Proven::Proof { key, .. } => outputs.push(key),
                Proven::Bad(members) => bad.extend(members),
                suspects @ Proven::Suspect { .. } => suspect = Some(suspects),
            }
        }
        if !bad.is_empty() {
            return Ok(Proven::Bad(bad));
        }
        if let Some(suspect) = suspect {
            return Ok(suspect);
        }
        let job = plan.final_job(&outputs)?;
        let statement = plan.statement().abi_encode();
        // In a run of one layer the final job verifies the members itself.
        let members = if plan.is_direct() { plan.members() } else { &[] };
        self.job(plan, &job, statement, members, log, on_status).await
    }

    async fn chunk(
        &self,
        plan: &Plan,
        members: &[Member],
        log: &JobLog,
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Proven, AggregatorError> {
        let job = plan.chunk_job(members)?;
        let statement = Plan::chunk_statement(members)?.abi_encode();
        self.job(plan, &job, statement, members, log, on_status).await
    }

    async fn job(
        &self,
        plan: &Plan,
        job: &Job,
        statement: Vec<u8>,
        members: &[Member],
        log: &JobLog,
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Proven, AggregatorError> {
        let id = job.id();
        let proven = {
            let turn = self.turn(id).await?;
            log.begin(job, turn.is_none()).await?;
            let started = Instant::now();
            self.prover.prove(job, on_status).await.map(|key| (key, started.elapsed()))
        };
        let error = match proven {
            Ok((key, duration)) => {
                self.verify(&key, job.program_id, Some(statement)).await??;
                log.done(id, duration).await?;
                return Ok(Proven::Proof { job: id, key });
            }
            Err(error) => error,
        };
        let (cause, reason) = match (error.cause(), &error) {
            (Cause::Elsewhere, _) => return Err(error.into()),
            (cause, ProverClientError::Failed { reason, .. }) => (cause, reason.clone()),
            (cause, other) => (cause, other.to_string()),
        };
        log.failed(id, &error).await?;
        tracing::warn!(%error, "job failed, looking for the proof that causes it");
        match self.blame(plan, members, cause, on_status).await? {
            Blame::Members(bad) => Ok(Proven::Bad(bad)),
            Blame::Suspects(members) => Ok(Proven::Suspect { job: id, reason, members }),
            // The prover's own view of the store, or what it made of the chunks.
            Blame::Nobody if members.is_empty() || cause == Cause::Object => Err(error.into()),
            Blame::Nobody => Err(AggregatorError::NotTogether { job: id, reason }),
        }
    }

    /// Waits until it is this job's turn to be proven; `None` if it has been, and needs none.
    pub(crate) async fn turn(
        &self,
        job: JobId,
    ) -> Result<Option<SemaphorePermit<'_>>, ObjectsError> {
        if finished_output(&self.objects, job).await?.is_some() {
            return Ok(None);
        }
        // The semaphore is never closed.
        Ok(self.turns.acquire().await.ok())
    }

    /// A turn, if nobody else wants it.
    pub(crate) fn free_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.try_acquire().ok()
    }

    /// Whether nothing is being proven.
    pub(crate) fn is_idle(&self) -> bool {
        self.turns.available_permits() == self.parallel.get()
    }

    /// Verifies a stored proof natively. The outer error is of the service, the inner the verdict.
    pub(crate) async fn verify(
        &self,
        key: &Key,
        program_id: ProgramId,
        public_values: Option<Vec<u8>>,
    ) -> Result<Result<(), VerifyError>, AggregatorError> {
        let proof = self.objects.get(key, MAX_PROOF_BYTES).await?.to_vec();
        let submission =
            Submission { proof, key: ProgramKey::ProgramId(program_id), public_values };
        self.judge(Arc::new(Sp1Compressed::default()), submission).await
    }

    /// Verifies a proof natively, once there is room in the pool. The outer error is of the service, the inner the verdict.
    pub(crate) async fn judge(
        &self,
        verifier: Arc<dyn ProofSystem>,
        submission: Submission,
    ) -> Result<Result<(), VerifyError>, AggregatorError> {
        loop {
            match self.verifiers.verify(Arc::clone(&verifier), submission.clone()).await {
                Err(VerifyError::Busy) => sleep(BUSY_PAUSE).await,
                // It says nothing about the proof.
                Err(error) if error.is_retryable() => return Err(error.into()),
                verdict => return Ok(verdict.map(drop)),
            }
        }
    }
}
