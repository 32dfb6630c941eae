//! The rows that say what was proven for which run, how often it was tried and how long it took.

use std::time::Duration;

use collimate_prover_client::{AggregationPrograms, Form, Job, JobId, ProverClientError};
use collimate_store::{JobStatus, NewJob, RunId, Store};

use crate::AggregatorError;

/// Notes the jobs of one run. Whether a job is done is decided by the object store alone.
#[derive(Debug)]
pub struct JobLog {
    store: Store,
    run: RunId,
    programs: AggregationPrograms,
}

impl JobLog {
    /// What the rows call the program of a wrap.
    pub const WRAP: &str = "wrap";

    /// A log for this run.
    #[must_use]
    pub fn new(store: Store, run: RunId, programs: AggregationPrograms) -> Self {
        Self { store, run, programs }
    }

    /// `is_proven` says whether its output is there: rows can be older than a loss in the object store.
    pub(crate) async fn begin(&self, job: &Job, is_proven: bool) -> Result<(), AggregatorError> {
        let id = job.id();
        let program = if job.form != Form::Compressed {
            Self::WRAP
        } else if job.program_id == self.programs.chunk_aggregator.program_id {
            "chunk_aggregator"
        } else {
            "user_proof_aggregator"
        };
        let inputs = u32::try_from(job.proofs.len()).unwrap_or(u32::MAX);
        let new = NewJob { id: id.0, run_id: self.run, program: program.to_owned(), inputs };
        match (self.store.want_job(&new).await?.status, is_proven) {
            (JobStatus::Done, true) => return Ok(()),
            (JobStatus::Done, false) => drop(self.store.forget_job_output(&id.0).await?),
            _ => {}
        }
        self.store.start_job(&id.0).await?;
        Ok(())
    }

    pub(crate) async fn done(&self, id: JobId, duration: Duration) -> Result<(), AggregatorError> {
        self.store.finish_job(&id.0, duration).await?;
        Ok(())
    }

    pub(crate) async fn failed(
        &self,
        id: JobId,
        error: &ProverClientError,
    ) -> Result<(), AggregatorError> {
        self.store.fail_job(&id.0, error.code(), &error.to_string()).await?;
        Ok(())
    }
}
