//! The aggregator: many proofs become one run, and the run becomes final on Ethereum.
//!
//! | module | what it does |
//! |---|---|
//! | [`Plan`] | cuts a run into jobs; a pure function, so a restart plans the same |
//! | [`Proving`] | walks the jobs, which take turns |
//! | [`BadMember`] | a bad proof, found natively or by proving halves |
//! | [`BlobHashes`] | commitments to blobs, and what names them |
//! | [`Seal`] | what makes the contract accept the proof: [`QuorumSeal`] asks the operators |
//! | [`Wrapping`] | the final proof as a Groth16 proof, which the contract verifies itself; the seal where there are no operators |
//! | [`Driver`] | takes one step of a run, or a final run to hard; each ends with one guarded change in the database |
//! | [`Trigger`] | when a run opens: count, age, bytes, a request, or a price that the budget allows |
//! | [`Aggregator`] | the service: the lock, opening runs, runs side by side, chunks proven ahead, wraps, reorgs |
//! | [`Trouble`] | what keeps something from going on |
//!
//! Failure modes: a process that dies leaves a run that the next one takes up; a proof that cannot be
//! aggregated is quarantined with its reason; a node, database, prover or quorum that is away costs
//! time. Each run goes its own way: neither its hours of proving nor its trouble hold up another. One with trouble is tried again
//! later and later; one that can be proven in parts but not whole is given up for smaller ones. A proof whose file is lost fails
//! with that code, but only if the object store itself is there. A root that somebody else registered counts as done. A proof that
//! cannot be wrapped, or that the contract refuses, costs its run nothing but the wait for hard.

mod ahead;
mod backoff;
mod blame;
mod blobs;
mod error;
mod hard;
mod hardening;
mod job_log;
mod plan;
mod prove;
mod quorum;
mod run;
mod seal;
mod service;
mod service_contract;
mod trigger;
mod trouble;
mod work;
mod wrapping;

pub use backoff::Backoff;
pub use blame::BadMember;
pub use blobs::BlobHashes;
pub use error::AggregatorError;
pub use job_log::JobLog;
pub use plan::{Member, Plan, PlanSettings};
pub use prove::{Prove, Proven, Proving};
pub use quorum::{QuorumOptions, QuorumSeal};
pub use run::{Activity, Driver};
pub use seal::{Seal, SealRequest};
pub use service::{Aggregator, Pauses};
pub use service_contract::{Registered, ServiceContract};
pub use trigger::{FeeRule, FeeVerdict, GasPrices, OpenReason, Trigger};
pub use trouble::{Concern, Trouble, Troubles};
pub use wrapping::Wrapping;
