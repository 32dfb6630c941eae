//! PostgreSQL: accounts, payments, proofs, runs, jobs, transactions, cursors, and the embedded server they live in by default.
//!
//! ```text
//!            insert_proof   mark_verified   queue        open_run            settle            submitted   mark_final
//!   proof  ── received ───── verified ───── queued ───── proving ────────── aggregated ─────── submitted ─── final
//!   run                                                  proving ─ settle ─ attesting ─ seal ─ submitting
//!                                                                                      └ submitted ─ confirming ─ final
//! ```
//!
//! Rules, each held by the schema and not only by this code:
//!
//! - **A status changes only along its table** ([`ProofStatus::may_become`], [`RunStatus::may_become`]). Each step is
//!   one guarded `UPDATE … WHERE status = …`: of two racers one gets [`StoreError::WrongStatus`]. A trigger refuses
//!   what no table lists.
//! - **Run and proofs move together**, in one transaction.
//! - **Hard is a level above final** ([`Store::mark_hard`]): it goes with the root that a reorg takes back, and nothing on the way
//!   to it moves a run or a proof.
//! - **A proof is in at most one live run** (partial unique index); [`Store::open_run`] takes queued proofs with
//!   `FOR UPDATE SKIP LOCKED`.
//! - **Positions are dense**: 0..leaf_count, also after a quarantine. The position is the leaf's index in the tree.
//! - **Every change has a time**: triggers write the history.
//! - **Money moves once**: a payment is keyed by (chain, transaction, log index) and credited once; nonce, credit and proof
//!   are taken by one statement ([`Store::insert_paid_proof`]); a cursor moves with the payments that it passes
//!   ([`PaymentLedger`]).
//! - **A batch's status follows from what the chain did** (a generated column), and its groups' from the batch, in one
//!   transaction with the cursor ([`BatcherLedger`]); a nonce of fast mode is held by one group (partial unique index).
//! - **A promise is given with the queue's place**, in one transaction ([`Store::admit`]); giving it again changes nothing.
//! - **No end without a name**: `rejected` and `failed` carry a code and a reason.
//! - **What was acknowledged survives** a kill of the server or of this process: the server syncs before it answers.
//!
//! What can be computed from what is stored (leaves, paths, blobs) is not stored. Proof files and job outputs are
//! objects (`collimate-objects`), named here by their hash.
//!
//! Queries are checked at compile time against `.sqlx`; after changing one, or a migration, run `crates/store/prepare.sh`.

mod admission;
mod audit;
mod batchers;
mod credits;
mod cursors;
mod embedded;
mod error;
mod hard;
mod jobs;
mod lock;
mod payments;
mod proofs;
mod requests;
mod run_queries;
mod runs;
mod status;
mod store;
mod submissions;
mod transactions;

pub use audit::{CreditedPurchase, Violation};
pub use batchers::{
    Admission, BatchOnChain, BatcherAccount, BatcherKey, BatcherLedger, FastBatch, FastGroup,
    GroupChange, GroupEnds, NewBatch, NewGroup, OnChainAccount, PaidPrice, Standing, TaskFact,
    TaskOfBatch, TaskOnChain, UnusedFiles, WaitingGroup,
};
pub use credits::{Account, Authorisation, Quota};
pub use embedded::EmbeddedPostgres;
pub use error::StoreError;
pub use hard::GuaranteeCounts;
pub use jobs::{Job, NewJob};
pub use lock::{AggregatorLock, ServiceLock};
pub use payments::{NewPayment, Payment, PaymentContract, PaymentLedger, PaymentsMoved};
pub use proofs::{NewProof, Proof, ProofEvent, QueueDepth, Submission};
pub use run_queries::{Run, RunEvent};
pub use runs::{ProofsOfFailedRun, Statement};
pub use status::{
    BatchStatus, GroupStatus, JobStatus, PaymentStatus, ProofStatus, ProofSystem, RunStatus,
    UnknownWord,
};
pub use store::{Deployment, Store, age_of};
pub use submissions::{Payer, Promise, SubmittedProof};
pub use transactions::Transactions;

/// The identifier of a proof (UUID version 7: its order is the order of submission).
pub type ProofId = uuid::Uuid;

/// The number of a run.
pub type RunId = i64;
