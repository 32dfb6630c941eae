//! The watcher of fast mode, a light client that trusts no operator: it follows the batches that a quorum signed, verifies some of
//! their proofs itself, and keeps a ledger of what it checked.
//!
//! ```text
//!  BatchVerified ─▶ Follower ─▶ Ledger ─▶ Worker: NewBatchV3 ▸ pointer ▸ manifest ▸ sample ─┬─▶ Checker: download ▸ verify
//!   through reorganisations    (on disk)                                                    │        │ does not hold
//!                                  ▲                                                        │        ▼
//!                                  └──────────── what was found, leaf by leaf ──────────────┘   evidence file ▸ alert
//! ```
//!
//! # What holds
//! - **Never a false alarm.** A mismatch is reported only if the manifest is the one whose hash is in the task's pointer, its root is
//!   the task's, the downloaded bytes have its hashes, the native verifier refuses them, the evidence that was put together
//!   passes [`collimate_evidence::check()`], and the chain has the task as verified. A time-out, a download that failed, a proof
//!   system that is not verified here: each is counted, as something else. A proof over its verifier's limit of size, or of a
//!   kind that it does not take, is told of under a name of its own: no honest operator of this version signs it, and an attacker would
//!   hide a bad proof there, where nobody can find out what it shows.
//! - **Unforeseeable samples.** Which leaves are checked follows from the seed and the task's id alone ([`sample()`]): the same
//!   again for whoever knows the seed, and unknown to whoever makes a batch. So the seed is secret; it is in the ledger only.
//! - **Nothing twice, nothing lost.** What was found is on disk before anything follows from it; after a crash the ledger says
//!   what is still to be done, alerts that nobody was told of among it.
//! - **The chain is the truth.** A batch that a reorganisation takes away does not count until it is verified again; what was found
//!   about its proofs stays.
//! - A stranger's batch costs a bounded amount of memory, threads and time.
//!
//! | state of a batch | meaning |
//! |---|---|
//! | `waiting` | for its turn, or for its data |
//! | `checking` | its manifest is there, samples are verified |
//! | `done` | every sampled proof has its outcome |
//! | `unavailable` | its manifest could not be had |
//! | `unusable` | the operators signed for something that is no batch; the code says why |
//!
//! | outcome of a sampled proof | meaning |
//! |---|---|
//! | `holds` | verified |
//! | `mismatch` | it does not hold: there is a file of evidence |
//! | `unsignable` | larger than its verifier takes, or of a kind that it does not take: somebody is told, without a file of evidence |
//! | `unavailable` | its bytes could not be had |
//! | `undecided` | not verified here, too slow, or the verifier panicked |

mod alert;
mod announcement;
mod chance;
mod check;
mod config;
mod error;
mod follow;
mod http;
mod ledger;
pub mod limits;
mod metrics;
mod sample;
mod service;
mod summary;
mod worker;

pub use chance::probability_seen;
pub use config::{Sampling, WatcherConfig, WatcherParts};
pub use error::WatcherError;
pub use ledger::Outcome;
pub use sample::sample;
pub use service::{WatcherService, run};
pub use summary::{BatchState, BatchView, LeafView, Seen, Summary};
