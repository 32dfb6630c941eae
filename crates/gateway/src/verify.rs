//! Native verification with a memory: what was decided about a proof is not computed again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use collimate_core::{ProgramId, keccak256};
use collimate_http::Bounded;
use collimate_store::ProofSystem;
use collimate_verifiers::{
    ProofSystem as Verifier, Submission, VerifiedProof, VerifierPool, VerifyError,
    sp1::Sp1Compressed,
};
use tokio::{sync::Semaphore, time::Instant, time::sleep, time::timeout};

use crate::{fault::Fault, metrics::Metrics};

/// Verdicts in memory, each with up to 64 KiB of public values.
const REMEMBERED: usize = 256;

/// How soon a pool that others use, too, is asked again when it is full.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Everything that decides a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// SHA-256 of the proof file.
    pub(crate) proof_hash: [u8; 32],
    pub(crate) program_id: ProgramId,
    /// keccak256 of the public values, if some were given beside the proof.
    claimed: Option<[u8; 32]>,
}

impl Question {
    pub(crate) fn new(
        proof_hash: [u8; 32],
        program_id: ProgramId,
        public_values: Option<&[u8]>,
    ) -> Self {
        Self { proof_hash, program_id, claimed: public_values.map(|values| keccak256(&[values])) }
    }
}

type Verdict = Result<Arc<VerifiedProof>, VerifyError>;

#[derive(Debug)]
pub(crate) struct Verifiers {
    pool: VerifierPool,
    sp1: Arc<dyn Verifier>,
    verdicts: Mutex<Bounded<Question, Verdict>>,
    turns: Semaphore,
    queue_timeout: Duration,
}

impl Verifiers {
    pub(crate) fn new(pool: VerifierPool, at_once: usize, queue_timeout: Duration) -> Self {
        Self {
            pool,
            sp1: Arc::new(Sp1Compressed::default()),
            verdicts: Mutex::new(Bounded::new(REMEMBERED)),
            turns: Semaphore::new(at_once),
            queue_timeout,
        }
    }

    pub(crate) fn of(&self, system: ProofSystem) -> &Arc<dyn Verifier> {
        match system {
            ProofSystem::Sp1 => &self.sp1,
        }
    }

    /// What was decided before, if it is remembered.
    pub(crate) fn known(&self, question: &Question) -> Option<Verdict> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(question).cloned()
    }

    /// Verifies, in turn. The submission is the caller's alone again when this returns.
    pub(crate) async fn verify(
        &self,
        system: ProofSystem,
        question: Question,
        submission: &Arc<Submission>,
        metrics: &Metrics,
    ) -> Result<Arc<VerifiedProof>, Fault> {
        if let Some(verdict) = self.known(&question) {
            return verdict.map_err(|error| Fault::rejected(&error));
        }
        let deadline = Instant::now() + self.queue_timeout;
        let _turn = match timeout(self.queue_timeout, self.turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            _ => return Err(Fault::busy("too many proofs wait to be verified")),
        };
        let started = Instant::now();
        let verdict = loop {
            let (verifier, shared) = (Arc::clone(self.of(system)), Arc::clone(submission));
            match self.pool.verify_shared(verifier, shared).await {
                Err(VerifyError::Busy) if Instant::now() < deadline => sleep(BUSY_PAUSE).await,
                verdict => break verdict.map(Arc::new),
            }
        };
        metrics.verification.observe(started.elapsed().as_secs_f64());
        if !verdict.as_ref().is_err_and(VerifyError::is_retryable) {
            let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            verdicts.insert(question, verdict.clone());
        }
        if let Err(error) = &verdict {
            metrics.rejected.with_label_values(&[error.code()]).inc();
        }
        verdict.map_err(|error| Fault::rejected(&error))
    }
}
