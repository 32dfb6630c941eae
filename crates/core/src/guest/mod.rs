//! The logic of the aggregating guests, as ordinary code: the guests decode, call and commit.
//!
//! Verification of a proof is behind [`RecursiveVerifier`], because inside the zkVM it is not a function that
//! returns: it *records* the pair (verifying key, SHA-256 of the public values), and the proof of the guest is
//! only accepted together with proofs of exactly those pairs, in that order. An executed guest has therefore
//! verified nothing yet; a proven one has.

mod aggregate;
mod codec;
mod input;

pub use aggregate::{RecursiveVerifier, aggregate_run, aggregate_user_proofs};
pub use input::{RunInput, RunProofs, UserAggregatorInput, UserProof};

/// The largest chunk size, 2^14: the next power of two would not be smaller than a whole run.
pub const MAX_CHUNK_SIZE_LOG2: u32 = 14;
