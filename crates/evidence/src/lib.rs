//! Evidence that operators signed a batch with a proof that does not hold: a file that anybody can check, without trusting who
//! made it.
//!
//! ```text
//!  chain:   BatchVerified ── task id ──┬─ hash of the task's fields, the pointer among them
//!                                      │        pointer ─ SHA-256 ─▶ manifest ─ root = the task's root
//!  file:    Evidence ─────────────────▶│        manifest ─ leaf ─▶ hashes of proof, public inputs, key ─▶ their bytes
//!                                      └─ the native verifier refuses them
//! ```
//!
//! [`check()`] follows these arrows from the task's id to the verifier's refusal, without any node: it says that a task of this
//! id is about a batch with a bad proof. [`check_on_chain`] adds that the contract *that the reader trusts* has this task as verified,
//! with the answer as the file has it.
//!
//! # The file
//! JSON, `camelCase`, numbers of the chain and all bytes in hex: see [`Evidence`]. Public values, proof and key are in it, so that it
//! outlives the data service.
//!
//! # What is no evidence
//! A verifier that was busy, panicked, or has a limit of size that the proof exceeds, and a proof of a kind that it does not
//! take: all these are properties of a machine or of a version of a program ([`Judgement::Undecided`]). Nor a batch whose data cannot be had,
//! since nobody can show that.

mod answer;
mod chain;
mod check;
mod error;
mod file;
mod judge;
pub mod limits;

pub use answer::{Answer, Response};
pub use chain::{check_on_chain, response_of};
pub use check::{Verdict, check, place_of};
pub use error::EvidenceError;
pub use file::{Evidence, SignedTask};
pub use judge::{Judgement, judge, submission};
