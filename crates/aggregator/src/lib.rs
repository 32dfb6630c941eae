//! The aggregator: many proofs become one run, and the run becomes final on Ethereum.
//!
//! | module | what it does |
//! |---|---|
//! | [`Plan`] | cuts a run into jobs; a pure function, so a restart plans the same |
//! | [`Proving`] | walks the jobs; finds a bad proof natively, or by proving halves |
//! | [`BlobHashes`] | commitments to blobs, and what names them |
//! | [`Seal`] | what makes the contract accept the proof: [`QuorumSeal`] asks the operators |
//! | [`Driver`] | takes one step of a run; each ends with one guarded change in the database |
//! | [`Aggregator`] | the service: the lock, when runs open, backoff, reorgs |
//!
//! Failure modes: a process that dies leaves a run that the next one takes up; a proof that cannot be
//! aggregated is quarantined with its reason; a node, database, prover or quorum that is away costs
//! time. A root that somebody else registered counts as done.

mod blobs;
mod error;
mod job_log;
mod plan;
mod prove;
mod quorum;
mod run;
mod seal;
mod service;
mod service_contract;

pub use blobs::BlobHashes;
pub use error::AggregatorError;
pub use job_log::JobLog;
pub use plan::{Member, Plan, PlanSettings};
pub use prove::{BadMember, Prove, Proven, Proving};
pub use quorum::{QuorumOptions, QuorumSeal};
pub use run::{Activity, Driver};
pub use seal::{Seal, SealRequest};
pub use service::{Aggregator, Pauses, Trigger, Trouble};
pub use service_contract::ServiceContract;
