//! Walks a plan's jobs, and finds the proof that makes one fail.

use std::{future::Future, num::NonZeroUsize, pin::Pin, sync::Arc};

use collimate_core::ProgramId;
use collimate_objects::{Key, Objects};
use collimate_prover_client::{
    Job, JobId, JobStatus, MAX_PROOF_BYTES, ProverClient, ProverClientError,
};
use collimate_verifiers::{ProgramKey, Submission, VerifierPool, VerifyError, sp1::Sp1Compressed};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use tokio::time::{Duration, Instant, sleep};

use crate::{AggregatorError, JobLog, Member, Plan};

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

/// A member that keeps its run from being proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMember {
    /// Its proof file.
    pub object: Key,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason.
    pub reason: String,
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
}

/// What proving takes.
#[derive(Clone)]
pub struct Proving {
    /// What proves.
    pub prover: Arc<dyn Prove>,
    /// Where proofs lie.
    pub objects: Objects,
    /// Where they are verified.
    pub verifiers: VerifierPool,
    /// How many jobs are asked for at once.
    pub parallel: NonZeroUsize,
}

impl std::fmt::Debug for Proving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proving").field("parallel", &self.parallel).finish_non_exhaustive()
    }
}

/// The code of a member that only the engine refuses.
const ENGINE: &str = "AGG-010";

/// The pause before asking a full verifier pool again.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

impl Proving {
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
        let (mut outputs, mut bad) = (vec![], vec![]);
        for chunk in proven {
            match chunk? {
                Proven::Proof { key, .. } => outputs.push(key),
                Proven::Bad(members) => bad.extend(members),
            }
        }
        if !bad.is_empty() {
            return Ok(Proven::Bad(bad));
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
        log.begin(job).await?;
        let started = Instant::now();
        match self.prover.prove(job, on_status).await {
            Ok(key) => {
                self.verify(&key, job.program_id, Some(statement)).await??;
                log.done(id, started.elapsed()).await?;
                Ok(Proven::Proof { job: id, key })
            }
            Err(error) => {
                let Some(reason) = error.fault_of_job() else { return Err(error.into()) };
                log.failed(id, &error).await?;
                tracing::warn!(%error, "job failed, looking for the proof that causes it");
                let bad = self.find_bad(plan, members, on_status).await?;
                let reason = reason.to_owned();
                match bad.len() {
                    0 if members.is_empty() => Err(error.into()),
                    0 => Err(AggregatorError::NotTogether { job: id, reason }),
                    // Natively they are good, or it would be another code: rather the prover than all of them.
                    n if n > 1 && n == members.len() && bad.iter().all(|b| b.code == ENGINE) => {
                        Err(AggregatorError::ProverBroken { job: id, reason })
                    }
                    _ => Ok(Proven::Bad(bad)),
                }
            }
        }
    }

    /// The members that keep a failed job from being proven: those that do not verify natively, which
    /// costs milliseconds each; only if all do, those found by proving halves.
    async fn find_bad(
        &self,
        plan: &Plan,
        members: &[Member],
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Vec<BadMember>, AggregatorError> {
        let mut bad = vec![];
        for member in members {
            let values = Some(member.public_values.clone());
            if let Err(error) = self.verify(&member.object, member.program_id, values).await? {
                let reason = error.to_string();
                bad.push(BadMember { object: member.object, code: error.code(), reason });
            }
        }
        if bad.is_empty() {
            self.bisect(plan, members, on_status, &mut bad).await?;
        }
        Ok(bad)
    }

    /// Proves each half of `members`, which together failed, and goes on in the half that fails.
    fn bisect<'a>(
        &'a self,
        plan: &'a Plan,
        members: &'a [Member],
        on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
        bad: &'a mut Vec<BadMember>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AggregatorError>> + Send + 'a>> {
        Box::pin(async move {
            let (left, right) = members.split_at(members.len() / 2);
            for half in [left, right] {
                if half.is_empty() {
                    continue;
                }
                let Err(error) = self.prover.prove(&plan.chunk_job(half)?, on_status).await else {
                    continue;
                };
                match (error.fault_of_job(), half) {
                    (None, _) => return Err(error.into()),
                    (Some(reason), [member]) => bad.push(BadMember {
                        object: member.object,
                        code: ENGINE,
                        reason: format!("[{ENGINE}] cannot be aggregated: {reason}"),
                    }),
                    (Some(_), _) => self.bisect(plan, half, on_status, bad).await?,
                }
            }
            Ok(())
        })
    }

    /// Verifies a stored proof natively. The outer error is of the store, the inner the verdict.
    async fn verify(
        &self,
        key: &Key,
        program_id: ProgramId,
        public_values: Option<Vec<u8>>,
    ) -> Result<Result<(), VerifyError>, AggregatorError> {
        let proof = self.objects.get(key, MAX_PROOF_BYTES).await?.to_vec();
        let submission =
            Submission { proof, key: ProgramKey::ProgramId(program_id), public_values };
        loop {
            let verifier = Arc::new(Sp1Compressed::default());
            match self.verifiers.verify(verifier, submission.clone()).await {
                Err(VerifyError::Busy) => sleep(BUSY_PAUSE).await,
                verdict => return Ok(verdict.map(drop)),
            }
        }
    }
}
