//! Proving jobs, and the light client of the proving process.
//!
//! A [`Job`] says which program is proven on which input with which recursive proofs, or which proof is
//! wrapped for Ethereum under which circuit key ([`Job::wrap`]). Its
//! [`JobId`] is a hash of all that, and the proof is stored in the object store under that id, so
//! asking twice proves once, whoever asks and however often the processes in between died.
//!
//! ```text
//! aggregator ──PUT /v1/jobs/{id}──▶ collimate-prover ──put_output(id)──▶ object store
//!            ◀─GET /v1/jobs/{id}── state, phase, done/total      │
//!            ◀───────────────────────── get_output(id) ──────────┘
//! ```
//!
//! The proving process runs jobs one at a time and keeps its engine between them. When it dies, its
//! supervisor starts it again and the client asks again for the same job: jobs count their attempts
//! on disk, so a job that kills the process is failed with its reason after a bounded number.

mod client;
mod job;
mod programs;
mod protocol;

pub use client::{
    Cause, MAX_PROOF_BYTES, ProverClient, ProverClientError, ProverSettings, finished_output,
};
pub use job::{Form, Job, JobId, RecursiveProof, Wrap};
pub use programs::{AggregationPrograms, ProgramRecord};
pub use protocol::{JobProgress, JobState, JobStatus, Phase, ProverInfo};
