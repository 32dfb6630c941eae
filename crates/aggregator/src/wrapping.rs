//! The wrap: a run's compressed final proof as a Groth16 proof, which a contract verifies itself.

use std::sync::Arc;

use async_trait::async_trait;
use collimate_objects::Key;
use collimate_prover_client::{
    AggregationPrograms, Form, Job, JobStatus, MAX_PROOF_BYTES, Phase, ProverClientError,
    RecursiveProof, finished_output,
};
use collimate_store::{RunId, Store};
use collimate_verifiers::{ProgramKey, Submission, sp1::Sp1Groth16Under};
use tokio::time::Instant;

use crate::{AggregatorError, JobLog, Proving, Seal, SealRequest};

/// Wraps final proofs under one circuit key. As a [`Seal`] it is what registers runs where there are no operators.
#[derive(Debug, Clone)]
pub struct Wrapping {
    proving: Proving,
    store: Store,
    programs: AggregationPrograms,
    circuit: Sp1Groth16Under,
}

impl Wrapping {
    /// Wraps under this circuit key, which the contract must have. With the `proving` that runs have, a wrap takes its turn among their
    /// jobs; with another, which has a prover of its own, it keeps none of them waiting.
    #[must_use]
    pub fn new(
        proving: Proving,
        store: Store,
        programs: AggregationPrograms,
        circuit: Sp1Groth16Under,
    ) -> Self {
        Self { proving, store, programs, circuit }
    }

    /// Wraps the final proof of a run, and verifies the result natively: the bytes that the contract takes. What was wrapped before
    /// is found again.
    ///
    /// # Errors
    /// The prover's, or a service it needs is away; [`AggregatorError::Verify`] if the result does not prove the public values.
    pub async fn wrap(
        &self,
        run: RunId,
        proof: Key,
        public_values: &[u8],
        on_status: &(dyn Fn(&JobStatus) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError> {
        let job = self.job(proof);
        let id = job.id();
        let log = JobLog::new(self.store.clone(), run, self.programs.clone());
        let (proven, took) = {
            let turn = self.proving.turn(id).await?;
            log.begin(&job, turn.is_none()).await?;
            let started = Instant::now();
            (self.proving.prover.prove(&job, on_status).await, started.elapsed())
        };
        let key = match proven {
            Ok(key) => key,
            Err(error) => {
                if let ProverClientError::Failed { .. } = error {
                    log.failed(id, &error).await?;
                }
                return Err(error.into());
            }
        };
        let wrapped = self.proving.objects.get(&key, MAX_PROOF_BYTES).await?.to_vec();
        let submission = Submission {
            proof: wrapped.clone(),
            key: ProgramKey::ProgramId(job.program_id),
            public_values: Some(public_values.to_vec()),
        };
        self.proving.judge(Arc::new(self.circuit.clone()), submission).await??;
        log.done(id, took).await?;
        Ok(wrapped)
    }

    /// Whether this proof has been wrapped.
    pub(crate) async fn has_wrapped(&self, proof: Key) -> Result<bool, AggregatorError> {
        let id = self.job(proof).id();
        Ok(finished_output(&self.proving.objects, id).await?.is_some())
    }

    fn job(&self, proof: Key) -> Job {
        let program = &self.programs.chunk_aggregator;
        let proof = RecursiveProof {
            object: proof.0,
            program_id: program.program_id,
            verifying_key: program.verifying_key.clone(),
        };
        Job::wrap(proof, Form::Groth16, self.circuit.key_hash())
    }
}

#[async_trait]
impl Seal for Wrapping {
    async fn seal(
        &self,
        request: &SealRequest,
        detail: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError> {
        let report = |status: &JobStatus| detail(&words(status));
        let proof = Key::of(&request.proof);
        self.wrap(request.run, proof, &request.public_values, &report).await
    }

    async fn is_stale(&self, _seal: &[u8]) -> Result<bool, AggregatorError> {
        // A proof holds for good.
        Ok(false)
    }
}

fn words(status: &JobStatus) -> String {
    let phase = status.progress.map(|progress| progress.phase);
    let words = match (phase, &status.reason) {
        (Some(Phase::Wrapping), _) => "wrapping the proof",
        (Some(Phase::Circuit), _) => "proving the circuit",
        (Some(_), _) => "verifying the proof",
        (None, Some(reason)) => reason.as_str(),
        (None, None) => "the wrap waits for the prover",
    };
    words.to_owned()
}
