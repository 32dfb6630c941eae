//! The operator of fast mode: verifies every proof of a batch natively, and signs.
//!
//! ```text
//!  TaskChange ─▶ Worker ─▶ open? ▸ one of this epoch's operators? ▸ manifest = root? ▸ systems supported, enabled?
//!                              │
//!                              ▼
//!               Checker: each proof: download ▸ verify in the pool     (memory, threads and time are bounded)
//!                              │ all of them hold
//!                              ▼
//!               Signer: journal on disk ▸ sign ─▶ Courier ─HTTP─▶ each signature aggregator, until the task is closed
//! ```
//!
//! # What holds
//! - Nothing is signed unless every proof of the task's batch was verified here, from bytes whose hashes give the task's root.
//! - One answer a task, for ever: it is in the journal, on disk, before the signature exists. The task's name binds the
//!   manifest's hash, so an honest operator has one answer anyway; the journal is for a machine that fails.
//! - There is no other memory: after a restart the chain says which tasks are still open, and the journal which of them need no
//!   verification any more.
//! - A stranger's batch costs a bounded amount of memory, threads and time: sizes are held against the verifiers' limits before
//!   anything is downloaded, and a batch that makes no progress gives its turn to the next.
//! - Why a batch was not signed has a code, and everybody may read it.
//!
//! | state of a task | meaning |
//! |---|---|
//! | `waiting` | for its turn, or for another try; the reason is beside it |
//! | `checking` | its proofs are downloaded and verified |
//! | `signed` | the signature is there for everyone |
//! | `refused` | it will not be signed; the reason is beside it |

mod check;
mod config;
mod courier;
mod error;
mod http;
mod keys;
pub mod limits;
mod metrics;
mod service;
mod sign;
mod status;
mod worker;

pub use config::{OperatorConfig, OperatorParts};
pub use error::OperatorError;
pub use service::{OperatorService, run};
pub use status::{Delivery, TaskState, TaskView};
